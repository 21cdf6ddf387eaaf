//! JSON lines: one object a line, keys in any order, unknown ones skipped.
//!
//! It is forgiving where nginx is: a value may be missing (`"urt":,`), a bare dash, or hold `\xHH`,
//! because formats are often written without `escape=json`. Strings are not unescaped here. Of nested
//! objects only those are entered in which the plan keeps something, and of lists the first element;
//! all others are passed over from bracket to bracket.

use std::sync::LazyLock;

use memchr::memchr;

use super::key_order::{Behind, Inside, KeyOrder, Kind, Place};
use super::values::Values;
use crate::grammar::{Key, KeyedPlan};
use crate::scan;

/// Finds the values of the keys that the plan keeps.
///
/// # Errors
/// The line is no JSON object.
#[inline]
pub(super) fn read(
    plan: &KeyedPlan,
    order: &mut KeyOrder,
    line: &[u8],
    values: &mut Values,
) -> Result<(), ()> {
    let (mut place, mut at) = (order.start(), 0);
    loop {
        let behind;
        (place, behind, at) = match order.expected(place, line, at) {
            Some(found) if is_whole_gap(found.1.kind, line, found.2) => found,
            _ => unexpected(plan, order, place, line, at)?,
        };
        let (end, next) = match behind.kind {
            Kind::Quoted => {
                let end = end_of_string(line, at).ok_or(())?;
                (end, end + 1)
            }
            Kind::Bare => {
                let end = end_of_word(line, at);
                (if is_null(line, at, end) { at } else { end }, end)
            }
            Kind::Nested => {
                at = scan::end_of_nested(line, at).ok_or(())?;
                continue;
            }
            Kind::End => return if is_blank(line, at) { Ok(()) } else { Err(()) },
        };
        if let Some(column) = behind.kept {
            values.set_preferred(column, line, at, end);
        }
        at = next;
    }
}

/// Whether a gap that is known ends here: before a number or word, what stands there is to be looked
/// at.
#[inline(always)]
fn is_whole_gap(kind: Kind, line: &[u8], at: usize) -> bool {
    kind != Kind::Bare
        || matches!(
            line.get(at),
            Some(b'0'..=b'9' | b'-' | b'a'..=b'z' | b',' | b'}')
        )
}

/// Reads a gap, and remembers it.
#[inline(never)]
fn unexpected<'o>(
    plan: &KeyedPlan,
    order: &'o mut KeyOrder,
    place: Place,
    line: &[u8],
    at: usize,
) -> Result<(Place, &'o Behind, usize), ()> {
    let before = order.behind(place).ok_or(())?;
    let from = (!KeyOrder::is_start(place)).then_some(before.inside);
    let Gap { end, behind, .. } = gap(plan, from, line, at).ok_or(())?;
    let text = line.get(at..end).ok_or(())?;
    let place = order.learn(place, text, from.unwrap_or(Inside::LINE), behind);
    Ok((place, order.behind(place).ok_or(())?, end))
}

/// What stands between two values, or before the first, or behind the last.
struct Gap<'l> {
    end: usize,
    behind: Behind,
    /// The key of the value, not unescaped; empty in lists.
    key: &'l [u8],
}

/// Reads the gap that begins here: at the begin of a line (`from` is `None`), or behind a value of an
/// object. It does not look beyond its end. `None` where the line is no JSON.
fn gap<'l>(plan: &KeyedPlan, from: Option<Inside>, line: &'l [u8], at: usize) -> Option<Gap<'l>> {
    let (mut at, mut inside, mut is_first) = (at, from.unwrap_or(Inside::LINE), from.is_none());
    if is_first {
        at = behind_blanks(line, at);
        (line.get(at) == Some(&b'{')).then_some(())?;
        at += 1;
    }
    loop {
        at = behind_blanks(line, at);
        let found = |end, kind, kept, inside, key| {
            let behind = Behind { kind, kept, inside };
            Some(Gap { end, behind, key })
        };
        let byte = *line.get(at)?;
        if byte == if inside.is_list() { b']' } else { b'}' } {
            (at, is_first) = (at + 1, false);
            match inside.leave(plan) {
                Some(outer) => inside = outer,
                None => return found(at, Kind::End, None, inside, b""),
            }
            continue;
        }
        if !is_first {
            (byte == b',').then_some(())?;
            at = behind_blanks(line, at + 1);
        }
        let key = if inside.is_list() {
            if !is_first {
                // Its other elements, to the bracket behind them.
                return found(at, Kind::Nested, None, inside.leave(plan)?, b"");
            }
            b"0"
        } else {
            (line.get(at) == Some(&b'"')).then_some(())?;
            let end = end_of_string(line, at + 1)?;
            let key = line.get(at + 1..end)?;
            at = behind_blanks(line, end + 1);
            (line.get(at) == Some(&b':')).then_some(())?;
            at = behind_blanks(line, at + 1);
            key
        };
        let Key { column, object } = plan.key(inside.object, key);
        match (line.get(at), object) {
            (Some(bracket @ (b'{' | b'[')), Some(object)) => {
                inside = inside.enter(object, *bracket == b'[');
                (at, is_first) = (at + 1, true);
            }
            (Some(b'{' | b'['), _) => return found(at + 1, Kind::Nested, None, inside, key),
            (Some(b'"'), _) => return found(at + 1, Kind::Quoted, column, inside, key),
            _ => return found(at, Kind::Bare, column, inside, key),
        }
    }
}

