//! Compiled log formats: a definition (an nginx `log_format`, role fields, or a table of JSON or
//! LTSV keys) becomes a [`Grammar`], and a grammar becomes the [`Plan`] of a run.
//!
//! Nothing here reads a line of a log: that is [`crate::record`].

pub mod builtin;
mod definition;
mod field;
pub mod nginx_conf;
mod plan;
mod variable;

pub use definition::{Definition, GrammarError, Names, compile, parse_definition};
pub use field::{Column, Field, Fields, Reading};
pub use plan::{KeyedPlan, Layout, Literal, Plan, Shape, Step, TextPlan};
pub use variable::{Variable, nearest, of_role, variable};

/// What stands between two values of a text line, and what a value may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Escape {
    /// nginx's default: `"`, `\` and bytes outside printable ASCII are written `\xHH`, so a quote
    /// never stands inside a value.
    #[default]
    Default,
    /// `escape=json`: a quote inside a value is written `\"`.
    Json,
    /// `escape=none`: a value may hold anything, a quote too.
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
    /// A value: a variable by its name, without `$`.
    Value(Variable),
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
    /// What the time stamp tells.
    pub anchor: Anchor,
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
            Syntax::Json(columns) | Syntax::Ltsv(columns) => columns.clone(),
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
