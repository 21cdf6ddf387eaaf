//! gunicorn's `access_log_format`: Apache's letters in Python's form, `%(h)s`.
//!
//! <https://docs.gunicorn.org/en/stable/settings.html#access-log-format>

use nom::branch::alt;
use nom::bytes::complete::{is_not, tag};
use nom::character::complete::char;
use nom::combinator::map;
use nom::sequence::delimited;
use nom::{IResult, Parser};

use super::apache;
use super::{Dialect, Token, headers};
use crate::grammar::{Field, Meaning, Piece, Reading, Texture, Variable};
use crate::stamp::StampForm;
use crate::unit::Unit;

/// The language.
pub(super) struct Gunicorn;

/// Whether every name in parentheses is followed by Python's `s`.
pub(super) fn speaks(text: &str) -> bool {
    text.split("%(").skip(1).all(|rest| {
        rest.split_once(')')
            .is_some_and(|(_, after)| after.starts_with('s'))
    })
}

impl Dialect for Gunicorn {
    fn token<'t>(&mut self, input: &'t str) -> IResult<&'t str, Token, ()> {
        alt((
            map(is_not("%"), Token::text),
            map(tag("%%"), |_| Token::text("%")),
            map(delimited(tag("%("), is_not(")"), tag(")s")), value),
            map(char('%'), |_| {
                Token::Wrong(
                    "a `%` stands without a name: values are written `%(name)s`".to_owned(),
                )
            }),
        ))
        .parse(input)
    }
}

fn value(name: &str) -> Token {
    let shown = format!("%({name})s");
    let Some(meaning) = meaning(name) else {
        return Token::value(Variable::unused(&shown));
    };
    match meaning.reading {
        Reading::Stamp(StampForm::Clf) => Token::Pieces(vec![
            Piece::literal("["),
            Piece::Value(Variable::used(
                &shown,
                meaning,
                Texture::Fixed("28/Sep/1970:12:00:00 +0600".len()),
            )),
            Piece::literal("]"),
        ]),
        Reading::Number | Reading::Duration(_) => {
            Token::value(Variable::used(&shown, meaning, Texture::Digits))
        }
        _ => Token::value(Variable::used(&shown, meaning, Texture::Text)),
    }
}

/// gunicorn runs the application, so its duration is the application's. `T` is truncated to whole
/// seconds: anything else says more.
fn meaning(name: &str) -> Option<Meaning> {
    let app = |unit, rank, decimals| {
        let meaning = Meaning::new(Field::App, Reading::Duration(unit));
        Some(meaning.ranked(rank).decimals(decimals))
    };
    let header = |kind| name.strip_prefix('{')?.strip_suffix(kind);
    if let Some(header) = header("}i") {
        return headers::request_to_application(header);
    }
    if let Some(header) = header("}o") {
        // Its own clock counts before a header of the application's.
        return headers::response(header).map(|meaning| meaning.ranked(meaning.rank + 4));
    }
    match name {
        "t" => Some(Meaning::new(Field::Stamp, Reading::Stamp(StampForm::Clf))),
        "D" => app(Unit::Microseconds, 0, 0),
        "L" => app(Unit::Seconds, 1, 6),
        "M" => app(Unit::Milliseconds, 2, 0),
        "T" => app(Unit::Seconds, 3, 0),
        "f" => Some(Meaning::new(Field::Referer, Reading::Text)),
        "a" => Some(Meaning::new(Field::UserAgent, Reading::Text)),
        "h" | "r" | "m" | "U" | "H" | "s" | "B" | "b" => apache::common(name),
        _ => None,
    }
}
