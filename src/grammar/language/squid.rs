//! Squid's `logformat`.
//!
//! <http://www.squid-cache.org/Doc/config/logformat/>

use nom::branch::alt;
use nom::bytes::complete::{is_not, tag, take_while1};
use nom::character::complete::{char, digit0, one_of};
use nom::combinator::{map, opt};
use nom::sequence::delimited;
use nom::{IResult, Parser};

use super::{Dialect, Token, headers};
use crate::grammar::{Field, Meaning, Reading, Texture, Variable};
use crate::stamp::StampForm;
use crate::unit::Unit;

/// The language.
pub(super) struct Squid;

/// Whether a text holds what only this language has.
pub(super) fn speaks(text: &str) -> bool {
    ["%ts.", "%>a", "%Ss", "%>Hs", "%<st"]
        .iter()
        .any(|mark| text.contains(mark))
}

impl Dialect for Squid {
    fn token<'t>(&mut self, input: &'t str) -> IResult<&'t str, Token, ()> {
        alt((
            map(is_not("%"), Token::text),
            map(tag("%%"), |_| Token::text("%")),
            // The two halves of one stamp.
            map(tag("%ts.%03tu"), |text| {
                let meaning = Meaning::new(Field::Stamp, Reading::Stamp(StampForm::EpochSeconds));
                Token::value(Variable::used(text, meaning, Texture::Digits))
            }),
            map(code, Token::value),
            map(char('%'), |_| {
                Token::Wrong(
                    "a `%` stands without a code: a literal one is written `%%`".to_owned(),
                )
            }),
        ))
        .parse(input)
    }
}

/// `%[encoding][-][0][width][.precision][{argument}]name`.
fn code(input: &str) -> IResult<&str, Variable, ()> {
    let begin = input;
    let (input, _) = char('%').parse(input)?;
    let (input, _) = opt(one_of("\"[#'/")).parse(input)?;
    let (input, left) = opt(char('-')).parse(input)?;
    let (input, width) = digit0.parse(input)?;
    let (input, _) = opt((char('.'), digit0)).parse(input)?;
    let (input, argument) = opt(delimited(char('{'), is_not("}"), char('}'))).parse(input)?;
    let is_name = |c: char| c.is_ascii_alphabetic() || matches!(c, '<' | '>' | ':' | '_');
    let (input, name) = take_while1(is_name).parse(input)?;
    let text = begin.get(..begin.len() - input.len()).unwrap_or_default();
    let is_padded = left.is_none() && !width.is_empty() && !width.starts_with('0');
    let variable = match meaning(name, argument.unwrap_or_default()) {
        None => Variable::unused(text),
        Some(meaning) => {
            let texture = match meaning.reading {
                Reading::Number | Reading::Duration(_) => Texture::Digits,
                _ => Texture::Text,
            };
            Variable::used(text, meaning, texture)
        }
    };
    let texture = if is_padded {
        Texture::Padded
    } else {
        variable.texture
    };
    Ok((
        input,
        Variable {
            texture,
            ..variable
        },
    ))
}

fn meaning(name: &str, argument: &str) -> Option<Meaning> {
    let of = |field, reading, rank| Some(Meaning::new(field, reading).ranked(rank));
    let ms = |field, rank| {
        let reading = Reading::Duration(Unit::Milliseconds);
        Some(Meaning::new(field, reading).ranked(rank).decimals(0))
    };
    match name {
        "ts" => of(Field::Stamp, Reading::Stamp(StampForm::EpochSeconds), 1),
        "tl" | "tg" => of(Field::Stamp, Reading::Stamp(StampForm::Clf), 2),
        "tr" => ms(Field::Total, 0),
        // From the first connecting to the last byte from a peer; that of the last peer alone.
        "<tt" => ms(Field::Response, 0),
        "<pt" => ms(Field::Response, 1),
        ">a" => of(Field::RemoteAddr, Reading::Text, 0),
        "<a" | "<A" => of(Field::UpstreamAddr, Reading::Text, 0),
        ">Hs" | "Hs" => of(Field::Status, Reading::Number, 0),
        "<Hs" => of(Field::UpstreamStatus, Reading::Text, 0),
        "<st" | "st" => of(Field::Bytes, Reading::Number, 0),
        ">st" => of(Field::RequestLength, Reading::Number, 0),
        "rm" | ">rm" => of(Field::Method, Reading::Text, 0),
        "ru" | ">ru" => of(Field::Target, Reading::Text, 0),
        "rp" | ">rp" => of(Field::Target, Reading::Text, 1),
        "rv" | ">rv" => of(Field::Protocol, Reading::Text, 0),
        "Ss" => of(Field::CacheStatus, Reading::Text, 0),
        "mt" => of(Field::ContentType, Reading::Text, 0),
        ">h" => headers::request(argument),
        "<h" => headers::response(argument),
        _ => None,
    }
}
