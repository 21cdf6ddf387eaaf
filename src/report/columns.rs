//! The columns of tables, CSV and Markdown: their names, headings and cells.
//!
//! A cell holds the number itself; how it is printed is the renderer's business.

use std::cmp::{Ordering, Reverse};
use std::fmt;

use crate::endpoint::Dimension;
use crate::grammar::nearest;
use crate::phases::Phase;
use crate::summary::{Endpoint, QuantileValue};
use crate::unit::{Micros, Quantile};

/// A number of a phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stat {
    /// How many records have the phase.
    Count,
    /// The sum.
    Sum,
    /// The mean.
    Mean,
    /// The shortest.
    Min,
    /// A quantile.
    Quantile(Quantile),
    /// The longest.
    Max,
}

/// A column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// Method and route.
    Endpoint,
    /// A dimension that was asked for, and its place among them.
    Dimension(usize, Dimension),
    /// Requests.
    Requests,
    /// Busy time.
    Busy,
    /// Busy time as a share of all.
    BusyShare,
    /// Requests with a status of 400 and over.
    Errors,
    /// Requests with a status of 400 to 499.
    Errors4xx,
    /// Requests with a status of 500 and over.
    Errors5xx,
    /// Requests that were cut off.
    Censored,
    /// Tunnels and streams.
    Upgraded,
    /// Bytes sent.
    Bytes,
    /// A number of a phase.
    Phase(Phase, Stat),
    /// How the whole time divides into wait, this phase, and the rest.
    Bar(Phase),
}

/// The columns that are no number of a phase, by name.
const NAMES: &[(&str, Column)] = &[
    ("endpoint", Column::Endpoint),
    ("requests", Column::Requests),
    ("busy", Column::Busy),
    ("busy_share", Column::BusyShare),
    ("errors", Column::Errors),
    ("errors_4xx", Column::Errors4xx),
    ("errors_5xx", Column::Errors5xx),
    ("censored", Column::Censored),
    ("upgraded", Column::Upgraded),
    ("bytes", Column::Bytes),
    ("bar", Column::Bar(Phase::App)),
];

/// The name of no column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnError(String);

impl fmt::Display for ColumnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.0;
        let phases = || Phase::ALL.map(Phase::name);
        let names = || NAMES.iter().map(|(name, _)| *name);
        write!(f, "unknown column {name:?}: ")?;
        let (phase, stat) = name.split_once('.').unwrap_or((name, ""));
        match nearest(phase, names().chain(phases())) {
            Some(meant) if meant != phase => write!(
                f,
                "did you mean {meant}{}{stat}?",
                if stat.is_empty() { "" } else { "." }
            ),
            _ => write!(
                f,
                "the columns are {}, and PHASE.STAT with a phase of {} and a stat of count, sum, mean, min, max or p95 (as in wait.p95)",
                names().collect::<Vec<_>>().join(", "),
                phases().join(", ")
            ),
        }
    }
}

impl std::error::Error for ColumnError {}

/// What a cell holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    /// Method and route.
    Endpoint {
        /// The method; may be empty.
        method: Vec<u8>,
        /// The route.
        route: Vec<u8>,
    },
    /// Bytes from a log.
    Text(Vec<u8>),
    /// A count.
    Count(u64),
    /// A size in bytes.
    Bytes(u64),
    /// A part of a whole.
    Share(u64, u64),
    /// A duration, where there is one.
    Duration(Option<QuantileValue>),
    /// Sums of wait (or what is known in its place), app and the whole.
    Bar {
        /// Wait; without the split, nothing.
        wait: Micros,
        /// App; without the split, server or upstream.
        app: Micros,
        /// The whole.
        total: Micros,
    },
}

impl Column {
    /// The column of a name: `requests`, `wait.p95`, `app.mean`.
    ///
    /// # Errors
    /// There is no such column.
    pub fn named(name: &str) -> Result<Column, ColumnError> {
        if let Some((_, column)) = NAMES.iter().find(|(known, _)| *known == name) {
            return Ok(*column);
        }
        let error = || ColumnError(name.to_owned());
        let (phase, stat) = name.split_once('.').ok_or_else(error)?;
        let phase = Phase::named(phase).ok_or_else(error)?;
        let stat = match stat {
            "count" => Stat::Count,
            "sum" => Stat::Sum,
            "mean" => Stat::Mean,
            "min" => Stat::Min,
            "max" => Stat::Max,
            stat if stat.starts_with('p') => Stat::Quantile(stat.parse().map_err(|_| error())?),
            _ => return Err(error()),
        };
        Ok(Column::Phase(phase, stat))
    }

