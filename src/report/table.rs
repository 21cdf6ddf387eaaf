//! The report on a terminal: a head that says what was read, what was found and what the numbers rest on, then the
//! table of endpoints, cut to the terminal's width.
//!
//! The text is the same with and without colour, and on a pipe; colour is laid over it at the end.

use std::fmt::Write as _;

use unicode_width::UnicodeWidthStr as _;

use super::cells::{Cells, cells};
use super::findings;
use super::grid::{Side, grid};
use super::{Cell, Column, Stat, View, endpoint_name};
use crate::diagnosis::Wait;
use crate::input::shown_name;
use crate::phases::{Basis, Clock, Phase};
use crate::record::Reject;
use crate::stamp::Stamp;
use crate::summary::{Endpoint, FifoPool, Knowledge, Summary, Window};
use crate::unit::{self, Micros, Quantile};
use crate::untrusted::{Untrusted, fit};

/// How the table is shown.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    /// Columns of the terminal; `None` for as wide as it gets.
    pub width: Option<usize>,
    /// Whether colours are used.
    pub color: bool,
    /// Whether the head is left out.
    pub quiet: bool,
}

/// Renders the view.
#[must_use]
pub fn render(view: &View<'_>, style: Style) -> String {
    let mut out = String::new();
    if !style.quiet {
        out.push_str(&head(view, style));
        out.push('\n');
    }
    if view.rows.is_empty() && view.other.is_none() {
        out.push_str("no requests to show\n");
        return out;
    }
    let (columns, left_out) = fitting_columns(view, style.width);
    out.push_str(&table(view, &columns, style));
    if !style.quiet {
        out.push_str(&foot(view, &left_out, style.width));
    }
    out
}

/// What was read, what was found in it, and on what wait rests.
fn head(view: &View<'_>, style: Style) -> String {
    let summary = view.summary;
    let mut lines = Vec::new();
    lines.push(sources(summary));
    lines.push(counts(view));
    if summary.lines.rejected() > 0 {
        lines.push(rejects(summary));
    }
    for file in &summary.files {
        if let Some(error) = &file.error {
            // Only the first line: what to do about it is on stderr.
            let error = error.lines().next().unwrap_or_default();
            lines.push(format!(
                "not read whole: {}: {error}",
                shown_name(&file.name)
            ));
        }
    }
    let width = style.width.unwrap_or(usize::MAX);
    let wrapped = |lines: Vec<String>| {
        lines
            .iter()
            .flat_map(|line| wrap(line, width))
            .fold(String::new(), |out, line| out + &line + "\n")
    };
    let findings = findings::render(view.diagnosis, summary, style);
    let mut out = wrapped(lines);
    if !findings.is_empty() {
        out = out + "\n" + &findings + "\n";
    }
    let mut lines = Vec::from_iter(not_rebuilt(summary));
    match inferred(view) {
        Some(line) => lines.push(line),
        None => lines.extend(wait(summary)),
    }
    lines.extend(sparklines(
        &summary.timeline,
        summary.split.window,
        summary.split.wait,
        style.width,
    ));
    out + &wrapped(lines)
}

fn sources(summary: &Summary) -> String {
    let mut formats: Vec<&str> = summary
        .files
        .iter()
        .filter_map(|file| file.format.as_deref())
        .collect();
    formats.sort_unstable();
    formats.dedup();
    let formats = match formats.as_slice() {
        [] => String::new(),
        names => format!(
            " (format {})",
            names
                .iter()
                .map(|name| Untrusted::new(name.as_bytes()).for_terminal())
                .collect::<Vec<_>>()
                .join(", ")
        ),
    };
    match summary.files.as_slice() {
        [] => "no input".to_owned(),
        [one] => format!("{}{formats}", shown_name(&one.name)),
        [first, .., last] => format!(
            "{} files, {} to {}{formats}",
            summary.files.len(),
            shown_name(&first.name),
            shown_name(&last.name)
        ),
    }
}

fn counts(view: &View<'_>) -> String {
    let summary = view.summary;
    let mut parts = Vec::new();
    if !view.complete {
        parts.push("PARTIAL, interrupted".to_owned());
    }
    parts.push(format!("{} lines", unit::count(summary.lines.lines)));
    parts.push(format!("{} requests", unit::count(summary.totals.requests)));
    parts.push(format!(
        "{} rejected",
        unit::count(summary.lines.rejected())
    ));
    if summary.lines.filtered > 0 {
        parts.push(format!(
            "{} left out by the filter",
            unit::count(summary.lines.filtered)
        ));
    }
    if let Some((first, last)) = summary.range {
        let span = Micros(last.0.abs_diff(first.0));
        parts.push(format!("{} to {} ({span})", clock(first), clock(last)));
    }
    parts.join(", ")
}