/// The quote that ends the string which begins here.
#[inline(always)]
fn end_of_string(line: &[u8], at: usize) -> Option<usize> {
    let end = scan::find_any_from([b'"', b'\\'], line, at)?;
    if line.get(end) == Some(&b'"') {
        return Some(end);
    }
    end_of_escaped(line, end)
}

/// As [`end_of_string`], from a backslash in it.
#[inline(never)]
fn end_of_escaped(line: &[u8], backslash: usize) -> Option<usize> {
    let mut at = backslash;
    while line.get(at)? == &b'\\' {
        at = scan::find_any_from([b'"', b'\\'], line, at + 2)?;
    }
    Some(at)
}

/// The end of the number or word that begins here: before a comma, a bracket or a blank.
#[inline(always)]
fn end_of_word(line: &[u8], at: usize) -> usize {
    scan::find_any_from([b',', b'}', b']', b' ', b'\t'], line, at).unwrap_or(line.len())
}

#[inline(always)]
fn is_null(line: &[u8], at: usize, end: usize) -> bool {
    end == at + 4 && line.get(at..end) == Some(b"null")
}

/// Behind blanks, where there are any.
#[inline(always)]
fn behind_blanks(line: &[u8], at: usize) -> usize {
    let mut at = at;
    while let Some(b' ' | b'\t' | b'\r') = line.get(at) {
        at += 1;
    }
    at
}

#[inline(always)]
fn is_blank(line: &[u8], at: usize) -> bool {
    behind_blanks(line, at) >= line.len()
}

/// Calls `each` with every key of an object whose value is a string, and that string, not unescaped;
/// `None` where the line is no object.
pub(super) fn for_each_string<'l>(
    line: &'l [u8],
    mut each: impl FnMut(&'l [u8], &'l [u8]),
) -> Option<()> {
    let end = walk(line, |key, kind, value| {
        if kind == Kind::Quoted {
            each(key, value);
        }
    });
    end.ok()
}

/// How far a line goes on as a JSON object: the offset at which it stops being one.
pub(super) fn reach(line: &[u8]) -> usize {
    walk(line, |_, _, _| {}).err().unwrap_or(line.len())
}

/// Calls `each` with every key of an object, and its value.
///
/// # Errors
/// The line is no object; the offset up to which it is.
fn walk<'l>(line: &'l [u8], mut each: impl FnMut(&'l [u8], Kind, &'l [u8])) -> Result<(), usize> {
    static NO_KEYS: LazyLock<KeyedPlan> = LazyLock::new(KeyedPlan::default);
    let (mut at, mut from) = (0, None);
    loop {
        let Gap { end, behind, key } = gap(&NO_KEYS, from, line, at).ok_or(at)?;
        from = Some(behind.inside);
        let end_of_value = match behind.kind {
            Kind::Quoted => end_of_string(line, end).ok_or(end)?,
            Kind::Bare => end_of_word(line, end),
            Kind::Nested => scan::end_of_nested(line, end).ok_or(end)?,
            Kind::End if is_blank(line, end) => return Ok(()),
            Kind::End => return Err(end),
        };
        each(
            key,
            behind.kind,
            line.get(end..end_of_value).unwrap_or_default(),
        );
        at = end_of_value + usize::from(behind.kind == Kind::Quoted);
    }
}

