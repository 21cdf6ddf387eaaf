//! Frames as they are drawn, cell by cell, against those in `tests/frames/`. `UPDATE_GOLDEN=1` writes
//! them anew; then the diff of git is what is to be looked at.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::{Paint, draw};
use crate::detection::Format;
use crate::diagnosis::{Diagnosis, Finding, Grounds, Kind, Prose, Severity};
use crate::grammar::{Escape, Names, compile};
use crate::input::{Block, Followed, Interrupt, Pipe, Source};
use crate::live::{Condition, Intake, Picture, Range, Screen, Then, View};
use crate::stamp::Stamp;
use crate::summary::Question;
use crate::unit::Micros;

fn question() -> Question {
    Question {
        memory: Question::MEMORY,
        examples: 3,
        ..Question::default()
    }
}

fn sample(intake: &mut Intake<'_>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/saturated-pool.log.gz");
    let interrupt = Arc::new(Interrupt::never());
    let mut pipe = Pipe::open(&Source::File(path), &interrupt).unwrap();
    let mut block = Block::default();
    loop {
        let more = pipe.read(&mut block).unwrap();
        intake.block(&block, Instant::now(), Stamp(0));
        if !more {
            intake.ranges.stop();
            return;
        }
    }
}

fn finding(title: Prose) -> Diagnosis {
    Diagnosis {
        findings: vec![Finding {
            kind: Kind::Saturation,
            severity: Severity::Critical,
            grounds: Grounds::Measured,
            title,
            detail: vec![Prose::new(
                "Requests waited up to 217 s for one of 16 workers.",
            )],
            from: None,
            until: None,
            endpoints: Vec::new(),
            subject: None,
            evidence: Vec::new(),
            examples: Vec::new(),
            advice: Prose::new("Look at the three endpoints that hold the workers."),
            explains: Micros(1),
        }],
        ..Diagnosis::default()
    }
}

/// A screen over a picture, worked by keys.
struct Shown<'q> {
    intake: Intake<'q>,
    question: &'q Question,
    screen: Screen,
    condition: Condition,
    diagnosis: Diagnosis,
}

impl Shown<'_> {
    fn picture(&mut self) -> Picture {
        let mut picture = Picture::of(
            &mut self.intake,
            self.question,
            (b"access.log", &self.condition),
            self.screen.range,
            self.screen.shown(),
            Instant::now(),
        );
        // Which rules there are is not what is looked at here.
        picture.diagnosis = self.diagnosis.clone();
        picture
    }

    fn keys(&mut self, keys: &[KeyCode]) -> Then {
        let mut then = Then::Wait;
        for key in keys {
            let picture = self.picture();
            then = self
                .screen
                .key(KeyEvent::new(*key, KeyModifiers::NONE), &picture);
        }
        then
    }

    fn frame(&mut self, width: u16, height: u16) -> String {
        let picture = self.picture();
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal
            .draw(|frame| draw(frame, &self.screen, &picture, Paint { color: true }))
            .unwrap();
        let buffer = terminal.backend().buffer();
        let mut text = String::new();
        for y in 0..height {
            let row: String = (0..width).map(|x| buffer[(x, y)].symbol()).collect();
            text.push_str(row.trim_end());
            text.push('\n');
        }
        text
    }

    fn is_drawn(&mut self, name: &str, width: u16, height: u16) {
        let frame = self.frame(width, height);
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/frames/{name}.txt"));
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &frame).unwrap();
        }
        let want = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(frame == want, "{name} is drawn as\n{frame}");
    }
}

fn shown<'q>(question: &'q Question, format: &'q Format) -> Shown<'q> {
    Shown {
        intake: Intake::new(question, format, None),
        question,
        screen: Screen::new(Range::All),
        condition: Condition::default(),
        diagnosis: Diagnosis::default(),
    }
}

#[test]
fn every_view_is_drawn_as_before() {
    use KeyCode::{Char, Down, Enter, Esc};
    let (question, format) = (question(), Format::Detect(Vec::new()));
    let mut shown = shown(&question, &format);
    shown.is_drawn("empty_80x24", 80, 24);
    sample(&mut shown.intake);
    shown.condition.ended = true;
    shown.is_drawn("table_80x24", 80, 24);
    shown.is_drawn("table_140x30", 140, 30);
    shown.diagnosis = finding(
        Prose::new("The pool of ")
            .log(b"10.0.0.1:80\x1b[2J")
            .words(" was full"),
    );
    shown.condition.followed = Followed {
        rotations: 2,
        truncations: 1,
        cut: 1,
    };
    shown.is_drawn("finding_80x24", 80, 24);
    shown.keys(&[Char('f')]);
    shown.is_drawn("findings_80x24", 80, 24);
    shown.keys(&[Char('?')]);
    shown.is_drawn("help_80x24", 80, 24);
    shown.keys(&[Esc, Down, Down, Enter]);
    shown.is_drawn("endpoint_80x24", 80, 24);
    shown.is_drawn("endpoint_120x40", 120, 40);
    shown.keys(&[Esc, Char('/'), Char('u'), Char('s'), Char('e'), Char('r')]);
    shown.is_drawn("filter_80x24", 80, 24);
    shown.keys(&[Enter, Char('s'), Char('p'), Char('3')]);
    shown.is_drawn("paused_80x24", 80, 24);
}

