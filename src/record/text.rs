//! Lines of a text format: the steps of a [`TextPlan`] over the bytes of a line.

use memchr::{memchr, memchr3};
use nom::bytes::complete::{take, take_while};
use nom::combinator::rest;
use nom::{Err, IResult, Parser};

use super::Misfit;
use super::values::Values;
use crate::grammar::{Literal, Shape, Step, TextPlan};
use crate::scan;

/// No more than "it does not fit": the message is made by [`misfit`], for the few lines that need one.
type Parsed<'a> = IResult<&'a [u8], &'a [u8], ()>;

/// Finds the values that the plan keeps. `values` must have been made for the plan.
///
/// # Errors
/// The line does not fit, see [`misfit`].
// A function of its own, so that its loop has the registers for itself.
#[inline(never)]
pub(super) fn read(plan: &TextPlan, line: &[u8], values: &mut Values) -> Result<(), ()> {
    let mut left = plan.lead.strip(line).ok_or(())?;
    for step in &plan.steps {
        let (length, next) = match usual(step, left) {
            Some(found) => found,
            None => other(step, left).ok_or(())?,
        };
        if let Some(column) = step.keep {
            values.put(column, line.len() - left.len(), left, length);
        }
        left = left.get(next..).ok_or(())?;
    }
    values.set_present(plan.fields);
    if left.is_empty() { Ok(()) } else { Err(()) }
}

/// The fastest path of [`value`], for the usual value of a step that is short, of one length or last: the
/// length of the value, and that with the literal after it. `None` says nothing.
#[inline(always)]
fn usual(step: &Step, input: &[u8]) -> Option<(usize, usize)> {
    let length = if step.is_plain {
        step.then.find_head(input)?
    } else if let Shape::Fixed(length) = step.shape {
        step.then.strip(input.get(length..)?)?;
        length
    } else if step.shape == Shape::LastWord {
        return match scan::find(b' ', input) {
            None => Some((input.len(), input.len())),
            Some(_) => None,
        };
    } else {
        return None;
    };
    Some((length, length + step.then.bytes().len()))
}

/// As [`usual`], for every value; `None` where the line does not fit.
#[inline(always)]
fn other(step: &Step, input: &[u8]) -> Option<(usize, usize)> {
    let long = if step.is_plain_before_long {
        before_long(step, input)
    } else {
        None
    };
    long.or_else(|| unusual(step, input))
}

/// As [`usual`], of what is before a long literal, or one element of a list.
// Few values come here and to the next, and the loop over the others is to be small.
#[inline(never)]
fn before_long(step: &Step, input: &[u8]) -> Option<(usize, usize)> {
    let length = step.then.find_head(input)?;
    if step.shape == Shape::List && input.get(..length)?.ends_with(b",") {
        return None;
    }
    Some((length, step.then.end_behind_head(input, length)?))
}

#[inline(never)]
fn unusual(step: &Step, input: &[u8]) -> Option<(usize, usize)> {
    at_first_sight(step, input).or_else(|| {
        let (left, value) = value(step, input).ok()?;
        Some((value.len(), input.len() - left.len()))
    })
}

/// The fast path of [`value`], for the usual value: the byte with which the literal after it begins
/// stands nowhere in it, and a list has one element. Gives what [`usual`] gives.
#[inline(always)]
fn at_first_sight(step: &Step, input: &[u8]) -> Option<(usize, usize)> {
    let length = match step.shape {
        Shape::Fixed(length) => length,
        Shape::Until | Shape::Quoted | Shape::Word => step.then.find_first(input)?,
        Shape::QuotedEscaped => scan::find(b'"', input).filter(|end| {
            input
                .get(..*end)
                .is_some_and(|value| !value.ends_with(b"\\"))
        })?,
        Shape::List if step.then.first() == b' ' => {
            let end = scan::find(b' ', input)?;
            let (value, left) = input.split_at_checked(end)?;
            (!value.ends_with(b",") && !left.starts_with(b" : ")).then_some(end)?
        }
        _ => return None,
    };
    let left = step.then.strip(input.get(length..)?)?;
    Some((length, input.len() - left.len()))
}