/// Undoes the escapes of a JSON string; what is no escape stays as it is. For the few texts that
/// hold a backslash.
#[must_use]
pub fn unescape(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut left = text;
    while let Some(at) = memchr(b'\\', left) {
        let (plain, escape) = left.split_at(at);
        out.extend_from_slice(plain);
        let (byte, length) = match escape {
            [_, b'n', ..] => (b'\n', 2),
            [_, b't', ..] => (b'\t', 2),
            [_, b'r', ..] => (b'\r', 2),
            [_, b'b', ..] => (8, 2),
            [_, b'f', ..] => (12, 2),
            [_, quoted @ (b'"' | b'\\' | b'/'), ..] => (*quoted, 2),
            [_, b'u', digits @ ..] => {
                if let Some((c, length)) = unicode(digits) {
                    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                    left = escape.get(2 + length..).unwrap_or_default();
                    continue;
                }
                (b'\\', 1)
            }
            _ => (b'\\', 1),
        };
        out.push(byte);
        left = escape.get(length..).unwrap_or_default();
    }
    out.extend_from_slice(left);
    out
}

/// The character of `XXXX` or of a surrogate pair `XXXX\uXXXX`, and the length of that text.
fn unicode(digits: &[u8]) -> Option<(char, usize)> {
    let hex = |at: usize| {
        u32::from_str_radix(std::str::from_utf8(digits.get(at..at + 4)?).ok()?, 16).ok()
    };
    let high = hex(0)?;
    if let Some(c) = char::from_u32(high) {
        return Some((c, 4));
    }
    if digits.get(4..6)? != b"\\u" {
        return None;
    }
    let low = hex(6)?;
    let c = 0x1_0000 + ((high.checked_sub(0xd800)?) << 10) + low.checked_sub(0xdc00)?;
    Some((char::from_u32(c)?, 10))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grammar::{Field, Fields, Layout, builtin};

    fn target(line: &[u8]) -> Result<Option<Vec<u8>>, ()> {
        let plan = builtin::find("json").unwrap().grammars[0].plan(Fields::ALL);
        let Layout::Json(keyed) = &plan.layout else {
            unreachable!()
        };
        let mut values = Values::new(&plan);
        read(keyed, &mut KeyOrder::default(), line, &mut values)?;
        Ok(values.text(Field::Target, line).map(<[u8]>::to_vec))
    }

    #[test]
    fn objects_are_read_in_any_order_and_shape() {
        let rows: &[(&str, Result<Option<&str>, ()>)] = &[
            (r#"{"uri":"/a"}"#, Ok(Some("/a"))),
            (
                r#" { "x" : { "uri" : [1,"}"] } , "uri" : "/b" } "#,
                Ok(Some("/b")),
            ),
            (r#"{"status":200,"urt":,"d":-,"uri":"/c"}"#, Ok(Some("/c"))),
            (r#"{"a":"\"","uri":"/\x22\"d"}"#, Ok(Some(r#"/\x22\"d"#))),
            (r#"{"uri":null}"#, Ok(Some(""))),
            (r"{}", Ok(None)),
            (r#"{"uri":"/a"} x"#, Err(())),
            (r#"{"uri":"/a""#, Err(())),
            (r#"{"uri":"/a"#, Err(())),
            (r#"{"uri" "/a"}"#, Err(())),
            ("[1]", Err(())),
            ("", Err(())),
        ];
        for (line, want) in rows {
            let want = want.map(|text| text.map(|text| text.as_bytes().to_vec()));
            assert_eq!(target(line.as_bytes()), want, "{line}");
        }
    }

    #[test]
    fn deep_nesting_is_refused_without_recursion() {
        let line = format!("{{\"a\":{}", "[".repeat(100_000));
        assert_eq!(target(line.as_bytes()), Err(()));
    }

    #[test]
    fn unescaping_agrees_with_serde_json_on_valid_strings() {
        for text in [
            r#"a\/b"#,
            r#"\u0026\u00e9\ud83d\ude00"#,
            r#"\"\\\n\t\r\b\f"#,
            "plain",
        ] {
            let want: String = serde_json::from_str(&format!("\"{text}\"")).unwrap();
            assert_eq!(unescape(text.as_bytes()), want.into_bytes());
        }
        assert_eq!(unescape(br"\x22\u12"), br"\x22\u12");
    }
}
