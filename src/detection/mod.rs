//! Which grammar fits a log, from its first lines.
//!
//! Every built-in is tried on every line of the sample; the one that fits most lines wins, and among
//! equals the one that reads most values. The others stay candidates for lines that it does not take
//! (a log that several servers write, or one whose format changed), in an order that does not depend
//! on the sample: so what becomes of a line depends on the line and the winner alone.

mod guess;
mod score;
mod tail;
mod undetected;

use std::path::{Path, PathBuf};

use crate::grammar::builtin::{self, Builtin};
use crate::grammar::nginx_conf::{LogFormat, NginxConf};
use crate::grammar::{
    Column, Fields, Grammar, Meaning, Names, Piece, Plan, Syntax, compile, file, of_role,
    parse_definition,
};
use crate::record::{LineReader, Plans};
use crate::untrusted::Untrusted;
use score::{Sample, Score};
pub use undetected::{Undetected, place};

/// The grammars of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidates {
    /// The one that nearly all lines are in.
    pub first: Grammar,
    /// Those that are tried on a line which the first does not take, in this order.
    pub others: Vec<Grammar>,
    /// The lines come in wrappers (syslog, containers).
    pub wrapped: bool,
    /// How many lines of the sample the first fits, and how many there are.
    pub fits: (usize, usize),
    /// The next best, and how many lines it fits; `None` where nothing else fits any.
    pub next_best: Option<(String, usize)>,
}

impl Candidates {
    /// The plans of a run that asks for `needs`.
    #[must_use]
    pub fn plans(&self, needs: Fields) -> Plans {
        Plans {
            first: self.first.plan(needs),
            others: self.others.iter().map(|other| other.plan(needs)).collect(),
            wrapped: self.wrapped,
        }
    }

    /// One grammar that was given, on a log with these first bytes.
    fn given(grammar: Grammar, sample: &Sample) -> Candidates {
        let bare = Score::of(&grammar, sample.bare());
        let peeled = Score::of(&grammar, sample.peeled());
        let wrapped = sample.has_wrappers() && sample.is_better_peeled(bare, peeled);
        Candidates {
            first: grammar,
            others: Vec::new(),
            wrapped,
            fits: (if wrapped { peeled } else { bare }.fits, sample.len()),
            next_best: None,
        }
    }
}

/// The grammars of a log whose first bytes these are; `None` where they hold no line.
///
/// # Errors
/// No grammar fits at least half of the first lines, and none that is unmistakable fits any.
pub fn detect(head: &[u8]) -> Result<Option<Candidates>, Box<Undetected>> {
    detect_with(head, &[])
}

/// As [`detect`], where a person says what some keys mean.
///
/// # Errors
/// As [`detect`].
pub fn detect_with(head: &[u8], said: &[Column]) -> Result<Option<Candidates>, Box<Undetected>> {
    let sample = Sample::of(head);
    if sample.is_empty() {
        return Ok(None);
    }
    // All grammars, and how many lines one of them takes.
    let look = |wrapped: bool| {
        let scored = scored(&sample, wrapped, said);
        let fit = lines_that_fit(&scored, sample.lines(wrapped));
        (scored, fit)
    };
    let top =
        |scored: &[(Score, Grammar)]| scored.first().map_or_else(Score::default, |best| best.0);
    let bare = look(false);
    let peeled = sample.has_wrappers().then(|| look(true));
    let ((scored, fit), wrapped) = match peeled {
        // Several programs behind one wrapper: a format of names only may take the wrapper for one.
        Some(peeled)
            if sample.is_better_peeled(top(&bare.0), top(&peeled.0)) || peeled.1 > bare.1 =>
        {
            (peeled, true)
        }
        _ => (bare, false),
    };
    let found = top(&scored).fits;
    let lines = sample.lines(wrapped);
    let enough = scored.first().is_some_and(|(_, first)| {
        found > 0 && is_unmistakable(first) || fit * 2 >= lines.len() - sample.directives()
    });
    if !enough {
        return Err(Box::new(Undetected::nearest(&scored, lines)));
    }
    let next_best = scored
        .iter()
        .find(|(score, grammar)| {
            score.fits > 0
                && scored
                    .first()
                    .is_some_and(|(_, first)| first.name != grammar.name)
        })
        .map(|(score, grammar)| (grammar.name.clone(), score.fits));
    let Some((_, first)) = scored.into_iter().next() else {
        return Ok(None);
    };
    let others = all(&sample, wrapped, said)
        .into_iter()
        .filter(|grammar| {
            let is_guess = grammar.columns().iter().any(|column| column.is_guess);
            *grammar != first && grammar.until.is_none() && !is_guess
        })
        .collect();
    Ok(Some(Candidates {
        first,
        others,
        wrapped,
        fits: (found, sample.len()),
        next_best,
    }))
}

