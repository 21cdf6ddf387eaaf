//! Law 8: nothing panics, whatever is given: lines, definitions, expressions, patterns, durations,
//! headers, configurations. That whole logs of noise are read is also in `accounting.rs`.
//!
//! Noise alone rarely gets past the first byte of a parser, so most inputs are the parser's own words
//! in a random order.

mod words;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use slowpath::detection::detect;
use slowpath::endpoint::{Dimension, Naming, Pattern, last_upstream};
use slowpath::filter::{Filter, Filtered};
use slowpath::grammar::{
    Escape, Fields, Grammar, Names, Plan, builtin, compile, nginx_conf, parse_definition,
};
use slowpath::phases::{AppClock, Phases};
use slowpath::record::server_timing::metrics;
use slowpath::record::{LineReader, json};
use slowpath::report::Column;
use slowpath::stamp::StampForm;
use slowpath::summary::{Question, Shown};
use slowpath::unit::{Micros, Quantile, Unit};

use self::words::{
    COLUMN_WORDS, CONF_WORDS, DEFINITION_WORDS, DURATION_WORDS, ESCAPE_WORDS, EXPRESSION_WORDS,
    LINE_WORDS, PATTERN_WORDS, PATTERNS, STAMP_WORDS, TIMING_WORDS,
};
use crate::entry::{Bytes, Paths, entry, form, joined};
use crate::reading::{Folder, Way, choice, grammar, plan, rendered, summarise};

/// Any bytes.
fn noise() -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..60).prop_map(Bytes)
}

/// Words in a random order, with noise among them.
fn soup(words: &'static [&'static str]) -> impl Strategy<Value = Bytes> {
    let part = prop_oneof![
        12 => select(words).prop_map(|word| word.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 0..4),
        1 => any::<char>().prop_map(|c| c.to_string().into_bytes()),
    ];
    vec(part, 0..24).prop_map(|parts| Bytes(parts.concat()))
}

/// As [`soup`], for what is text before a parser sees it.
fn text_soup(words: &'static [&'static str]) -> impl Strategy<Value = String> {
    soup(words).prop_map(|bytes| String::from_utf8_lossy(&bytes.0).into_owned())
}

fn line() -> impl Strategy<Value = Bytes> {
    let mutated = (
        form(),
        entry(Paths::WithIds, std::time::Duration::from_secs(1)),
        any::<prop::sample::Index>(),
        soup(LINE_WORDS),
    )
        .prop_map(|(form, entry, at, noise)| {
            let mut line = entry.line(form);
            let at = at.index(line.0.len());
            let until = (at + noise.0.len() / 2).min(line.0.len());
            line.0.splice(at..until, noise.0);
            line
        });
    prop_oneof![1 => noise(), 3 => soup(LINE_WORDS), 4 => mutated]
}

/// Comparisons that mean something, put together in any way.
fn expression() -> impl Strategy<Value = String> {
    let number = (
        select(vec!["status", "bytes"]),
        select(vec!["=", "!=", "<", "<=", ">", ">="]),
        select(vec!["200", "0", "5xx"]),
    );
    let duration = (
        select(vec!["total", "wait", "app", "retry"]),
        select(vec!["<", ">="]),
        select(vec!["0s", "10ms", "1.5s"]),
    );
    let text = (
        select(vec![
            "method",
            "route",
            "path",
            "host",
            "user_agent",
            "upstream_addr",
        ]),
        select(vec!["=", "!=", "~", "!~"]),
        select(vec!["GET", "'^/api/'", "\"(a|e)+.\"", "10.0.0.1:8080"]),
    );
    let comparison = prop_oneof![number, duration, text]
        .prop_map(|(subject, operator, value)| format!("{subject} {operator} {value}"));
    comparison.prop_recursive(4, 12, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|inner| format!("not ({inner})")),
            inner.clone().prop_map(|inner| format!("!({inner})")),
            (inner.clone(), inner.clone())
                .prop_map(|(one, another)| format!("{one} and {another}")),
            (inner.clone(), inner).prop_map(|(one, another)| format!("({one} || {another})")),
        ]
    })
}

