//! What a terminal, and the runner of a CI service that reads the same text, would do with it.

use proptest::prelude::*;
use slowpath::detection::detect;
use slowpath::report::{show, table};
use slowpath::untrusted::Untrusted;
use vte::{Params, Parser, Perform};

use super::{case, payload, plain};
use crate::entry::Bytes;

/// A terminal that takes note of everything but plain text and line ends.
#[derive(Default)]
pub struct Terminal {
    /// What it was told to do besides showing text.
    pub orders: Vec<String>,
    /// The text.
    shown: String,
}

impl Perform for Terminal {
    fn print(&mut self, c: char) {
        if is_hidden(c) {
            self.orders.push(format!("hide: {c:?}"));
        }
        self.shown.push(c);
    }

    fn execute(&mut self, byte: u8) {
        if byte == b'\n' {
            self.shown.push('\n');
        } else {
            self.orders.push(format!("execute {byte:#x}"));
        }
    }

    fn hook(&mut self, _: &Params, _: &[u8], _: bool, action: char) {
        self.orders.push(format!("device control {action:?}"));
    }

    fn osc_dispatch(&mut self, params: &[&[u8]], _: bool) {
        self.orders.push(format!("operating system {params:?}"));
    }

    fn csi_dispatch(&mut self, params: &Params, intermediates: &[u8], _: bool, action: char) {
        let params: Vec<&[u16]> = params.iter().collect();
        self.orders
            .push(format!("control {params:?} {intermediates:?} {action:?}"));
    }

    fn esc_dispatch(&mut self, intermediates: &[u8], _: bool, byte: u8) {
        self.orders
            .push(format!("escape {intermediates:?} {byte:#x}"));
    }
}

/// The colours that a table has: bold headings, and the three parts of a bar.
const COLOURS: [&str; 5] = [
    "control [[0]] [] 'm'",
    "control [[1]] [] 'm'",
    "control [[2]] [] 'm'",
    "control [[31]] [] 'm'",
    "control [[33]] [] 'm'",
];

/// Characters that reorder text, or that nobody sees.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// What a terminal does with a text. It must be ready for the next text behind it.
pub fn performed(text: &str) -> Terminal {
    let mut terminal = Terminal::default();
    Parser::new().advance(&mut terminal, format!("{text}\n$").as_bytes());
    assert!(
        terminal.shown.ends_with("\n$"),
        "the terminal is left in the middle of something"
    );
    terminal
}

/// Lines that a runner would take for commands. GitHub's passes over blanks before `::`, and takes
/// `##[` wherever it stands; Azure's takes `##vso[`.
pub fn commands(text: &str) -> Vec<&str> {
    let is_command = |line: &&str| {
        line.trim_start().starts_with("::") || line.contains("##[") || line.contains("##vso[")
    };
    text.lines().filter(is_command).collect()
}

/// The bytes that a shown text stands for: two backslashes are one, `\xHH` is a byte, `\u{H}` a
/// character.
fn undone(shown: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = shown;
    while let Some((plain, escape)) = rest.split_once('\\') {
        bytes.extend_from_slice(plain.as_bytes());
        rest = match escape.split_at(1) {
            ("\\", rest) => {
                bytes.push(b'\\');
                rest
            }
            ("x", rest) => {
                bytes.push(u8::from_str_radix(&rest[..2], 16).unwrap());
                &rest[2..]
            }
            ("u", rest) => {
                let (digits, rest) = rest[1..].split_once('}').unwrap();
                let c = char::from_u32(u32::from_str_radix(digits, 16).unwrap()).unwrap();
                bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                rest
            }
            other => panic!("{other:?} is no escape"),
        };
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes
}

/// Fails unless a text is nothing but text.
fn is_plain(text: &str) -> Result<(), TestCaseError> {
    let terminal = performed(text);
    prop_assert!(
        terminal.orders.is_empty(),
        "{:?} in {text:?}",
        terminal.orders
    );
    prop_assert!(commands(text).is_empty(), "{:?}", commands(text));
    Ok(())
}

proptest! {
    #![proptest_config(crate::cases(crate::CASES))]

    #[test]
    fn a_table_gives_a_terminal_no_orders(case in case(), quiet in any::<bool>()) {
        let render = |color| {
            let style = table::Style { width: case.width, color, quiet };
            table::render(&case.view(), style)
        };
        let plain = render(false);
        is_plain(&plain)?;
        let coloured = performed(&render(true));
        for order in &coloured.orders {
            prop_assert!(COLOURS.contains(&order.as_str()), "{order}");
        }
        // Colour is laid over the text and changes nothing of it.
        prop_assert_eq!(coloured.shown, performed(&plain).shown);
    }

    #[test]
    fn an_endpoint_in_full_gives_a_terminal_no_orders(case in case()) {
        let view = case.view();
        is_plain(&show::render(&case.summary, &view.rows, case.width))?;
        let slowest: Vec<_> = case.summary.slowest.iter().collect();
        is_plain(&show::requests(&slowest, case.width))?;
    }

    #[test]
    fn a_text_for_a_terminal_is_one_line_and_gives_no_orders(
        payload in payload(),
        width in 0..80_usize,
    ) {
        let text = Untrusted::new(&payload.0);
        for shown in [text.for_terminal(), text.for_terminal_within(width)] {
            is_plain(&shown)?;
            prop_assert!(!shown.contains('\n'));
        }
    }

    /// What is shown says what stood there, so two different values never look the same.
    #[test]
    fn a_text_for_a_terminal_can_be_undone(payload in payload()) {
        let shown = Untrusted::new(&payload.0).for_terminal();
        prop_assert_eq!(Bytes(undone(&shown)), payload);
    }

    #[test]
    fn a_message_about_a_strange_log_gives_a_terminal_no_orders(
        payloads in prop::collection::vec(payload(), 1..4),
    ) {
        let log: Vec<Vec<u8>> = payloads.into_iter().map(|payload| payload.0).collect();
        if let Err(undetected) = detect(&log.join(&b' ')) {
            is_plain(&undetected.to_string())?;
        }
    }
}

/// Where a line is broken for a narrow terminal, a word from its middle comes to stand in front.
#[test]
fn a_broken_line_begins_with_no_command() {
    let mut case = plain(b"logs of ::error::pwned and ##[error]pwned.log");
    for width in 1..100 {
        case.width = Some(width);
        let style = table::Style {
            width: case.width,
            color: false,
            quiet: false,
        };
        let shown = table::render(&case.view(), style);
        assert_eq!(commands(&shown), [""; 0], "at a width of {width}");
    }
}

#[test]
fn orders_and_commands_are_noticed() {
    assert_eq!(performed("a\x1b[31mb").orders, ["control [[31]] [] 'm'"]);
    assert_eq!(performed("\u{9b}").orders, ["execute 0x9b"]);
    assert_eq!(performed("a\rb").orders, ["execute 0xd"]);
    assert_eq!(performed("\u{202e}").orders, ["hide: '\\u{202e}'"]);
    assert_eq!(
        commands("a\n  ::error::x\nb ##[group]\n: :"),
        ["  ::error::x", "b ##[group]"]
    );
}
