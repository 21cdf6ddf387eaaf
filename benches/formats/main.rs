//! Instructions a line of every built-in format, beside nginx with as many values.
//!
//! `cargo run --release --example formats` runs itself under valgrind's callgrind, which must be
//! installed, and prints a table. Instructions do not depend on what else the machine does. What is
//! counted is reading a line and making its phases; what comes after does not know of formats. Each
//! figure is the difference between a long and a short run, so that starting up is not in it.

use std::process::Command;

use slowpath::grammar::{Escape, Field, Grammar, Names, Piece, Syntax, builtin, compile};
use slowpath::phases::{AppClock, Phases};
use slowpath::record::{LineReader, peel};
use slowpath::summary::Question;

/// Lines of the short and of the long run.
const RUNS: [usize; 2] = [500, 2_500];

/// What is allowed: text formats, and JSON.
const MOST_TEXT: f64 = 1.5;
const MOST_JSON: f64 = 2.0;

fn main() -> Result<(), String> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .as_slice()
    {
        [] => table(),
        [lines, what @ ..] => {
            let lines = lines.parse().map_err(|e| format!("{lines}: {e}"))?;
            let (grammar, line) = match what {
                ["nginx", values] => nginx(values.parse().map_err(|e| format!("{values}: {e}"))?)?,
                [name, variant] => builtin_variant(
                    name,
                    variant.parse().map_err(|e| format!("{variant}: {e}"))?,
                )?,
                _ => return Err("give no arguments".to_owned()),
            };
            read(&grammar, &line, lines)
        }
    }
}

/// Reads the same line so many times.
fn read(grammar: &Grammar, line: &[u8], lines: usize) -> Result<(), String> {
    let plan = grammar.plan(Question::default().needs());
    let mut reader = LineReader::new(&plan);
    let mut sum = 0;
    for _ in 0..lines {
        let record = reader
            .read(line)
            .map_err(|reject| format!("{}: {reject:?}", grammar.name))?;
        let phases =
            Phases::of(&record, &AppClock::default()).map_err(|reject| format!("{reject:?}"))?;
        sum += phases.iter().map(|(_, time)| time.0).sum::<u64>();
    }
    // So that none of it is thrown away.
    std::hint::black_box(sum);
    Ok(())
}

/// A variant of a built-in, and the first of its samples that is in it; where there is one, a sample of
/// a single attempt at an upstream, as nginx's line has: every further attempt is more values, in a
/// list that counts as one.
fn builtin_variant(name: &str, variant: usize) -> Result<(Grammar, Vec<u8>), String> {
    let builtin = builtin::find(name).map_err(|_| format!("no format {name}"))?;
    let grammar = builtin.grammars.get(variant).ok_or("no such variant")?;
    let plan = grammar.plan(slowpath::grammar::Fields::ALL);
    let mut scratch = Vec::new();
    let mut lines: Vec<&[u8]> = builtin
        .samples
        .iter()
        .map(|sample| sample.line.as_bytes())
        .collect();
    lines.sort_by_key(|line| line.windows(5).any(|part| part.starts_with(b", 0.")));
    for bare in lines {
        let inner = peel(bare, &mut scratch).map(|peeled| peeled.line.to_vec());
        for line in [bare.to_vec()].into_iter().chain(inner) {
            let mut reader = LineReader::new(&plan);
            if reader
                .read(&line)
                .is_ok_and(|record| record.is_plausible() && record.is_well_spelt())
            {
                return Ok((grammar.clone(), line));
            }
        }
    }
    Err("no sample".to_owned())
}

/// How many values a line of a grammar has that are read: every value of a text, all keys of the
/// sample otherwise.
fn values(grammar: &Grammar, line: &[u8]) -> usize {
    match &grammar.syntax {
        Syntax::Text(pieces, _) => pieces
            .iter()
            .filter(|piece| matches!(piece, Piece::Value(_)))
            .count(),
        Syntax::Json(_) => line.windows(2).filter(|pair| pair == b"\":").count(),
        Syntax::Ltsv(_) => line.split(|byte| *byte == b'\t').count(),
        Syntax::Logfmt(_) => line.iter().filter(|byte| **byte == b'=').count(),
        Syntax::W3c { order, .. } => order.len(),
    }
}

