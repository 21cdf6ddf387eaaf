//! `key=value` pairs with blanks between, in any order: logfmt, lograge, Heroku's router.
//!
//! A value may stand in quotes, in which `\"` is a quote; a word without `=` is passed over, because
//! programs put a message or a level in front.

use memchr::memchr2;

use super::key_order::KeyOrder;
use super::values::Values;
use crate::grammar::{Key, KeyedPlan};
use crate::scan;

/// Finds the values of the keys that the plan keeps.
///
/// # Errors
/// The line holds no pair, or a quote without an end.
#[inline]
pub(super) fn read(
    plan: &KeyedPlan,
    order: &mut KeyOrder,
    line: &[u8],
    values: &mut Values,
) -> Result<(), ()> {
    let (mut input, mut place) = (line, KeyOrder::START);
    let mut pairs = 0_usize;
    loop {
        let (at_value, kept) = match order.expected(place, input) {
            Some((at_value, kept, next)) => {
                place = next;
                (at_value, kept)
            }
            None => {
                let Some((at_value, key)) = gap(input) else {
                    break;
                };
                let kept = plan.keys.get(key).copied();
                place = order.learn(place, &input[..input.len() - at_value.len()], kept);
                (at_value, kept)
            }
        };
        pairs += 1;
        let (text, left) = value(at_value)?;
        if let Some(Key::Column(field, column)) = kept {
            let quote = usize::from(at_value.first() == Some(&b'"'));
            let start = line.len() - at_value.len() + quote;
            values.set_preferred((field, column), line, start, start + text.len());
        }
        input = left;
    }
    if pairs == 0 { Err(()) } else { Ok(()) }
}

/// What stands before a value: blanks, words without `=`, and the key; the input at the value and the
/// key. `None` where there is no further value.
fn gap(input: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut from = 0;
    loop {
        let mark = scan::find_any_from([b'=', b' ', b'\t'], input, from)?;
        if input.get(mark) == Some(&b'=') {
            return Some((input.get(mark + 1..)?, input.get(from..mark)?));
        }
        from = mark + 1;
    }
}

/// A value without its quotes, and what is behind it.
///
/// # Errors
/// A quote without an end.
#[inline]
fn value(input: &[u8]) -> Result<(&[u8], &[u8]), ()> {
    let Some(body) = input.strip_prefix(b"\"") else {
        let end = scan::find_any([b' ', b'\t'], input).unwrap_or(input.len());
        return input.split_at_checked(end).ok_or(());
    };
    let mut from = 0;
    loop {
        let end = from + memchr2(b'"', b'\\', body.get(from..).ok_or(())?).ok_or(())?;
        if body.get(end) == Some(&b'"') {
            let left = body.get(end + 1..).unwrap_or_default();
            return Ok((body.get(..end).unwrap_or_default(), left));
        }
        from = end + 2;
    }
}

/// All pairs of a line, to the end or to a quote that has none, whose place is the error.
pub(super) fn pairs(line: &[u8]) -> impl Iterator<Item = Result<(&[u8], &[u8]), usize>> {
    let mut input = Some(line);
    std::iter::from_fn(move || {
        let (at_value, key) = gap(input.take()?)?;
        let Ok((text, left)) = value(at_value) else {
            return Some(Err(line.len() - at_value.len()));
        };
        input = Some(left);
        Some(Ok((key, text)))
    })
}

/// How far a line goes on as pairs: the offset of the value that does not end.
pub(super) fn reach(line: &[u8]) -> usize {
    pairs(line).find_map(Result::err).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(line: &str) -> Result<Vec<(String, String)>, usize> {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        pairs(line.as_bytes())
            .map(|pair| pair.map(|(key, value)| (text(key), text(value))))
            .collect()
    }

    #[test]
    fn pairs_are_read_with_and_without_quotes() {
        let want = |rows: &[(&str, &str)]| -> Result<Vec<(String, String)>, usize> {
            Ok(rows
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect())
        };
        assert_eq!(
            all(r#"info a=1  b="x \"y\" z" c= d="" e"#),
            want(&[("a", "1"), ("b", r#"x \"y\" z"#), ("c", ""), ("d", "")])
        );
        assert_eq!(all("a=b=c"), want(&[("a", "b=c")]));
        assert_eq!(all(r#"a=1 b="x"#), Err(6));
        assert_eq!(all(r#"b="x\"#), Err(2));
        assert_eq!(all("  "), want(&[]));
    }
}
