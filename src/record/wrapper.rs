//! What programs that carry logs put around a line: syslog, container engines, journald. It is
//! peeled off before a grammar sees the line.
//!
//! | wrapper | looks like |
//! |---|---|
//! | syslog, RFC 3164 | `<190>Oct 10 13:55:36 host nginx: …`, with or without the priority and the host |
//! | syslog, RFC 5424 | `<190>1 2024-10-10T13:55:36Z host nginx 12 - - …` |
//! | with a new time stamp | `2024-10-10T13:55:36.1+02:00 host nginx[12]: …`: rsyslog's, journald's `short-iso`, Heroku's |
//! | CRI | `2024-10-10T13:55:36.123456789Z stdout F …`: containerd, CRI-O |
//! | kubectl | `2024-10-10T13:55:36.123456789Z …` (`--timestamps`), `[pod/web-1/app] …` (`--prefix`) |
//! | docker-compose | `web-1  \| …` |
//! | Docker's json-file | `{"log":"…\n","stream":"stdout","time":"…"}` |
//! | journald | `MESSAGE=…` (`-o export`), `{…"MESSAGE":"…"…}` (`-o json`) |
//!
//! One wrapper may hold another: `kubectl` prefixes CRI's lines.

use super::json;
use crate::stamp::{Stamp, StampForm};

/// A line out of its wrapper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peeled<'l> {
    /// The line as the server wrote it.
    pub line: &'l [u8],
    /// When the carrier got it, for servers that write no time themselves.
    pub stamp: Option<Stamp>,
}

/// Wrappers inside one another that are peeled.
const DEEPEST: usize = 3;

/// Peels whatever is around a line; `None` where nothing is. `scratch` holds the line where it was
/// escaped.
pub fn peel<'l>(line: &'l [u8], scratch: &'l mut Vec<u8>) -> Option<Peeled<'l>> {
    if let Some((text, stamp)) = of_json(line) {
        unescape(text, scratch);
        return Some(Peeled {
            line: scratch.strip_suffix(b"\n").unwrap_or(scratch),
            stamp,
        });
    }
    let mut peeled = Peeled { line, stamp: None };
    for _ in 0..DEEPEST {
        let Some(inner) = prefix(peeled.line) else {
            break;
        };
        peeled = Peeled {
            line: inner.line,
            stamp: peeled.stamp.or(inner.stamp),
        };
    }
    (peeled.line.len() < line.len()).then_some(peeled)
}

/// One prefix.
fn prefix(line: &[u8]) -> Option<Peeled<'_>> {
    match line.first()? {
        b'<' => syslog(line),
        b'[' => Some(Peeled {
            line: line
                .strip_prefix(b"[pod/")
                .and_then(|rest| after(rest, b"] "))?,
            stamp: None,
        }),
        b'0'..=b'9' => stamped(line).or_else(|| compose(line)),
        b'M' if line.starts_with(b"MESSAGE=") => Some(Peeled {
            line: line.get(8..)?,
            stamp: None,
        }),
        b'A'..=b'Z' | b'a'..=b'z' => bsd(line).or_else(|| compose(line)),
        _ => None,
    }
}

/// `<190>` and what either RFC has behind it.
fn syslog(line: &[u8]) -> Option<Peeled<'_>> {
    let end = line.iter().take(5).position(|byte| *byte == b'>')?;
    let (priority, rest) = (line.get(1..end)?, line.get(end + 1..)?);
    if priority.is_empty() || !priority.iter().all(u8::is_ascii_digit) {
        return None;
    }
    match rest.strip_prefix(b"1 ") {
        Some(rest) => rfc5424(rest),
        None => bsd(rest).or_else(|| stamped(rest)),
    }
}

/// `stamp host program process id data …`, where `-` stands for nothing and data is in brackets.
fn rfc5424(text: &[u8]) -> Option<Peeled<'_>> {
    let (stamp, mut rest) = word(text)?;
    for _ in 0..4 {
        rest = word(rest)?.1;
    }
    while let Some(inside) = rest.strip_prefix(b"[") {
        rest = after_element(inside)?;
    }
    let rest = rest.strip_prefix(b"-").unwrap_or(rest);
    let rest = rest.strip_prefix(b" ").unwrap_or(rest);
    Some(Peeled {
        line: rest.strip_prefix(b"\xef\xbb\xbf").unwrap_or(rest),
        stamp: StampForm::Iso8601.read(stamp),
    })
}

