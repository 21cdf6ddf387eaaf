//! Lines of a text format: the steps of a [`TextPlan`] over the bytes of a line.

use memchr::{memchr, memchr3};
use nom::bytes::complete::take_while;
use nom::combinator::rest;
use nom::{Err, IResult, Parser};

use super::Misfit;
use super::values::Values;
use crate::grammar::{Literal, Shape, Step, TextPlan};

/// No more than "it does not fit": the message is made by [`misfit`], for the few lines that need one.
type Parsed<'a> = IResult<&'a [u8], &'a [u8], ()>;

/// Finds the values that the plan keeps.
///
/// # Errors
/// The index of the first step that does not fit; the number of steps where text is left over.
#[inline]
pub(super) fn read(plan: &TextPlan, line: &[u8], values: &mut Values) -> Result<(), usize> {
    let mut input = plan.lead.strip(line).ok_or(0_usize)?;
    for (at, step) in plan.steps.iter().enumerate() {
        let (left, value) = value(step, input).map_err(|_| at)?;
        if let Some(column) = step.keep {
            let start = line.len() - input.len();
            values.set(column, start, start + value.len());
        }
        input = left;
    }
    if input.is_empty() {
        Ok(())
    } else {
        Err(plan.steps.len())
    }
}

/// A value and the literal after it.
// Inlined by force: called for each value of each line, it would spend a fifth of its time on
// entering and leaving.
#[inline(always)]
fn value<'a>(step: &Step, input: &'a [u8]) -> Parsed<'a> {
    match step.shape {
        Shape::Fixed(length) => followed(first(length, input)?, &step.then),
        Shape::Until => until(&step.then, input),
        Shape::Quoted => {
            let end = find(b'"', input).ok_or(Err::Error(()))?;
            followed(first(end, input)?, &step.then)
        }
        Shape::QuotedEscaped => followed(until_bare_quote(input)?, &step.then),
        Shape::List => list(&step.then, input),
        Shape::Digits => followed(digits(input)?, &step.then),
        Shape::LastList => last_list(input),
        Shape::LastWord => match find(b' ', input) {
            Some(_) => Err(Err::Error(())),
            None => rest(input),
        },
        Shape::Rest => rest(input),
    }
}

/// As nom's `take`, which is not inlined.
#[inline(always)]
fn first(length: usize, input: &[u8]) -> Parsed<'_> {
    match input.split_at_checked(length) {
        Some((value, left)) => Ok((left, value)),
        None => Err(Err::Error(())),
    }
}

#[inline]
fn digits(input: &[u8]) -> Parsed<'_> {
    take_while(|b: u8| b.is_ascii_digit() || matches!(b, b'.' | b'-')).parse(input)
}

/// The first place of a byte. Most values of a log are short, so the first sixteen bytes are looked
/// at here, eight at a time, before memchr is called: it is made for long stretches.
#[inline(always)]
fn find(byte: u8, input: &[u8]) -> Option<usize> {
    let Some((first, rest)) = input.split_first_chunk::<8>() else {
        return memchr(byte, input);
    };
    let Some(second) = rest.first_chunk::<8>() else {
        return memchr(byte, input);
    };
    if let Some(at) = find_in_word(byte, *first) {
        return Some(at);
    }
    if let Some(at) = find_in_word(byte, *second) {
        return Some(8 + at);
    }
    memchr(byte, &input[16..]).map(|at| 16 + at)
}

/// The first place of a byte among eight: the bit trick of
/// <https://graphics.stanford.edu/~seander/bithacks.html#ZeroInWord>, exact for the lowest match.
#[inline]
fn find_in_word(byte: u8, word: [u8; 8]) -> Option<usize> {
    const LOW: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    // Little endian, so that the first byte is the lowest.
    let differs = u64::from_le_bytes(word) ^ (LOW * u64::from(byte));
    let zero = differs.wrapping_sub(LOW) & !differs & HIGH;
    (zero != 0).then_some(zero.trailing_zeros() as usize / 8)
}

