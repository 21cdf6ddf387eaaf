//! A grammar's file: TOML, for the built-ins and for `--grammar FILE` alike.
//!
//! A file gives `name`, `about`, `syntax`, and either `definitions` (strings in the language of a
//! server) or `fields` (pairs of key and role, preferred keys first), and `samples` that it must
//! parse. docs/grammars.md describes it for people. A mistake is told with its line and column.

use std::fmt;
use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;

use super::{
    Anchor, Column, Definition, Escape, Fields, Grammar, Language, Meaning, Names, Reading, Syntax,
    nearest, of_role,
};
use crate::stamp::{Stamp, StampForm};
use crate::unit::Unit;

/// What a file says: grammars (variants of one format) and the lines that they must parse.
#[derive(Debug)]
pub struct GrammarFile {
    /// The name that reports show.
    pub name: String,
    /// One sentence on where it is found.
    pub about: String,
    /// One grammar for each definition, the most common first.
    pub grammars: Vec<Grammar>,
    /// Lines with what they say.
    pub samples: Vec<Sample>,
}

/// A line of a format, and what must be read from it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sample {
    /// The line.
    pub line: String,
    /// `METHOD route` as the report names it.
    pub endpoint: String,
    /// The status, where the line has one.
    pub status: Option<u16>,
    /// RFC 3339 in UTC, where the line has a time.
    pub time: Option<String>,
    /// Phases in µs, by name; every phase that the line gives, and no other.
    #[serde(default)]
    pub phases: std::collections::BTreeMap<String, u64>,
}

/// A mistake in a file, and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileError {
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// The line as it stands in the file.
    pub text: String,
    /// What is wrong and what to do.
    pub message: String,
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const BEFORE: usize = 60;
        const AFTER: usize = 40;
        let at = self.column - 1;
        let from = at.saturating_sub(BEFORE);
        let shown: String = self
            .text
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .skip(from)
            .take(at - from + AFTER)
            .collect();
        let dots = if from > 0 { "…" } else { "" };
        writeln!(f, "{}:{}: {}", self.line, self.column, self.message)?;
        writeln!(f, "  {dots}{shown}")?;
        write!(
            f,
            "  {:width$}^",
            "",
            width = at - from + dots.chars().count()
        )
    }
}

impl std::error::Error for FileError {}

