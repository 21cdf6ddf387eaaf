//! `key=value` pairs with blanks between, in any order: logfmt, lograge, Heroku's router.
//!
//! A value may stand in quotes, in which `\"` is a quote; a word without `=` is passed over, because
//! programs put a message or a level in front.

use super::key_order::{Behind, Inside, KeyOrder, Kind, Place};
use super::values::Values;
use crate::grammar::KeyedPlan;
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
    let (mut place, mut at) = (order.start(), 0);
    loop {
        let behind;
        (place, behind, at) = match order.expected(place, line, at) {
            Some(found) if found.1.kind == Kind::Quoted || line.get(found.2) != Some(&b'"') => {
                found
            }
            _ => match unexpected(plan, order, place, line, at) {
                Some(found) => found,
                None if KeyOrder::is_start(place) => return Err(()),
                None => return Ok(()),
            },
        };
        let (end, next) = match behind.kind {
            Kind::Quoted => {
                let end = end_of_quoted(line, at).ok_or(())?;
                (end, end + 1)
            }
            _ => {
                let end = end_of_word(line, at);
                (end, end)
            }
        };
        if let Some(column) = behind.kept {
            values.set_preferred(column, line, at, end);
        }
        at = next;
        if at >= line.len() {
            return Ok(());
        }
    }
}

/// Reads the gap that begins here, and remembers it.
#[inline(never)]
fn unexpected<'o>(
    plan: &KeyedPlan,
    order: &'o mut KeyOrder,
    place: Place,
    line: &[u8],
    at: usize,
) -> Option<(Place, &'o Behind, usize)> {
    let Gap { end, kind, key } = gap(line, at)?;
    let behind = Behind::in_line(kind, plan.key(KeyedPlan::LINE, key));
    let place = order.learn(place, line.get(at..end)?, Inside::LINE, behind);
    Some((place, order.behind(place)?, end))
}

/// What stands before a value: blanks, words without `=`, the key, and a quote where the value is in
/// quotes.
struct Gap<'l> {
    end: usize,
    kind: Kind,
    key: &'l [u8],
}

/// The gap that begins here; `None` where there is no further value.
fn gap(line: &[u8], at: usize) -> Option<Gap<'_>> {
    let mut from = at;
    loop {
        let mark = scan::find_any_from([b'=', b' ', b'\t'], line, from)?;
        if line.get(mark) == Some(&b'=') {
            let is_quoted = line.get(mark + 1) == Some(&b'"');
            return Some(Gap {
                end: mark + 1 + usize::from(is_quoted),
                kind: if is_quoted { Kind::Quoted } else { Kind::Bare },
                key: line.get(from..mark)?,
            });
        }
        from = mark + 1;
    }
}

/// The quote that ends the value which begins here.
#[inline(always)]
fn end_of_quoted(line: &[u8], at: usize) -> Option<usize> {
    let mut end = scan::find_any_from([b'"', b'\\'], line, at)?;
    while line.get(end) == Some(&b'\\') {
        end = scan::find_any_from([b'"', b'\\'], line, end + 2)?;
    }
    Some(end)
}

/// The blank that ends the value which begins here, or the end of the line.
#[inline(always)]
fn end_of_word(line: &[u8], at: usize) -> usize {
    scan::find_any_from([b' ', b'\t'], line, at).unwrap_or(line.len())
}

/// All pairs of a line, to the end or to a quote that has none, whose place is the error.
pub(super) fn pairs(line: &[u8]) -> impl Iterator<Item = Result<(&[u8], &[u8]), usize>> {
    let mut next = Some(0);
    std::iter::from_fn(move || {
        let Gap { end, kind, key } = gap(line, next.take()?)?;
        let end_of_value = match kind {
            Kind::Quoted => match end_of_quoted(line, end) {
                Some(end) => end,
                None => return Some(Err(end - 1)),
            },
            _ => end_of_word(line, end),
        };
        next = Some(end_of_value + usize::from(kind == Kind::Quoted));
        Some(Ok((key, line.get(end..end_of_value)?)))
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
