//! JSON lines: one object a line, keys in any order, unknown ones skipped.
//!
//! It is forgiving where nginx is: a value may be missing (`"urt":,`), a bare dash, or hold `\xHH`,
//! because formats are often written without `escape=json`. Strings are not unescaped here. Of nested
//! objects only those are entered in which the plan keeps something, and of lists the first element.

use memchr::{memchr, memchr2};
use nom::bytes::complete::{tag, take_till, take_while};
use nom::sequence::delimited;
use nom::{Err, IResult, Parser};

use super::key_order::KeyOrder;
use super::values::Values;
use crate::grammar::{Key, KeyedPlan};
use crate::scan;

type Parsed<'a> = IResult<&'a [u8], &'a [u8], ()>;

/// What is left, and what was read before it.
type Found<'a> = (&'a [u8], &'a [u8]);

/// Nested values deeper than this are no log line.
const MAX_DEPTH: usize = 128;

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
    let left = object(plan, order, (line, line), values)?;
    if left.is_empty() || left.trim_ascii().is_empty() {
        Ok(())
    } else {
        Err(())
    }
}

/// Reads an object of the line, which `input` begins with; returns what is behind it.
///
/// # Errors
/// It is none.
#[inline]
fn object<'l>(
    plan: &KeyedPlan,
    order: &mut KeyOrder,
    (line, begin): (&'l [u8], &'l [u8]),
    values: &mut Values,
) -> Result<&'l [u8], ()> {
    let (mut input, mut place) = (begin, KeyOrder::START);
    loop {
        let (at_value, kept) = match order.expected(place, input) {
            // A blank would belong to the gap.
            Some((at_value, kept, next)) if !matches!(at_value, [b' ' | b'\t' | b'\r', ..]) => {
                place = next;
                (at_value, kept)
            }
            _ => match gap(input, input.len() == begin.len())? {
                Gap::Key(at_value, key) => {
                    let kept = plan.keys.get(key).copied();
                    place = order.learn(place, &input[..input.len() - at_value.len()], kept);
                    (at_value, kept)
                }
                Gap::End(left) => return Ok(left),
            },
        };
        if let Some(Key::Object(at)) = kept
            && matches!(at_value, [b'{' | b'[', ..])
        {
            input = inside(plan, order, at, (line, at_value), values)?;
            continue;
        }
        let (left, text) = match value_at_first_sight(at_value) {
            Some(found) => found,
            None => value(at_value).map_err(drop)?,
        };
        // An object is no value.
        if let Some(Key::Column(field, column)) = kept
            && !matches!(at_value, [b'{' | b'[', ..])
        {
            let quote = usize::from(at_value.first() == Some(&b'"'));
            let start = line.len() - at_value.len() + quote;
            values.set_preferred((field, column), line, start, start + text.len());
        }
        if left == b"}" {
            return Ok(b"");
        }
        input = left;
    }
}

/// Reads an object or the first element of a list inside another object. It goes no deeper than the
/// keys of the plan do.
#[inline(never)]
fn inside<'l>(
    plan: &KeyedPlan,
    order: &mut KeyOrder,
    at: u8,
    (line, at_value): (&'l [u8], &'l [u8]),
    values: &mut Values,
) -> Result<&'l [u8], ()> {
    let at = usize::from(at);
    let (plan, order) = (
        plan.inner.get(at).ok_or(())?,
        order.inner.get_mut(at).ok_or(())?,
    );
    if at_value.first() == Some(&b'{') {
        return object(plan, order, (line, at_value), values);
    }
    let (left, _) = nested(at_value).map_err(drop)?;
    let (first, _) = blank(at_value.get(1..).ok_or(())?).map_err(drop)?;
    if let Some(Key::Column(field, column)) = plan.keys.get(&b"0"[..])
        && first.first() != Some(&b']')
    {
        let (_, text) = value(first).map_err(drop)?;
        let quote = usize::from(first.first() == Some(&b'"'));
        let start = line.len() - first.len() + quote;
        values.set_preferred((*field, *column), line, start, start + text.len());
    }
    Ok(left)
}

/// What stands between two values, or before the first.
enum Gap<'l> {
    /// The input at the next value, and its key.
    Key(&'l [u8], &'l [u8]),
    /// The object ends; what is behind it.
    End(&'l [u8]),
}

fn gap(input: &[u8], is_first: bool) -> Result<Gap<'_>, ()> {
    let input = if is_first {
        let (input, _) = begin(input).map_err(drop)?;
        if let Some(left) = input.strip_prefix(b"}") {
            return Ok(Gap::End(left));
        }
        input
    } else {
        let (input, _) = blank(input).map_err(drop)?;
        match input.split_first() {
            Some((b',', rest)) => blank(rest).map_err(drop)?.0,
            Some((b'}', left)) => return Ok(Gap::End(left)),
            _ => return Err(()),
        }
    };
    let (at_value, key) = key(input).map_err(drop)?;
    Ok(Gap::Key(at_value, key))
}

