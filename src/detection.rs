//! Which grammar fits a log, from its first lines.
//!
//! Every built-in is tried on every line of the sample; the one that fits most lines wins, and among
//! equals the one that reads most fields. A tail of `name=value` pairs behind nginx's combined or
//! main format is worked out from the line, because everybody writes it a little differently.
//! Nothing is guessed about values without a name.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::grammar::builtin::{self, Builtin};
use crate::grammar::nginx_conf::{LogFormat, NginxConf};
use crate::grammar::{
    Anchor, Definition, Fields, Grammar, Names, Piece, Syntax, Variable, compile, parse_definition,
    variable,
};
use crate::input::lines;
use crate::record::{LineReader, Misfit};
use crate::untrusted::Untrusted;

/// Lines of the sample.
const SAMPLE: usize = 200;

/// No grammar fits at least half of the first lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undetected {
    /// The grammar that comes nearest.
    pub nearest: String,
    /// How many of the lines looked at it fits, and how many those were.
    pub fits: (usize, usize),
    /// The first line that it does not fit.
    pub line: Vec<u8>,
    /// Where and why not.
    pub misfit: Misfit,
}

impl fmt::Display for Undetected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const BEFORE: usize = 60;
        const AFTER: usize = 60;
        let from = self.misfit.at.saturating_sub(BEFORE);
        let until = self.line.len().min(self.misfit.at + AFTER);
        let shown = |from: usize, until: usize| {
            Untrusted::new(self.line.get(from..until).unwrap_or_default()).for_terminal()
        };
        let dots = |cut: bool| if cut { "…" } else { "" };
        // Escaped as one piece, so that no command can hide in the seam.
        let text = format!(
            "{}{}{}",
            dots(from > 0),
            shown(from, until),
            dots(until < self.line.len())
        );
        let left = format!("{}{}", dots(from > 0), shown(from, self.misfit.at));
        let expected = self
            .misfit
            .expected
            .as_deref()
            .unwrap_or("the end of the line");
        writeln!(
            f,
            "no format fits: the nearest, {}, fits {} of the first {} lines",
            self.nearest, self.fits.0, self.fits.1
        )?;
        writeln!(f, "  {text}")?;
        writeln!(
            f,
            "  {:width$}^ expected {expected}",
            "",
            width = unicode_width::UnicodeWidthStr::width(left.as_str())
        )?;
        write!(
            f,
            "give the format with --log-format 'STR' (the log_format string), with --log-format NAME (see `slowpath formats`), or with --nginx-conf FILE"
        )
    }
}

impl std::error::Error for Undetected {}

/// The grammar of a log whose first bytes these are; `None` where they hold no line.
///
/// # Errors
/// No grammar fits at least half of the first lines.
pub fn detect(head: &[u8]) -> Result<Option<Grammar>, Box<Undetected>> {
    let sample = sample(head);
    let Some(first) = sample.first() else {
        return Ok(None);
    };
    let builtins = builtin::all()
        .iter()
        .flat_map(|builtin| builtin.grammars.iter().cloned());
    let candidates: Vec<Grammar> = builtins.chain(with_tail(&sample)).collect();
    let mut scored: Vec<(usize, u32, &Grammar)> = candidates
        .iter()
        .map(|grammar| {
            (
                count_fits(grammar, &sample),
                grammar.fields().len(),
                grammar,
            )
        })
        .collect();
    // A stable sort: among equals the order of the built-ins holds.
    scored.sort_by_key(|(fits, fields, _)| std::cmp::Reverse((*fits, *fields)));
    match scored.first() {
        Some((fits, _, grammar)) if *fits * 2 >= sample.len() => Ok(Some((*grammar).clone())),
        _ => Err(Box::new(nearest(&scored, &sample, first))),
    }
}

/// How a person says which format a log has.
#[derive(Debug)]
pub enum Format {
    /// Not at all: the lines tell.
    Detect,
    /// A built-in, of which the lines tell the variant.
    Builtin(&'static Builtin),
    /// A definition.
    Given(Grammar),
    /// The configuration of the nginx that writes the log, and where that was read from.
    Conf(NginxConf, PathBuf),
}

impl Format {
    /// Reads `--log-format`: the name of a built-in or a definition.
    ///
    /// # Errors
    /// A definition that cannot be compiled; a bare word that is no built-in.
    pub fn named(text: &str) -> Result<Format, String> {
        let is_name = !text.is_empty()
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
        if is_name {
            return builtin::find(text).map(Format::Builtin).map_err(|near| match near {
                Some(near) => format!("there is no built-in format {text:?}: did you mean {near}?"),
                None => {
                    let names: Vec<&str> = builtin::all().iter().map(|builtin| builtin.name.as_str()).collect();
                    format!("there is no built-in format {text:?}: there are {}, or give a log_format string", names.join(", "))
                }
            });
        }
        let Definition { name, text, escape } =
            parse_definition(text).map_err(|e| e.to_string())?;
        compile(
            name.as_deref().unwrap_or("custom"),
            &text,
            escape,
            Names::Checked,
        )
        .map(Format::Given)
        .map_err(|e| e.to_string())
    }