/// Reads a line and does with it all that a run may do.
fn read(plan: &Plan, line: &[u8], naming: &Naming, filter: Option<&Filter>) {
    let mut reader = LineReader::new(plan);
    let misfit = reader.misfit(line);
    assert!(misfit.is_none_or(|misfit| misfit.at <= line.len()));
    let Ok(record) = reader.read(line) else {
        return;
    };
    let Ok(phases) = Phases::of(&record, &AppClock::default()) else {
        return;
    };
    let mut key = Vec::new();
    naming.key(&record, &mut key);
    let parts = naming.parts(&key);
    assert_eq!(parts.dimensions.len(), naming.dimensions.len());
    assert_eq!(parts.key(), key, "an endpoint's name in parts is its name");
    let _ = (naming.is_stream(&record), last_upstream(&record));
    if let Some(filter) = filter {
        let _ = filter.holds(&Filtered {
            record: &record,
            phases: &phases,
            route: parts.route,
        });
    }
}

fn everything() -> Naming {
    Naming {
        patterns: vec![
            Pattern::new("/a/:b/*").unwrap(),
            Pattern::new("/[a-c]+").unwrap(),
        ],
        streams: vec![Pattern::new("/events/*").unwrap()],
        dimensions: Dimension::ALL.to_vec(),
    }
}

fn every_builtin() -> impl Iterator<Item = &'static Grammar> {
    builtin::all().iter().flat_map(|builtin| &builtin.grammars)
}

/// Times and sizes at the ends of what can be written, in lines that are records.
fn extreme_line() -> impl Strategy<Value = Bytes> {
    let time = select(vec![
        "0",
        "1.5",
        "1769860800.250",
        "99999999999.999999",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:60.999999-23:59",
        "1970-01-01T00:00:00Z",
    ]);
    let number = select(vec![
        "0",
        "0.000",
        "1",
        "0.5",
        "400",
        "9223372036854.775807",
        "9223372036854",
        "4611686018427",
        "0.000001",
        "-",
    ]);
    let status = select(vec!["200", "000", "999", "499", "504", "101", "-"]);
    let size = select(vec![
        "0",
        "1",
        "9999999999999999999",
        "4611686018427387904",
        "-",
    ]);
    let numbers = [number.clone(), number.clone(), number.clone(), number];
    (time, numbers, status, size).prop_map(|(time, [total, app, response, wait], status, size)| {
        let line = format!(
            "time:{time}\tmethod:GET\turi:/x\tstatus:{status}\tsize:{size}\treqtime:{total}\t\
             runtime:{app}\tapptime:{response}, {response} : {response}\tuct:{response}\t\
             uht:{total}\tupstream_queue_time:{wait}"
        );
        Bytes(line.into_bytes())
    })
}