/// RFC 3339 without the fraction: in a head nobody reads it.
fn clock(stamp: Stamp) -> String {
    Stamp(stamp.0.div_euclid(1_000_000) * 1_000_000).rfc3339()
}

fn rejects(summary: &Summary) -> String {
    let reasons: Vec<String> = Reject::ALL
        .iter()
        .zip(summary.lines.rejects)
        .filter(|(_, count)| *count > 0)
        .map(|(reject, count)| format!("{} {}", unit::count(count), reject.words()))
        .collect();
    format!(
        "rejected: {} (--rejects FILE keeps them)",
        reasons.join(", ")
    )
}

/// What was inferred of wait, where it was.
fn inferred(view: &View<'_>) -> Option<String> {
    let mut sum = Wait::default();
    view.diagnosis
        .waits
        .as_ref()?
        .iter()
        .for_each(|wait| sum.add(wait));
    let micros = |us: f64| Micros(us.max(0.0) as u64);
    let all = micros(sum.sum + sum.own);
    // Short waits hide in what is usual, so nothing found is not nothing, and has no error.
    let found = if sum.sum > 0.0 {
        let (wait, error) = (micros(sum.sum), micros(sum.error));
        format!("inferred by what all endpoints have alike at a time: {wait} of {all} (± {error})")
    } else {
        format!("none seen in what all endpoints have alike at a time, of {all}")
    };
    Some(format!(
        "wait: {found}; add app=\"$upstream_http_x_runtime\" to log_format to measure it"
    ))
}

/// How wait was obtained, or what the log needs for it.
fn wait(summary: &Summary) -> Vec<String> {
    if summary.totals.requests == 0 {
        return Vec::new();
    }
    let split = &summary.split;
    let basis = match split.busy {
        Basis::App => "busy time is app time",
        // HAProxy's: the wait was before.
        Basis::Server if split.by == Some(Clock::QueueTimer.name()) => {
            "busy time is server time (from the end of the wait on)"
        }
        Basis::Server => "busy time is server time (wait and app together)",
        Basis::Upstream => "busy time is upstream time (connect, wait, app and transfer together)",
        Basis::Total => "busy time is the whole duration",
    };
    let basis = if summary.totals.busy.0 == 0 {
        "the log has no durations"
    } else {
        basis
    };
    match (split.wait, split.by) {
        (Knowledge::Measured, by) => {
            let (covered, of) = split.covered;
            vec![format!(
                "wait: measured by {} on {} of the requests that kept a worker busy; {basis}",
                by.unwrap_or("the log"),
                unit::share(covered, of)
            )]
        }
        (Knowledge::Inferred, _) => vec![fifo(summary)],
        (Knowledge::Unknown, _) => {
            let known = |phase| summary.totals.phase(phase).is_some();
            let missing = match () {
                () if known(Phase::App) => {
                    "the log has app time but no upstream time: add uct=\"$upstream_connect_time\" uht=\"$upstream_header_time\" urt=\"$upstream_response_time\" to log_format"
                }
                () if known(Phase::Server) => {
                    "the log does not say how long the application ran: have it send X-Runtime and add app=\"$upstream_http_x_runtime\" to log_format"
                }
                () if known(Phase::Upstream) => {
                    "the log has neither header time nor app time: add uct=\"$upstream_connect_time\" uht=\"$upstream_header_time\" app=\"$upstream_http_x_runtime\" to log_format, and have the application send X-Runtime"
                }
                () => {
                    "the log has no times of the upstream: `slowpath formats slowpath` shows the log_format to use"
                }
            };
            vec![format!("wait: unknown, {missing}; {basis}")]
        }
    }
}

