//! uWSGI's `log-format`: `%(name)`.
//!
//! <https://uwsgi-docs.readthedocs.io/en/latest/LogFormat.html>. The line that it writes without one
//! is no format of this language: see `grammars/uwsgi.toml`.

use nom::branch::alt;
use nom::bytes::complete::{is_not, tag};
use nom::combinator::map;
use nom::sequence::delimited;
use nom::{IResult, Parser};

use super::{Dialect, Token, headers};
use crate::grammar::{Field, Meaning, Reading, Texture, Variable};
use crate::stamp::StampForm;
use crate::unit::Unit;

/// The language.
pub(super) struct Uwsgi;

impl Dialect for Uwsgi {
    fn token<'t>(&mut self, input: &'t str) -> IResult<&'t str, Token, ()> {
        alt((
            map(delimited(tag("%("), is_not(")"), tag(")")), value),
            // Any other `%` is itself.
            map(tag("%"), Token::text),
            map(is_not("%"), Token::text),
        ))
        .parse(input)
    }
}

fn value(name: &str) -> Token {
    let shown = format!("%({name})");
    let Some(meaning) = meaning(name) else {
        return Token::value(Variable::unused(&shown));
    };
    let texture = match meaning.reading {
        Reading::Number | Reading::Duration(_) => Texture::Digits,
        _ => Texture::Text,
    };
    Token::value(Variable::used(&shown, meaning, texture))
}

/// uWSGI runs the application, so its duration is the application's, with sending the response.
fn meaning(name: &str) -> Option<Meaning> {
    let of = |field, reading, rank| Some(Meaning::new(field, reading).ranked(rank));
    let app = |unit, rank| of(Field::App, Reading::Duration(unit), rank);
    let stamp = |form, rank| of(Field::Stamp, Reading::Stamp(form), rank);
    if let Some(variable) = name.strip_prefix("var.HTTP_") {
        return headers::request_to_application(variable);
    }
    match name {
        "micros" => app(Unit::Microseconds, 0),
        "msecs" => app(Unit::Milliseconds, 1),
        "secs" => app(Unit::Seconds, 2),
        "tmsecs" | "tmicros" => stamp(StampForm::Any, 0),
        "time" | "epoch" => stamp(StampForm::EpochSeconds, 1),
        "ltime" => stamp(StampForm::Clf, 2),
        "ctime" => stamp(StampForm::Ctime, 3),
        "ftime" => stamp(StampForm::Any, 4),
        "method" => of(Field::Method, Reading::Text, 0),
        "uri" => of(Field::Target, Reading::Text, 0),
        "proto" => of(Field::Protocol, Reading::Text, 0),
        "status" => of(Field::Status, Reading::Number, 0),
        "size" => of(Field::Bytes, Reading::Number, 0),
        "rsize" => of(Field::Bytes, Reading::Number, 1),
        "cl" => of(Field::RequestLength, Reading::Number, 0),
        "addr" => of(Field::RemoteAddr, Reading::Text, 0),
        "host" => of(Field::Host, Reading::Text, 0),
        "uagent" => of(Field::UserAgent, Reading::Text, 0),
        "referer" => of(Field::Referer, Reading::Text, 0),
        _ => None,
    }
}
