//! `slowpath formats`: the built-in formats, one of them in full, or which one fits a log.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use slowpath::detection::{Format, place};
use slowpath::grammar::{
    Column, Field, Fields, Grammar, Language, Reading, Syntax, builtin, role_of,
};
use slowpath::input::{self, LONGEST_LINE, Source, lines};
use slowpath::phases::{AppClock, Phase, Phases};
use slowpath::record::{LineReader, Plans, Reader, Reject, peel};
use slowpath::unit::{self, Unit};
use slowpath::untrusted::Untrusted;

use super::{Exit, output};

/// Values of a field by field listing are cut to this width.
const VALUE: usize = 60;

/// Runs the command.
pub fn run(what: Option<&Path>, grammar: Option<&Path>) -> Result<Exit, String> {
    let format = match grammar {
        Some(path) => super::report::grammar_file(path)?,
        None => Format::Detect(Vec::new()),
    };
    let text = match what {
        None => list(),
        Some(what) => match what.to_str().map(builtin::find) {
            Some(Ok(builtin)) => full(builtin),
            _ if super::snapshot::is_snapshot(what) => {
                let shown = Untrusted::new(what.as_os_str().as_encoded_bytes()).for_terminal();
                return Err(format!(
                    "{shown}: is a snapshot, which holds no lines: slowpath inspect tells about it"
                ));
            }
            _ if what.exists() || what.as_os_str() == "-" => explain(what, &format)?,
            near => {
                let hint = match near {
                    Some(Err(Some(near))) => format!(": did you mean {near}?"),
                    _ => "; `slowpath formats` lists the formats".to_owned(),
                };
                let shown = Untrusted::new(what.as_os_str().as_encoded_bytes()).for_terminal();
                return Err(format!(
                    "{shown}: no such file, and no built-in format of that name{hint}"
                ));
            }
        },
    };
    output::to_stdout(text.as_bytes())
}

fn list() -> String {
    let mut out = String::new();
    let width = builtin::all()
        .iter()
        .map(|builtin| builtin.name.len())
        .max()
        .unwrap_or(0);
    // OK because write! to a String cannot fail, here and below.
    for builtin in builtin::all() {
        let _ = writeln!(out, "{:width$}  {}", builtin.name, builtin.about);
    }
    out.push_str("\n`slowpath formats NAME` shows one in full, `slowpath formats FILE` tells which one fits a log\n");
    out
}

fn full(builtin: &builtin::Builtin) -> String {
    let mut out = format!("{}: {}\n", builtin.name, builtin.about);
    for grammar in &builtin.grammars {
        match &grammar.syntax {
            Syntax::Text(..) => {
                let _ = writeln!(out, "\n{}", definition(&builtin.name, grammar));
            }
            Syntax::Json(columns)
            | Syntax::Ltsv(columns)
            | Syntax::Logfmt(columns)
            | Syntax::W3c {
                fields: columns, ..
            } => {
                out.push('\n');
                for column in columns {
                    let _ = writeln!(out, "  {:30} {}", column.name, meaning(column));
                }
            }
        }
    }
    if builtin.name == "slowpath" {
        out.push_str("\nHave the application send X-Runtime (seconds) or Server-Timing with a metric `total` (milliseconds).\n");
    }
    out.push_str("\nsample lines\n");
    for sample in &builtin.samples {
        let _ = writeln!(
            out,
            "  {}",
            Untrusted::new(sample.line.as_bytes()).for_terminal()
        );
    }
    out
}

/// A definition as its server's configuration has it.
fn definition(name: &str, grammar: &Grammar) -> String {
    let text = &grammar.definition;
    match grammar.language {
        None | Some(Language::Nginx) => {
            format!("log_format {} {};", name.replace('-', "_"), quoted(text))
        }
        Some(Language::Apache) => format!("LogFormat \"{}\" {name}", text.replace('"', "\\\"")),
        Some(Language::Haproxy) => format!("log-format \"{}\"", text.replace('"', "\\\"")),
        Some(language) => format!("{} {text}", language.directive()),
    }
}