/// What the FIFO reconstruction says, and how it was checked.
fn fifo(summary: &Summary) -> String {
    let pools = summary.fifo.iter().flat_map(|fifo| &fifo.pools);
    let full: Vec<&FifoPool> = pools.filter(|pool| pool.workers.is_some()).collect();
    let workers: u64 = full.iter().filter_map(|pool| pool.workers).sum();
    let furthest = full
        .iter()
        .filter_map(|pool| pool.own_ratio)
        .max_by(|a, b| a.ln().abs().total_cmp(&b.ln().abs()));
    let sum = |phase| summary.totals.phase(phase).map_or(Micros(0), |of| of.sum);
    let (wait, own) = (sum(Phase::Wait), sum(Phase::App));
    let (told, of) = summary.split.covered;
    format!(
        "wait: inferred (FIFO, {}) of {} of the requests that kept a worker busy: {wait} of {} (± {}); checked: in a crowd own time is {:.2} times what it is in quiet moments; busy time is {} time",
        match full.as_slice() {
            [_] => format!("c ≈ {workers} workers"),
            several => format!("c ≈ {workers} workers of {} upstreams", several.len()),
        },
        unit::share(told, of),
        wait.plus(own),
        summary.totals.error.unwrap_or_default(),
        furthest.unwrap_or(1.0),
        summary.split.busy.name()
    )
}

/// Why the FIFO reconstruction told nothing, where that was asked for.
fn not_rebuilt(summary: &Summary) -> Option<String> {
    let refusal = summary.fifo.as_ref()?.refusal.as_ref()?;
    let why = refusal.words(|address| Untrusted::new(address).for_terminal());
    Some(format!("wait is not told by FIFO: {why}"))
}

/// Cells of a sparkline at most.
const SPARKLINE: usize = 60;

