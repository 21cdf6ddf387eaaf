//! A value of a text line as its definition names it: what it means, and what its text looks like.

use super::field::{Column, Field, Reading};

/// A variable of a definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// As the definition writes it; nginx's without the `$`.
    pub name: String,
    /// What it means, where the tool uses it.
    pub meaning: Option<Meaning>,
    /// What its text looks like.
    pub texture: Texture,
}

/// What a value means and how it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meaning {
    /// The field that it gives.
    pub field: Field,
    /// How its text is read.
    pub reading: Reading,
    /// Which of two values of the same field counts: the lower rank (`$msec` before `$time_local`).
    pub rank: u8,
    /// How many decimals the server writes, where it always writes as many: it tells apart formats
    /// of one shape.
    pub decimals: Option<u8>,
}

impl Meaning {
    /// The meaning of the only value of its field.
    #[must_use]
    pub const fn new(field: Field, reading: Reading) -> Self {
        Meaning {
            field,
            reading,
            rank: 0,
            decimals: None,
        }
    }

    /// The same with a rank.
    #[must_use]
    pub const fn ranked(self, rank: u8) -> Self {
        Meaning { rank, ..self }
    }

    /// The same where the server writes so many decimals.
    #[must_use]
    pub const fn decimals(self, decimals: u8) -> Self {
        Meaning {
            decimals: Some(decimals),
            ..self
        }
    }
}

/// What the text of a value looks like, as far as its end is found by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Texture {
    /// It may hold blanks: what clients and applications send, and what the tool does not know.
    #[default]
    Text,
    /// It holds no blank.
    Word,
    /// Digits, points and signs: it needs nothing between it and the next value.
    Digits,
    /// Exactly so many bytes.
    Fixed(usize),
    /// A word or an nginx list, with an element for each attempt at an upstream.
    List,
    /// A host with a path right behind it: it ends before the first `/`.
    Authority,
    /// A word behind any number of blanks: right-aligned.
    Padded,
    /// HAProxy's captured headers: `{…}` and a blank, or nothing at all.
    Captures,
}

impl Variable {
    /// A variable of no use to the tool.
    #[must_use]
    pub fn unused(name: &str) -> Self {
        Variable {
            name: name.to_owned(),
            meaning: None,
            texture: Texture::Text,
        }
    }

    /// A variable that the tool uses.
    #[must_use]
    pub fn used(name: &str, meaning: Meaning, texture: Texture) -> Self {
        Variable {
            name: name.to_owned(),
            meaning: Some(meaning),
            texture,
        }
    }

    /// The variable as a column, where it means something.
    #[must_use]
    pub fn column(&self) -> Option<Column> {
        let meaning = self.meaning?;
        Some(Column::new(&self.name, meaning))
    }

    /// As a person would write it.
    #[must_use]
    pub fn shown(&self) -> String {
        if self.name.starts_with('%') {
            self.name.clone()
        } else {
            format!("${}", self.name)
        }
    }
}