impl FileError {
    fn at(source: &str, at: usize, message: String) -> FileError {
        let before = source.get(..at).unwrap_or(source);
        let begin = before.rfind('\n').map_or(0, |end| end + 1);
        FileError {
            line: before.matches('\n').count() + 1,
            column: before[begin..].chars().count() + 1,
            text: source[begin..]
                .lines()
                .next()
                .unwrap_or_default()
                .to_owned(),
            message,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Toml {
    name: String,
    about: String,
    syntax: Spanned<String>,
    anchor: Option<Spanned<String>>,
    escape: Option<Spanned<String>>,
    total: Option<Spanned<String>>,
    until: Option<Spanned<String>>,
    #[serde(default)]
    requires: Vec<Spanned<String>>,
    #[serde(default)]
    definitions: Vec<Spanned<String>>,
    #[serde(default)]
    fields: Vec<Spanned<Vec<Spanned<String>>>>,
    #[serde(default)]
    samples: Vec<Sample>,
    /// The order of a W3C log whose `#Fields` line is not there.
    #[serde(default)]
    order: Vec<String>,
}

/// Reads a file.
///
/// # Errors
/// It is no TOML, a word in it is unknown, a definition cannot be compiled, or it names no request.
pub fn read(source: &str, names: Names) -> Result<GrammarFile, FileError> {
    let toml: Toml = toml::from_str(source).map_err(|e| {
        let at = e.span().map_or(0, |span| span.start);
        FileError::at(source, at, e.message().to_owned())
    })?;
    let reader = Reader {
        source,
        toml: &toml,
        names,
    };
    let grammars = reader.grammars()?;
    Ok(GrammarFile {
        grammars,
        name: toml.name,
        about: toml.about,
        samples: toml.samples,
    })
}

struct Reader<'s> {
    source: &'s str,
    toml: &'s Toml,
    names: Names,
}

/// Makes a syntax of its columns.
type Keyed = fn(Vec<Column>) -> Syntax;

/// The syntaxes that are tables of keys.
const KEYED: &[(&str, Keyed)] = &[
    ("json", Syntax::Json),
    ("ltsv", Syntax::Ltsv),
    ("logfmt", Syntax::Logfmt),
    ("w3c", |fields| Syntax::W3c {
        fields,
        order: Vec::new(),
    }),
];

impl Reader<'_> {
    fn error(&self, span: &Range<usize>, message: String) -> FileError {
        FileError::at(self.source, span.start, message)
    }

    fn grammars(&self) -> Result<Vec<Grammar>, FileError> {
        let syntax = &self.toml.syntax;
        let keyed = KEYED.iter().find(|(name, _)| name == syntax.get_ref());
        let grammars = match (keyed, Language::named(syntax.get_ref())) {
            (Some((_, keyed)), _) => vec![self.keyed(*keyed)?],
            (None, Some(language)) => self
                .toml
                .definitions
                .iter()
                .map(|definition| self.text(language, definition))
                .collect::<Result<_, _>>()?,
            (None, None) => {
                let names = || {
                    KEYED
                        .iter()
                        .map(|(name, _)| *name)
                        .chain(Language::ALL.map(Language::name))
                };
                let hint = nearest(syntax.get_ref(), names()).map_or_else(
                    || format!("there are {}", names().collect::<Vec<_>>().join(", ")),
                    |near| format!("did you mean {near}?"),
                );
                return Err(self.error(&syntax.span(), format!("unknown syntax: {hint}")));
            }
        };
        if grammars.is_empty() {
            return Err(self.error(
                &syntax.span(),
                "a grammar of this syntax needs definitions".to_owned(),
            ));
        }
        Ok(grammars)
    }

    /// One of a few words, or what holds without it.
    fn word<T: Copy>(
        &self,
        given: Option<&Spanned<String>>,
        words: &[(&str, T)],
        otherwise: T,
    ) -> Result<T, FileError> {
        let Some(given) = given else {
            return Ok(otherwise);
        };
        words
            .iter()
            .find(|(word, _)| word == given.get_ref())
            .map(|(_, meaning)| *meaning)
            .ok_or_else(|| {
                let words: Vec<_> = words.iter().map(|(word, _)| *word).collect();
                self.error(
                    &given.span(),
                    format!("unknown word: there are {}", words.join(", ")),
                )
            })
    }

    fn anchor(&self, otherwise: Anchor) -> Result<Anchor, FileError> {
        let words = &[("end", Anchor::End), ("start", Anchor::Start)];
        self.word(self.toml.anchor.as_ref(), words, otherwise)
    }

    fn until(&self) -> Result<Option<Stamp>, FileError> {
        let Some(until) = &self.toml.until else {
            return Ok(None);
        };
        let stamp = StampForm::Iso8601.read(until.get_ref().as_bytes());
        stamp.map(Some).ok_or_else(|| {
            self.error(
                &until.span(),
                "a time is written as in 2016-11-25T00:00:00Z".to_owned(),
            )
        })
    }

    /// The fields of the roles that a line must have.
    fn requires(&self) -> Result<Fields, FileError> {
        let field = |role: &Spanned<String>| {
            of_role(role.get_ref())
                .map(|(field, _)| field)
                .ok_or_else(|| self.no_role(role, role.get_ref()))
        };
        self.toml.requires.iter().map(field).collect()
    }

    fn no_role(&self, given: &Spanned<String>, role: &str) -> FileError {
        let message = match super::role::nearest_role(role) {
            Some(near) => format!("{role:?} is no role: did you mean {near}?"),
            None => format!("{role:?} is no role: see docs/grammars.md"),
        };
        self.error(&given.span(), message)
    }

    fn total_is_sum(&self, otherwise: bool) -> Result<bool, FileError> {
        let words = &[("sum", true), ("logged", false)];
        self.word(self.toml.total.as_ref(), words, otherwise)
    }

    fn text(&self, language: Language, definition: &Spanned<String>) -> Result<Grammar, FileError> {
        const ESCAPES: &[(&str, Escape)] = &[
            ("default", Escape::Default),
            ("json", Escape::Backslash),
            ("backslash", Escape::Backslash),
            ("hash", Escape::Hash),
            ("none", Escape::None),
        ];
        let escape = self.word(self.toml.escape.as_ref(), ESCAPES, language.escape())?;
        let text = definition.get_ref();
        let given = Definition {
            name: Some(self.toml.name.clone()),
            text: text.clone(),
            escape,
            language,
        };
        let grammar = given.compile(self.names).map_err(|e| {
            // Where the string holds no TOML escapes, the place in it is a place in the file.
            let span = definition.span();
            let stretch = self.source.get(span.clone()).unwrap_or_default();
            let at = stretch.find(text.as_str()).map_or(0, |begin| begin + e.at);
            FileError::at(self.source, span.start + at, e.message)
        })?;
        Ok(Grammar {
            anchor: self.anchor(grammar.anchor)?,
            total_is_sum: self.total_is_sum(grammar.total_is_sum)?,
            requires: self.requires()?,
            until: self.until()?,
            ..grammar
        })
    }

    fn keyed(&self, syntax: Keyed) -> Result<Grammar, FileError> {
        let fields = &self.toml.fields;
        if fields.is_empty() {
            return Err(self.error(
                &self.toml.syntax.span(),
                "a grammar of this syntax needs fields".to_owned(),
            ));
        }
        let columns = fields
            .iter()
            .enumerate()
            .map(|(at, field)| self.column(at, field))
            .collect::<Result<Vec<_>, _>>()?;
        let keys: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        Ok(Grammar {
            name: self.toml.name.clone(),
            definition: format!("{} keys: {}", self.toml.name, keys.join(", ")),
            syntax: match syntax(columns) {
                Syntax::W3c { fields, .. } => Syntax::W3c {
                    fields,
                    order: self.toml.order.clone(),
                },
                syntax => syntax,
            },
            language: None,
            anchor: self.anchor(Anchor::End)?,
            total_is_sum: self.total_is_sum(false)?,
            requires: self.requires()?,
            until: self.until()?,
        })
    }

    /// Key, role and, where the server writes something for nothing, that. `response_s or total` is
    /// an upstream's time that is the total where it stands alone.
    fn column(
        &self,
        at: usize,
        field: &Spanned<Vec<Spanned<String>>>,
    ) -> Result<Column, FileError> {
        let (key, given, null) = match field.get_ref().as_slice() {
            [key, role] => (key, role, None),
            [key, role, null] => (key, role, Some(null.get_ref().clone())),
            _ => {
                return Err(self.error(
                    &field.span(),
                    "a field is a pair of key and role, as in [\"duration\", \"total_s\"]"
                        .to_owned(),
                ));
            }
        };
        let (role, total_if_alone) = match given.get_ref().strip_suffix(" or total") {
            Some(role) => (role, true),
            None => (given.get_ref().as_str(), false),
        };
        let (field, reading) = of_role(role).ok_or_else(|| self.no_role(given, role))?;
        let rank = u8::try_from(at)
            .map_err(|_| self.error(&given.span(), "more than 255 keys".to_owned()))?;
        // IIS writes milliseconds, CloudFront seconds, both under one name.
        let decimals = match (self.toml.syntax.get_ref().as_str(), reading) {
            ("w3c", Reading::Duration(Unit::Seconds)) => Some(3),
            ("w3c", Reading::Duration(_)) => Some(0),
            _ => None,
        };
        Ok(Column {
            decimals,
            total_if_alone,
            null,
            ..Column::new(key.get_ref(), Meaning::new(field, reading).ranked(rank))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(source: &str) -> String {
        read(source, Names::Checked).unwrap_err().to_string()
    }

    #[test]
    fn mistakes_are_told_with_their_place() {
        let rows = [
            ("name = ", "1:8: "),
            (
                "name = 'x'\nabout = 'x'\nsyntax = 'jsno'",
                "3:10: unknown syntax: did you mean json?\n  syntax = 'jsno'\n           ^",
            ),
            (
                "name = 'x'\nabout = 'x'\nsyntax = 'json'",
                "3:10: a grammar of this syntax needs fields",
            ),
            (
                "name = 'x'\nabout = 'x'\nsyntax = 'nginx'",
                "3:10: a grammar of this syntax needs definitions",
            ),
            (
                "name = 'x'\nabout = 'x'\nsyntax = 'json'\nfields = [\n  ['a', 'path'],\n  ['b', 'totl_s'],\n]",
                "6:9: \"totl_s\" is no role: did you mean total_s?",
            ),
            (
                "name = 'x'\nabout = 'x'\nsyntax = 'json'\nfields = [['a']]",
                "4:11: a field is a pair",
            ),
            (
                "name = 'x'\nabout = 'x'\nsyntax = 'nginx'\ndefinitions = [\n  '$request $stauts',\n]",
                "5:13: unknown variable $stauts: did you mean $status?\n    '$request $stauts',\n              ^",
            ),
            (
                "name = 'x'\nabout = 'x'\nsyntax = 'nginx'\nanchor = 'middle'\ndefinitions = ['$request']",
                "4:10: unknown word: there are end, start",
            ),
            (
                "name = 'x'\nsyntax = 'json'\nwrong = 1",
                "3:1: unknown field `wrong`",
            ),
        ];
        for (source, want) in rows {
            let message = message(source);
            assert!(message.starts_with(want), "{source}\n{message}");
        }
    }
}