/// A definition as the strings of an nginx.conf, folded at blanks.
fn quoted(definition: &str) -> String {
    const WIDTH: usize = 100;
    let mut lines = vec![String::new()];
    for word in definition.split_inclusive(' ') {
        if lines
            .last()
            .is_some_and(|line| line.len() + word.len() > WIDTH)
        {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            line.push_str(word);
        }
    }
    lines
        .iter()
        .map(|line| format!("'{}'", line.replace('\'', "\\'")))
        .collect::<Vec<_>>()
        .join("\n    ")
}

/// Which format fits a log and how surely, its first line field by field, how many lines say each
/// phase, what does not fit, and what is missing to measure wait.
fn explain(path: &Path, format: &Format) -> Result<String, String> {
    let source = Source::from_argument(path);
    let shown = source.shown();
    let head = input::head(&source).map_err(|e| format!("{shown}: {e}"))?;
    let found = format
        .candidates(Some(path), &head)
        .map_err(|e| format!("{shown}: {e}"))?;
    let Some(candidates) = found else {
        return Err(format!("{shown}: holds no line"));
    };
    let plans = candidates.plans(Fields::ALL);
    let sample = Sample::of(&head, &plans);
    let grammar = &candidates.first;
    let mut out = format!("{shown}: format {}, {}\n", grammar.name, sample.certainty());
    // OK because write! to a String cannot fail, here and below.
    if let Some((name, fits)) = &candidates.next_best {
        let _ = writeln!(
            out,
            "the next best, {name}, fits {fits} of the first {}",
            candidates.fits.1
        );
    }
    if let Some(guesses) = super::report::guesses(&candidates) {
        let _ = writeln!(out, "{guesses}");
    }
    if let Syntax::Text(..) = grammar.syntax {
        let definition = Untrusted::new(grammar.definition.as_bytes()).for_terminal();
        let _ = writeln!(out, "\n{definition}");
    }
    out.push_str(&sample.example(&plans));
    out.push_str(&sample.coverage());
    out.push_str(&sample.rejects(&plans));
    let _ = writeln!(out, "\n{}", missing(grammar, &sample));
    Ok(out)
}

/// What the first lines of a log say.
struct Sample<'h> {
    lines: usize,
    /// Records of each plan.
    fits: Vec<usize>,
    names: Vec<String>,
    /// The first record's line.
    example: Option<&'h [u8]>,
    /// Fields that some record has.
    held: Fields,
    /// Records that have the phase.
    phases: BTreeMap<Phase, usize>,
    rejects: Vec<(&'h [u8], Reject)>,
}

/// Lines that do not fit and are shown.
const REJECTS: usize = 3;