/// Takes the literal that must come next.
#[inline]
fn followed<'a>((left, value): (&'a [u8], &'a [u8]), then: &Literal) -> Parsed<'a> {
    match then.strip(left) {
        Some(left) => Ok((left, value)),
        None => Err(Err::Error(())),
    }
}

/// Everything before the first place where the literal stands, and the literal, which is not empty.
#[inline(always)]
fn until<'a>(then: &Literal, input: &'a [u8]) -> Parsed<'a> {
    let first = *then.bytes().first().ok_or(Err::Error(()))?;
    let mut from = 0;
    loop {
        let at =
            from + find(first, input.get(from..).ok_or(Err::Error(()))?).ok_or(Err::Error(()))?;
        let (value, left) = input.split_at(at);
        if let Some(left) = then.strip(left) {
            return Ok((left, value));
        }
        from = at + 1;
    }
}

/// Everything before the first `"` that an even number of backslashes precedes.
fn until_bare_quote(input: &[u8]) -> Parsed<'_> {
    let mut from = 0;
    loop {
        let at =
            from + memchr(b'"', input.get(from..).ok_or(Err::Error(()))?).ok_or(Err::Error(()))?;
        let (value, left) = input.split_at(at);
        let backslashes = value
            .iter()
            .rev()
            .take_while(|byte| **byte == b'\\')
            .count();
        if backslashes % 2 == 0 {
            return Ok((left, value));
        }
        from = at + 1;
    }
}

/// An nginx list without quotes: elements with `, ` between retries and ` : ` between upstreams.
/// What follows a list never begins with one of the two, so its end is plain.
fn list<'a>(then: &Literal, input: &'a [u8]) -> Parsed<'a> {
    let first = then.first();
    let mut from = 0;
    loop {
        let at = from
            + memchr3(b',', b' ', first, input.get(from..).ok_or(Err::Error(()))?)
                .ok_or(Err::Error(()))?;
        let (value, left) = input.split_at(at);
        if left.starts_with(b", ") {
            from = at + 2;
        } else if left.starts_with(b" : ") {
            from = at + 3;
        } else if let Some(left) = then.strip(left) {
            return Ok((left, value));
        } else {
            from = at + 1;
        }
    }
}

/// A list without quotes at the end of a line: every blank belongs to a separator.
fn last_list(input: &[u8]) -> Parsed<'_> {
    let mut from = 0;
    while let Some(blank) = input
        .get(from..)
        .and_then(|rest| memchr(b' ', rest))
        .map(|at| from + at)
    {
        let (before, rest) = input.split_at(blank);
        from = match rest {
            // ` :` where an editor trimmed the end of the line.
            [b' ', b':', b' ', ..] | [b' ', b':'] => blank + 3,
            _ if before.ends_with(b",") => blank + 1,
            _ => return Err(Err::Error(())),
        };
    }
    rest(input)
}