/// A value and the literal after it.
fn value<'a>(step: &Step, input: &'a [u8]) -> Parsed<'a> {
    match step.shape {
        Shape::Fixed(length) => followed(take(length).parse(input)?, &step.then),
        Shape::Until => until(&step.then, input),
        Shape::Quoted => {
            let end = memchr(b'"', input).ok_or(Err::Error(()))?;
            followed(take(end).parse(input)?, &step.then)
        }
        Shape::QuotedEscaped => followed(until_bare_quote(input)?, &step.then),
        Shape::List => list(&step.then, input),
        Shape::Digits => followed(digits(input)?, &step.then),
        Shape::Word => {
            let end = memchr(b' ', input).ok_or(Err::Error(()))?;
            followed(take(end).parse(input)?, &step.then)
        }
        Shape::LastDigits => match digits(input)? {
            (b"", digits) => Ok((b"", digits)),
            _ => Err(Err::Error(())),
        },
        Shape::Authority => {
            let end = memchr(b'/', input).ok_or(Err::Error(()))?;
            take(end).parse(input)
        }
        Shape::Blanks => take_while(|b| b == b' ').parse(input),
        Shape::Captures => followed(captures(input), &step.then),
        Shape::LastQuoted => match memchr(b'"', input) {
            Some(end) if end + 1 < input.len() => Err(Err::Error(())),
            end => Ok((b"", &input[..end.unwrap_or(input.len())])),
        },
        Shape::LastList => last_list(input),
        Shape::LastWord => match memchr(b' ', input) {
            Some(_) => Err(Err::Error(())),
            None => rest(input),
        },
        Shape::Rest => rest(input),
    }
}

fn digits(input: &[u8]) -> Parsed<'_> {
    take_while(|b: u8| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'+')).parse(input)
}

/// Takes the literal that must come next.
fn followed<'a>((left, value): (&'a [u8], &'a [u8]), then: &Literal) -> Parsed<'a> {
    match then.strip(left) {
        Some(left) => Ok((left, value)),
        None => Err(Err::Error(())),
    }
}

/// Everything before the first place where the literal stands, and the literal, which is not empty.
fn until<'a>(then: &Literal, input: &'a [u8]) -> Parsed<'a> {
    let first = *then.bytes().first().ok_or(Err::Error(()))?;
    let mut from = 0;
    loop {
        let at =
            from + memchr(first, input.get(from..).ok_or(Err::Error(()))?).ok_or(Err::Error(()))?;
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

/// HAProxy's captured headers and the blank after them: it writes neither where nothing is captured,
/// and no bare brace inside.
fn captures(input: &[u8]) -> (&[u8], &[u8]) {
    if input.first() != Some(&b'{') {
        return (input, b"");
    }
    let Some(end) = memchr(b'}', input) else {
        return (input, b"");
    };
    let (value, left) = input.split_at(end + 1);
    (left.strip_prefix(b" ").unwrap_or(left), value)
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
                    Shape::Quoted => memchr(b'"', input).unwrap_or(0),
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
                        expected: Some(format!("{} and then {}", step.name, show(then))),
                    },
                    end => Misfit {
                        at: start + end + same,
                        expected: Some(format!("{} after {}", show(&then[same..]), step.name)),
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
        let mut values = Values::new(&plan);
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
    fn what_is_read_at_first_sight_is_the_value() {
        let literals: &[&[u8]] = &[
            b"",
            b" ",
            b"\"",
            b"\" ",
            b" - ",
            b", ",
            b" : x",
            b"]",
            b" b",
            b",x",
            b" - to be",
            b", in steps",
            b"\" \\, : long",
        ];
        let pieces = [
            "a",
            "0.1",
            "\"",
            "\\",
            ",",
            " ",
            ":",
            "-",
            "]",
            ", ",
            " : ",
            " b",
            ",x",
            "long enough - to be looked at, in steps",
        ];
        let shapes = [
            Shape::Fixed(3),
            Shape::Until,
            Shape::Word,
            Shape::Quoted,
            Shape::QuotedEscaped,
            Shape::List,
            Shape::Digits,
            Shape::LastList,
            Shape::LastWord,
            Shape::Rest,
        ];
        let mut quick = 0;
        for number in 0..pieces.len().pow(4) {
            let text: String = (0..4)
                .map(|place| pieces[number / pieces.len().pow(place) % pieces.len()])
                .collect();
            for shape in shapes {
                for then in literals {
                    let is_quoted = matches!(shape, Shape::Quoted | Shape::QuotedEscaped);
                    if is_quoted && then.first() != Some(&b'"')
                        || shape == Shape::Word && then.first() != Some(&b' ')
                    {
                        continue;
                    }
                    let then = Literal::from(then.to_vec());
                    let mut step = Step::new(shape, String::new());
                    step.end_with(then);
                    let text = text.as_bytes();
                    let found = [
                        usual(&step, text),
                        step.is_plain_before_long
                            .then(|| before_long(&step, text))
                            .flatten(),
                        at_first_sight(&step, text),
                    ];
                    for (length, next) in found.into_iter().flatten() {
                        quick += 1;
                        let wanted = value(&step, text);
                        assert_eq!(wanted, Ok((&text[next..], &text[..length])), "{step:?}");
                    }
                }
            }
        }
        assert!(quick > 100_000, "{quick}");
    }

    #[test]
    fn quotes_inside_values_depend_on_the_escaping() {
        let definition = r#""$http_user_agent" "$request" $status"#;
        let json = values(definition, Escape::Backslash, r#""a\"b\\" "GET /" 200"#).unwrap();
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