proptest! {
    #![proptest_config(crate::cases(crate::CASES))]

    #[test]
    fn no_line_panics_any_grammar(
        line in line(),
        expression in select(vec!["total > 1s", "host = x or not path ~ 'a'", "status = 5xx"]),
    ) {
        let (naming, filter) = (everything(), Filter::new(expression).unwrap());
        for grammar in every_builtin() {
            read(&grammar.plan(Fields::ALL), &line.0, &naming, Some(&filter));
        }
        let _ = json::unescape(&line.0);
    }

    #[test]
    fn no_log_panics_detection(lines in vec(line(), 0..5)) {
        match detect(&joined(&lines)) {
            Ok(None) => {}
            Ok(Some(grammar)) => {
                let plan = grammar.first.plan(Fields::ALL);
                lines.iter().for_each(|line| read(&plan, &line.0, &everything(), None));
            }
            Err(undetected) => prop_assert!(!undetected.to_string().is_empty()),
        }
    }

    #[test]
    fn no_definition_panics(
        text in text_soup(DEFINITION_WORDS),
        lines in vec(line(), 1..4),
        own in any::<bool>(),
    ) {
        let (definition, escape) = match parse_definition(&text) {
            Ok(definition) => (definition.text, definition.escape),
            Err(error) => {
                prop_assert!(error.to_string().contains('^'));
                (text, Escape::Default)
            }
        };
        let names = if own { Names::Accepted } else { Names::Checked };
        for escape in [escape, Escape::Default, Escape::Backslash, Escape::None] {
            match compile("any", &definition, escape, names) {
                Ok(grammar) => {
                    let plan = grammar.plan(Fields::ALL);
                    lines.iter().for_each(|line| read(&plan, &line.0, &everything(), None));
                    // The definition itself is nearly a line of it.
                    read(&plan, definition.as_bytes(), &everything(), None);
                }
                Err(error) => prop_assert!(error.to_string().contains('^')),
            }
        }
    }

    #[test]
    fn no_expression_panics(
        text in prop_oneof![text_soup(EXPRESSION_WORDS), expression()],
        form in form(),
        entry in entry(Paths::WithIds, std::time::Duration::from_secs(1)),
    ) {
        let plan = grammar(form.grammar()).plan(Fields::ALL);
        match Filter::new(&text) {
            Ok(filter) => read(&plan, &entry.line(form).0, &everything(), Some(&filter)),
            Err(error) => prop_assert!(error.to_string().contains('^')),
        }
    }

    #[test]
    fn no_escape_panics(text in soup(ESCAPE_WORDS)) {
        let plain = json::unescape(&text.0);
        prop_assert!(plain.len() <= text.0.len());
        // What is JSON means what it means to everybody.
        let quoted = [b"\"", text.0.as_slice(), b"\""].concat();
        if let Ok(want) = serde_json::from_slice::<String>(&quoted) {
            prop_assert_eq!(plain, want.into_bytes());
        }
    }

    #[test]
    fn no_pattern_panics(
        text in prop_oneof![text_soup(PATTERN_WORDS), select(PATTERNS).prop_map(str::to_owned)],
        paths in vec(soup(PATTERN_WORDS), 1..8),
    ) {
        match Pattern::new(&text) {
            Ok(pattern) => {
                prop_assert_eq!(pattern.text(), text.as_str());
                paths.iter().for_each(|path| { let _ = pattern.matches(&path.0); });
            }
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }

    #[test]
    fn no_duration_panics(text in text_soup(DURATION_WORDS), bytes in soup(DURATION_WORDS)) {
        if let Ok(duration) = text.parse::<Micros>() {
            prop_assert!(!duration.to_string().is_empty());
        }
        if let Ok(quantile) = text.parse::<Quantile>() {
            prop_assert_eq!(quantile.label().parse::<Quantile>(), Ok(quantile));
            prop_assert!((1..=u64::MAX).contains(&quantile.rank(u64::MAX)));
        }
        let units = [Unit::Seconds, Unit::Milliseconds, Unit::Microseconds, Unit::Nanoseconds];
        for unit in units.into_iter().chain([Unit::Suffix]) {
            let _ = unit.read(&bytes.0);
        }
    }

    #[test]
    fn no_server_timing_panics(header in soup(TIMING_WORDS)) {
        for metric in metrics(&header.0) {
            prop_assert!(!metric.name.is_empty());
        }
    }

    #[test]
    fn no_name_panics(text in text_soup(COLUMN_WORDS), route in soup(COLUMN_WORDS)) {
        match Column::named(&text) {
            Ok(column) => prop_assert!(!column.key().is_empty()),
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
        let _ = Shown::new(&text).is(b"GET", &route.0);
        let _ = (Dimension::named(&text), builtin::find(&text));
    }

    #[test]
    fn no_time_stamp_panics(text in soup(STAMP_WORDS)) {
        for form in [StampForm::Clf, StampForm::Iso8601, StampForm::EpochSeconds, StampForm::Any] {
            if let Some(stamp) = form.read(&text.0) {
                prop_assert!(!stamp.rfc3339().is_empty());
                prop_assert!(stamp.before(Micros(u64::MAX)) <= stamp.after(Micros(u64::MAX)));
            }
        }
    }

    #[test]
    fn no_configuration_panics(text in soup(CONF_WORDS)) {
        let folder = Folder::new();
        let file = folder.write("nginx.conf", &text.0);
        if let Err(error) = nginx_conf::read(&file.path) {
            prop_assert!(!error.to_string().is_empty());
        }
    }

    /// Sums stay at their maximum, and no renderer divides by what is not there.
    #[test]
    fn no_number_is_too_large(
        lines in vec(extreme_line(), 1..12),
        window in prop::option::of(1..=u32::MAX),
        threads in 1..3_usize,
        limit in prop::option::of(0..2_usize),
    ) {
        let folder = Folder::new();
        let file = folder.write("log", &joined(&lines));
        let question = Question {
            memory: Question::MEMORY,
            window_seconds: window,
            slowest: 2,
            examples: 1,
            shown: Some(Shown::new("/x")),
            ..Question::default()
        };
        let way = Way { threads, block: 64, };
        let summary = summarise(&[file], &plan(&grammar("ltsv"), &question), &question, way);
        prop_assert_eq!(summary.lines.lines, lines.len() as u64);
        prop_assert_eq!(summary.totals.requests, summary.lines.records);
        let rendered = rendered(&summary, &choice(limit));
        prop_assert!(serde_json::from_str::<serde_json::Value>(&rendered.json).is_ok());
    }
}
