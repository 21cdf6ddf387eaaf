//! The difference for people and programs; each renderer has a file of its own and returns text.
//!
//! A renderer never sees bytes of a log but as [`Untrusted`].

pub mod json;
pub mod markdown;
pub mod table;

use super::{Changed, Difference, PhaseChange, Side};
use crate::endpoint::Dimension;
use crate::report::endpoint_name;
use crate::summary::Endpoint;
use crate::unit::{self, Micros};
use crate::untrusted::Untrusted;

/// A difference and what it is of.
#[derive(Debug)]
pub struct Told<'d> {
    /// The difference.
    pub difference: &'d Difference<'d>,
    /// The first log.
    pub before: &'d Side<'d>,
    /// The second log.
    pub after: &'d Side<'d>,
    /// Endpoints that are listed; `None`: all.
    pub limit: Option<usize>,
    /// Whether the logs were read to their end.
    pub complete: bool,
}

impl Told<'_> {
    /// The name of an endpoint, dimensions behind it; with the renderer's escape for each part.
    fn name(&self, endpoint: &Endpoint, escape: impl Fn(Untrusted<'_>) -> String) -> String {
        let mut name = endpoint_name(endpoint, &escape);
        for (dimension, value) in self.dimensions().iter().zip(&endpoint.dimensions) {
            let value = escape(Untrusted::new(value));
            name.push_str(&format!(" {}={value}", dimension.name()));
        }
        name
    }

    fn dimensions(&self) -> &[Dimension] {
        &self.after.summary.dimensions
    }

    /// The endpoints of both that are listed, and how many are not.
    fn changed(&self) -> (&[Changed], usize) {
        let all = self.difference.changed.as_slice();
        let (listed, rest) = all.split_at(self.limit.unwrap_or(all.len()).min(all.len()));
        (listed, rest.len())
    }

    /// What is told of the logs as a whole, a line each; no word of a log in it.
    fn head(&self) -> Vec<String> {
        let side = |side: &Side<'_>| {
            let range = side
                .summary
                .range
                .map_or_else(String::new, |(first, last)| {
                    format!(", {} to {}", first.rfc3339(), last.rfc3339())
                });
            format!(
                "{} requests{range}",
                unit::count(side.summary.totals.requests)
            )
        };
        let mut lines = vec![
            format!("before: {}", side(self.before)),
            format!("after:  {}", side(self.after)),
        ];
        if let Some(mix) = self.difference.mix {
            lines.push(format!(
                "mean of all requests: {} → {}: {} because endpoints changed, {} because their mix did",
                time(mix.before_us),
                time(mix.after_us),
                change(mix.own_us),
                change(mix.mix_us)
            ));
        }
        if !self.complete {
            lines.push("PARTIAL: interrupted".to_owned());
        }
        lines
    }
}

/// The phases to show of an endpoint: the whole, and those of which it is sure that they changed.
fn shown(changed: &Changed) -> Vec<&PhaseChange> {
    let is_whole = |change: &&PhaseChange| change.phase == crate::phases::Phase::Total;
    let mut shown: Vec<&PhaseChange> = changed.phases.iter().filter(is_whole).collect();
    shown.extend(
        changed
            .phases
            .iter()
            .filter(|change| !is_whole(change) && change.is_sure()),
    );
    if shown.is_empty() {
        shown.extend(changed.phases.first());
    }
    shown
}

/// A phase in the cells of a table: before, after, ratio, interval.
fn cells(of: &PhaseChange) -> [String; 4] {
    let ratio = |ratio: f64| format!("×{ratio:.2}");
    [
        time(of.means_us[0]).to_string(),
        time(of.means_us[1]).to_string(),
        of.ratio.map_or_else(|| "-".to_owned(), ratio),
        of.interval.map_or_else(
            || "unknown".to_owned(),
            |[low, high]| format!("{} … {}", ratio(low), ratio(high)),
        ),
    ]
}

fn time(us: f64) -> Micros {
    Micros(us.max(0.0).round() as u64)
}

/// A duration with its sign.
fn change(us: f64) -> String {
    let sign = if us < 0.0 { "-" } else { "+" };
    format!("{sign}{}", time(us.abs()))
}

/// Seconds with their sign.
fn seconds(seconds: f64) -> String {
    change(seconds * 1_000_000.0)
}
