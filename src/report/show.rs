//! One endpoint in full: its counts, every phase with its distribution, its timeline and its slowest
//! requests.

use std::fmt::Write as _;

use super::cells::{Cells, cells};
use super::endpoint_name;
use super::grid::{Side, grid};
use super::table::wrap;
use crate::phases::Phase;
use crate::stamp::Stamp;
use crate::summary::{
    Distribution, Endpoint, Knowledge, QuantileValue, SlowRequest, Summary, Window,
};
use crate::unit::{self, Micros, Quantile};
use crate::untrusted::Untrusted;

/// Bars of a distribution are this long at most.
const BAR: usize = 40;

/// Lines of a timeline at most.
const WINDOWS: usize = 40;

/// Renders endpoints one after the other (a route may have several methods).
#[must_use]
pub fn render(summary: &Summary, endpoints: &[&Endpoint], width: Option<usize>) -> String {
    let mut out = String::new();
    // OK because write! to a String cannot fail, here and below.
    for (at, endpoint) in endpoints.iter().enumerate() {
        let _ = writeln!(
            out,
            "{}{}",
            if at > 0 { "\n" } else { "" },
            endpoint_name(endpoint, |text| text.for_terminal())
        );
        for (dimension, value) in summary.dimensions.iter().zip(&endpoint.dimensions) {
            let _ = writeln!(
                out,
                "{}: {}",
                dimension.name(),
                Untrusted::new(value).for_terminal()
            );
        }
        let counts = format!(
            "{} requests, {} 4xx, {} 5xx, {} cut off, {} tunnels and streams, {} sent, {} busy ({} of all)",
            unit::count(endpoint.requests),
            unit::count(endpoint.errors_4xx),
            unit::count(endpoint.errors_5xx),
            unit::count(endpoint.censored),
            unit::count(endpoint.upgraded),
            unit::bytes(endpoint.bytes),
            endpoint.busy,
            unit::share(endpoint.busy.0, summary.totals.busy.0),
        );
        let _ = writeln!(
            out,
            "{}\n",
            wrap(&counts, width.unwrap_or(usize::MAX)).join("\n")
        );
        out.push_str(&phases(endpoint));
        for phase in [Phase::Wait, Phase::App, Phase::Server, Phase::Total] {
            if let Some(distribution) = endpoint.phase(phase) {
                let _ = write!(out, "\n{}\n{}", phase.name(), histogram(distribution));
            }
        }
    }
    let (window, windows) = &summary.shown;
    if !windows.is_empty() {
        let _ = write!(
            out,
            "\nover time\n{}",
            timeline(windows, *window, summary.split.wait)
        );
    }
    let slowest: Vec<&SlowRequest> = endpoints
        .iter()
        .flat_map(|endpoint| &endpoint.slowest)
        .collect();
    if !slowest.is_empty() {
        let _ = write!(out, "\nslowest\n{}", requests(&slowest, width));
    }
    out
}

/// The slowest requests, a line each: duration, time, and the line of the log.
#[must_use]
pub fn requests(slowest: &[&SlowRequest], width: Option<usize>) -> String {
    let mut out = String::new();
    for request in slowest {
        let line = Untrusted::new(&request.line);
        let room = width.map_or(usize::MAX, |width| width.saturating_sub(12).max(40));
        let line = if room == usize::MAX {
            line.for_terminal()
        } else {
            line.for_terminal_within(room)
        };
        let _ = writeln!(out, "{:>9}  {line}", request.total.to_string());
    }
    out
}

/// A grid whose first column is a name and whose others are numbers.
fn numbers(heads: &[&str], rows: &[Vec<String>]) -> String {
    let side = |at| if at == 0 { Side::Left } else { Side::Right };
    let heads: Vec<_> = heads
        .iter()
        .enumerate()
        .map(|(at, head)| ((*head).to_owned(), side(at)))
        .collect();
    grid(&heads, rows)
        .iter()
        .fold(String::new(), |out, line| out + line + "\n")
}

fn phases(endpoint: &Endpoint) -> String {
    let quantiles = [
        Quantile::percent(50),
        Quantile::percent(90),
        Quantile::percent(95),
        Quantile::percent(99),
        Quantile::P99_9,
    ];
    let labels: Vec<String> = quantiles.iter().map(|quantile| quantile.label()).collect();
    let mut heads = vec!["phase", "count", "sum", "mean", "min"];
    heads.extend(labels.iter().map(String::as_str));
    heads.push("max");
    let mut rows = Vec::new();
    let marked =
        |value: QuantileValue| format!("{}{}", if value.at_least { "≥" } else { "" }, value.value);
    for phase in Phase::ALL {
        let Some(distribution) = endpoint.phase(phase) else {
            continue;
        };
        let mut cells = vec![
            phase.name().to_owned(),
            unit::count(distribution.count),
            distribution.sum.to_string(),
            distribution.mean().to_string(),
            distribution.min.to_string(),
        ];
        cells.extend(
            quantiles
                .iter()
                .map(|quantile| marked(distribution.quantile(*quantile))),
        );
        cells.push(distribution.max.to_string());
        rows.push(cells);
    }
    numbers(&heads, &rows)
}

/// A bar for each doubling of the duration.
fn histogram(distribution: &Distribution) -> String {
    let mut octaves: Vec<(u64, u64)> = Vec::new();
    for bucket in &distribution.buckets {
        // Buckets never straddle a power of two, so each belongs to one octave whole.
        let octave = bucket.low.checked_ilog2().map_or(0, |log| 1 << log);
        // Octaves without a request stand there empty, so that a gap looks like one.
        while let Some((last, _)) = octaves.last().copied().filter(|(last, _)| *last < octave) {
            octaves.push(((last * 2).max(1), 0));
        }
        match octaves.last_mut() {
            Some((_, count)) => *count += bucket.count,
            None => octaves.push((octave, bucket.count)),
        }
    }
    let most = octaves.iter().map(|(_, count)| *count).max().unwrap_or(1);
    let mut out = String::new();
    for (from, count) in octaves {
        let length = (u128::from(count) * BAR as u128).div_ceil(u128::from(most)) as usize;
        let _ = writeln!(
            out,
            "  {:>9} {:<BAR$} {:>9}  {}",
            Micros(from).to_string(),
            "█".repeat(length),
            unit::count(count),
            unit::share(count, distribution.count)
        );
    }
    out
}

fn timeline(windows: &[Window], width: Micros, wait: Knowledge) -> String {
    let Cells { width, cells } = cells(windows, width, WINDOWS);
    let mut heads = vec![
        "from",
        "requests",
        "5xx",
        "busy",
        "wait (mean)",
        "p50",
        "p99",
    ];
    if wait == Knowledge::Unknown {
        heads.retain(|head| *head != "wait (mean)");
    }
    let row = |window: &Window| {
        let quantile = |percent| {
            let total = window
                .total
                .as_ref()
                .map(|total| total.quantile(Quantile::percent(percent)).value);
            total.map_or_else(|| "-".to_owned(), |value| value.to_string())
        };
        let mut row = vec![
            Stamp(window.from.0).rfc3339(),
            unit::count(window.requests),
            unit::count(window.errors_5xx),
            window.busy.to_string(),
        ];
        if wait != Knowledge::Unknown {
            row.push(Micros(window.wait.0.checked_div(window.requests).unwrap_or(0)).to_string());
        }
        row.extend([quantile(50), quantile(99)]);
        row
    };
    let rows: Vec<Vec<String>> = cells.iter().flatten().map(row).collect();
    numbers(&heads, &rows) + &format!("  {width} to a line\n")
}
