//! The head: what is watched, how much comes, how many workers are busy, and what was found.

use ratatui::text::{Line, Span};

use super::Paint;
use crate::input::shown_name;
use crate::live::{Picture, Range, Screen, View};
use crate::phases::Phase;
use crate::report::wrap;
use crate::summary::Knowledge;
use crate::unit::{self, Micros, Quantile};
use crate::untrusted::{Untrusted, fit};

/// Findings that the head names.
const NAMED: usize = 2;
/// A name in a sentence is never shown longer.
const LONGEST_NAME: usize = 120;

/// The lines of the head.
pub(super) fn lines(
    screen: &Screen,
    picture: &Picture,
    paint: Paint,
    width: u16,
) -> Vec<Line<'static>> {
    let width = usize::from(width);
    let mut lines = vec![
        title(screen, picture, paint, width),
        numbers(picture, paint, width),
    ];
    if let Some(trouble) = &picture.trouble {
        let first = trouble.lines().next().unwrap_or_default();
        lines.push(Line::styled(fit(first, width), paint.bad()));
    }
    if let Some(followed) = followed(picture) {
        lines.push(Line::styled(fit(&followed, width), paint.faint()));
    }
    if screen.view == View::Table {
        let findings = &picture.diagnosis.findings;
        for (at, finding) in findings.iter().take(NAMED).enumerate() {
            let more = match findings.len().saturating_sub(NAMED) {
                more if more > 0 && at + 1 == NAMED => format!(" (and {more} more: f)"),
                _ => String::new(),
            };
            let title = finding.title.render(|name| name.for_terminal_within(40));
            let room = width.saturating_sub(more.len() + 2);
            lines.push(Line::styled(
                format!("! {}{more}", fit(&title, room)),
                paint.severity(finding.severity),
            ));
        }
    }
    lines.push(Line::default());
    lines
}

fn title(screen: &Screen, picture: &Picture, paint: Paint, width: usize) -> Line<'static> {
    let name = picture
        .summary
        .files
        .first()
        .map_or_else(String::new, |file| shown_name(&file.name));
    let clock = picture.now.map_or_else(
        || "no line yet".to_owned(),
        |now| {
            let text = now.rfc3339();
            text.get(11..19).unwrap_or(&text).to_owned()
        },
    );
    let mut spans = vec![Span::styled("slowpath ", paint.strong())];
    // What follows takes less than this.
    let room = width.saturating_sub(60).max(12);
    spans.push(Span::raw(fit(&name, room)));
    spans.push(Span::raw(format!("  {clock}  ")));
    for range in Range::ALL {
        let style = if range == screen.range {
            paint.chosen()
        } else {
            paint.faint()
        };
        spans.push(Span::styled(format!(" {} ", range.name()), style));
    }
    if picture.span.0 > 0 {
        spans.push(Span::styled(format!(" {}", picture.span), paint.faint()));
    }
    if screen.paused {
        spans.push(Span::styled("  PAUSED", paint.bad()));
    } else if picture.ended {
        spans.push(Span::styled("  ended", paint.strong()));
    }
    Line::from(spans)
}

fn numbers(picture: &Picture, paint: Paint, width: usize) -> Line<'static> {
    let totals = &picture.summary.totals;
    let mut spans = vec![Span::styled(
        format!("{} req/s", rate(picture.per_second(totals.requests))),
        paint.strong(),
    )];
    let errors = format!(
        "  5xx {}",
        unit::share(totals.errors_5xx, totals.requests.max(1))
    );
    let style = if totals.errors_5xx > 0 {
        paint.bad()
    } else {
        paint.faint()
    };
    spans.push(Span::styled(errors, style));
    // Little's law: what is in the system is what arrives a second times how long it stays.
    if let Some(total) = totals.phase(Phase::Total) {
        let mean = rate(picture.per_second(total.sum.0) / 1e6);
        spans.push(Span::raw(format!("  in flight {mean}")));
    }
    if totals.busy.0 > 0 {
        let mean = rate(picture.per_second(totals.busy.0) / 1e6);
        spans.push(Span::raw(format!("  busy workers {mean}")));
    }
    for (phase, style) in [(Phase::Wait, paint.wait()), (Phase::Total, paint.strong())] {
        if let Some(distribution) = totals.phase(phase) {
            let p95 = distribution.quantile(Quantile::percent(95)).value;
            spans.push(Span::styled(format!("  {} p95 {p95}", phase.name()), style));
        }
    }
    if picture.summary.split.wait == Knowledge::Unknown && totals.requests > 0 {
        spans.push(Span::styled("  wait unknown", paint.faint()));
    }
    let rejected = picture.summary.lines.rejected();
    if rejected > 0 {
        let text = format!("  {} rejected", unit::count(rejected));
        spans.insert(2, Span::styled(text, paint.bad()));
    }
    // What comes last is missed least.
    while spans.len() > 1 && spans.iter().map(Span::width).sum::<usize>() > width {
        spans.pop();
    }
    Line::from(spans)
}

/// A number with three significant digits.
pub(super) fn rate(value: f64) -> String {
    match value {
        v if v <= 0.0 => "0".to_owned(),
        v if v < 0.095 => format!("{v:.3}"),
        v if v < 9.95 => format!("{v:.2}"),
        v if v < 99.5 => format!("{v:.1}"),
        v => unit::count(v.round() as u64),
    }
}

/// What has happened to the file.
fn followed(picture: &Picture) -> Option<String> {
    let followed = picture.followed;
    let times = |n: u64, what: &str| match n {
        0 => None,
        1 => Some(format!("{what} once")),
        n => Some(format!("{what} {n} times")),
    };
    let truncated = times(followed.truncations, "truncated");
    // What was written between the last look and the truncation was never seen.
    let gap = truncated
        .is_some()
        .then(|| "a gap there cannot be known".to_owned());
    let cut = match followed.cut {
        0 => None,
        n => Some(format!("half lines dropped: {n}")),
    };
    let parts: Vec<String> = [times(followed.rotations, "rotated"), truncated, gap, cut]
        .into_iter()
        .flatten()
        .collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// All findings in full.
pub(super) fn findings(picture: &Picture, paint: Paint, width: u16) -> Vec<Line<'static>> {
    let width = usize::from(width).max(24);
    let name = |name: Untrusted<'_>| name.for_terminal_within(LONGEST_NAME);
    let mut lines = Vec::new();
    let mut push = |text: &str, indent: usize, style| {
        for line in wrap(text, width.saturating_sub(indent)) {
            lines.push(Line::styled(format!("{}{line}", " ".repeat(indent)), style));
        }
    };
    let plain = ratatui::style::Style::new();
    for (at, finding) in picture.diagnosis.findings.iter().enumerate() {
        let title = finding.title.render(name);
        let (severity, grounds) = (finding.severity.name(), finding.grounds.name());
        let head = format!("{}. {severity}, {grounds}: {title}", at + 1);
        push(&head, 0, paint.severity(finding.severity));
        for detail in &finding.detail {
            push(&detail.render(name), 3, plain);
        }
        push(&format!("→ {}", finding.advice.render(name)), 3, plain);
        push("", 0, plain);
    }
    if picture.diagnosis.findings.is_empty() {
        let span = Micros(picture.span.0);
        let text = format!(
            "Nothing found in {} requests over {span}.",
            unit::count(picture.summary.totals.requests)
        );
        push(&text, 0, plain);
    }
    for not in &picture.diagnosis.not_looked_at {
        let text = format!("Not looked for: {}: {}", not.kind.sought(), not.why);
        push(&text, 0, paint.faint());
    }
    lines
}