/// Where the line stops fitting. The slow twin of [`read`]: it runs the same steps and tells the
/// place of the first that fails.
pub(super) fn misfit(plan: &TextPlan, line: &[u8]) -> Option<Misfit> {
    let show = |literal: &[u8]| format!("`{}`", String::from_utf8_lossy(literal));
    let Some(mut input) = plan.lead.strip(line) else {
        return Some(Misfit {
            at: 0,
            expected: Some(show(plan.lead.bytes())),
        });
    };
    for step in &plan.steps {
        let start = line.len() - input.len();
        let is_sound =
            |value: &[u8]| !step.is_digits || digits(value).is_ok_and(|(left, _)| left.is_empty());
        match value(step, input) {
            Ok((left, value)) if is_sound(value) => input = left,
            _ => {
                // Where the end of the value is plain, the literal after it is what is missing.
                let end = match step.shape {
                    Shape::Fixed(length) if input.len() >= length => length,
                    Shape::Quoted => find(b'"', input).unwrap_or(0),
                    _ => 0,
                };
                let then = step.then.bytes();
                let same = input[end..]
                    .iter()
                    .zip(then)
                    .take_while(|(byte, wanted)| byte == wanted)
                    .count();
                return Some(match end {
                    0 => Misfit {
                        at: start,
                        expected: Some(format!("${} and then {}", step.name, show(then))),
                    },
                    end => Misfit {
                        at: start + end + same,
                        expected: Some(format!("{} after ${}", show(&then[same..]), step.name)),
                    },
                });
            }
        }
    }
    (!input.is_empty()).then(|| Misfit {
        at: line.len() - input.len(),
        expected: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grammar::{Escape, Field, Fields, Layout, Names, compile};

    fn values(definition: &str, escape: Escape, line: &str) -> Option<Vec<(Field, String)>> {
        let plan = compile("test", definition, escape, Names::Checked)
            .unwrap()
            .plan(Fields::ALL);
        let Layout::Text(text) = &plan.layout else {
            unreachable!()
        };
        let mut values = Values::default();
        let fits = read(text, line.as_bytes(), &mut values).is_ok();
        assert_eq!(
            fits,
            misfit(text, line.as_bytes()).is_none(),
            "the slow twin agrees"
        );
        let found = |field: &Field| {
            let text = values.text(*field, line.as_bytes())?;
            Some((*field, String::from_utf8(text.to_vec()).unwrap()))
        };
        fits.then(|| Field::ALL.iter().filter_map(found).collect())
    }

    #[test]
    fn unquoted_lists_are_one_value() {
        let ingress = "$request $upstream_addr $upstream_response_length $upstream_response_time $upstream_status $req_id";
        let found = values(
            ingress,
            Escape::Default,
            "x 10.0.0.1:80, 10.0.0.2:80 59, 61 0.001, 0.002 : - 502, 200 abc",
        )
        .unwrap();
        assert_eq!(found[1], (Field::Response, "0.001, 0.002 : -".to_owned()));
        assert_eq!(found[2], (Field::UpstreamStatus, "502, 200".to_owned()));
        assert_eq!(
            found[3],
            (Field::UpstreamAddr, "10.0.0.1:80, 10.0.0.2:80".to_owned())
        );
        let trailing = values(
            "$request $upstream_response_time $status",
            Escape::Default,
            "x 0.012 :  502",
        )
        .unwrap();
        assert_eq!(trailing[2], (Field::Response, "0.012 : ".to_owned()));
    }

    #[test]
    fn the_short_search_equals_memchr() {
        for length in 0..40 {
            for at in 0..=length {
                let mut text = vec![0x21_u8; length];
                if let Some(byte) = text.get_mut(at) {
                    *byte = b'"';
                }
                for byte in [b'"', 0x21, 0x20, 0x23, 0, 0xff] {
                    assert_eq!(
                        find(byte, &text),
                        memchr(byte, &text),
                        "{length} {at} {byte}"
                    );
                }
            }
        }
    }

    #[test]
    fn quotes_inside_values_depend_on_the_escaping() {
        let definition = r#""$http_user_agent" "$request" $status"#;
        let json = values(definition, Escape::Json, r#""a\"b\\" "GET /" 200"#).unwrap();
        assert_eq!(json[2], (Field::UserAgent, r#"a\"b\\"#.to_owned()));
        assert_eq!(
            values(definition, Escape::Default, r#""a"b" "GET /" 200"#),
            None
        );
        let none = values(definition, Escape::None, r#""a"b" "GET /" 200"#).unwrap();
        assert_eq!(none[2], (Field::UserAgent, r#"a"b"#.to_owned()));
    }

    #[test]
    fn a_literal_may_begin_inside_a_value() {
        let found = values(
            "$remote_user ★☆★ $request",
            Escape::Default,
            "a ★ b ★☆★ GET /",
        )
        .unwrap();
        assert_eq!(found, [(Field::Request, "GET /".to_owned())]);
    }

    #[test]
    fn the_place_of_a_misfit_is_told() {
        let plan = compile(
            "test",
            r#"$remote_addr - "$request" $status"#,
            Escape::Default,
            Names::Checked,
        )
        .unwrap()
        .plan(Fields::ALL);
        let Layout::Text(text) = &plan.layout else {
            unreachable!()
        };
        let misfit = misfit(text, br#"1.1.1.1 - "GET / 200"#).unwrap();
        assert_eq!(
            (misfit.at, misfit.expected.as_deref()),
            (11, Some("$request and then `\" `"))
        );
    }
}