    /// The grammar of a log of that name (`None` for standard input) with these first bytes; `None`
    /// where it holds no line.
    ///
    /// # Errors
    /// The lines fit nothing known, or several formats of a configuration alike.
    pub fn grammar(&self, log: Option<&Path>, head: &[u8]) -> Result<Option<Grammar>, String> {
        match self {
            Format::Given(grammar) => Ok(Some(grammar.clone())),
            Format::Builtin(builtin) => Ok(best(&builtin.grammars, head).cloned()),
            Format::Detect => detect(head).map_err(|undetected| undetected.to_string()),
            Format::Conf(conf, path) => {
                let path = Untrusted::new(path.as_os_str().as_encoded_bytes()).for_terminal();
                of_conf(conf, log, head).map_err(|e| format!("{path} {e}"))
            }
        }
    }
}

/// The grammar that fits most lines; the first of equals.
fn best<'g>(grammars: &'g [Grammar], head: &[u8]) -> Option<&'g Grammar> {
    grammars
        .iter()
        .rev()
        .max_by_key(|grammar| fit(grammar, head).0)
}

/// The format that a configuration gives a log: by the log's path; where that leaves several, by its
/// lines.
fn of_conf(conf: &NginxConf, log: Option<&Path>, head: &[u8]) -> Result<Option<Grammar>, String> {
    let formats = conf.formats_for(log.unwrap_or(Path::new("-")));
    let compiled = |format: &&LogFormat| {
        compile(
            &format.name,
            &format.definition,
            format.escape,
            Names::Accepted,
        )
        .map_err(|e| {
            format!(
                "{}: log_format {}: {e}",
                format.at,
                Untrusted::new(format.name.as_bytes()).for_terminal()
            )
        })
    };
    // A format without a request in it cannot be this log's; it is an error only if it is the only one.
    let (grammars, mut errors): (Vec<_>, Vec<_>) =
        formats.iter().map(compiled).partition(Result::is_ok);
    let grammars: Vec<Grammar> = grammars.into_iter().flatten().collect();
    if let (true, Some(Err(error))) = (grammars.is_empty(), errors.pop()) {
        return Err(error);
    }
    if sample(head).is_empty() {
        return Ok(None);
    }
    if let [only] = grammars.as_slice() {
        return Ok(Some(only.clone()));
    }
    let fits: Vec<&Grammar> = grammars
        .iter()
        .filter(|grammar| {
            let (fits, of) = fit(grammar, head);
            fits > 0 && fits * 2 >= of
        })
        .collect();
    match fits.as_slice() {
        [only] => Ok(Some((*only).clone())),
        [] => Err(format!(
            "has no access_log for this file, and {}",
            no_fit(&grammars, head)
        )),
        several => {
            let list = several
                .iter()
                .map(|grammar| format!("\n  {}: {}", grammar.name, grammar.definition));
            Err(format!(
                "has no access_log for this file, and several of its formats fit the lines; give the definition of the right one with --log-format{}",
                list.collect::<String>()
            ))
        }
    }
}

/// That none of the grammars fits the lines, and where the nearest parts from them.
fn no_fit(grammars: &[Grammar], head: &[u8]) -> String {
    let sample = sample(head);
    let scored: Vec<_> = grammars
        .iter()
        .map(|grammar| {
            (
                count_fits(grammar, &sample),
                grammar.fields().len(),
                grammar,
            )
        })
        .collect();
    match sample.first() {
        Some(first) => nearest(&scored, &sample, first).to_string(),
        None => "it holds no line".to_owned(),
    }
}

/// Why no line of a log fits the grammar that it was given; `None` where one does, or there is none.
#[must_use]
pub fn why_none_fits(grammar: &Grammar, head: &[u8]) -> Option<String> {
    let sample = sample(head);
    let first = sample.first()?;
    (count_fits(grammar, &sample) == 0)
        .then(|| nearest(&[(0, 0, grammar)], &sample, first).to_string())
}

/// How many lines of a sample a grammar fits, and how many there are.
#[must_use]
pub fn fit(grammar: &Grammar, head: &[u8]) -> (usize, usize) {
    let sample = sample(head);
    (count_fits(grammar, &sample), sample.len())
}

/// The first lines that hold something. The last line of a head may be cut, so it is left out where
/// there are others.
fn sample(head: &[u8]) -> Vec<&[u8]> {
    let whole = match memchr::memrchr(b'\n', head) {
        Some(end) if head.len() >= crate::input::HEAD => &head[..end],
        _ => head,
    };
    lines(whole)
        .filter(|line| !line.trim_ascii().is_empty())
        .take(SAMPLE)
        .collect()
}

