//! What is said of a log that fits no grammar: how near the nearest comes, and where it parts.

use std::fmt;

use super::GENERIC;
use super::score::Score;
use crate::grammar::{Fields, Grammar};
use crate::record::{LineReader, Misfit};
use crate::untrusted::Untrusted;

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

impl Undetected {
    /// The stretch of the line around the place at which it parts from the grammar, a caret below it,
    /// and what the grammar expects there.
    #[must_use]
    pub fn place(&self) -> String {
        place(&self.line, &self.misfit)
    }
}

/// As [`Undetected::place`], of any line.
#[must_use]
pub fn place(line: &[u8], misfit: &Misfit) -> String {
    const BEFORE: usize = 60;
    const AFTER: usize = 60;
    let from = misfit.at.saturating_sub(BEFORE);
    let until = line.len().min(misfit.at + AFTER);
    let shown = |from: usize, until: usize| {
        Untrusted::new(line.get(from..until).unwrap_or_default()).for_terminal()
    };
    let dots = |cut: bool| if cut { "…" } else { "" };
    // Escaped as one piece, so that no command can hide in the seam.
    let text = format!(
        "{}{}{}",
        dots(from > 0),
        shown(from, until),
        dots(until < line.len())
    );
    let left = format!("{}{}", dots(from > 0), shown(from, misfit.at));
    let expected = misfit.expected.as_deref().unwrap_or("the end of the line");
    format!(
        "  {text}\n  {:width$}^ expected {expected}",
        "",
        width = unicode_width::UnicodeWidthStr::width(left.as_str())
    )
}

impl fmt::Display for Undetected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "no format fits: the nearest, {}, fits {} of the first {} lines",
            self.nearest, self.fits.0, self.fits.1
        )?;
        writeln!(f, "{}", self.place())?;
        if self.line.trim_ascii_start().starts_with(b"{") {
            write!(
                f,
                "say what its keys mean, as in --field path=url --field total=took:ms, or give a grammar with --grammar FILE"
            )
        } else {
            write!(
                f,
                "give the format with --log-format 'STR' (the log_format string, or roles and units: '$method $path $status $total_ms'), with --log-format NAME (see `slowpath formats`), or with --nginx-conf FILE"
            )
        }
    }
}

impl std::error::Error for Undetected {}

impl Undetected {
    /// Of the grammar that fits most lines, or goes furthest on the first. There is at least one of
    /// each.
    pub(super) fn nearest(scored: &[(Score, Grammar)], lines: &[Vec<u8>]) -> Undetected {
        let first = lines.first().map(Vec::as_slice).unwrap_or_default();
        let misfit = |grammar: &Grammar, line: &[u8]| {
            let plan = grammar.plan(Fields::ALL);
            let mut reader = LineReader::new(&plan);
            reader.misfit(line)
        };
        let reach =
            |grammar: &Grammar| misfit(grammar, first).map_or(first.len(), |misfit| misfit.at);
        let furthest = scored.iter().map(|(_, grammar)| reach(grammar)).max();
        // A format of many fields may stumble on a little further than the one that is meant.
        let is_far = |grammar: &Grammar| reach(grammar) * 10 >= furthest.unwrap_or(0) * 9;
        let best = scored.iter().max_by_key(|(score, grammar)| {
            (
                score.fits,
                is_far(grammar),
                // Keys that may be anybody's come before those of one server.
                GENERIC.contains(&grammar.name.as_str()),
                std::cmp::Reverse(grammar.fields().len()),
            )
        });
        let Some((score, grammar)) = best else {
            unreachable!("there are built-in grammars");
        };
        let found = lines
            .iter()
            .find_map(|line| Some((line, misfit(grammar, line)?)));
        let (line, misfit) = match found {
            Some((line, misfit)) => (line.clone(), misfit),
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
            fits: (score.fits, lines.len()),
            line,
            misfit,
        }
    }
}
