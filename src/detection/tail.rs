//! A tail of `name=value` pairs behind a known format, worked out from the line: everybody writes it a
//! little differently. Nothing is guessed about values without a name.

use crate::grammar::{Fields, Grammar, Names, Piece, Syntax, Texture, Variable, builtin, variable};
use crate::record::LineReader;

/// What people put before the tail.
const PREFIXES: &[&str] = &["main", "combined"];

/// The names that people give to nginx's variables in a tail. Any variable's own name will do, too.
const NAMES: &[(&str, &str)] = &[
    ("rt", "request_time"),
    ("reqtime", "request_time"),
    ("uct", "upstream_connect_time"),
    ("uht", "upstream_header_time"),
    ("urt", "upstream_response_time"),
    ("ut", "upstream_response_time"),
    ("us", "upstream_status"),
    ("ua", "upstream_addr"),
    ("upstream", "upstream_addr"),
    ("ul", "upstream_response_length"),
    ("cs", "upstream_cache_status"),
    ("cache", "upstream_cache_status"),
    ("rid", "request_id"),
    ("reqid", "request_id"),
    ("app", "upstream_http_x_runtime"),
    ("runtime", "upstream_http_x_runtime"),
    ("x_runtime", "upstream_http_x_runtime"),
    ("st", "upstream_http_server_timing"),
    ("server_timing", "upstream_http_server_timing"),
    ("ts", "msec"),
    ("rl", "request_length"),
    ("host", "host"),
    ("vhost", "host"),
    ("sn", "server_name"),
];

/// Grammars for lines that go on behind a known format with `name=value` pairs, as the first such
/// line of the sample shows them.
pub(super) fn with_tail(lines: &[Vec<u8>]) -> Vec<Grammar> {
    let prefixes = PREFIXES
        .iter()
        .filter_map(|name| builtin::find(name).ok()?.grammars.first());
    prefixes
        .filter_map(|prefix| {
            let plan = prefix.plan(Fields::ALL);
            let mut reader = LineReader::new(&plan);
            let tail = lines.iter().find_map(|line| {
                let misfit = reader
                    .misfit(line)
                    .filter(|misfit| misfit.expected.is_none())?;
                line.get(misfit.at..)
            })?;
            let (pieces, definition) = pairs(tail)?;
            let Syntax::Text(mut all, escape) = prefix.syntax.clone() else {
                return None;
            };
            join(&mut all, pieces);
            Some(Grammar {
                name: "timed".to_owned(),
                definition: format!("{}{definition}", prefix.definition),
                syntax: Syntax::Text(all, escape),
                ..prefix.clone()
            })
        })
        .collect()
}

/// Appends pieces; literals that meet become one.
fn join(all: &mut Vec<Piece>, pieces: Vec<Piece>) {
    for piece in pieces {
        match (all.last_mut(), piece) {
            (Some(Piece::Literal(last)), Piece::Literal(next)) => last.extend(next),
            (_, piece) => all.push(piece),
        }
    }
}

/// The pieces of a tail `rt=0.1 uct="-" …` and its definition; `None` where it is anything else.
fn pairs(tail: &[u8]) -> Option<(Vec<Piece>, String)> {
    let mut pieces = Vec::new();
    let mut definition = String::new();
    let mut rest = tail;
    while !rest.is_empty() {
        let blank = rest
            .iter()
            .take_while(|b| matches!(b, b' ' | b'\t'))
            .count();
        let (between, pair) = rest.split_at(blank);
        let name_length = pair
            .iter()
            .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
            .count();
        let (name, value) = pair.split_at(name_length);
        let value = value.strip_prefix(b"=").filter(|_| name_length > 0)?;
        let name = std::str::from_utf8(name).ok()?;
        let variable = named(name);
        let (quote, length) = match value.strip_prefix(b"\"") {
            Some(inside) => ("\"", memchr::memchr(b'"', inside)?),
            None => ("", length_of_bare(value, variable.texture == Texture::List)),
        };
        let between = std::str::from_utf8(between).ok()?;
        let before = format!("{between}{name}={quote}");
        definition.push_str(&format!("{before}${}{quote}", variable.name));
        pieces.push(Piece::Literal(before.into_bytes()));
        pieces.push(Piece::Value(variable));
        if !quote.is_empty() {
            pieces.push(Piece::Literal(quote.as_bytes().to_vec()));
        }
        rest = value.get(length + 2 * quote.len()..)?;
    }
    (!pieces.is_empty()).then_some((pieces, definition))
}

/// The variable behind a name; one of no meaning where the name says nothing.
fn named(name: &str) -> Variable {
    let lower = name.to_ascii_lowercase();
    let meant = NAMES
        .iter()
        .find(|(known, _)| *known == lower)
        .map_or(lower.as_str(), |(_, variable)| variable);
    variable(meant, Names::Accepted).unwrap_or_else(|_| Variable::unused(meant))
}

/// A value without quotes ends at the next blank; an nginx list goes on behind its separators.
fn length_of_bare(value: &[u8], is_list: bool) -> usize {
    let mut at = 0;
    loop {
        at += value[at..]
            .iter()
            .take_while(|b| !matches!(b, b' ' | b'\t'))
            .count();
        let ends_in_comma = at > 0 && value[at - 1] == b',';
        match &value[at..] {
            [b' ', b':', b' ', ..] if is_list => at += 3,
            [b' ', ..] if is_list && ends_in_comma => at += 1,
            _ => return at,
        }
    }
}