/// Whether a line of this grammar cannot be anything else, so that few are enough: some servers print
/// their requests among much else (uWSGI).
fn is_unmistakable(grammar: &Grammar) -> bool {
    /// As many letters as a short sentence.
    const LETTERS: usize = 30;
    let Syntax::Text(pieces, _) = &grammar.syntax else {
        return false;
    };
    let literals = pieces.iter().filter_map(|piece| match piece {
        Piece::Literal(bytes) => Some(bytes),
        Piece::Value(_) => None,
    });
    literals
        .flatten()
        .filter(|byte| byte.is_ascii_alphabetic())
        .count()
        >= LETTERS
}

/// How many lines fit one of the grammars: several programs may write into one log.
fn lines_that_fit(scored: &[(Score, Grammar)], lines: &[Vec<u8>]) -> usize {
    let plans: Vec<Plan> = scored
        .iter()
        .filter(|(score, _)| score.fits > 0)
        .map(|(_, grammar)| grammar.plan(Fields::ALL))
        .collect();
    let mut readers: Vec<LineReader<'_>> = plans.iter().map(LineReader::new).collect();
    let mut fits = |line: &&Vec<u8>| {
        let read = |reader: &mut LineReader<'_>| {
            reader.read(line).is_ok_and(|record| record.is_plausible())
        };
        readers.iter_mut().any(read)
    };
    lines.iter().filter(|line| fits(line)).count()
}

/// The built-ins, and what the lines themselves show: tails of pairs.
fn all(sample: &Sample, wrapped: bool, said: &[Column]) -> Vec<Grammar> {
    let lines = sample.lines(wrapped);
    builtin::all()
        .iter()
        .flat_map(|builtin| &builtin.grammars)
        .chain(&tail::with_tail(lines))
        .map(|grammar| with_said(grammar, said))
        .collect()
}

/// All grammars, the best first. Where none that knows its keys fits, what the keys mean is guessed.
fn scored(sample: &Sample, wrapped: bool, said: &[Column]) -> Vec<(Score, Grammar)> {
    let lines = sample.lines(wrapped);
    let scored = best_of(&all(sample, wrapped, said), lines);
    let is_known = scored.first().is_some_and(|(score, grammar)| {
        score.fits * 2 >= lines.len() && !GENERIC.contains(&grammar.name.as_str())
    });
    if is_known {
        return scored;
    }
    let guesses = GENERIC.iter().filter_map(|name| {
        let grammar = builtin::find(name).ok()?.grammars.first()?;
        guess::completed(&with_said(grammar, said), lines)
    });
    let known = scored.into_iter().map(|(_, grammar)| grammar);
    best_of(&known.chain(guesses).collect::<Vec<_>>(), lines)
}

/// The built-ins whose keys may be anybody's.
const GENERIC: &[&str] = &["json", "ltsv", "logfmt"];

