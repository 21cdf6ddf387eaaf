//! `key=value` pairs with blanks between, in any order: logfmt, lograge, Heroku's router.
//!
//! A value may stand in quotes, in which `\"` is a quote; a word without `=` is passed over, because
//! programs put a message or a level in front.

use memchr::memchr2;

use super::values::Values;
use crate::grammar::{Key, KeyedPlan};

/// Finds the values of the keys that the plan keeps.
///
/// # Errors
/// The line holds no pair, or a quote without an end.
#[inline]
pub(super) fn read(plan: &KeyedPlan, line: &[u8], values: &mut Values) -> Result<(), ()> {
    let mut at = 0;
    let mut pairs = 0_usize;
    while let Some(pair) = next(line, at).map_err(drop)? {
        pairs += usize::from(!pair.key.is_empty());
        if let Some(Key::Column(field, column)) = plan.keys.get(pair.key) {
            values.set_preferred((*field, *column), line, pair.start, pair.end);
        }
        at = pair.next;
    }
    if pairs == 0 { Err(()) } else { Ok(()) }
}

/// How far a line goes on as pairs: the offset of the value that does not end.
pub(super) fn reach(line: &[u8]) -> usize {
    let mut at = 0;
    loop {
        match next(line, at) {
            Ok(Some(pair)) => at = pair.next,
            Ok(None) => return 0,
            Err(place) => return place,
        }
    }
}

/// A pair, or a word alone, whose key is then empty.
pub(super) struct Pair<'l> {
    /// The text before `=`.
    pub(super) key: &'l [u8],
    /// Where the value begins and ends in the line, without its quotes.
    pub(super) start: usize,
    pub(super) end: usize,
    /// Where the next word is looked for.
    pub(super) next: usize,
}

/// The next word of the line from `at` on; `None` at its end.
///
/// # Errors
/// A quote without an end, with its place.
pub(super) fn next(line: &[u8], mut at: usize) -> Result<Option<Pair<'_>>, usize> {
    while matches!(line.get(at), Some(b' ' | b'\t')) {
        at += 1;
    }
    let rest = line.get(at..).unwrap_or_default();
    if rest.is_empty() {
        return Ok(None);
    }
    let mark = rest
        .iter()
        .position(|byte| matches!(byte, b'=' | b' ' | b'\t'))
        .unwrap_or(rest.len());
    if rest.get(mark) != Some(&b'=') {
        let next = at + mark;
        return Ok(Some(Pair {
            key: b"",
            start: at,
            end: next,
            next,
        }));
    }
    let key = rest.get(..mark).unwrap_or_default();
    let start = at + mark + 1;
    let value = line.get(start..).unwrap_or_default();
    if value.first() != Some(&b'"') {
        let length = memchr2(b' ', b'\t', value).unwrap_or(value.len());
        return Ok(Some(Pair {
            key,
            start,
            end: start + length,
            next: start + length,
        }));
    }
    let body = value.get(1..).unwrap_or_default();
    let mut from = 0;
    loop {
        let end = from + memchr2(b'"', b'\\', body.get(from..).ok_or(start)?).ok_or(start)?;
        if body.get(end) == Some(&b'"') {
            return Ok(Some(Pair {
                key,
                start: start + 1,
                end: start + 1 + end,
                next: start + 2 + end,
            }));
        }
        from = end + 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(line: &str) -> Result<Vec<(String, String)>, usize> {
        let mut found = Vec::new();
        let mut at = 0;
        while let Some(pair) = next(line.as_bytes(), at)? {
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
            found.push((text(pair.key), line[pair.start..pair.end].to_owned()));
            at = pair.next;
        }
        Ok(found)
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
            pairs(r#"info a=1  b="x \"y\" z" c= d="" e"#),
            want(&[
                ("", "info"),
                ("a", "1"),
                ("b", r#"x \"y\" z"#),
                ("c", ""),
                ("d", ""),
                ("", "e")
            ])
        );
        assert_eq!(pairs("a=b=c"), want(&[("a", "b=c")]));
        assert_eq!(pairs(r#"a=1 b="x"#), Err(6));
        assert_eq!(pairs(r#"b="x\"#), Err(2));
        assert_eq!(pairs("  "), want(&[]));
    }
}