fn count_fits(grammar: &Grammar, sample: &[&[u8]]) -> usize {
    let plan = grammar.plan(Fields::ALL);
    let mut reader = LineReader::new(&plan);
    sample
        .iter()
        .filter(|line| reader.read(line).is_ok())
        .count()
}

/// The grammar that fits most lines, or goes furthest on the first.
fn nearest(scored: &[(usize, u32, &Grammar)], sample: &[&[u8]], first: &[u8]) -> Undetected {
    let misfit = |grammar: &Grammar, line: &[u8]| {
        let plan = grammar.plan(Fields::ALL);
        let mut reader = LineReader::new(&plan);
        reader.misfit(line)
    };
    let reach = |grammar: &Grammar| misfit(grammar, first).map_or(first.len(), |misfit| misfit.at);
    let best = scored
        .iter()
        .max_by_key(|(fits, fields, grammar)| (*fits, reach(grammar), std::cmp::Reverse(*fields)));
    let Some((fits, _, grammar)) = best else {
        unreachable!("there are built-in grammars");
    };
    let found = sample
        .iter()
        .find_map(|line| Some((line, misfit(grammar, line)?)));
    let (line, misfit) = match found {
        Some((line, misfit)) => (line.to_vec(), misfit),
        // It has the shape; a number, time or request in it is none.
        None => (
            first.to_vec(),
            Misfit {
                at: 0,
                expected: Some("a request with a time and numbers that can be read".to_owned()),
            },
        ),
    };
    Undetected {
        nearest: grammar.name.clone(),
        fits: (*fits, sample.len()),
        line,
        misfit,
    }
}

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
fn with_tail(sample: &[&[u8]]) -> Vec<Grammar> {
    let prefixes = PREFIXES
        .iter()
        .filter_map(|name| builtin::find(name).ok()?.grammars.first());
    prefixes
        .filter_map(|prefix| {
            let plan = prefix.plan(Fields::ALL);
            let mut reader = LineReader::new(&plan);
            let tail = sample.iter().find_map(|line| {
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
                anchor: Anchor::End,
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
            None => ("", length_of_bare(value, variable.is_list())),
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
    variable(meant).unwrap_or_else(|_| Variable {
        name: meant.to_owned(),
        meaning: None,
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_builtin_sample_is_detected_as_its_own() {
        for builtin in builtin::all() {
            for sample in &builtin.samples {
                let grammar = detect(sample.line.as_bytes()).unwrap().unwrap();
                assert_eq!(grammar.name, builtin.name, "{}", sample.line);
            }
        }
    }

    const COMBINED: &str =
        r#"192.0.2.7 - - [17/Dec/2025:09:03:01 +0000] "GET / HTTP/1.1" 200 166 "-" "curl/8""#;

    fn definition(tail: &str) -> Option<String> {
        let line = format!("{COMBINED}{tail}\n");
        let grammar = detect(line.as_bytes()).ok()??;
        Some(
            grammar
                .definition
                .rsplit_once("http_user_agent\"")?
                .1
                .to_owned(),
        )
    }

    #[test]
    fn a_tail_of_pairs_is_worked_out() {
        assert_eq!(
            definition(r#" urt="0.1" rt=0.2 foo=bar app="0.05""#).as_deref(),
            Some(
                r#" urt="$upstream_response_time" rt=$request_time foo=$foo app="$upstream_http_x_runtime""#
            )
        );
        assert_eq!(
            definition("rt=0.2 uct=0.001, 0.002 : - uht=0.1").as_deref(),
            Some("rt=$request_time uct=$upstream_connect_time uht=$upstream_header_time")
        );
        assert_eq!(definition(" 0.1 0.2 0.3 0.4"), None);
        assert_eq!(definition(" hello world"), None);
    }

    #[test]
    fn what_fits_nothing_says_where_and_what_to_do() {
        let error = detect(b"2025-01-01 something else\n")
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("no format fits") && error.contains("--log-format"),
            "{error}"
        );
        let line = COMBINED.replace("200 166", "200");
        let error = detect(line.as_bytes()).unwrap_err().to_string();
        let caret = error.lines().nth(2).unwrap().find('^').unwrap();
        let shown = error.lines().nth(1).unwrap();
        let after = |n: usize| shown.chars().skip(n).collect::<String>();
        assert!(after(caret).starts_with("\"-\" \"curl"), "{error}");
    }

    #[test]
    fn nothing_is_detected_in_nothing() {
        assert_eq!(detect(b"").unwrap(), None);
        assert_eq!(detect(b"\n\n").unwrap(), None);
    }
}
