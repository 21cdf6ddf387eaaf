//! HAProxy's `log-format`.
//!
//! <https://docs.haproxy.org/3.0/configuration.html#8.2.6>. Where the log has the timers of both
//! generations, the newer counts.

use nom::branch::alt;
use nom::bytes::complete::{is_not, tag, take_while1};
use nom::character::complete::{char, one_of};
use nom::combinator::{map, opt};
use nom::multi::separated_list1;
use nom::sequence::{delimited, preceded};
use nom::{IResult, Parser};

use super::{Dialect, Token, headers};
use crate::grammar::{Field, Meaning, Piece, Reading, Texture, Variable};
use crate::stamp::StampForm;
use crate::unit::Unit;

/// The language, with the flags that `%{+Q}o` sets for all that follows.
#[derive(Default)]
pub(super) struct Haproxy {
    quotes: bool,
}

/// Whether a text holds what only this language has.
pub(super) fn speaks(text: &str) -> bool {
    const MARKS: &[&str] = &[
        "%ci", "%tr", "%TR", "%Tw", "%Tr", "%Ta", "%Tq", "%Tt", "%ST", "%HM", "%HP", "%HU", "%ft",
        "%{+", "%{-", "%[",
    ];
    MARKS.iter().any(|mark| text.contains(mark))
}

/// What a token may be.
enum Part<'t> {
    Text(&'t str),
    Value { quotes: Option<bool>, name: &'t str },
    Expression(&'t str),
    Bare,
}

impl Dialect for Haproxy {
    fn token<'t>(&mut self, input: &'t str) -> IResult<&'t str, Token, ()> {
        let name = |input| take_while1(|c: char| c.is_ascii_alphabetic()).parse(input);
        let value = map(preceded(char('%'), (opt(flags), name)), |(quotes, name)| {
            Part::Value {
                quotes: quotes.flatten(),
                name,
            }
        });
        let expression = preceded(
            (char('%'), opt(flags)),
            delimited(char('['), is_not("]"), char(']')),
        );
        let (left, part) = alt((
            map(is_not("%"), Part::Text),
            map(tag("%%"), |_| Part::Text("%")),
            value,
            map(expression, Part::Expression),
            map(char('%'), |_| Part::Bare),
        ))
        .parse(input)?;
        let token = match part {
            Part::Text(text) => Token::text(text),
            Part::Value { quotes, name: "o" } => {
                self.quotes = quotes.unwrap_or(self.quotes);
                // It writes nothing, nor the blank behind it.
                return Ok((left.trim_start_matches(' '), Token::Pieces(Vec::new())));
            }
            // How many blanks there are depends on what was captured, so both lists are one value.
            Part::Value { name: "hrl", .. } => {
                let left = left.strip_prefix(" %hsl").unwrap_or(left);
                return Ok((left, Token::value(Variable::unused("%hrl %hsl"))));
            }
            Part::Value { quotes, name } => self.value(name, quotes.unwrap_or(self.quotes)),
            Part::Expression(text) => Token::value(expression_of(text)),
            Part::Bare => Token::Wrong(
                "a `%` stands without a name: a literal one is written `%%`".to_owned(),
            ),
        };
        Ok((left, token))
    }
}

