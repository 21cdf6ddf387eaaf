//! The keys: all of them, and the few in the last line.

use ratatui::text::{Line, Span};

use super::Paint;
use crate::live::{Screen, View};
use crate::untrusted::{Untrusted, fit};

const KEYS: &[(&str, &str)] = &[
    (
        "1 2 3 4 5",
        "the last minute, 5 minutes, 15 minutes, hour, everything",
    ),
    ("Tab", "the next range"),
    ("↑ ↓, k j", "move; PgUp PgDn Home End too"),
    ("Enter, →", "one endpoint in full"),
    ("Esc, ←", "back; in the table: drop the filter"),
    (
        "s",
        "sort by busy, requests, errors, wait, app, total, name",
    ),
    ("S", "the other way round"),
    (
        "/",
        "show only endpoints whose names hold a text; Enter keeps it",
    ),
    ("f", "all findings"),
    ("p, Space", "let the picture stand still; counting goes on"),
    ("?, h", "this help"),
    ("q, Ctrl-C", "quit"),
    ("Ctrl-Z", "into the background"),
];

/// The help.
pub(super) fn lines(paint: Paint) -> Vec<Line<'static>> {
    let key = |(keys, what): &(&'static str, &'static str)| {
        Line::from(vec![
            Span::styled(format!("{keys:<12}"), paint.strong()),
            Span::raw(*what),
        ])
    };
    let mut lines: Vec<Line<'static>> = KEYS.iter().map(key).collect();
    lines.push(Line::default());
    for text in [
        "In flight and busy workers are means over the range: the sum of whole durations,",
        "or of busy time, a second. The bar divides the whole time into wait ▓, app █ and",
        "the rest ░. The trend is the mean duration over the range, the newest on the right.",
        "A range covers up to one step more than its name: 5 s, 15 s, 1 min, 5 min.",
    ] {
        lines.push(Line::styled(text, paint.faint()));
    }
    lines
}

/// The last line.
pub(super) fn foot(screen: &Screen, paint: Paint, width: u16) -> Line<'static> {
    let filter = || Untrusted::new(screen.filter.as_bytes()).for_terminal_within(40);
    if screen.typing {
        return Line::from(vec![
            Span::styled("filter: ", paint.strong()),
            Span::raw(filter()),
            Span::styled(" ", paint.chosen()),
        ]);
    }
    let order = format!(
        "by {}{}",
        screen.order.name(),
        if screen.reversed { ", reversed" } else { "" }
    );
    let text = match screen.view {
        View::Table if screen.filter.is_empty() => {
            format!(
                "{order}  s sort  / filter  Enter endpoint  f findings  p pause  ? help  q quit"
            )
        }
        View::Table => format!(
            "{order}, only {}   Esc all  / filter  Enter endpoint  q quit",
            filter()
        ),
        _ => "Esc back  ↑↓ scroll  1-5 range  p pause  ? help  q quit".to_owned(),
    };
    Line::styled(fit(&text, usize::from(width)), paint.faint())
}
