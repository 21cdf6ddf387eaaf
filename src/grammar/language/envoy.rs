//! Envoy's format strings, which Istio's are too.
//!
//! <https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage>

use nom::branch::alt;
use nom::bytes::complete::{is_not, tag, take_while1};
use nom::character::complete::{char, digit1};
use nom::combinator::{map, opt};
use nom::sequence::{delimited, preceded};
use nom::{IResult, Parser};

use super::{Dialect, Token, headers};
use crate::grammar::{Field, Meaning, Reading, Texture, Variable};
use crate::stamp::StampForm;
use crate::unit::Unit;

/// The language.
pub(super) struct Envoy;

/// Whether a text holds a command operator: capitals between two percent signs.
pub(super) fn speaks(text: &str) -> bool {
    text.match_indices('%').any(|(at, _)| {
        text.get(at..)
            .is_some_and(|rest| operator(rest).is_ok_and(|(_, operator)| operator.name.len() > 1))
    })
}

impl Dialect for Envoy {
    fn token<'t>(&mut self, input: &'t str) -> IResult<&'t str, Token, ()> {
        alt((
            map(is_not("%\n"), Token::text),
            map(tag("%%"), |_| Token::text("%")),
            map(operator, |operator| Token::value(operator.variable())),
            // The format ends the line itself.
            map(tag("\n"), |_| Token::Pieces(Vec::new())),
            map(char('%'), |_| {
                Token::Wrong(
                    "a `%` begins no command operator, which are written `%NAME%` or `%NAME(…)%`"
                        .to_owned(),
                )
            }),
        ))
        .parse(input)
    }
}

/// `%NAME(argument):length%`.
struct Operator<'t> {
    text: &'t str,
    name: &'t str,
    argument: &'t str,
}

fn operator(input: &str) -> IResult<&str, Operator<'_>, ()> {
    let begin = input;
    let is_name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    let (input, name) = preceded(char('%'), take_while1(is_name)).parse(input)?;
    let (input, argument) = opt(delimited(char('('), is_not(")"), char(')'))).parse(input)?;
    let (input, _) = opt(preceded(char(':'), digit1)).parse(input)?;
    let (input, _) = char('%').parse(input)?;
    Ok((
        input,
        Operator {
            text: begin.get(..begin.len() - input.len()).unwrap_or_default(),
            name,
            argument: argument.unwrap_or_default(),
        },
    ))
}

impl Operator<'_> {
    fn variable(&self) -> Variable {
        let Some(meaning) = self.meaning() else {
            return Variable::unused(self.text);
        };
        let texture = match meaning.reading {
            Reading::Number | Reading::Duration(_) => Texture::Digits,
            _ => Texture::Text,
        };
        Variable::used(self.text, meaning, texture)
    }

    fn meaning(&self) -> Option<Meaning> {
        let of = |field, reading, rank| Some(Meaning::new(field, reading).ranked(rank));
        let ms = |field, rank| {
            let meaning = Meaning::new(field, Reading::Duration(Unit::Milliseconds));
            Some(meaning.ranked(rank).decimals(0))
        };
        match self.name {
            "START_TIME" => of(Field::Stamp, Reading::Stamp(start_time(self.argument)), 0),
            "DURATION" => ms(Field::Total, 0),
            // Until the last byte of the request was sent upstream; without that, until it was
            // received.
            "REQUEST_TX_DURATION" => ms(Field::Client, 0),
            "REQUEST_DURATION" => ms(Field::Client, 1),
            "RESPONSE_DURATION" => ms(Field::FirstByte, 0),
            "RESPONSE_TX_DURATION" => ms(Field::Transfer, 0),
            "RESPONSE_CODE" => of(Field::Status, Reading::Number, 0),
            "BYTES_SENT" => of(Field::Bytes, Reading::Number, 0),
            "BYTES_RECEIVED" => of(Field::RequestLength, Reading::Number, 0),
            "PROTOCOL" => of(Field::Protocol, Reading::Text, 0),
            "UPSTREAM_HOST" => of(Field::UpstreamAddr, Reading::Text, 0),
            "DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT" => of(Field::RemoteAddr, Reading::Text, 0),
            "DOWNSTREAM_REMOTE_ADDRESS" => of(Field::RemoteAddr, Reading::Text, 1),
            // `A?B`: the header B where there is no A.
            "REQ" => self.argument.split('?').find_map(request_header),
            "RESP" => self.argument.split('?').find_map(response_header),
            _ => None,
        }
    }
}

fn request_header(name: &str) -> Option<Meaning> {
    let text = |field, rank| Some(Meaning::new(field, Reading::Text).ranked(rank));
    match name.to_ascii_lowercase().as_str() {
        ":method" => text(Field::Method, 0),
        ":path" | "x-envoy-original-path" => text(Field::Target, 0),
        _ => headers::request(name),
    }
}

fn response_header(name: &str) -> Option<Meaning> {
    if name.eq_ignore_ascii_case("x-envoy-upstream-service-time") {
        // The upstream's time and the network's, until the response header.
        let reading = Reading::Duration(Unit::Milliseconds);
        return Some(Meaning::new(Field::Server, reading).decimals(0));
    }
    headers::response(name)
}

/// `%START_TIME%` is RFC 3339 in UTC with milliseconds; with a format it is what that says.
fn start_time(format: &str) -> StampForm {
    match format {
        "" => StampForm::Iso8601,
        _ => StampForm::Any,
    }
}
