//! The table of endpoints.

use ratatui::Frame;
use ratatui::layout::{Alignment, Constraint, Rect};
use ratatui::text::{Line, Span, Text};
use ratatui::widgets::{Cell, Row, Table, TableState};

use super::Paint;
use super::head::rate;
use crate::live::screen::work;
use crate::live::{Picture, Screen};
use crate::phases::Phase;
use crate::report::endpoint_name;
use crate::summary::Endpoint;
use crate::unit::{self, Quantile};

/// A column: its heading, its width, and from which width of the screen on it is there.
struct Column {
    heading: &'static str,
    width: u16,
    from: u16,
    cell: fn(&Endpoint, &Picture, Paint) -> Line<'static>,
}

const COLUMNS: &[Column] = &[
    Column {
        heading: "req/s",
        width: 7,
        from: 0,
        cell: |endpoint, picture, _| {
            Line::raw(rate(picture.per_second(endpoint.requests))).alignment(Alignment::Right)
        },
    },
    Column {
        heading: "busy",
        width: 6,
        from: 50,
        cell: |endpoint, picture, _| {
            let share = unit::share(endpoint.busy.0, picture.summary.totals.busy.0.max(1));
            Line::raw(share).alignment(Alignment::Right)
        },
    },
    Column {
        heading: "errors",
        width: 6,
        from: 60,
        cell: |endpoint, _, paint| {
            let style = if endpoint.errors_5xx > 0 {
                paint.bad()
            } else {
                paint.faint()
            };
            Line::styled(unit::count(endpoint.errors()), style).alignment(Alignment::Right)
        },
    },
    Column {
        heading: "wait p95",
        width: 8,
        from: 72,
        cell: |endpoint, _, paint| p95(endpoint, Some(Phase::Wait), paint.wait()),
    },
    Column {
        heading: "app p95",
        width: 8,
        from: 40,
        cell: |endpoint, _, paint| p95(endpoint, work(endpoint), paint.work()),
    },
    Column {
        heading: "total p95",
        width: 9,
        from: 96,
        cell: |endpoint, _, _| p95(endpoint, Some(Phase::Total), ratatui::style::Style::new()),
    },
    Column {
        heading: "wait▓ app█",
        width: 10,
        from: 80,
        cell: bar,
    },
];

/// The narrowest column of names.
const NAME: u16 = 16;
/// From this width of the screen on there is a trend.
const TREND_FROM: u16 = 112;
const TREND: u16 = 21;

pub(super) fn draw(
    frame: &mut Frame<'_>,
    area: Rect,
    screen: &Screen,
    picture: &Picture,
    paint: Paint,
) {
    let columns: Vec<&Column> = COLUMNS
        .iter()
        .filter(|column| area.width >= column.from)
        .collect();
    let with_trend = area.width >= TREND_FROM;
    let taken: u16 = columns.iter().map(|column| column.width + 1).sum();
    let trend = if with_trend { TREND + 1 } else { 0 };
    let name_width = area
        .width
        .saturating_sub(taken + trend)
        .max(NAME.min(area.width));
    let rows = screen.rows(picture);
    let work_name = picture.summary.totals.phase(Phase::App).map_or_else(
        || work(&picture.summary.totals).map_or("app", Phase::name),
        |_| "app",
    );
    let heading = |column: &&Column| {
        let text = match column.heading {
            "app p95" => format!("{work_name} p95"),
            heading => heading.to_owned(),
        };
        let side = if column.width == 10 {
            Alignment::Left
        } else {
            Alignment::Right
        };
        Cell::from(Text::from(Line::raw(text).alignment(side)))
    };
    let mut heads = vec![Cell::from(format!("endpoint ({})", rows.len()))];
    heads.extend(columns.iter().map(heading));
    if with_trend {
        heads.push(Cell::from("mean over time"));
    }
    let line = |at: &usize| {
        let endpoint = &picture.summary.endpoints[*at];
        let room = usize::from(name_width);
        let name = crate::untrusted::fit(
            &endpoint_name(endpoint, |text| text.for_terminal_within(300)),
            room,
        );
        let mut cells = vec![Cell::from(name)];
        cells.extend(
            columns
                .iter()
                .map(|column| Cell::from((column.cell)(endpoint, picture, paint))),
        );
        if with_trend {
            let trend = picture.trends.get(*at).map_or(&[][..], Vec::as_slice);
            cells.push(Cell::from(sparkline(trend)));
        }
        Row::new(cells)
    };
    let mut widths = vec![Constraint::Length(name_width)];
    widths.extend(
        columns
            .iter()
            .map(|column| Constraint::Length(column.width)),
    );
    if with_trend {
        widths.push(Constraint::Length(TREND));
    }
    let table = Table::new(rows.iter().map(line), widths)
        .column_spacing(1)
        .header(Row::new(heads).style(paint.strong()))
        .row_highlight_style(paint.row());
    let mut state = TableState::new();
    if !rows.is_empty() {
        state.select(Some(screen.selected(&rows, picture)));
    }
    frame.render_stateful_widget(table, area, &mut state);
}

fn p95(endpoint: &Endpoint, phase: Option<Phase>, style: ratatui::style::Style) -> Line<'static> {
    let distribution = phase.and_then(|phase| endpoint.phase(phase));
    let text = distribution.map_or_else(
        || "-".to_owned(),
        |distribution| {
            let quantile = distribution.quantile(Quantile::percent(95));
            let mark = if quantile.at_least { "≥" } else { "" };
            format!("{mark}{}", quantile.value)
        },
    );
    Line::styled(text, style).alignment(Alignment::Right)
}

/// Ten cells: wait, work and the rest of the whole time. Ends are rounded rather than lengths, so that
/// there are always ten.
fn bar(endpoint: &Endpoint, _: &Picture, paint: Paint) -> Line<'static> {
    const CELLS: u128 = 10;
    let sum = |phase| endpoint.phase(phase).map_or(0, |d| d.sum.0);
    let total = sum(Phase::Total);
    if total == 0 {
        return Line::default();
    }
    // Only with app time is there a wait to be told from it.
    let with_app = endpoint.phase(Phase::App).is_some();
    let wait = if with_app { sum(Phase::Wait) } else { 0 };
    let worked = work(endpoint).map_or(0, sum);
    let end = |us: u64| {
        let us = u128::from(us.min(total));
        // OK because it is at most ten.
        ((us * CELLS + u128::from(total) / 2) / u128::from(total)) as usize
    };
    let (wait_end, work_end) = (end(wait), end(wait.saturating_add(worked)));
    Line::from(vec![
        Span::styled("▓".repeat(wait_end), paint.wait()),
        Span::styled("█".repeat(work_end - wait_end), paint.work()),
        Span::styled("░".repeat(CELLS as usize - work_end), paint.faint()),
    ])
}

/// Values as a line of bars, each as high as its share of the largest.
fn sparkline(values: &[Option<u64>]) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let most = values.iter().flatten().copied().max().unwrap_or(0).max(1);
    let bar = |value: &Option<u64>| match value {
        None => ' ',
        // OK because value <= most, so the index is below 8.
        Some(value) => {
            BARS[(u128::from(*value) * 8)
                .div_ceil(u128::from(most))
                .saturating_sub(1) as usize]
        }
    };
    values.iter().map(bar).collect()
}
