//! Bytes that strangers wrote: everything that comes from a log or a file name.
//!
//! [`Untrusted`] has no `Display`. A renderer asks for the text in the form of its own medium, and
//! only that form can be printed. Which medium is used where is the renderers' business.

use std::borrow::Cow;
use std::fmt::Write as _;

use base64::Engine as _;

/// Bytes from a log or a file name. Printing them takes one of the `for_…` methods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Untrusted<'a>(&'a [u8]);

impl<'a> Untrusted<'a> {
    /// Marks bytes as untrusted.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Untrusted(bytes)
    }

    /// For a terminal, a pipe or a CI log: every control, bidirectional, invisible and invalid
    /// byte is shown as `\xHH` or `\u{H}`, and nothing can start an escape sequence, a new line or
    /// a CI command (`::error::`, `##[group]`). Two different values never look the same: a
    /// backslash that could be mistaken for one of these escapes is doubled.
    #[must_use]
    pub fn for_terminal(self) -> String {
        let mut out = String::with_capacity(self.0.len());
        let mut after_blank = true;
        // The character before is the first of its word.
        let mut second = false;
        for chunk in self.0.utf8_chunks() {
            for c in chunk.valid().chars() {
                match c {
                    '\\' => out.push_str("\\\\"),
                    // The runners of CI services take `::cmd` at the start of a line and `##[cmd` or
                    // `##vso[` anywhere in it.
                    // A line may be wrapped at any blank.
                    ':' if out.ends_with(':') && second => out.push_str("\\x3a"),
                    '#' if out.ends_with('#') => out.push_str("\\x23"),
                    c if is_unsafe_to_show(c) => push_escaped(&mut out, c),
                    c => out.push(c),
                }
                second = after_blank;
                after_blank = c.is_whitespace();
            }
            for byte in chunk.invalid() {
                after_blank = false;
                let _ = write!(out, "\\x{byte:02x}");
            }
        }
        out
    }

    /// As [`Untrusted::for_terminal`], cut to at most `width` columns; what was cut is shown as `…`
    /// in the middle, because routes differ at both ends.
    #[must_use]
    pub fn for_terminal_within(self, width: usize) -> String {
        // Longer than that is never shown whole; it bounds the work for a line of a mebibyte.
        const ENOUGH: usize = 8 << 10;
        let shown = match self.0.len() {
            0..=ENOUGH => self.for_terminal(),
            _ => Untrusted(&self.0[..ENOUGH]).for_terminal() + "…",
        };
        fit(&shown, width)
    }

    /// For Markdown: ASCII punctuation becomes numeric character references, so that nothing is
    /// markup, a link, a mention or a table border.
    #[must_use]
    pub fn for_markdown(self) -> String {
        let mut out = String::new();
        for c in self.for_terminal().chars() {
            match c {
                // `www.` alone makes a link in GitHub's dialect.
                '.' if out.len() >= 3
                    && out.as_bytes()[out.len() - 3..].eq_ignore_ascii_case(b"www") =>
                {
                    out.push_str("&#46;");
                }
                // These are plain wherever they stand, and most routes hold nothing else.
                '/' | '-' | '.' | ',' | ' ' => out.push(c),
                c if c.is_ascii_punctuation() => {
                    let _ = write!(out, "&#{};", c as u32);
                }
                c => out.push(c),
            }
        }
        // A list marker or a heading is one only at the start of a line, a dash too.
        match out.strip_prefix('-') {
            Some(rest) => format!("&#45;{rest}"),
            None => out,
        }
    }

    /// For a text cell of a CSV file: readable as UTF-8 (see [`Untrusted::for_json`]), and guarded
    /// by a leading `'` where a spreadsheet would take the cell for a formula (OWASP, "CSV
    /// Injection").
    #[must_use]
    pub fn for_csv(self) -> String {
        let text = self.for_json();
        match text.chars().next() {
            Some(
                '=' | '+' | '-' | '@' | '\t' | '\r' | '\n' | '\0' | '\'' | '＝' | '＋' | '－'
                | '＠',
            ) => format!("'{text}"),
            _ => text.into_owned(),
        }
    }

    /// For JSON: the text where it is UTF-8; otherwise with U+FFFD in place of what is not (then
    /// [`Untrusted::base64_if_lossy`] gives the bytes).
    #[must_use]
    pub fn for_json(self) -> Cow<'a, str> {
        String::from_utf8_lossy(self.0)
    }

    /// For the value of a label in OpenMetrics text, between its quotes: what the format escapes, and
    /// U+FFFD in place of what is no UTF-8.
    #[must_use]
    pub fn for_label(self) -> String {
        let mut out = String::with_capacity(self.0.len());
        for c in self.for_json().chars() {
            match c {
                '\\' => out.push_str("\\\\"),
                '"' => out.push_str("\\\""),
                '\n' => out.push_str("\\n"),
                c if is_unsafe_to_show(c) => push_escaped(&mut out, c),
                c => out.push(c),
            }
        }
        out
    }

    /// For the tag of a line of an HdrHistogram log: what is no letter, digit or one of `/:._~-` is
    /// percent-encoded, so that no comma, blank or end of line is left.
    #[must_use]
    pub fn for_tag(self) -> String {
        let mut out = String::with_capacity(self.0.len());
        for byte in self.0 {
            if byte.is_ascii_alphanumeric() || b"/:._~-".contains(byte) {
                out.push(char::from(*byte));
            } else {
                // OK because write! to a String cannot fail.
                let _ = write!(out, "%{byte:02X}");
            }
        }
        out
    }

    /// The bytes in base64, where [`Untrusted::for_json`] loses some.
    #[must_use]
    pub fn base64_if_lossy(self) -> Option<String> {
        std::str::from_utf8(self.0)
            .err()
            .map(|_| base64::engine::general_purpose::STANDARD.encode(self.0))
    }
}

