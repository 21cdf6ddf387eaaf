//! What a person has chosen to see, and what each key does. Drawing is elsewhere, so is the terminal.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::{Picture, Range};
use crate::phases::Phase;
use crate::report::endpoint_name;
use crate::summary::{Endpoint, Shown};
use crate::unit::Quantile;

/// What fills the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// The table of endpoints.
    Table,
    /// One endpoint in full.
    Endpoint,
    /// All findings.
    Findings,
    /// The keys.
    Help,
}

/// By what the table is sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Busy time.
    Busy,
    /// Requests.
    Requests,
    /// Errors.
    Errors,
    /// The 95th percentile of wait.
    Wait,
    /// That of app or what is known in its place.
    Work,
    /// That of the whole duration.
    Total,
    /// By name, from A to Z.
    Name,
}

impl Order {
    /// All of them, as `s` goes through them.
    pub const ALL: [Order; 7] = [
        Order::Busy,
        Order::Requests,
        Order::Errors,
        Order::Wait,
        Order::Work,
        Order::Total,
        Order::Name,
    ];

    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Order::Busy => "busy",
            Order::Requests => "requests",
            Order::Errors => "errors",
            Order::Wait => "wait",
            Order::Work => "app",
            Order::Total => "total",
            Order::Name => "name",
        }
    }

    fn key(self, endpoint: &Endpoint) -> u64 {
        let p95 = |phase| {
            endpoint
                .phase(phase)
                .map(|d| d.quantile(Quantile::percent(95)).value.0)
        };
        match self {
            Order::Busy => endpoint.busy.0,
            Order::Requests => endpoint.requests,
            Order::Errors => endpoint.errors(),
            Order::Wait => p95(Phase::Wait).unwrap_or(0),
            Order::Work => work(endpoint).and_then(p95).unwrap_or(0),
            Order::Total => p95(Phase::Total).unwrap_or(0),
            Order::Name => 0,
        }
    }
}

/// The phase of an endpoint that is nearest to the application's own time.
#[must_use]
pub fn work(endpoint: &Endpoint) -> Option<Phase> {
    [Phase::App, Phase::Server, Phase::Upstream]
        .into_iter()
        .find(|phase| endpoint.phase(*phase).is_some())
}

/// What comes of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// Nothing: no key came.
    Wait,
    /// Nothing more than another frame.
    Draw,
    /// The picture is to be made anew: another range or endpoint.
    Look,
    /// The end.
    Quit,
    /// The end, as by a signal.
    Interrupt,
    /// The end: there is no terminal any more.
    Leave,
    /// The program is to be put into the background.
    Suspend,
}

/// The state of the screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Screen {
    /// What fills it.
    pub view: View,
    /// The range of time.
    pub range: Range,
    /// The order of the table.
    pub order: Order,
    /// The other way round.
    pub reversed: bool,
    /// Only endpoints whose names hold this.
    pub filter: String,
    /// The filter is being typed.
    pub typing: bool,
    /// The picture stands still.
    pub paused: bool,
    /// The endpoint under the cursor; it stays under it when the order changes.
    pub cursor: Option<Shown>,
    /// The first line of a long view.
    pub scroll: u16,
}

/// Lines that a page key moves.
const PAGE: usize = 10;

impl Screen {
    /// The table over this range.
    #[must_use]
    pub fn new(range: Range) -> Self {
        Screen {
            view: View::Table,
            range,
            order: Order::Busy,
            reversed: false,
            filter: String::new(),
            typing: false,
            paused: false,
            cursor: None,
            scroll: 0,
        }
    }

    /// The endpoint whose picture is needed.
    #[must_use]
    pub fn shown(&self) -> Option<&Shown> {
        self.cursor.as_ref().filter(|_| self.view == View::Endpoint)
    }

    /// The places of the endpoints in the table, in its order.
    #[must_use]
    pub fn rows(&self, picture: &Picture) -> Vec<usize> {
        let endpoints = &picture.summary.endpoints;
        let wanted = self.filter.to_lowercase();
        let mut rows: Vec<usize> = (0..endpoints.len())
            .filter(|at| {
                let name = endpoint_name(&endpoints[*at], |text| text.for_terminal());
                wanted.is_empty() || name.to_lowercase().contains(&wanted)
            })
            .collect();
        // A stable sort: among equals the order of the summary holds.
        match self.order {
            Order::Name => rows.sort_by(|a, b| {
                let key = |at: usize| (&endpoints[at].route, &endpoints[at].method);
                key(*a).cmp(&key(*b))
            }),
            order => rows.sort_by_key(|at| std::cmp::Reverse(order.key(&endpoints[*at]))),
        }
        if self.reversed {
            rows.reverse();
        }
        rows
    }