/// The log over time, a line each for requests, errors, wait and p99.
fn sparklines(
    timeline: &[Window],
    width: Micros,
    wait: Knowledge,
    columns: Option<usize>,
) -> Vec<String> {
    let most = columns.map_or(SPARKLINE, |columns| {
        SPARKLINE.min(columns.saturating_sub(40))
    });
    let Cells { width, cells } = cells(timeline, width, most);
    if cells.len() < 2 || most < 8 {
        return Vec::new();
    }
    let line = |name: &str, value: &dyn Fn(&Window) -> u64, show: &dyn Fn(u64) -> String| {
        let values: Vec<u64> = cells
            .iter()
            .map(|sum| sum.as_ref().map_or(0, value))
            .collect();
        let most = values.iter().copied().max().unwrap_or(0);
        (most > 0).then(|| {
            format!(
                "{name:<12} {} up to {}",
                sparkline(&values, most),
                show(most)
            )
        })
    };
    let per_request = |window: &Window| window.wait.0.checked_div(window.requests).unwrap_or(0);
    let p99 = |window: &Window| {
        window
            .total
            .as_ref()
            .map_or(0, |total| total.quantile(Quantile::percent(99)).value.0)
    };
    let duration = |us: u64| Micros(us).to_string();
    let count = |n: u64| unit::count(n);
    [
        line("requests", &|window| window.requests, &|n| {
            format!("{} in {width}", count(n))
        }),
        line("5xx", &|window| window.errors_5xx, &count),
        line("wait (mean)", &per_request, &duration).filter(|_| wait != Knowledge::Unknown),
        line("total p99", &p99, &duration),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn sparkline(values: &[u64], most: u64) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let bar = |value: &u64| match value {
        0 => ' ',
        // OK because value <= most, so the index is below 8.
        value => {
            BARS[(u128::from(*value) * 8)
                .div_ceil(u128::from(most))
                .saturating_sub(1) as usize]
        }
    };
    values.iter().map(bar).collect()
}

/// The columns that fit, and the headings of those that do not.
fn fitting_columns(view: &View<'_>, width: Option<usize>) -> (Vec<Column>, Vec<String>) {
    let mut columns = view.columns.clone();
    let mut left_out = Vec::new();
    let Some(width) = width else {
        return (columns, left_out);
    };
    while needed_width(view, &columns) > width {
        let Some(at) = least_missed(&columns) else {
            break;
        };
        left_out.push(columns.remove(at).heading());
    }
    (columns, left_out)
}

/// The narrowest endpoint column that still tells endpoints apart.
const NARROWEST: usize = 24;

/// The width of a table with the endpoint column at its narrowest.
fn needed_width(view: &View<'_>, columns: &[Column]) -> usize {
    columns
        .iter()
        .map(|column| {
            let width = column_width(view, column);
            2 + if matches!(column, Column::Endpoint) {
                width.min(NARROWEST)
            } else {
                width
            }
        })
        .sum()
}

fn column_width(view: &View<'_>, column: &Column) -> usize {
    let rows = view.rows.iter().copied().chain(view.other.as_ref());
    let widest = rows
        .map(|row| text(&column.cell(row, &view.summary.totals), row).width())
        .max()
        .unwrap_or(0);
    widest.max(column.heading().width())
}

/// The column that a person misses least in a narrow terminal: the bar, the total, then the
/// percentiles from the outside.
fn least_missed(columns: &[Column]) -> Option<usize> {
    let quantile = |column: &Column| match column {
        Column::Phase(_, Stat::Quantile(quantile)) => Some(*quantile),
        _ => None,
    };
    let find = |wanted: &dyn Fn(&Column) -> bool| columns.iter().rposition(wanted);
    let quantiles = || columns.iter().filter_map(quantile);
    let several = quantiles().min() != quantiles().max();
    let dimension = |column: &Column| matches!(column, Column::Endpoint | Column::Dimension(..));
    find(&|column| matches!(column, Column::Bar(_)))
        .or_else(|| {
            find(&|column| matches!(column, Column::Phase(Phase::Total, _))).filter(|_| several)
        })
        .or_else(|| {
            find(&|column| quantile(column).is_some() && quantile(column) == quantiles().max())
                .filter(|_| several)
        })
        .or_else(|| find(&|column| matches!(column, Column::Errors | Column::Errors4xx)))
        .or_else(|| {
            find(&|column| quantile(column).is_some() && quantile(column) == quantiles().min())
                .filter(|_| several)
        })
        .or_else(|| find(&|column| !dimension(column)).filter(|at| *at > 1))
}

fn table(view: &View<'_>, columns: &[Column], style: Style) -> String {
    let others = columns
        .iter()
        .filter(|column| !matches!(column, Column::Endpoint));
    let taken: usize = others.map(|column| column_width(view, column) + 2).sum();
    let room = style.width.map_or(usize::MAX, |width| {
        width.saturating_sub(taken + 2).max(NARROWEST.min(width))
    });
    let heads: Vec<(String, Side)> = columns
        .iter()
        .map(|column| (column.heading(), side(column)))
        .collect();
    let other_name = format!(
        "(other: {} {})",
        unit::count(view.other_count as u64),
        if view.other_count == 1 {
            "endpoint"
        } else {
            "endpoints"
        }
    );
    let named = view
        .rows
        .iter()
        .map(|row| (*row, None))
        .chain(view.other.iter().map(|row| (row, Some(&other_name))));
    let rows: Vec<Vec<String>> = named
        .map(|(row, name)| {
            let text = |column: &Column| match (column, name) {
                (Column::Endpoint, Some(name)) => name.clone(),
                (Column::Endpoint, None) => fit(
                    &endpoint_name(row, |text| text.for_terminal_within(LONGEST_NAME)),
                    room,
                ),
                _ => text(&column.cell(row, &view.summary.totals), row),
            };
            columns.iter().map(text).collect()
        })
        .collect();
    let mut out = String::new();
    for (at, line) in grid(&heads, &rows).iter().enumerate() {
        match style.color {
            true if at == 0 => out.push_str(&format!("\x1b[1m{line}\x1b[0m")),
            true => out.push_str(&paint_bars(line)),
            false => out.push_str(line),
        }
        out.push('\n');
    }
    out
}

/// A name is never shown longer, on a pipe neither.
const LONGEST_NAME: usize = 300;

fn side(column: &Column) -> Side {
    match column {
        Column::Endpoint | Column::Dimension(..) | Column::Bar(_) => Side::Left,
        _ => Side::Right,
    }
}

fn text(cell: &Cell, endpoint: &Endpoint) -> String {
    match cell {
        Cell::Endpoint { .. } => {
            endpoint_name(endpoint, |text| text.for_terminal_within(LONGEST_NAME))
        }
        Cell::Text(text) => Untrusted::new(text).for_terminal_within(40),
        Cell::Count(n) => unit::count(*n),
        Cell::Bytes(n) => unit::bytes(*n),
        Cell::Share(part, whole) => unit::share(*part, *whole),
        Cell::Duration(None) => "-".to_owned(),
        Cell::Duration(Some(duration)) => format!(
            "{}{}",
            if duration.at_least { "≥" } else { "" },
            duration.value
        ),
        Cell::Bar { wait, app, total } => bar(*wait, *app, *total),
    }
}

const WAIT: char = '▓';
const APP: char = '█';
const REST: char = '░';

/// Ten cells: the share of wait, of app, and of the rest of the whole time.
fn bar(wait: Micros, app: Micros, total: Micros) -> String {
    const CELLS: u128 = 10;
    if total.0 == 0 {
        return String::new();
    }
    // Ends are rounded rather than lengths, so that there are always ten cells.
    let end = |until: u64| {
        ((u128::from(until.min(total.0)) * CELLS + u128::from(total.0) / 2) / u128::from(total.0))
            as usize
    };
    let (wait_end, app_end) = (end(wait.0), end(wait.plus(app).0));
    let cell = |at: usize| match at {
        at if at < wait_end => WAIT,
        at if at < app_end => APP,
        _ => REST,
    };
    (0..CELLS as usize).map(cell).collect()
}

/// Wait in yellow, app in red, the rest faint.
fn paint_bars(line: &str) -> String {
    let code = |c: char| match c {
        WAIT => Some("33"),
        APP => Some("31"),
        REST => Some("2"),
        _ => None,
    };
    let mut out = String::new();
    let mut current = None;
    for c in line.chars() {
        if code(c) != current {
            if current.is_some() {
                out.push_str("\x1b[0m");
            }
            if let Some(code) = code(c) {
                // OK because write! to a String cannot fail.
                let _ = write!(out, "\x1b[{code}m");
            }
            current = code(c);
        }
        out.push(c);
    }
    if current.is_some() {
        out.push_str("\x1b[0m");
    }
    out
}

/// Lines below the table that explain what is in it.
fn foot(view: &View<'_>, left_out: &[String], width: Option<usize>) -> String {
    let summary = view.summary;
    let mut notes = Vec::new();
    let are = |n: u64, one: &str, many: &str| {
        format!("{} {}", unit::count(n), if n == 1 { one } else { many })
    };
    if summary.totals.censored > 0 {
        notes.push(format!(
            "{} cut off (499, 504), so the duration is a lower bound; ≥ marks a percentile that falls on one",
            are(summary.totals.censored, "request was", "requests were")
        ));
    }
    if summary.totals.upgraded > 0 {
        notes.push(format!(
            "{} counted, but kept out of all durations",
            are(
                summary.totals.upgraded,
                "tunnel or stream is",
                "tunnels and streams are"
            )
        ));
    }
    if summary.totals.clamped > 0 {
        notes.push(format!(
            "{} a phase below zero that counts as 0: servers cut times to whole milliseconds, and their clocks differ by a few",
            are(summary.totals.clamped, "request has", "requests have")
        ));
    }
    if let Some(why) = &summary.approximate {
        notes.push(format!("approximate: {why}"));
    }
    if !left_out.is_empty() {
        notes.push(format!(
            "left out to fit the terminal: {} (--columns chooses)",
            left_out.join(", ")
        ));
    }
    if view.other.is_some() {
        notes.push("-n 0 shows all endpoints".to_owned());
    }
    let notes: Vec<String> = notes
        .iter()
        .flat_map(|note| wrap(note, width.unwrap_or(usize::MAX)))
        .collect();
    if notes.is_empty() {
        String::new()
    } else {
        format!("\n{}\n", notes.join("\n"))
    }
}

/// Breaks a line at blanks to fit a width; a word that is longer stays whole.
pub(crate) fn wrap(line: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in line.split_inclusive(' ') {
        if let Some(last) = lines.last_mut() {
            if last.is_empty() || last.width() + word.trim_end().width() <= width {
                last.push_str(word);
            } else {
                lines.push(format!("  {word}"));
            }
        }
    }
    lines
        .iter()
        .map(|line| line.trim_end().to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_always_have_ten_cells() {
        let bar = |wait, app, total| bar(Micros(wait), Micros(app), Micros(total));
        assert_eq!(bar(5, 3, 10), "▓▓▓▓▓███░░");
        assert_eq!(bar(0, 0, 10), "░░░░░░░░░░");
        assert_eq!(bar(99, 99, 10), "▓▓▓▓▓▓▓▓▓▓");
        assert_eq!(bar(1, 1, 0), "");
    }

    #[test]
    fn a_sparkline_reaches_its_top() {
        assert_eq!(sparkline(&[0, 1, 4, 8], 8), " ▁▄█");
        assert_eq!(sparkline(&[u64::MAX, 1], u64::MAX), "█▁");
    }

    #[test]
    fn lines_wrap_at_blanks() {
        assert_eq!(wrap("one two three", 8), ["one two", "  three"]);
        assert_eq!(wrap("", 8), [""]);
    }
}