impl Haproxy {
    /// The value of that name; texts stand in quotes where the flag says so, numbers never do.
    fn value(&self, name: &str, quotes: bool) -> Token {
        const NUMBERS: &[&str] = &[
            "Td", "Th", "Ti", "Tl", "Ts", "U", "ac", "bc", "bp", "bq", "cp", "fc", "fp", "lc",
            "ms", "pid", "rc", "rt", "sc", "sp", "sq",
        ];
        let shown = format!("%{name}");
        let variable = match (meaning(name), name) {
            (_, "hr" | "hs") => Variable {
                texture: Texture::Captures,
                ..Variable::unused(&shown)
            },
            (Some(meaning), _) => {
                let texture = match meaning.reading {
                    Reading::Number | Reading::Duration(_) => Texture::Digits,
                    _ => Texture::Text,
                };
                Variable::used(&shown, meaning, texture)
            }
            (None, _) if NUMBERS.contains(&name) => Variable {
                texture: Texture::Digits,
                ..Variable::unused(&shown)
            },
            (None, _) => Variable::unused(&shown),
        };
        let is_text = !matches!(variable.texture, Texture::Digits | Texture::Captures)
            && !matches!(name, "tr" | "trg" | "trl" | "t" | "T" | "Tl" | "ts" | "tsc");
        if quotes && is_text {
            Token::Pieces(vec![
                Piece::literal("\""),
                Piece::Value(variable),
                Piece::literal("\""),
            ])
        } else {
            Token::value(variable)
        }
    }
}

/// `{+Q,-E}`: whether quotes are asked for.
fn flags(input: &str) -> IResult<&str, Option<bool>, ()> {
    let flag = (one_of("+-"), one_of("QEXM"));
    let (input, flags) =
        delimited(char('{'), separated_list1(char(','), flag), char('}')).parse(input)?;
    let quotes = flags
        .iter()
        .rev()
        .find_map(|(sign, flag)| (*flag == 'Q').then_some(*sign == '+'));
    Ok((input, quotes))
}

/// What a value means. `Tq` and `Tt` are the timers before 1.7, where `Tq` holds the wait of a
/// kept-alive connection for its next request too.
fn meaning(name: &str) -> Option<Meaning> {
    let of = |field, reading, rank| Some(Meaning::new(field, reading).ranked(rank));
    let ms = |field, rank| {
        let meaning = Meaning::new(field, Reading::Duration(Unit::Milliseconds));
        Some(meaning.ranked(rank).decimals(0))
    };
    let stamp = |form, rank| of(Field::Stamp, Reading::Stamp(form), rank);
    match name {
        "TR" => ms(Field::Client, 0),
        "Tq" => ms(Field::Client, 1),
        "Tw" => ms(Field::Wait, 0),
        "Tc" => ms(Field::Connect, 0),
        "Tr" => ms(Field::Server, 0),
        "Ta" => ms(Field::Total, 0),
        "Tt" => ms(Field::Total, 1),
        "tr" => stamp(StampForm::Haproxy, 0),
        "trg" | "trl" => stamp(StampForm::Clf, 1),
        "t" => stamp(StampForm::Haproxy, 2),
        "T" | "Tl" => stamp(StampForm::Clf, 3),
        "ST" => of(Field::Status, Reading::Number, 0),
        "B" => of(Field::Bytes, Reading::Number, 0),
        "U" => of(Field::RequestLength, Reading::Number, 0),
        "r" => of(Field::Request, Reading::Text, 0),
        "HM" => of(Field::Method, Reading::Text, 0),
        "HU" => of(Field::Target, Reading::Text, 0),
        "HP" => of(Field::Target, Reading::Text, 1),
        "HPO" => of(Field::Target, Reading::Text, 2),
        "HV" => of(Field::Protocol, Reading::Text, 0),
        "ci" => of(Field::RemoteAddr, Reading::Text, 0),
        "s" => of(Field::UpstreamAddr, Reading::Text, 0),
        "ID" => of(Field::RequestId, Reading::Text, 0),
        _ => None,
    }
}

/// A sample expression: a header that it fetches means what the header means.
fn expression_of(text: &str) -> Variable {
    let shown = format!("%[{text}]");
    let header = |function: &str| {
        let (_, rest) = text.split_once(function)?;
        rest.split([')', ',']).next()
    };
    let meaning = header("res.hdr(")
        .and_then(headers::response)
        .or_else(|| header("req.hdr(").and_then(headers::request));
    match meaning {
        Some(meaning) => Variable::used(&shown, meaning, Texture::Text),
        None => Variable::unused(&shown),
    }
}