impl<'h> Sample<'h> {
    fn of(head: &'h [u8], plans: &Plans) -> Sample<'h> {
        let mut sample = Sample {
            lines: 0,
            fits: vec![0; plans.len()],
            names: plans.iter().map(|plan| plan.grammar.name.clone()).collect(),
            example: None,
            held: Fields::NONE,
            phases: BTreeMap::new(),
            rejects: Vec::new(),
        };
        let mut reader = Reader::new(plans);
        // The last line of a head may be cut.
        let whole = match memchr_last_line(head) {
            Some(end) if head.len() >= input::HEAD => &head[..end],
            _ => head,
        };
        for line in lines(whole).filter(|line| !line.is_empty() && line.len() <= LONGEST_LINE) {
            let read = reader.read(line).and_then(|record| {
                let phases = Phases::of(&record, &AppClock::default())?;
                Ok((record, phases))
            });
            match read {
                Ok((record, phases)) => {
                    sample.fits[record.format] += 1;
                    let has = |field: &&Field| record.raw(**field).is_some();
                    sample.held = Field::ALL
                        .iter()
                        .filter(has)
                        .fold(sample.held, |held, field| held.with(*field));
                    for (phase, _) in phases.iter() {
                        *sample.phases.entry(phase).or_default() += 1;
                    }
                    if record.format == 0 {
                        sample.example = sample.example.or(Some(line));
                    }
                }
                Err(Reject::Directive) => continue,
                Err(reject) => sample.rejects.push((line, reject)),
            }
            sample.lines += 1;
        }
        sample
    }

    fn records(&self) -> usize {
        self.fits.iter().sum()
    }

    /// `fits 199 of the first 200 lines`, and what the others are.
    fn certainty(&self) -> String {
        let first = self.names.first();
        let mut by_name: BTreeMap<&String, usize> = BTreeMap::new();
        for (name, fits) in self
            .names
            .iter()
            .zip(&self.fits)
            .filter(|(_, fits)| **fits > 0)
        {
            *by_name.entry(name).or_default() += fits;
        }
        let own = first.and_then(|name| by_name.remove(name)).unwrap_or(0);
        let others: Vec<String> = by_name
            .iter()
            .map(|(name, fits)| format!("{fits} in {name}"))
            .collect();
        let others = match others.as_slice() {
            [] => String::new(),
            some => format!("; {}", some.join(", ")),
        };
        format!("fits {own} of the first {} lines{others}", self.lines)
    }

    /// The first line, field by field.
    fn example(&self, plans: &Plans) -> String {
        let mut out = String::new();
        let mut reader = Reader::new(plans);
        let Some(Ok(record)) = self.example.map(|line| reader.read(line)) else {
            return out;
        };
        out.push_str("\nthe first line, field by field\n");
        for column in plans.first.grammar.columns() {
            // Several columns may give one field; only one of them counts.
            let Some(value) = record
                .raw(column.field)
                .filter(|_| record.column(column.field) == Some(&column))
            else {
                continue;
            };
            let value = Untrusted::new(value).for_terminal_within(VALUE);
            let name = Untrusted::new(column.name.as_bytes()).for_terminal();
            let _ = writeln!(out, "  {name:32} {:36} {value}", meaning(&column));
        }
        out
    }

    /// How many of the records say each phase.
    fn coverage(&self) -> String {
        let records = self.records();
        if records == 0 {
            return String::new();
        }
        let parts: Vec<String> = Phase::ALL
            .iter()
            .filter_map(|phase| {
                let count = self.phases.get(phase)?;
                Some(format!(
                    "{} {}",
                    phase.name(),
                    unit::share(*count as u64, records as u64)
                ))
            })
            .collect();
        match parts.as_slice() {
            [] => "\nno line says any phase of its time\n".to_owned(),
            parts => format!("\nphases that the lines say: {}\n", parts.join(", ")),
        }
    }

    /// The first lines that do not fit, and where.
    fn rejects(&self, plans: &Plans) -> String {
        let mut out = String::new();
        if self.rejects.is_empty() {
            return out;
        }
        let _ = writeln!(out, "\nlines that do not fit: {}", self.rejects.len());
        for (line, reject) in self.rejects.iter().take(REJECTS) {
            let mut scratch = Vec::new();
            let line = match peel(line, &mut scratch) {
                Some(peeled) if plans.wrapped => peeled.line,
                _ => line,
            };
            match LineReader::new(&plans.first).misfit(line) {
                Some(misfit) => {
                    let _ = writeln!(out, "{}", place(line, &misfit));
                }
                None => {
                    let line = Untrusted::new(line).for_terminal_within(2 * VALUE);
                    let _ = writeln!(out, "  {line}\n  {}", reject.words());
                }
            }
        }
        out
    }
}

/// The end of the last whole line.
fn memchr_last_line(head: &[u8]) -> Option<usize> {
    head.iter().rposition(|byte| *byte == b'\n')
}

/// What a column means to slowpath, with its unit.
fn meaning(column: &Column) -> String {
    let what = match column.field {
        Field::Stamp => "time stamp",
        Field::Date => "date",
        Field::Began => "time stamp of the begin",
        Field::Request => "request line",
        Field::Method => "method",
        Field::Target => "path",
        Field::Status => "status",
        Field::Bytes => "bytes sent",
        Field::RequestLength => "bytes received",
        Field::Total => "total",
        Field::Client => "client",
        Field::Connect => "connect, per attempt",
        Field::Header => "response header, per attempt",
        Field::Response if column.total_if_alone => "upstream, or total if alone",
        Field::Response => "upstream, per attempt",
        Field::Service => "server and transfer",
        Field::Server => "server",
        Field::Transfer => "transfer",
        Field::FirstByte => "first byte, from the begin",
        Field::Wait => "wait",
        Field::QueuedSince => "queued since",
        Field::App => "app",
        Field::ServerTiming => "app, by Server-Timing",
        Field::UpstreamStatus => "upstream status",
        Field::UpstreamAddr => "upstream address",
        Field::CacheStatus => "cache status",
        Field::ContentType => "content type",
        Field::Host => "host",
        Field::UserAgent => "user agent",
        Field::Referer => "referer",
        Field::RemoteAddr => "client address",
        Field::RequestId => "request id",
        Field::Protocol => "protocol",
    };
    let guess = if column.is_guess { ", a guess" } else { "" };
    match column.reading {
        Reading::Duration(Unit::Suffix) => format!("{what}, with unit{guess}"),
        reading => match role_of(column.field, reading).1 {
            Some(unit) => format!("{what}, {unit}{guess}"),
            None => format!("{what}{guess}"),
        },
    }
}

/// What a log lacks to measure wait, and exactly what to add.
fn missing(grammar: &Grammar, sample: &Sample<'_>) -> String {
    let fields = sample.held;
    if sample.phases.contains_key(&Phase::Wait) && fields.has(Field::Wait) {
        return "wait is measured: the log has a queue timer".to_owned();
    }
    if fields.has(Field::QueuedSince) {
        return match sample.phases.contains_key(&Phase::Wait) {
            true => "wait is measured: the log says since when a request was queued".to_owned(),
            false => "the log says since when a request was queued, but its own time stamps are whole seconds, too coarse for a wait: log the time with a fraction".to_owned(),
        };
    }
    let has_clock = fields.has(Field::App) || fields.has(Field::ServerTiming);
    let header = "have the application send X-Runtime (seconds, see docs/app-clock.md)";
    let add = |what: &str| {
        let and = if has_clock {
            String::new()
        } else {
            format!("{header}, and ")
        };
        format!("to measure wait, {and}add to {what}")
    };
    match grammar.language {
        Some(Language::Apache) if has_clock && fields.has(Field::FirstByte) => complete(),
        Some(Language::Apache) => add(&format!("LogFormat: {}%{{X-Runtime}}o (and LogIOTrackTTFB On)", if fields.has(Field::FirstByte) { "" } else { "%D %^FB " })),
        Some(Language::Haproxy) => "wait is measured where a queue is in HAProxy: the log has Tw".to_owned(),
        Some(Language::Varnish) => add("varnishncsa -F: %D %{Varnish:time_firstbyte}x %{X-Runtime}o"),
        Some(Language::Envoy) => add("the format: %REQUEST_TX_DURATION% %RESPONSE_DURATION% %RESP(X-RUNTIME)%"),
        Some(Language::Squid) => add("logformat: %<tt %{X-Runtime}<h"),
        Some(Language::Gunicorn) => "the application's time is here, but not how long a request waited for a worker: have nginx send X-Request-Start: t=${msec}, and log nginx with slowpath's format beside it (`slowpath formats slowpath`)".to_owned(),
        Some(Language::Uwsgi) => "the application's time is here, but not how long a request waited for a worker: have nginx send X-Request-Start: t=${msec}, and add to log-format: %(tmicros) %(var.HTTP_X_REQUEST_START)".to_owned(),
        _ if grammar.total_is_sum && fields.has(Field::App) => "the application's time is here, but not how long a request waited for a worker: log the X-Request-Start header of the proxy in front as request_start, and the time with a fraction".to_owned(),
        Some(Language::Nginx) | None => of_nginx(fields, has_clock, header),
    }
}

fn complete() -> String {
    "nothing is missing to measure wait, if the application sends X-Runtime or Server-Timing"
        .to_owned()
}

/// What an nginx log lacks, or one of JSON or LTSV, which mostly are nginx's.
fn of_nginx(fields: Fields, has_clock: bool, header: &str) -> String {
    let upstream = [
        (Field::Connect, "uct=\"$upstream_connect_time\""),
        (Field::Header, "uht=\"$upstream_header_time\""),
        (Field::Response, "urt=\"$upstream_response_time\""),
    ];
    let knows_server = fields.has(Field::Server);
    let mut parts: Vec<&str> = upstream
        .iter()
        .filter(|(field, _)| !knows_server && !fields.has(*field))
        .map(|(_, part)| *part)
        .collect();
    if !has_clock {
        parts.push("app=\"$upstream_http_x_runtime\"");
    }
    match (parts.as_slice(), has_clock) {
        ([], _) => complete(),
        (parts, true) => format!("to measure wait, add to log_format: {}", parts.join(" ")),
        (parts, false) => format!(
            "to measure wait, {header}, and add to log_format: {}",
            parts.join(" ")
        ),
    }
}
