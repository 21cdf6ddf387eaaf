//! A picture as a frame: the head, then what the screen shows, then the keys. Reads no log, changes
//! nothing.

mod endpoint;
#[cfg(test)]
mod frames;
mod head;
mod help;
mod paint;
mod table;

pub use paint::Paint;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::Line;
use ratatui::widgets::Paragraph;

use super::{Picture, Screen, View};

/// Draws a frame.
pub fn draw(frame: &mut Frame<'_>, screen: &Screen, picture: &Picture, paint: Paint) {
    let width = frame.area().width;
    let head = head::lines(screen, picture, paint, width);
    // OK because the head has a few lines.
    let areas = Layout::vertical([
        Constraint::Length(head.len() as u16),
        Constraint::Min(1),
        Constraint::Length(1),
    ])
    .split(frame.area());
    let (top, middle, bottom) = (areas[0], areas[1], areas[2]);
    frame.render_widget(Paragraph::new(head), top);
    match screen.view {
        View::Table => table::draw(frame, middle, screen, picture, paint),
        View::Endpoint => scrolled(
            frame,
            middle,
            screen,
            endpoint::lines(picture, paint, width),
        ),
        View::Findings => scrolled(frame, middle, screen, head::findings(picture, paint, width)),
        View::Help => scrolled(frame, middle, screen, help::lines(paint)),
    }
    frame.render_widget(Paragraph::new(help::foot(screen, paint, width)), bottom);
}

/// Lines that may be more than there is room for.
fn scrolled(frame: &mut Frame<'_>, area: Rect, screen: &Screen, lines: Vec<Line<'static>>) {
    let last = u16::try_from(lines.len())
        .unwrap_or(u16::MAX)
        .saturating_sub(area.height);
    frame.render_widget(
        Paragraph::new(lines).scroll((screen.scroll.min(last), 0)),
        area,
    );
}
