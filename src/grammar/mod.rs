//! Compiled log formats: a definition (in the [`language`] of a server, or a table of keys) becomes a
//! [`Grammar`], and a grammar becomes the [`Plan`] of a run.
//!
//! Nothing here reads a line of a log: that is [`crate::record`].

pub mod builtin;
mod field;
pub mod file;
pub mod language;
pub mod nginx_conf;
mod plan;
mod role;
mod variable;

pub use field::{Column, Field, Fields, Reading};
pub use language::{
    Definition, GrammarError, Language, Names, compile, parse_definition, variable,
};
pub use plan::{Key, KeyedPlan, Layout, Literal, Null, Plan, Shape, Step, TextPlan};
pub use role::{of_role, role_of};
pub use variable::{Meaning, Texture, Variable};

/// The name that was probably meant: at most two edits away, and at most a third of the name.
pub fn nearest<'n>(name: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let most = 2.min(name.len() / 3);
    names
        .into_iter()
        // A look at the lengths saves most of the work.
        .filter(|known| known.len().abs_diff(name.len()) <= most)
        .map(|known| (strsim::damerau_levenshtein(name, known), known))
        .filter(|(distance, _)| *distance <= most)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

use crate::stamp::Stamp;

/// What stands between two values of a text line, and what a value may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Escape {
    /// nginx's default: `"`, `\` and bytes outside printable ASCII are written `\xHH`, so a quote
    /// never stands inside a value.
    #[default]
    Default,
    /// A quote inside a value is written `\"`: JSON, nginx's `escape=json`, Apache.
    Backslash,
    /// HAProxy's: a quote is written `#22`, so it never stands inside a value; a line that was cut at
    /// its longest may lack the last one.
    Hash,
    /// Nothing is escaped (`escape=none`, Envoy, Traefik): a value may hold anything, a quote too.
    None,
}

/// Which moment of the request the time stamp of a line tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Anchor {
    /// The request had ended: nginx.
    #[default]
    End,
    /// The request had begun: Apache, HAProxy, Envoy.
    Start,
}

/// One piece of a text definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Bytes that stand in every line.
    Literal(Vec<u8>),
    /// A value.
    Value(Variable),
}

impl Piece {
    /// A piece of that text.
    #[must_use]
    pub fn literal(text: &str) -> Piece {
        Piece::Literal(text.as_bytes().to_vec())
    }
}

/// The syntax of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Syntax {
    /// Literals and values in a fixed order.
    Text(Vec<Piece>, Escape),
    /// A JSON object a line; keys in any order, unknown ones skipped.
    Json(Vec<Column>),
    /// Labelled tab-separated values (<http://ltsv.org>), likewise.
    Ltsv(Vec<Column>),
    /// `key=value` pairs, likewise (<https://brandur.org/logfmt>).
    Logfmt(Vec<Column>),
    /// Values in the order that a `#Fields` line says (<https://www.w3.org/TR/WD-logfile.html>).
    W3c {
        /// The fields that are known.
        fields: Vec<Column>,
        /// The names of the first `#Fields` line, which may lie before what is read; later ones take
        /// its place.
        order: Vec<String>,
    },
}

/// A compiled log format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grammar {
    /// The name shown in reports: a built-in's, a `log_format`'s, or `custom`.
    pub name: String,
    /// The definition as a person would write it.
    pub definition: String,
    /// How a line is written.
    pub syntax: Syntax,
    /// The language of the definition, where it is in one.
    pub language: Option<Language>,
    /// What the time stamp tells.
    pub anchor: Anchor,
    /// Fields without which a line is not of this format: keyed formats share keys.
    pub requires: Fields,
    /// The server's program writes lines of this shape until then: a line with a later stamp is
    /// not of this format.
    pub until: Option<Stamp>,
    /// A line without a total says all parts of it: the total is their sum.
    pub total_is_sum: bool,
}

impl Grammar {
    /// The columns that mean something to the tool, in the order of the definition. The first of
    /// equal fields with the lowest rank is the one that counts.
    #[must_use]
    pub fn columns(&self) -> Vec<Column> {
        match &self.syntax {
            Syntax::Text(pieces, _) => pieces
                .iter()
                .filter_map(|piece| match piece {
                    Piece::Value(variable) => variable.column(),
                    Piece::Literal(_) => None,
                })
                .collect(),
            Syntax::Json(columns)
            | Syntax::Ltsv(columns)
            | Syntax::Logfmt(columns)
            | Syntax::W3c {
                fields: columns, ..
            } => columns.clone(),
        }
    }

    /// The fields that a line of this grammar can give.
    #[must_use]
    pub fn fields(&self) -> Fields {
        self.columns().iter().map(|column| column.field).collect()
    }

    /// The plan of a run that asks for `needs`: everything else is passed over, not read.
    #[must_use]
    pub fn plan(&self, needs: Fields) -> Plan {
        plan::plan(self, needs)
    }
}
