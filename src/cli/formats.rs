//! `slowpath formats`: the built-in formats, one of them in full, or which one fits a log.

use std::fmt::Write as _;
use std::path::Path;

use slowpath::detection::detect;
use slowpath::grammar::builtin;
use slowpath::grammar::{Column, Field, Fields, Syntax};
use slowpath::input::{self, LONGEST_LINE, Source, lines};
use slowpath::record::LineReader;
use slowpath::untrusted::Untrusted;

use super::{Exit, output};

/// Values of a field by field listing are cut to this width.
const VALUE: usize = 60;

/// Runs the command.
pub fn run(what: Option<&Path>) -> Result<Exit, String> {
    let text = match what {
        None => list(),
        Some(what) => match what.to_str().map(builtin::find) {
            Some(Ok(builtin)) => full(builtin),
            _ if what.exists() || what.as_os_str() == "-" => explain(what)?,
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
                let name = builtin.name.replace('-', "_");
                let _ = writeln!(out, "\nlog_format {name} {};", quoted(&grammar.definition));
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

/// Which format fits a log, field by field of its first line, and what is missing to measure wait.
fn explain(path: &Path) -> Result<String, String> {
    let shown = Source::from_argument(path).shown();
    let head = input::head(&Source::from_argument(path)).map_err(|e| format!("{shown}: {e}"))?;
    let Some(candidates) = detect(&head).map_err(|e| format!("{shown}: {e}"))? else {
        return Err(format!("{shown}: holds no line"));
    };
    let grammar = candidates.first;
    let plan = grammar.plan(Fields::ALL);
    let mut reader = LineReader::new(&plan);
    let (mut fits, mut of) = (0, 0);
    let mut example = None;
    // A table of keys knows more fields than a line has.
    let mut held = Fields::NONE;
    for line in lines(&head).filter(|line| !line.is_empty() && line.len() <= LONGEST_LINE) {
        of += 1;
        if let Ok(record) = reader.read(line) {
            held = Field::ALL
                .iter()
                .filter(|field| record.raw(**field).is_some())
                .fold(held, |held, field| held.with(*field));
            fits += 1;
            example = example.or(Some(line));
        }
    }
    let mut out = format!(
        "{shown}: format {}, fits {fits} of the first {of} lines\n",
        grammar.name
    );
    if let Syntax::Text(..) = grammar.syntax {
        let _ = writeln!(
            out,
            "\n{}",
            Untrusted::new(grammar.definition.as_bytes()).for_terminal()
        );
    }
    if let Some(line) = example {
        out.push_str("\nthe first line, field by field\n");
        if let Ok(record) = reader.read(line) {
            for column in grammar.columns() {
                // Several columns may give one field; only one of them counts.
                let Some(value) = record
                    .raw(column.field)
                    .filter(|_| record.column(column.field) == Some(&column))
                else {
                    continue;
                };
                let value = Untrusted::new(value).for_terminal_within(VALUE);
                let _ = writeln!(out, "  {:32} {:28} {value}", column.name, meaning(&column));
            }
        }
    }
    let _ = writeln!(out, "\n{}", missing(held));
    Ok(out)
}

/// What a column means to slowpath.
fn meaning(column: &Column) -> String {
    let what = match column.field {
        Field::Stamp => "time stamp",
        Field::Date => "date",
        Field::Began => "time stamp of the begin",
        Field::Service => "service: server and transfer",
        Field::Transfer => "transfer",
        Field::FirstByte => "first byte, from the begin",
        Field::QueuedSince => "queued since",
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
        Field::Server => "server",
        Field::Wait => "wait",
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
    what.to_owned()
}

/// What a log with these fields lacks to measure wait.
fn missing(fields: Fields) -> String {
    if fields.has(Field::Wait) {
        return "wait is measured: the log has a queue timer".to_owned();
    }
    let upstream = [
        (Field::Connect, "uct=\"$upstream_connect_time\""),
        (Field::Header, "uht=\"$upstream_header_time\""),
        (Field::Response, "urt=\"$upstream_response_time\""),
    ];
    let mut parts: Vec<&str> = upstream
        .iter()
        .filter(|(field, _)| !fields.has(*field))
        .map(|(_, part)| *part)
        .collect();
    let has_clock = fields.has(Field::App) || fields.has(Field::ServerTiming);
    if !has_clock {
        parts.push("app=\"$upstream_http_x_runtime\"");
    }
    match (parts.as_slice(), has_clock) {
        ([], _) => "nothing is missing to measure wait, if the application sends X-Runtime or Server-Timing".to_owned(),
        (parts, true) => format!("to measure wait, add to log_format: {}", parts.join(" ")),
        (parts, false) => format!("to measure wait, have the application send X-Runtime (seconds), and add to log_format: {}", parts.join(" ")),
    }
}