/// Calls `each` with every key of an object whose value is a string, and that string, not unescaped;
/// `None` where the line is no object.
pub(super) fn for_each_string<'l>(
    line: &'l [u8],
    mut each: impl FnMut(&'l [u8], &'l [u8]),
) -> Option<()> {
    let mut input = line;
    loop {
        match gap(input, input.len() == line.len()).ok()? {
            Gap::End(left) => return left.trim_ascii().is_empty().then_some(()),
            Gap::Key(at_value, key) => {
                let (left, text) = value(at_value).ok()?;
                if at_value.first() == Some(&b'"') {
                    each(key, text);
                }
                input = left;
            }
        }
    }
}

/// The fast path of [`value`]: a string without a backslash, a number or word. `None` says nothing.
#[inline(always)]
fn value_at_first_sight(input: &[u8]) -> Option<Found<'_>> {
    match input {
        [b'"', body @ ..] => {
            let end = scan::find_any([b'"', b'\\'], body)?;
            let (text, left) = body.split_at_checked(end)?;
            Some((left.strip_prefix(b"\"")?, text))
        }
        [b'0'..=b'9', ..] => {
            let end = scan::find_any([b',', b'}', b' ', b'\t'], input)?;
            let (text, left) = input.split_at_checked(end)?;
            Some((left, text))
        }
        _ => None,
    }
}

/// How far a line goes on as a JSON object: the offset at which it stops being one.
pub(super) fn reach(line: &[u8]) -> usize {
    let Ok((mut input, _)) = begin(line) else {
        return 0;
    };
    while let Ok((left, _)) = key(input).and_then(|(left, _)| value(left)) {
        let left = left.trim_ascii_start();
        match left.split_first() {
            Some((b',', rest)) => input = rest.trim_ascii_start(),
            _ => return line.len() - left.len(),
        }
    }
    line.len() - input.len()
}

fn begin(line: &[u8]) -> Parsed<'_> {
    delimited(blank, tag(&b"{"[..]), blank).parse(line)
}

#[inline]
fn blank(input: &[u8]) -> Parsed<'_> {
    match input.first() {
        Some(b' ' | b'\t' | b'\r') => {
            take_while(|b| matches!(b, b' ' | b'\t' | b'\r')).parse(input)
        }
        _ => Ok((input, b"")),
    }
}

/// `"key" :`, and the input at its value.
#[inline]
fn key(input: &[u8]) -> Parsed<'_> {
    let (input, key) = string(input)?;
    let (input, _) = delimited(blank, tag(&b":"[..]), blank).parse(input)?;
    Ok((input, key))
}

/// A string without its quotes, not unescaped.
#[inline]
fn string(input: &[u8]) -> Parsed<'_> {
    let Some((b'"', body)) = input.split_first() else {
        return Err(Err::Error(()));
    };
    let mut from = 0;
    loop {
        let at = from
            + memchr2(b'"', b'\\', body.get(from..).ok_or(Err::Error(()))?)
                .ok_or(Err::Error(()))?;
        let (text, left) = body.split_at(at);
        match left.split_first() {
            Some((b'"', left)) => return Ok((left, text)),
            _ => from = at + 2,
        }
    }
}

/// The text of a value: a string without quotes, a number or word as it stands, `null` and nested
/// values as nothing.
#[inline]
fn value(input: &[u8]) -> Parsed<'_> {
    match input.first() {
        Some(b'"') => string(input),
        Some(b'{' | b'[') => nested(input),
        _ => {
            let (left, word) =
                take_till(|b| matches!(b, b',' | b'}' | b' ' | b'\t')).parse(input)?;
            Ok((left, if word == b"null" { b"" } else { word }))
        }
    }
}

/// Passes over an object or array, without recursion.
fn nested(input: &[u8]) -> Parsed<'_> {
    let mut depth = 0_usize;
    let mut left = input;
    loop {
        let at = scan::find_any([b'"', b'{', b'}', b'[', b']'], left).ok_or(Err::Error(()))?;
        left = left.get(at..).unwrap_or_default();
        match left.first() {
            Some(b'"') => {
                left = string(left)?.0;
                continue;
            }
            Some(b'{' | b'[') => depth += 1,
            _ => depth = depth.checked_sub(1).ok_or(Err::Error(()))?,
        }
        left = left.get(1..).unwrap_or_default();
        if depth == 0 {
            return Ok((left, b""));
        }
        if depth > MAX_DEPTH {
            return Err(Err::Error(()));
        }
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
