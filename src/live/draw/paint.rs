//! The colours of the screen, and what stands for them where there are none.

use ratatui::style::{Color, Modifier, Style};

use crate::diagnosis::Severity;

/// Whether colours are used. The frames say the same without them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paint {
    /// Whether colours are used.
    pub color: bool,
}

impl Paint {
    fn color(self, color: Color) -> Style {
        if self.color {
            Style::new().fg(color)
        } else {
            Style::new()
        }
    }

    /// Waiting.
    #[must_use]
    pub fn wait(self) -> Style {
        self.color(Color::Yellow)
    }

    /// Working.
    #[must_use]
    pub fn work(self) -> Style {
        self.color(Color::Cyan)
    }

    /// What is beside the point.
    #[must_use]
    pub fn faint(self) -> Style {
        self.color(Color::DarkGray)
    }

    /// What is wrong.
    #[must_use]
    pub fn bad(self) -> Style {
        self.color(Color::Red).add_modifier(Modifier::BOLD)
    }

    /// Headings.
    #[must_use]
    pub fn strong(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// What is chosen.
    #[must_use]
    pub fn chosen(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    /// The row under the cursor, whose cells keep their colours.
    #[must_use]
    pub fn row(self) -> Style {
        if self.color {
            Style::new().bg(Color::Indexed(237))
        } else {
            self.chosen()
        }
    }

    /// A finding.
    #[must_use]
    pub fn severity(self, severity: Severity) -> Style {
        match severity {
            Severity::Critical => self.bad(),
            Severity::Warning => self.color(Color::Yellow).add_modifier(Modifier::BOLD),
            Severity::Info => self.strong(),
        }
    }
}