#[test]
fn every_size_is_drawn() {
    let (question, format) = (question(), Format::Detect(Vec::new()));
    let mut shown = shown(&question, &format);
    sample(&mut shown.intake);
    shown.keys(&[KeyCode::Down]);
    for view in [View::Table, View::Endpoint, View::Findings, View::Help] {
        shown.screen.view = view;
        for (width, height) in [(1, 1), (2, 3), (20, 5), (39, 10), (400, 100)] {
            shown.frame(width, height);
        }
    }
}

#[test]
fn keys_do_what_the_help_says() {
    use KeyCode::{Char, Down, End, Enter, Esc, Home, PageDown, Tab, Up};
    let (question, format) = (question(), Format::Detect(Vec::new()));
    let mut shown = shown(&question, &format);
    sample(&mut shown.intake);
    let at = |shown: &mut Shown<'_>| {
        let picture = shown.picture();
        let rows = shown.screen.rows(&picture);
        shown.screen.selected(&rows, &picture)
    };
    for (key, row) in [
        (Down, 1),
        (Down, 2),
        (Up, 1),
        (PageDown, 11),
        (End, 19),
        (Down, 19),
        (Home, 0),
    ] {
        shown.keys(&[key]);
        assert_eq!(at(&mut shown), row, "{key}");
    }
    // The cursor stays on its endpoint when the order changes.
    shown.keys(&[Down]);
    let before = shown.screen.cursor.clone();
    shown.keys(&[Char('s'), Char('S')]);
    assert_eq!(shown.screen.cursor, before);
    assert_ne!(at(&mut shown), 1);
    shown.keys(&[Tab]);
    assert_eq!(shown.screen.range, Range::Minute);
    assert_eq!(shown.keys(&[Char('5')]), Then::Look);
    assert_eq!(
        (shown.keys(&[Enter]), shown.screen.view),
        (Then::Look, View::Endpoint)
    );
    assert_eq!(
        (shown.keys(&[Esc]), shown.screen.view),
        (Then::Look, View::Table)
    );
    shown.keys(&[Char('/'), Char('q')]);
    assert_eq!(
        (shown.screen.filter.as_str(), shown.screen.typing),
        ("q", true)
    );
    shown.keys(&[Esc]);
    assert_eq!(shown.screen.filter, "");
    assert_eq!(shown.keys(&[Char('q')]), Then::Quit);
    let control = |c| KeyEvent::new(Char(c), KeyModifiers::CONTROL);
    let picture = shown.picture();
    assert_eq!(shown.screen.key(control('c'), &picture), Then::Interrupt);
    assert_eq!(shown.screen.key(control('z'), &picture), Then::Suspend);
}

#[test]
fn nothing_hidden_reaches_a_cell() {
    let definition = "$msec $method $path $status $total_s";
    let format = Format::Given(compile("test", definition, Escape::None, Names::Checked).unwrap());
    let question = question();
    let mut shown = shown(&question, &format);
    let names = [
        "\x1b[2Jx",
        "\u{9b}31mx",
        "\u{202e}x",
        "a\u{200b}b",
        "e\u{301}\u{301}\u{301}x",
        "日本\u{fe0f}語",
        "\u{e0041}x",
        "\x07x",
        "\r\rx",
        "\u{2066}x",
    ];
    let log: String = names
        .iter()
        .map(|name| format!("1700000100.000 GET /{name}/Zq 200 0.1\n"))
        .collect();
    shown.intake.lines(log.as_bytes(), Instant::now(), Stamp(0));
    shown.condition.trouble = Some("bad\x1b[2J\u{202e}".to_owned());
    for view in [View::Table, View::Endpoint] {
        shown.keys(&[KeyCode::Down]);
        shown.screen.view = view;
        let frame = shown.frame(120, 30);
        let hidden = |c: &char| {
            *c != '\n'
                && (c.is_control()
                    || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
                        | '\u{301}' | '\u{fe0f}' | '\u{e0000}'..='\u{e0fff}'))
        };
        assert_eq!(frame.chars().find(hidden), None, "{frame}");
    }
}