/// The grammar in which some keys, or variables of a definition, mean what a person says. What is
/// said counts before what is known.
fn with_said(grammar: &Grammar, said: &[Column]) -> Grammar {
    if said.is_empty() {
        return grammar.clone();
    }
    if let Syntax::Text(pieces, escape) = &grammar.syntax {
        let mut pieces = pieces.clone();
        for piece in &mut pieces {
            let Piece::Value(variable) = piece else {
                continue;
            };
            if let Some(column) = said.iter().find(|column| column.name == variable.name) {
                variable.meaning = Some(Meaning::new(column.field, column.reading));
            }
        }
        return Grammar {
            syntax: Syntax::Text(pieces, *escape),
            ..grammar.clone()
        };
    }
    let known = grammar
        .columns()
        .into_iter()
        .filter(|column| said.iter().all(|said| said.name != column.name));
    guess::with_columns(grammar, said.iter().cloned().chain(known).collect())
}

/// Reads `--field`: `app=x_runtime:s`, a role, a key, and for a duration its unit.
///
/// # Errors
/// It is not of that form, or names no role.
pub fn read_field(text: &str) -> Result<Column, String> {
    let error = |why: &str| {
        Err(format!(
            "{text:?}: {why}: give ROLE=KEY or ROLE=KEY:UNIT, as in app=x_runtime:s or path=endpoint"
        ))
    };
    let Some((role, key)) = text.split_once('=') else {
        return error("no `=`");
    };
    let (key, role) = match key.rsplit_once(':') {
        Some((key, unit)) => (key, format!("{role}_{unit}")),
        None => (key, role.to_owned()),
    };
    match of_role(&role) {
        Some((field, reading)) if !key.is_empty() => {
            Ok(Column::new(key, Meaning::new(field, reading)))
        }
        Some(_) => error("no key"),
        None => error(&format!("{role} is no role")),
    }
}

/// The grammars, the best first. The sort is stable: among equals the order of the built-ins holds.
fn best_of(grammars: &[Grammar], lines: &[Vec<u8>]) -> Vec<(Score, Grammar)> {
    let mut scored: Vec<(Score, Grammar)> = grammars
        .iter()
        .map(|grammar| (Score::of(grammar, lines), grammar.clone()))
        .collect();
    scored.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
    scored
}

/// How a person says which format a log has.
#[derive(Debug)]
pub enum Format {
    /// Not at all: the lines tell, with what a person says of some keys.
    Detect(Vec<Column>),
    /// A built-in or a grammar's file, of which the lines tell the variant; never empty.
    Variants(Vec<Grammar>),
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
            return builtin::find(text).map(variants).map_err(|near| match near {
                Some(near) => format!("there is no built-in format {text:?}: did you mean {near}?"),
                None => {
                    let names: Vec<&str> = builtin::all().iter().map(|builtin| builtin.name.as_str()).collect();
                    format!("there is no built-in format {text:?}: there are {}, or give a log_format string", names.join(", "))
                }
            });
        }
        parse_definition(text)
            .and_then(|definition| definition.compile(Names::Checked))
            .map(Format::Given)
            .map_err(|e| e.to_string())
    }

    /// The format in which some keys mean what a person says.
    #[must_use]
    pub fn with_fields(self, said: Vec<Column>) -> Format {
        match self {
            Format::Detect(_) => Format::Detect(said),
            Format::Variants(grammars) => Format::Variants(
                grammars
                    .iter()
                    .map(|grammar| with_said(grammar, &said))
                    .collect(),
            ),
            Format::Given(grammar) => Format::Given(with_said(&grammar, &said)),
            conf @ Format::Conf(..) => conf,
        }
    }

    /// Reads the text of a grammar's file, whose samples must fit it.
    ///
    /// # Errors
    /// A mistake in the file, with its line and column, or the place at which a sample parts from it.
    pub fn of_file(text: &str) -> Result<Format, String> {
        let file = file::read(text, Names::Checked).map_err(|e| e.to_string())?;
        for (number, sample) in file.samples.iter().enumerate() {
            let sample = Sample::of(sample.line.as_bytes());
            let found = best(&file.grammars, &sample);
            if found.is_none_or(|found| found.fits.0 == 0) {
                let scored = best_of(&file.grammars, sample.bare());
                let why = Undetected::nearest(&scored, sample.bare()).place();
                return Err(format!("sample {} does not fit:\n{why}", number + 1));
            }
        }
        Ok(Format::Variants(file.grammars))
    }

    /// The grammars of a log of that name (`None` for standard input) with these first bytes; `None`
    /// where it holds no line.
    ///
    /// # Errors
    /// The lines fit nothing known, or several formats of a configuration alike.
    pub fn candidates(
        &self,
        log: Option<&Path>,
        head: &[u8],
    ) -> Result<Option<Candidates>, String> {
        let sample = Sample::of(head);
        let given = |grammar: Grammar| Candidates::given(grammar, &sample);
        match self {
            Format::Given(grammar) => Ok(Some(given(grammar.clone()))),
            Format::Variants(grammars) => {
                // A tail that the lines show is a variant of the format that it makes.
                let tails = [sample.bare(), sample.peeled()].map(tail::with_tail);
                let mut all = grammars.clone();
                for tail in tails.into_iter().flatten() {
                    if all.iter().any(|known| known.name == tail.name) && !all.contains(&tail) {
                        all.push(tail);
                    }
                }
                Ok(best(&all, &sample))
            }
            Format::Detect(said) => {
                detect_with(head, said).map_err(|undetected| undetected.to_string())
            }
            Format::Conf(conf, path) => {
                let path = Untrusted::new(path.as_os_str().as_encoded_bytes()).for_terminal();
                let grammar = of_conf(conf, log, head).map_err(|e| format!("{path} {e}"))?;
                Ok(grammar.map(given))
            }
        }
    }
}