fn push_escaped(out: &mut String, c: char) {
    // OK because write! to a String cannot fail.
    let _ = match u32::from(c) {
        n @ 0..=0x7f => write!(out, "\\x{n:02x}"),
        n => write!(out, "\\u{{{n:x}}}"),
    };
}

/// Control characters, and the format characters of Unicode that reorder or hide text (general
/// categories Cc, Cf, Zl, Zp, plus the fillers and variation selectors that show nothing).
fn is_unsafe_to_show(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{890}'..='\u{891}'
            | '\u{8e2}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}'
            | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
        // A character without width would sit on its neighbour (stacked marks).
        || unicode_width::UnicodeWidthChar::width(c) == Some(0)
}

/// Cuts text to `width` columns, with `…` in place of its middle. Only for text without control
/// characters.
#[must_use]
pub fn fit(text: &str, width: usize) -> String {
    use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};
    if text.width() <= width {
        return text.to_owned();
    }
    let Some(room) = width.checked_sub(1) else {
        return String::new();
    };
    let take = |chars: &mut dyn Iterator<Item = char>, room: usize| -> Vec<char> {
        let mut used = 0;
        chars
            .take_while(|c| {
                used += c.width().unwrap_or(0);
                used <= room
            })
            .collect()
    };
    let head = take(&mut text.chars(), room - room / 2);
    let tail = take(&mut text.chars().rev(), room / 2);
    head.into_iter()
        .chain(['…'])
        .chain(tail.into_iter().rev())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_and_tags_do_not_end_early() {
        let label = |bytes: &[u8]| Untrusted::new(bytes).for_label();
        assert_eq!(label(b"/a/:id"), "/a/:id");
        assert_eq!(label(b"a\"b\\c\nd"), "a\\\"b\\\\c\\nd");
        assert_eq!(label(b"\xff"), "\u{fffd}");
        let tag = |bytes: &[u8]| Untrusted::new(bytes).for_tag();
        assert_eq!(tag(b"/a/:id"), "/a/:id");
        assert_eq!(tag(b"a,b c\n%"), "a%2Cb%20c%0A%25");
    }

    #[test]
    fn nothing_reaches_a_terminal_unescaped() {
        let rows: &[(&[u8], &str)] = &[
            (b"/plain/path", "/plain/path"),
            (b"\x1b[31m", "\\x1b[31m"),
            (b"a\r\nb\tc\0", "a\\x0d\\x0ab\\x09c\\x00"),
            (b"\x9b31m", "\\x9b31m"),
            ("\u{9b}31m".as_bytes(), "\\u{9b}31m"),
            ("a\u{202e}b".as_bytes(), "a\\u{202e}b"),
            ("é日本".as_bytes(), "é日本"),
            (b"\\x1b", "\\\\x1b"),
            (b"::error::x", ":\\x3aerror::x"),
            (b"  ::error::x", "  :\\x3aerror::x"),
            (b"a ::error::x", "a :\\x3aerror::x"),
            (b"0.1 : 0.2", "0.1 : 0.2"),
            (b"##[group]##", "#\\x23[group]#\\x23"),
            (b"\xff\xfe", "\\xff\\xfe"),
        ];
        for (bytes, text) in rows {
            assert_eq!(Untrusted::new(bytes).for_terminal(), *text);
        }
    }

    #[test]
    fn formulas_are_guarded() {
        for bad in ["=1+1", "+1", "-1", "@x", "\t=1", "'x"] {
            assert!(
                Untrusted::new(bad.as_bytes()).for_csv().starts_with('\''),
                "{bad}"
            );
        }
        assert_eq!(Untrusted::new(b"/a,b").for_csv(), "/a,b");
    }

    #[test]
    fn markdown_holds_no_markup() {
        assert_eq!(Untrusted::new(b"/a|b").for_markdown(), "/a&#124;b");
        assert_eq!(
            Untrusted::new(b"wWw.example.com").for_markdown(),
            "wWw&#46;example.com"
        );
        assert_eq!(
            Untrusted::new(b"@user #1 [x](y)").for_markdown(),
            "&#64;user &#35;1 &#91;x&#93;&#40;y&#41;"
        );
    }

    #[test]
    fn lossy_text_keeps_its_bytes() {
        let bad = Untrusted::new(b"/\xff");
        assert_eq!(bad.for_json(), "/\u{fffd}");
        assert_eq!(bad.base64_if_lossy().as_deref(), Some("L/8="));
        assert_eq!(Untrusted::new(b"/a").base64_if_lossy(), None);
    }

    #[test]
    fn cutting_keeps_both_ends() {
        assert_eq!(fit("/api/users/:id/orders", 12), "/api/u…rders");
        assert_eq!(fit("abc", 3), "abc");
        assert_eq!(fit("日本語", 4), "日…");
        assert_eq!(fit("abc", 0), "");
    }
}
