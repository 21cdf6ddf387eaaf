//! Apache's `LogFormat`; varnishncsa has the same syntax with other names, see [`super::varnish`].
//!
//! <https://httpd.apache.org/docs/2.4/mod/mod_log_config.html#formats>

use nom::branch::alt;
use nom::bytes::complete::{is_not, tag, take_while};
use nom::character::complete::{anychar, char};
use nom::combinator::{map, opt};
use nom::sequence::delimited;
use nom::{IResult, Parser};

use super::{Dialect, Token, headers};
use crate::grammar::{Field, Meaning, Piece, Reading, Texture, Variable};
use crate::stamp::StampForm;
use crate::unit::Unit;

/// The language.
pub(super) struct Apache;

impl Dialect for Apache {
    fn token<'t>(&mut self, input: &'t str) -> IResult<&'t str, Token, ()> {
        token(input, |directive| match directive.letter {
            "t" => Token::Pieces(time(directive)),
            _ => Token::value(directive.variable(meaning(directive))),
        })
    }
}

/// `%[!][statuses][<>]{argument}letters`, taken apart.
pub(super) struct Directive<'t> {
    /// As it is written.
    pub(super) text: &'t str,
    /// What stands in braces; empty where nothing does.
    pub(super) argument: &'t str,
    /// `h`, `D`, `^FB`.
    pub(super) letter: &'t str,
}

impl Directive<'_> {
    /// The variable of that meaning.
    pub(super) fn variable(&self, meaning: Option<Meaning>) -> Variable {
        let Some(meaning) = meaning else {
            return Variable::unused(self.text);
        };
        let texture = match meaning.reading {
            Reading::Number | Reading::Duration(_) => Texture::Digits,
            _ => Texture::Text,
        };
        Variable::used(self.text, meaning, texture)
    }
}

/// A token of this syntax, of which `value` says what a directive means.
pub(super) fn token(
    input: &str,
    value: impl Fn(&Directive<'_>) -> Token,
) -> IResult<&str, Token, ()> {
    alt((
        map(is_not("%"), Token::text),
        map(tag("%%"), |_| Token::text("%")),
        map(directive, |directive| value(&directive)),
        map(char('%'), |_| {
            Token::Wrong("a `%` stands without a letter: a literal one is written `%%`".to_owned())
        }),
    ))
    .parse(input)
}

fn directive(input: &str) -> IResult<&str, Directive<'_>, ()> {
    let begin = input;
    let (input, _) = char('%').parse(input)?;
    // Only for certain statuses (`-` otherwise), and which of a redirected request's two ends.
    let (input, _) = take_while(|c: char| c.is_ascii_digit() || matches!(c, '!' | ',' | '<' | '>'))
        .parse(input)?;
    let (input, argument) = opt(delimited(char('{'), is_not("}"), char('}'))).parse(input)?;
    let at_letter = input;
    let (input, _) = alt((
        map(tag("^FB"), drop),
        map(tag("^FU"), drop),
        map((tag("^t"), nom::character::complete::one_of("io")), drop),
        map(
            nom::combinator::verify(anychar, char::is_ascii_alphabetic),
            drop,
        ),
    ))
    .parse(input)?;
    let taken = |from: &'_ str| from.len() - input.len();
    Ok((
        input,
        Directive {
            text: begin.get(..taken(begin)).unwrap_or_default(),
            argument: argument.unwrap_or_default(),
            letter: at_letter.get(..taken(at_letter)).unwrap_or_default(),
        },
    ))
}

/// What a directive other than `%t` means.
fn meaning(directive: &Directive<'_>) -> Option<Meaning> {
    let of = |field, reading, rank| Some(Meaning::new(field, reading).ranked(rank));
    match (directive.letter, directive.argument) {
        ("^FB", _) => {
            Some(Meaning::new(Field::FirstByte, Reading::Duration(Unit::Microseconds)).decimals(0))
        }
        ("L", _) => of(Field::RequestId, Reading::Text, 0),
        ("e", "UNIQUE_ID") => of(Field::RequestId, Reading::Text, 1),
        _ => with_argument(directive),
    }
}

/// What means the same in Apache and varnishncsa: headers, the duration in its units, and what needs no
/// argument.
pub(super) fn with_argument(directive: &Directive<'_>) -> Option<Meaning> {
    let duration = |unit, rank| {
        let meaning = Meaning::new(Field::Total, Reading::Duration(unit));
        Some(meaning.ranked(rank).decimals(0))
    };
    match (directive.letter, directive.argument) {
        ("i", name) => headers::request(name),
        ("o", name) => headers::response(name),
        // `%T` is truncated to whole seconds: anything else says more.
        ("D", _) | ("T", "us") => duration(Unit::Microseconds, 0),
        ("T", "ms") => duration(Unit::Milliseconds, 1),
        ("T", _) => duration(Unit::Seconds, 2),
        _ => common(directive.letter),
    }
}

/// What means the same in Apache, varnishncsa and gunicorn.
pub(super) fn common(letter: &str) -> Option<Meaning> {
    let of = |field, reading, rank| Some(Meaning::new(field, reading).ranked(rank));
    match letter {
        "h" => of(Field::RemoteAddr, Reading::Text, 1),
        "a" => of(Field::RemoteAddr, Reading::Text, 0),
        "r" => of(Field::Request, Reading::Text, 0),
        "m" => of(Field::Method, Reading::Text, 0),
        "U" => of(Field::Target, Reading::Text, 0),
        "H" => of(Field::Protocol, Reading::Text, 0),
        "s" => of(Field::Status, Reading::Number, 0),
        "O" => of(Field::Bytes, Reading::Number, 0),
        "B" => of(Field::Bytes, Reading::Number, 1),
        "b" => of(Field::Bytes, Reading::Number, 2),
        "I" => of(Field::RequestLength, Reading::Number, 0),
        "v" | "V" => of(Field::Host, Reading::Text, 2),
        _ => None,
    }
}

/// `%t` and `%{format}t`. A format of strftime that is not known here is a text without meaning.
pub(super) fn time(directive: &Directive<'_>) -> Vec<Piece> {
    let argument = directive.argument;
    let format = argument
        .strip_prefix("begin:")
        .or_else(|| argument.strip_prefix("end:"))
        .unwrap_or(argument);
    let stamp = |form, rank, texture| {
        let meaning = Meaning::new(Field::Stamp, Reading::Stamp(form)).ranked(rank);
        Piece::Value(Variable::used(directive.text, meaning, texture))
    };
    match format {
        "" | "begin" | "end" => vec![
            Piece::literal("["),
            stamp(
                StampForm::Clf,
                3,
                Texture::Fixed("28/Sep/1970:12:00:00 +0600".len()),
            ),
            Piece::literal("]"),
        ],
        "sec" => vec![stamp(StampForm::EpochSeconds, 2, Texture::Digits)],
        "msec" => vec![stamp(StampForm::Any, 1, Texture::Digits)],
        "usec" => vec![stamp(StampForm::Any, 0, Texture::Digits)],
        "%d/%b/%Y:%T %z" | "%d/%b/%Y:%H:%M:%S %z" => vec![stamp(StampForm::Clf, 3, Texture::Text)],
        "%FT%T%z" | "%Y-%m-%dT%T%z" | "%Y-%m-%dT%H:%M:%S%z" | "%FT%TZ" | "%Y-%m-%dT%H:%M:%SZ" => {
            vec![stamp(StampForm::Iso8601, 3, Texture::Text)]
        }
        _ => vec![Piece::Value(Variable::unused(directive.text))],
    }
}