fn variants(builtin: &Builtin) -> Format {
    Format::Variants(builtin.grammars.clone())
}

/// The variants of one format: the one that fits most lines first, the others for the lines that it
/// does not take.
fn best(grammars: &[Grammar], sample: &Sample) -> Option<Candidates> {
    let all: Vec<Candidates> = grammars
        .iter()
        .map(|grammar| Candidates::given(grammar.clone(), sample))
        .collect();
    // The first of equals.
    let best = all.iter().rev().max_by_key(|given| given.fits)?.clone();
    let others = grammars
        .iter()
        .filter(|grammar| **grammar != best.first)
        .cloned()
        .collect();
    Some(Candidates { others, ..best })
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
    if Sample::of(head).is_empty() {
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
    let sample = Sample::of(head);
    if sample.is_empty() {
        return "it holds no line".to_owned();
    }
    let scored = best_of(grammars, sample.bare());
    Undetected::nearest(&scored, sample.bare()).to_string()
}

/// Why no line of a log fits the grammars that it was given; `None` where one does, or there is none.
#[must_use]
pub fn why_none_fits(candidates: &Candidates, head: &[u8]) -> Option<String> {
    let sample = Sample::of(head);
    if sample.is_empty() || candidates.fits.0 > 0 {
        return None;
    }
    let scored = best_of(std::slice::from_ref(&candidates.first), sample.bare());
    (scored.iter().all(|(score, _)| score.fits == 0))
        .then(|| Undetected::nearest(&scored, sample.bare()).to_string())
}

/// How many lines of a sample a grammar fits, and how many there are.
fn fit(grammar: &Grammar, head: &[u8]) -> (usize, usize) {
    let sample = Sample::of(head);
    let given = Candidates::given(grammar.clone(), &sample);
    given.fits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_was_told_can_be_given() {
        let line = br#"192.0.2.7 - - [31/Jan/2026:12:00:00 +0000] "GET /a HTTP/1.1" 200 5 "-" "curl/8.5.0" rt=0.210 ua="10.0.0.5:8080" rid=7a1b"#;
        let told = detect(line).unwrap().unwrap().first;
        let given = Format::named(&told.name).unwrap();
        let found = given.candidates(None, line).unwrap().unwrap();
        assert_eq!((found.first, found.fits), (told, (1, 1)));
    }

    #[test]
    fn every_builtin_sample_is_detected_as_its_own() {
        for builtin in builtin::all() {
            for sample in &builtin.samples {
                let grammar = detect(sample.line.as_bytes()).unwrap().unwrap().first;
                assert_eq!(grammar.name, builtin.name, "{}", sample.line);
            }
        }
    }

    #[test]
    fn a_line_of_fields_tells_iis_from_cloudfront() {
        for (name, log) in [
            (
                "iis",
                "#Software: Microsoft Internet Information Services 10.0\n\
                 #Version: 1.0\n\
                 #Date: 2023-11-14 00:04:26\n\
                 #Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port c-ip sc-status time-taken\n\
                 2023-11-14 00:04:26 192.0.2.1 GET /api/modes - 80 192.0.2.9 200 79\n",
            ),
            (
                "cloudfront",
                "#Version: 1.0\n\
                 #Fields: date time x-edge-location c-ip cs-method cs-uri-stem sc-status x-edge-result-type time-taken\n\
                 2019-12-04\t21:02:31\tLAX1\t192.0.2.9\tGET\t/api/modes\t200\tMiss\t0.250\n",
            ),
        ] {
            assert_eq!(detect(log.as_bytes()).unwrap().unwrap().first.name, name);
        }
    }

    /// Name of the format, endpoint and total in µs of the first line of a log.
    fn first_line(log: &str) -> Option<(String, String, Option<u64>)> {
        let candidates = detect(log.as_bytes()).ok()??;
        let plans = candidates.plans(Fields::ALL);
        let mut reader = crate::record::Reader::new(&plans);
        let record = reader.read(log.lines().next()?.as_bytes()).ok()?;
        let crate::record::Request::Line { method, target } = record.request else {
            return None;
        };
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let endpoint = format!("{} {}", text(method), text(target));
        Some((candidates.first.name, endpoint, record.total.map(|us| us.0)))
    }

    #[test]
    fn logs_of_strangers_are_read_as_they_are_meant() {
        let rows = [
            // pino-http: `req` is an object here, and nginx's request line elsewhere.
            (
                r#"{"time":1767225600000,"req":{"id":1,"method":"GET","url":"/a"},"res":{"statusCode":200},"responseTime":12,"msg":"request completed"}"#,
                Some(("json", "GET /a", Some(12_000))),
            ),
            // Go's durations.
            (
                r#"{"time":"2026-01-31T12:00:00Z","method":"GET","path":"/a","status":200,"duration":868000123}"#,
                Some(("json", "GET /a", Some(868_000))),
            ),
            // A request line inside another log's line is none of the JSON's own.
            (
                r#"{"log": "192.0.2.7 - - [17/Dec/2025:09:03:01 +0000] \"GET /a HTTP/1.1\" 200 166 \"-\" \"curl\" 0.250\n", "stream": "stdout", "time": "2025-12-17T09:03:01.5Z"}"#,
                Some(("timed_combined", "GET /a", Some(250_000))),
            ),
            // Express's morgan with milliseconds behind it is not nginx with `$pipe` behind it; its
            // time is the application's, the total is worked out from it.
            (
                r#"192.0.2.7 - - [17/Dec/2025:09:03:01 +0000] "GET /a HTTP/1.1" 200 166 "-" "curl" - 868.000 ms"#,
                Some(("morgan", "GET /a", None)),
            ),
            // A duration alone makes no lograge.
            (
                "time=2024-02-06T12:14:00.655Z level=info method=GET path=/a status=200 duration=12.5ms",
                Some(("logfmt", "GET /a", Some(12_500))),
            ),
            // Python's logging writes no zone.
            (
                r#"{"time":"2025-12-17 09:03:01,123","request_method":"GET","request_uri":"/a","status":200,"request_time":0.1}"#,
                Some(("json", "GET /a", Some(100_000))),
            ),
        ];
        for (log, want) in rows {
            let want = want.map(|(name, endpoint, us)| (name.to_owned(), endpoint.to_owned(), us));
            assert_eq!(first_line(log), want, "{log}");
        }
    }

    #[test]
    fn columns_without_names_are_not_taken_for_what_they_cannot_be() {
        let line = |tail: &str| {
            format!(
                r#"192.0.2.1 - - [17/Dec/2025:09:03:01 +0000] "GET /a HTTP/1.1" 200 4100 "-" "curl" {tail}"#
            )
        };
        for tail in [
            // $request_time $upstream_response_time $upstream_status
            "0.454 0.430 200",
            // $request_length $request_time
            "512 0.454",
            r#""-" 512 0.454"#,
            // $request_time $upstream_connect_time $upstream_header_time $upstream_response_time
            "0.717 0.001 0.702 0.712",
            // $request_time with $request_length, $gzip_ratio, $ssl_protocol, $pipe, $request_id
            "0.773 638",
            "0.773 3.21",
            "0.773 TLSv1.3",
            "0.773 .",
            "0.773 509a840d44beedbde1d9d25350c18b44",
            // $upstream_response_time $request_time
            "0.400 0.454",
        ] {
            let found = detect(line(tail).as_bytes());
            assert!(
                found.is_err(),
                "{tail}: {:?}",
                found.unwrap().unwrap().first.name
            );
        }
        // The whole before its part, as it is meant.
        assert_eq!(
            first_line(&line("0.454 0.430 .")).unwrap().0,
            "timed_combined"
        );
    }

    #[test]
    fn several_programs_in_one_log_are_enough_together() {
        let lines = [
            r#"web-1  | 192.0.2.7 - - [31/Jan/2026:12:00:00 +0000] "GET /a HTTP/1.1" 200 5 "-" "curl/8.5.0" rt=0.210"#,
            r#"app-1  | {"ClientHost":"192.0.2.7","DownstreamStatus":200,"Duration":2000000,"RequestMethod":"GET","RequestPath":"/a","time":"2026-01-31T12:00:00Z"}"#,
            r#"job-1  | method=GET path=/a format=json controller=AController action=show status=200 duration=58.33 view=40.43 db=15.26"#,
        ];
        let found = detect(lines.join("\n").as_bytes()).unwrap().unwrap();
        assert!(found.wrapped);
        let plans = found.plans(Fields::ALL);
        let mut reader = crate::record::Reader::new(&plans);
        for line in lines {
            assert!(reader.read(line.as_bytes()).is_ok(), "{line}");
        }
    }

    #[test]
    fn an_entry_of_journald_is_one_line_of_a_log() {
        let entry = "__CURSOR=s=7;i=4\n__REALTIME_TIMESTAMP=1765962181000000\n_TRANSPORT=syslog\nPRIORITY=6\n_COMM=nginx\n\
                     MESSAGE=192.0.2.1 - - [17/Dec/2025:09:03:00 +0000] \"GET /a HTTP/1.1\" 200 41 \"-\" \"curl\" rt=0.025\n\n";
        let found = detect(entry.repeat(20).as_bytes()).unwrap().unwrap();
        assert_eq!((found.first.name.as_str(), found.fits.0), ("timed", 20));
    }

    #[test]
    fn keys_that_nobody_knows_can_be_named() {
        let log = r#"{"when":"noon","what":"a request","how_long":12}"#;
        let told = detect(log.as_bytes()).unwrap_err().to_string();
        assert!(
            told.contains("the nearest, json,") && told.contains("--field path="),
            "{told}"
        );
    }

    const COMBINED: &str =
        r#"192.0.2.7 - - [17/Dec/2025:09:03:01 +0000] "GET / HTTP/1.1" 200 166 "-" "curl/8""#;

    fn definition(tail: &str) -> Option<String> {
        let line = format!("{COMBINED}{tail}\n");
        let grammar = detect(line.as_bytes()).ok()??.first;
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