    /// The name, as [`Column::named`] takes it; the heading in CSV, with the unit of its numbers.
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Column::Dimension(_, dimension) => dimension.name().to_owned(),
            Column::Busy => "busy_us".to_owned(),
            Column::Phase(phase, Stat::Count) => format!("{}_count", phase.name()),
            Column::Phase(phase, stat) => {
                format!("{}_{}_us", phase.name(), stat.label().replace('.', "_"))
            }
            other => NAMES
                .iter()
                .find(|(_, column)| column == other)
                .map_or("", |(name, _)| *name)
                .to_owned(),
        }
    }

    /// The heading in a table.
    #[must_use]
    pub fn heading(&self) -> String {
        match self {
            Column::Endpoint => "endpoint".to_owned(),
            Column::BusyShare => "busy".to_owned(),
            Column::Busy => "busy time".to_owned(),
            Column::Errors4xx => "4xx".to_owned(),
            Column::Errors5xx => "5xx".to_owned(),
            Column::Censored => "cut off".to_owned(),
            Column::Bar(Phase::App) => "wait▓ app█ rest░".to_owned(),
            Column::Bar(phase) => format!("{}█ rest░", phase.name()),
            Column::Phase(phase, stat) => format!("{} {}", phase.name(), stat.label()),
            other => other.key(),
        }
    }

    /// The cell of an endpoint; `totals` is what shares are of.
    #[must_use]
    pub fn cell(&self, endpoint: &Endpoint, totals: &Endpoint) -> Cell {
        let duration = |value| {
            Cell::Duration(Some(QuantileValue {
                value,
                at_least: false,
            }))
        };
        match self {
            Column::Endpoint => Cell::Endpoint {
                method: endpoint.method.clone(),
                route: endpoint.route.clone(),
            },
            Column::Dimension(at, _) => {
                Cell::Text(endpoint.dimensions.get(*at).cloned().unwrap_or_default())
            }
            Column::Requests => Cell::Count(endpoint.requests),
            Column::Busy => duration(endpoint.busy),
            Column::BusyShare => Cell::Share(endpoint.busy.0, totals.busy.0),
            Column::Errors => Cell::Count(endpoint.errors()),
            Column::Errors4xx => Cell::Count(endpoint.errors_4xx),
            Column::Errors5xx => Cell::Count(endpoint.errors_5xx),
            Column::Censored => Cell::Count(endpoint.censored),
            Column::Upgraded => Cell::Count(endpoint.upgraded),
            Column::Bytes => Cell::Bytes(endpoint.bytes),
            Column::Phase(phase, Stat::Count) => {
                Cell::Count(endpoint.phase(*phase).map_or(0, |phase| phase.count))
            }
            Column::Phase(phase, stat) => Cell::Duration(stat.value(endpoint, *phase)),
            Column::Bar(phase) => bar(endpoint, *phase),
        }
    }

    /// The order of two rows: larger first, names from A to Z, what is unknown last.
    #[must_use]
    pub fn compare(&self, a: &Endpoint, b: &Endpoint) -> Ordering {
        let number = |endpoint: &Endpoint| match self.cell(endpoint, endpoint) {
            Cell::Count(n) | Cell::Bytes(n) => Some((n, false)),
            Cell::Share(part, _) => Some((part, false)),
            Cell::Duration(duration) => duration.map(|d| (d.value.0, d.at_least)),
            Cell::Bar { total, .. } => Some((total.0, false)),
            Cell::Endpoint { .. } | Cell::Text(_) => None,
        };
        match self {
            Column::Endpoint => {
                (&a.route, &a.method, &a.dimensions).cmp(&(&b.route, &b.method, &b.dimensions))
            }
            Column::Dimension(at, _) => a.dimensions.get(*at).cmp(&b.dimensions.get(*at)),
            _ => Reverse(number(a)).cmp(&Reverse(number(b))),
        }
    }
}

impl Stat {
    fn label(self) -> String {
        match self {
            Stat::Count => "count".to_owned(),
            Stat::Sum => "sum".to_owned(),
            Stat::Mean => "mean".to_owned(),
            Stat::Min => "min".to_owned(),
            Stat::Quantile(quantile) => quantile.label(),
            Stat::Max => "max".to_owned(),
        }
    }

    /// The number of a phase; `None` where no record has the phase.
    fn value(self, endpoint: &Endpoint, phase: Phase) -> Option<QuantileValue> {
        let distribution = endpoint.phase(phase)?;
        let exact = |value| QuantileValue {
            value,
            at_least: false,
        };
        Some(match self {
            Stat::Quantile(quantile) => distribution.quantile(quantile),
            Stat::Sum => exact(distribution.sum),
            Stat::Mean => exact(distribution.mean()),
            Stat::Min => exact(distribution.min),
            Stat::Max => exact(distribution.max),
            // A count is no duration: it has a cell of its own.
            Stat::Count => return None,
        })
    }
}

fn bar(endpoint: &Endpoint, at_work: Phase) -> Cell {
    let sum = |phase| {
        endpoint
            .phase(phase)
            .map(|distribution| distribution.sum)
            .unwrap_or_default()
    };
    // Only with app time is there a wait to be told apart from it.
    let wait = if at_work == Phase::App {
        sum(Phase::Wait)
    } else {
        Micros(0)
    };
    Cell::Bar {
        wait,
        app: sum(at_work),
        total: sum(Phase::Total),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_finds_its_column() {
        for (name, column) in NAMES {
            assert_eq!(Column::named(name), Ok(*column));
        }
        let p95 = Column::named("wait.p95").unwrap();
        assert_eq!(
            (p95.key().as_str(), p95.heading().as_str()),
            ("wait_p95_us", "wait p95")
        );
        assert_eq!(
            Column::named("total.p99.9").unwrap().key(),
            "total_p99_9_us"
        );
    }

    #[test]
    fn a_wrong_name_gets_help() {
        assert!(
            Column::named("request")
                .unwrap_err()
                .to_string()
                .contains("did you mean requests?")
        );
        assert!(
            Column::named("wiat.p95")
                .unwrap_err()
                .to_string()
                .contains("did you mean wait.p95?")
        );
        assert!(
            Column::named("wait.p0")
                .unwrap_err()
                .to_string()
                .contains("PHASE.STAT")
        );
        assert!(
            Column::named("zzz")
                .unwrap_err()
                .to_string()
                .contains("the columns are")
        );
    }
}