    /// The row under the cursor; the first where its endpoint is gone.
    #[must_use]
    pub fn selected(&self, rows: &[usize], picture: &Picture) -> usize {
        let is = |at: &usize| {
            let endpoint = &picture.summary.endpoints[*at];
            let named = |cursor: &Shown| cursor.is(&endpoint.method, &endpoint.route);
            self.cursor.as_ref().is_some_and(named)
        };
        rows.iter().position(is).unwrap_or(0)
    }

    /// Does what a key says.
    pub fn key(&mut self, key: KeyEvent, picture: &Picture) -> Then {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Char('c') if control => return Then::Interrupt,
            KeyCode::Char('z') if control => return Then::Suspend,
            _ if self.typing => return self.type_filter(key.code),
            _ => {}
        }
        match key.code {
            KeyCode::Char('q') => return Then::Quit,
            KeyCode::Esc | KeyCode::Backspace | KeyCode::Left => return self.back(),
            KeyCode::Char('?' | 'h') => self.show(View::Help),
            KeyCode::Char('f') => self.show(View::Findings),
            KeyCode::Char('p' | ' ') => {
                self.paused = !self.paused;
                return Then::Look;
            }
            KeyCode::Char(digit @ '1'..='5') => {
                // OK because the digit is one of five.
                self.range = Range::ALL[digit as usize - '1' as usize];
                return Then::Look;
            }
            KeyCode::Tab => {
                let at = Range::ALL.iter().position(|range| *range == self.range);
                let next = at.map_or(0, |at| (at + 1) % Range::ALL.len());
                self.range = Range::ALL[next];
                return Then::Look;
            }
            _ if self.view == View::Table => return self.table_key(key.code, picture),
            KeyCode::Down | KeyCode::Char('j') => self.scroll = self.scroll.saturating_add(1),
            KeyCode::Up | KeyCode::Char('k') => self.scroll = self.scroll.saturating_sub(1),
            KeyCode::PageDown => self.scroll = self.scroll.saturating_add(PAGE as u16),
            KeyCode::PageUp => self.scroll = self.scroll.saturating_sub(PAGE as u16),
            KeyCode::Home => self.scroll = 0,
            _ => {}
        }
        Then::Draw
    }

    fn table_key(&mut self, code: KeyCode, picture: &Picture) -> Then {
        match code {
            KeyCode::Char('/') => self.typing = true,
            KeyCode::Char('s') => {
                let at = Order::ALL.iter().position(|order| *order == self.order);
                self.order = Order::ALL[at.map_or(0, |at| (at + 1) % Order::ALL.len())];
            }
            KeyCode::Char('S') => self.reversed = !self.reversed,
            KeyCode::Down | KeyCode::Char('j') => self.go(picture, |at, _| at + 1),
            KeyCode::Up | KeyCode::Char('k') => self.go(picture, |at, _| at.saturating_sub(1)),
            KeyCode::PageDown => self.go(picture, |at, _| at + PAGE),
            KeyCode::PageUp => self.go(picture, |at, _| at.saturating_sub(PAGE)),
            KeyCode::Home | KeyCode::Char('g') => self.go(picture, |_, _| 0),
            KeyCode::End | KeyCode::Char('G') => self.go(picture, |_, last| last),
            KeyCode::Enter | KeyCode::Right => {
                self.go(picture, |at, _| at);
                if self.cursor.is_some() {
                    self.show(View::Endpoint);
                    return Then::Look;
                }
            }
            _ => {}
        }
        Then::Draw
    }

    /// Moves the cursor; `to` gets where it is and the last row.
    fn go(&mut self, picture: &Picture, to: impl Fn(usize, usize) -> usize) {
        let rows = self.rows(picture);
        let last = rows.len().saturating_sub(1);
        let at = to(self.selected(&rows, picture), last).min(last);
        self.cursor = rows
            .get(at)
            .map(|at| Shown::of(&picture.summary.endpoints[*at]));
    }

    fn show(&mut self, view: View) {
        self.view = if self.view == view { View::Table } else { view };
        self.scroll = 0;
    }

    /// One step back: from a view to the table, then to all endpoints.
    fn back(&mut self) -> Then {
        if self.view == View::Table {
            self.filter.clear();
        }
        self.view = View::Table;
        self.scroll = 0;
        Then::Look
    }

    fn type_filter(&mut self, code: KeyCode) -> Then {
        match code {
            KeyCode::Enter => self.typing = false,
            KeyCode::Esc => {
                self.typing = false;
                self.filter.clear();
            }
            KeyCode::Backspace => {
                self.filter.pop();
            }
            KeyCode::Char(c) if !c.is_control() => self.filter.push(c),
            _ => {}
        }
        Then::Draw
    }
}
