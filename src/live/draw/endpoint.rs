//! One endpoint in full: its phases, its latency over time, its upstreams, its slowest requests.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::Paint;
use super::head::rate;
use crate::live::heat::Heat;
use crate::live::{Detail, Picture};
use crate::phases::Phase;
use crate::report::BANDS;
use crate::report::{endpoint_name, wrap};
use crate::summary::Endpoint;
use crate::unit::{self, Micros, Quantile};
use crate::untrusted::Untrusted;

/// The lines of the view.
pub(super) fn lines(picture: &Picture, paint: Paint, width: u16) -> Vec<Line<'static>> {
    let Some(detail) = &picture.detail else {
        return vec![Line::raw("no request to this endpoint in this range")];
    };
    let Some(endpoint) = picture.summary.endpoints.get(detail.endpoint) else {
        return Vec::new();
    };
    let width = usize::from(width);
    let name = endpoint_name(endpoint, |text| text.for_terminal_within(width.max(20)));
    let mut lines = vec![Line::styled(name, paint.strong())];
    lines.extend(
        wrap(&counts(endpoint, picture), width)
            .into_iter()
            .map(Line::raw),
    );
    lines.push(Line::default());
    lines.extend(phases(endpoint, paint));
    lines.push(Line::default());
    lines.extend(heat(&detail.heat, paint, width));
    lines.extend(upstreams(detail, paint));
    lines.extend(slowest(endpoint, paint, width));
    lines
}

fn counts(endpoint: &Endpoint, picture: &Picture) -> String {
    format!(
        "{} requests, {} req/s, {} 4xx, {} 5xx, {} cut off, {} busy ({} of all)",
        unit::count(endpoint.requests),
        rate(picture.per_second(endpoint.requests)),
        unit::count(endpoint.errors_4xx),
        unit::count(endpoint.errors_5xx),
        unit::count(endpoint.censored),
        endpoint.busy,
        unit::share(endpoint.busy.0, picture.summary.totals.busy.0.max(1)),
    )
}

fn phases(endpoint: &Endpoint, paint: Paint) -> Vec<Line<'static>> {
    let quantiles = [50, 90, 95, 99].map(Quantile::percent);
    let mut heading = format!("{:<9} {:>9}", "phase", "count");
    for quantile in quantiles {
        heading += &format!(" {:>9}", quantile.label());
    }
    let mut lines = vec![Line::styled(
        format!("{heading} {:>9}", "max"),
        paint.strong(),
    )];
    for phase in Phase::ALL {
        let Some(distribution) = endpoint.phase(phase) else {
            continue;
        };
        let mut text = format!("{:<9} {:>9}", phase.name(), unit::count(distribution.count));
        for quantile in quantiles {
            let value = distribution.quantile(quantile);
            let mark = if value.at_least { "≥" } else { "" };
            text += &format!(" {:>9}", format!("{mark}{}", value.value));
        }
        text += &format!(" {:>9}", distribution.max.to_string());
        let style = match phase {
            Phase::Wait => paint.wait(),
            Phase::App => paint.work(),
            _ => Style::new(),
        };
        lines.push(Line::styled(text, style));
    }
    lines
}

/// Bands of duration from the longest down, cells of time from left to right; the darker the more.
fn heat(heat: &Heat, paint: Paint, width: usize) -> Vec<Line<'static>> {
    const SHADES: [&str; 5] = [" ", "░", "▒", "▓", "█"];
    let used: Vec<usize> = (0..BANDS.len())
        .filter(|band| heat.cells.iter().any(|cell| cell[*band] > 0))
        .collect();
    let (Some(first), Some(last)) = (used.first(), used.last()) else {
        return Vec::new();
    };
    // Each cell as wide as there is room for.
    let room = width.saturating_sub(12) / heat.cells.len().max(1);
    let wide = room.clamp(1, 3);
    let title = format!("latency over time, a column {}", heat.width);
    let mut lines = vec![Line::styled(title, paint.strong())];
    for band in (*first..=*last).rev() {
        let mut spans = vec![Span::raw(format!("{:>9} ", from(band)))];
        for cell in &heat.cells {
            let whole: u64 = cell.iter().sum();
            // By share of the cell, so that a slow minute shows beside a busy one; any at all shows.
            let shade = match cell[band] {
                0 => 0,
                n => 1 + (n * 4 / whole.max(1)).min(3) as usize,
            };
            let style = match BANDS[band] {
                1_000_000.. => paint.bad(),
                100_000.. => paint.wait(),
                _ => paint.work(),
            };
            spans.push(Span::styled(SHADES[shade].repeat(wide), style));
        }
        lines.push(Line::from(spans));
    }
    lines.push(Line::default());
    lines
}

fn from(band: usize) -> String {
    match BANDS[band] {
        0 => "< 1 ms".to_owned(),
        us => format!("≥ {}", round(us)),
    }
}

/// The beginnings of bands are round.
fn round(us: u64) -> String {
    match us {
        1_000_000.. => format!("{} s", us / 1_000_000),
        _ => format!("{} ms", us / 1_000),
    }
}

fn upstreams(detail: &Detail, paint: Paint) -> Vec<Line<'static>> {
    if detail.upstreams.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![Line::styled(
        "upstreams, since the beginning",
        paint.strong(),
    )];
    for (address, tally) in &detail.upstreams {
        let mean = tally.busy.checked_div(tally.requests).unwrap_or(0);
        lines.push(Line::raw(format!(
            "{:<28} {:>9} requests  {:>7} 5xx  mean busy {}",
            Untrusted::new(address).for_terminal_within(28),
            unit::count(tally.requests),
            unit::count(tally.errors_5xx),
            Micros(mean)
        )));
    }
    lines.push(Line::default());
    lines
}

fn slowest(endpoint: &Endpoint, paint: Paint, width: usize) -> Vec<Line<'static>> {
    if endpoint.slowest.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![Line::styled("slowest", paint.strong())];
    for request in &endpoint.slowest {
        let line = Untrusted::new(&request.line);
        lines.push(Line::raw(format!(
            "{:>9}  {}",
            request.total.to_string(),
            line.for_terminal_within(width.saturating_sub(11).max(20))
        )));
    }
    lines
}