/// nginx `timed` with so many values: its own eleven, fewer of them, or more behind them.
fn nginx(values: usize) -> Result<(Grammar, Vec<u8>), String> {
    const VALUES: &[(&str, &str)] = &[
        ("\"$request\"", "\"GET /api/users/42?full=1 HTTP/1.1\""),
        ("$status", "200"),
        ("rt=$request_time", "rt=0.210"),
        ("[$time_local]", "[31/Jan/2026:12:00:00 +0000]"),
        ("uct=\"$upstream_connect_time\"", "uct=\"0.001\""),
        ("uht=\"$upstream_header_time\"", "uht=\"0.200\""),
        ("urt=\"$upstream_response_time\"", "urt=\"0.205\""),
        ("$body_bytes_sent", "512"),
        ("$remote_addr", "192.0.2.7"),
        ("\"$http_user_agent\"", "\"curl/8.5.0\""),
        ("\"$http_referer\"", "\"-\""),
        ("us=\"$upstream_status\"", "us=\"200\""),
        ("app=\"$upstream_http_x_runtime\"", "app=\"0.012345\""),
        ("cs=$upstream_cache_status", "cs=-"),
        ("rid=$request_id", "rid=0be411044cb1cb67580e115413b2da60"),
        ("ua=\"$upstream_addr\"", "ua=\"10.0.0.5:8080\""),
        ("host=\"$host\"", "host=\"example.com\""),
        ("rl=$request_length", "rl=98"),
    ];
    // Behind them, values that are passed over.
    let part = |at: usize| match VALUES.get(at) {
        Some((definition, text)) => ((*definition).to_owned(), (*text).to_owned()),
        None => (
            format!("x{at}=\"$http_x_{at}\""),
            format!("x{at}=\"some value\""),
        ),
    };
    let (definition, line): (Vec<String>, Vec<String>) = (0..values.max(3)).map(part).unzip();
    let grammar = compile(
        "nginx",
        &definition.join(" "),
        Escape::Default,
        Names::Checked,
    )
    .map_err(|e| e.to_string())?;
    Ok((grammar, line.join(" ").into_bytes()))
}

/// Instructions a line of what these arguments read.
fn instructions(what: [&str; 2]) -> Result<f64, String> {
    let program = std::env::current_exe().map_err(|e| e.to_string())?;
    let mut counts = [0.0; 2];
    for (count, lines) in counts.iter_mut().zip(RUNS) {
        let output = Command::new("valgrind")
            .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
            .arg(&program)
            .arg(lines.to_string())
            .args(what)
            .output()
            .map_err(|e| format!("valgrind: {e}"))?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let collected = said
            .lines()
            .find_map(|line| line.split_once("Collected : "));
        *count = collected
            .and_then(|(_, number)| number.trim().parse().ok())
            .ok_or_else(|| format!("{what:?}: {said}"))?;
    }
    Ok((counts[1] - counts[0]) / (RUNS[1] - RUNS[0]) as f64)
}

fn table() -> Result<(), String> {
    println!("| format | values | instructions a line | nginx with as many | ratio | |");
    println!("|---|--:|--:|--:|--:|---|");
    let mut nginx_by_values = std::collections::BTreeMap::new();
    for builtin in builtin::all() {
        for variant in 0..builtin.grammars.len() {
            // A variant that no sample is in is the same language with other values.
            let Ok((grammar, line)) = builtin_variant(&builtin.name, variant) else {
                continue;
            };
            let values = values(&grammar, &line);
            let own = instructions([&builtin.name, &variant.to_string()])?;
            let nginx = match nginx_by_values.get(&values) {
                Some(nginx) => *nginx,
                None => {
                    let nginx = instructions(["nginx", &values.to_string()])?;
                    nginx_by_values.insert(values, nginx);
                    nginx
                }
            };
            let most = if matches!(grammar.syntax, Syntax::Json(..)) {
                MOST_JSON
            } else {
                MOST_TEXT
            };
            let ratio = own / nginx;
            let verdict = if ratio <= most { "" } else { "over" };
            let has_times = grammar.fields().has(Field::Total) || grammar.total_is_sum;
            let name = if has_times {
                builtin.name.clone()
            } else {
                format!("{} (no times)", builtin.name)
            };
            println!("| {name} | {values} | {own:.0} | {nginx:.0} | {ratio:.2} | {verdict} |");
        }
    }
    Ok(())
}
