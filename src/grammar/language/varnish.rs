//! varnishncsa's `-F`: Apache's syntax, with names of Varnish's own.
//!
//! <https://varnish-cache.org/docs/trunk/reference/varnishncsa.html#format>

use nom::IResult;

use super::apache::{self, Directive};
use super::{Dialect, Token};
use crate::grammar::{Field, Meaning, Reading};
use crate::unit::Unit;

/// The language.
pub(super) struct Varnish;

impl Dialect for Varnish {
    fn token<'t>(&mut self, input: &'t str) -> IResult<&'t str, Token, ()> {
        apache::token(input, |directive| match directive.letter {
            "t" => Token::Pieces(apache::time(directive)),
            _ => Token::value(directive.variable(meaning(directive))),
        })
    }
}

fn meaning(directive: &Directive<'_>) -> Option<Meaning> {
    let of = |field, reading, rank| Some(Meaning::new(field, reading).ranked(rank));
    match (directive.letter, directive.argument) {
        // From the request's begin until the backend's first byte: nothing of it is the client's.
        ("x", "Varnish:time_firstbyte") => {
            Some(Meaning::new(Field::FirstByte, Reading::Duration(Unit::Seconds)).decimals(6))
        }
        ("x", "Varnish:hitmiss") => of(Field::CacheStatus, Reading::Text, 1),
        ("x", "Varnish:handling") => of(Field::CacheStatus, Reading::Text, 0),
        _ => apache::with_argument(directive),
    }
}