/// Behind the `]` of a structured data element, in whose quoted values `\]` is a bracket.
fn after_element(text: &[u8]) -> Option<&[u8]> {
    let mut from = 0;
    loop {
        let at = from + memchr::memchr2(b'\\', b']', text.get(from..)?)?;
        if text.get(at) == Some(&b']') {
            return text.get(at + 1..);
        }
        from = at + 2;
    }
}

/// `Oct 10 13:55:36 host nginx[12]: …`. The stamp has no year, so it says nothing.
fn bsd(text: &[u8]) -> Option<Peeled<'_>> {
    let [
        m,
        o,
        n,
        b' ',
        d1,
        d2,
        b' ',
        h1,
        h2,
        b':',
        _,
        _,
        b':',
        _,
        _,
        b' ',
        rest @ ..,
    ] = text
    else {
        return None;
    };
    let is_month = m.is_ascii_uppercase() && o.is_ascii_lowercase() && n.is_ascii_lowercase();
    let are_digits =
        (d1.is_ascii_digit() || *d1 == b' ') && [d2, h1, h2].into_iter().all(u8::is_ascii_digit);
    (is_month && are_digits).then_some(())?;
    Some(Peeled {
        line: after_tag(rest)?,
        stamp: None,
    })
}

/// A stamp in RFC 3339, and `stdout F`, a host and a tag, a tag, or nothing behind it.
fn stamped(text: &[u8]) -> Option<Peeled<'_>> {
    let (stamp, rest) = word(text)?;
    let stamp = StampForm::Iso8601.read(stamp)?;
    let line = match cri(rest) {
        Some(line) => line,
        None => after_tag(rest).unwrap_or(rest),
    };
    Some(Peeled {
        line,
        stamp: Some(stamp),
    })
}

/// `stdout F …`, or `P` for a line that goes on in the next.
fn cri(text: &[u8]) -> Option<&[u8]> {
    let (stream, rest) = word(text)?;
    let (tag, rest) = word(rest)?;
    (matches!(stream, b"stdout" | b"stderr") && matches!(tag, b"F" | b"P")).then_some(rest)
}

/// Behind `[host ]program[pid]: `.
fn after_tag(text: &[u8]) -> Option<&[u8]> {
    let (first, rest) = word(text)?;
    if is_tag(first) {
        return Some(rest);
    }
    let (second, rest) = word(rest)?;
    is_tag(second).then_some(rest)
}

/// `nginx:`, `haproxy[9883]:`.
fn is_tag(text: &[u8]) -> bool {
    text.strip_suffix(b":").is_some_and(|tag| {
        !tag.is_empty()
            && tag.iter().all(|byte| {
                byte.is_ascii_alphanumeric()
                    || matches!(byte, b'-' | b'_' | b'.' | b'/' | b'[' | b']' | b'@')
            })
            // `10.0.0.1:` would be one, too.
            && tag.iter().any(u8::is_ascii_alphabetic)
    })
}

/// `web-1  | …`, padded to the longest name.
fn compose(text: &[u8]) -> Option<Peeled<'_>> {
    let (name, rest) = word(text)?;
    let rest = rest.trim_ascii_start().strip_prefix(b"|")?;
    let is_name = name
        .iter()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
    is_name.then(|| Peeled {
        line: rest.strip_prefix(b" ").unwrap_or(rest),
        stamp: None,
    })
}

/// The text before the first blank, and what is behind it.
fn word(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr::memchr(b' ', text).filter(|end| *end > 0)?;
    Some((text.get(..end)?, text.get(end + 1..)?))
}

fn after<'t>(text: &'t [u8], mark: &[u8]) -> Option<&'t [u8]> {
    text.get(memchr::memmem::find(text, mark)? + mark.len()..)
}

/// The message of a line of Docker's or journald's JSON, still escaped, and its stamp.
fn of_json(line: &[u8]) -> Option<(&[u8], Option<Stamp>)> {
    const KEYS: &[(&[u8], &[u8])] = &[(b"log", b"time"), (b"MESSAGE", b"__REALTIME_TIMESTAMP")];
    if line.first() != Some(&b'{') || !KEYS.iter().any(|(key, _)| holds_key(line, key)) {
        return None;
    }
    KEYS.iter().find_map(|(message, time)| {
        let mut found = [None; 2];
        json::for_each_string(line, |key, value| {
            if key == *message {
                found[0] = Some(value);
            } else if key == *time {
                found[1] = Some(value);
            }
        })?;
        Some((
            found[0]?,
            found[1].and_then(|time| StampForm::Any.read(time)),
        ))
    })
}

/// A cheap look that most lines fail.
fn holds_key(line: &[u8], key: &[u8]) -> bool {
    memchr::memmem::find_iter(line, key).any(|at| {
        at > 0 && line.get(at - 1) == Some(&b'"') && line.get(at + key.len()) == Some(&b'"')
    })
}

fn unescape(text: &[u8], out: &mut Vec<u8>) {
    out.clear();
    out.extend_from_slice(&json::unescape(text));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peeled(line: &str) -> Option<(String, Option<String>)> {
        let mut scratch = Vec::new();
        let peeled = peel(line.as_bytes(), &mut scratch)?;
        Some((
            String::from_utf8(peeled.line.to_vec()).unwrap(),
            peeled.stamp.map(Stamp::rfc3339),
        ))
    }

    #[test]
    fn every_wrapper_is_peeled() {
        let noon = Some("2024-10-10T12:00:00.5Z");
        let rows = [
            ("<190>Oct 10 12:00:00 web1 nginx: X Y", "X Y", None),
            ("<190>Oct  1 12:00:00 nginx: X Y", "X Y", None),
            ("Oct 10 12:00:00 web1 haproxy[9883]: X Y", "X Y", None),
            (
                "<134>1 2024-10-10T12:00:00.5Z web1 nginx 12 - - X Y",
                "X Y",
                noon,
            ),
            (
                r#"<134>1 2024-10-10T12:00:00.5Z web1 nginx 12 - [a@1 b="\]"][c@1] X Y"#,
                "X Y",
                noon,
            ),
            (
                "2024-10-10T14:00:00.5+02:00 web1 nginx[12]: X Y",
                "X Y",
                noon,
            ),
            ("2024-10-10T12:00:00.5Z heroku[router]: X Y", "X Y", noon),
            ("2024-10-10T12:00:00.500000000Z stdout F X Y", "X Y", noon),
            ("2024-10-10T12:00:00.5Z X Y", "X Y", noon),
            ("[pod/web-1/app] 2024-10-10T12:00:00.5Z X Y", "X Y", noon),
            ("web-1     | X Y", "X Y", None),
            ("MESSAGE=X Y", "X Y", None),
            (
                r#"{"log":"X \"Y\"\n","stream":"stdout","time":"2024-10-10T12:00:00.5Z"}"#,
                r#"X "Y""#,
                noon,
            ),
            (
                r#"{"_PID":"1","MESSAGE":"X Y","__REALTIME_TIMESTAMP":"1728561600500000"}"#,
                "X Y",
                noon,
            ),
        ];
        for (line, inner, stamp) in rows {
            let want = Some((inner.to_owned(), stamp.map(str::to_owned)));
            assert_eq!(peeled(line), want, "{line}");
        }
    }

    #[test]
    fn a_bare_line_has_no_wrapper() {
        for line in [
            "",
            "192.0.2.7 - - [10/Oct/2024:13:55:36 +0000] \"GET / HTTP/1.1\" 200 1",
            "10.0.1.2:33317 [06/Feb/2024:12:14:14.655] http-in static/srv1",
            "GET /a 1 2",
            "www.example.com:443 192.0.2.7 - -",
            "method=GET path=/",
            "[pid: 1|app: 0|req: 1/1] 127.0.0.1 () {",
            r#"{"uri":"/log","method":"GET"}"#,
            r#"{"time":"x","log":{"a":1}}"#,
            "1677658530.180     57 192.0.2.7 TCP_MISS/200",
            "2023-11-14 00:04:26 10.201.33.12 GET /a",
        ] {
            assert_eq!(peeled(line), None, "{line}");
        }
    }
}
