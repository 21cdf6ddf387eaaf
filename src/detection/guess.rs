//! What the keys of a log mean that no known format has, guessed from their names and values.
//!
//! A guess is marked, and whoever shows the format shows it. Nothing is ever guessed to be the
//! application's own time or a wait: a wrong guess of those would answer the question that people ask
//! with a number that nobody measured.

use std::collections::BTreeMap;

use crate::grammar::{Column, Field, Grammar, Meaning, Reading, Syntax, of_role};
use crate::record::keys;
use crate::stamp::StampForm;
use crate::unit::Unit;

/// The values of a sample by key.
type Values = BTreeMap<String, Vec<String>>;

/// The grammar with what its lines hold besides; `None` where it is no table of keys, or nothing can
/// be added. Only fields that it reads from none of the lines are looked for.
pub(super) fn completed(grammar: &Grammar, lines: &[Vec<u8>]) -> Option<Grammar> {
    let read = match &grammar.syntax {
        Syntax::Json(_) => keys::of_json,
        Syntax::Ltsv(_) => keys::of_ltsv,
        Syntax::Logfmt(_) => keys::of_logfmt,
        Syntax::Text(..) | Syntax::W3c { .. } => return None,
    };
    let mut values = Values::new();
    for line in lines {
        for (key, value) in read(line)? {
            if !value.is_empty() && value != "-" {
                values.entry(key).or_default().push(value);
            }
        }
    }
    let known = grammar.columns();
    let has = |field: Field| {
        known
            .iter()
            .any(|column| column.field == field && values.contains_key(&column.name))
    };
    let has_request = has(Field::Request) || has(Field::Target);
    let unknown: Values = values
        .iter()
        .filter(|(key, _)| known.iter().all(|column| column.name != **key))
        .map(|(key, values)| (key.clone(), values.clone()))
        .collect();
    let mut guesses = Vec::new();
    for (field, guess) in GUESSES {
        let is_there = has(*field)
            || (has_request && matches!(field, Field::Request | Field::Target))
            || (has(Field::Response) && *field == Field::Total);
        let found = unknown
            .iter()
            .filter(|(key, _)| guesses.iter().all(|column: &Column| column.name != **key))
            .find_map(|(key, values)| Some((key, guess(&last_word(key), values)?)));
        if let (false, Some((key, reading))) = (is_there, found) {
            guesses.push(Column {
                is_guess: true,
                ..Column::new(key, Meaning::new(*field, reading).ranked(u8::MAX))
            });
        }
    }
    if guesses.is_empty() {
        return None;
    }
    let mut columns = known;
    columns.extend(guesses);
    Some(with_columns(grammar, columns))
}

/// The grammar with other columns.
pub(super) fn with_columns(grammar: &Grammar, columns: Vec<Column>) -> Grammar {
    let syntax = match &grammar.syntax {
        Syntax::Json(_) => Syntax::Json(columns),
        Syntax::Ltsv(_) => Syntax::Ltsv(columns),
        Syntax::Logfmt(_) => Syntax::Logfmt(columns),
        Syntax::W3c { order, .. } => Syntax::W3c {
            fields: columns,
            order: order.clone(),
        },
        text @ Syntax::Text(..) => text.clone(),
    };
    Grammar {
        syntax,
        ..grammar.clone()
    }
}

/// The part of a key that says what it is: `duration` of `http.duration`.
fn last_word(key: &str) -> String {
    let last = key.rsplit('.').next().unwrap_or(key);
    last.trim_start_matches('@').to_ascii_lowercase()
}

fn is_method(text: &str) -> bool {
    const METHODS: &[&str] = &["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
    METHODS.contains(&text)
}

/// How the values of a key of that name are read, if they are of the field.
type Guess = fn(&str, &[String]) -> Option<Reading>;

/// In the order in which they are looked for: what is plain first.
const GUESSES: &[(Field, Guess)] = &[
    (Field::Request, |_, values| {
        // Not a line of another log that is wrapped in this one.
        let is_line = |value: &String| {
            let method = value.split_once(' ').map(|(method, _)| method);
            value.contains(" HTTP/") && method.is_some_and(is_method)
        };
        values.iter().all(is_line).then_some(Reading::Text)
    }),
    (Field::Method, |_, values| {
        let is_method = |value: &String| is_method(value);
        values.iter().all(is_method).then_some(Reading::Text)
    }),
    (Field::Target, |_, values| {
        let is_target = |value: &String| value.starts_with('/') || value.starts_with("http");
        values.iter().all(is_target).then_some(Reading::Text)
    }),
    (Field::Status, |name, values| {
        let is_status = |value: &String| {
            value
                .parse::<u16>()
                .is_ok_and(|status| (100..600).contains(&status))
        };
        let is_named = name.contains("status") || name.contains("code");
        (is_named && values.iter().all(is_status)).then_some(Reading::Number)
    }),
    (Field::Stamp, |name, values| {
        let is_named = ["time", "ts", "date", "at", "when"]
            .iter()
            .any(|word| name.contains(word));
        let is_stamp = |value: &String| {
            StampForm::Any
                .read(value.as_bytes())
                .is_some_and(|stamp| stamp.0 > YEAR_2000)
        };
        (is_named && values.iter().all(is_stamp)).then_some(Reading::Stamp(StampForm::Any))
    }),
    (Field::Total, |name, values| duration(name, values)),
];

/// 2000-01-01 in microseconds: a smaller number is a duration.
const YEAR_2000: i64 = 946_684_800_000_000;

/// A duration and its unit: by the name, by a suffix, else by the size of the values. Requests take
/// milliseconds to seconds, so fractions below ten are seconds. Half of them do not take minutes, so
/// whole numbers that would be minutes are nanoseconds, in which Go writes durations. Everything else is
/// milliseconds.
fn duration(name: &str, values: &[String]) -> Option<Reading> {
    const NAMES: &[&str] = &[
        "duration",
        "elapsed",
        "latency",
        "took",
        "taken",
        "cost",
        "response_time",
        "responsetime",
        "request_time",
        "requesttime",
        "resp_time",
        "processing",
        "total_time",
        "rt",
        "ms",
        "time_ms",
    ];
    const UNITS: &[(&str, &str)] = &[
        ("_ns", "ns"),
        ("nanos", "ns"),
        ("_us", "us"),
        ("micros", "us"),
        ("_usec", "us"),
        ("_ms", "ms"),
        ("millis", "ms"),
        ("msec", "ms"),
        ("ms", "ms"),
        ("_sec", "s"),
        ("_secs", "s"),
        ("seconds", "s"),
        ("_s", "s"),
    ];
    if !NAMES.iter().any(|known| name.contains(known)) {
        return None;
    }
    let unit = |unit: &str| of_role(&format!("total_{unit}")).map(|(_, reading)| reading);
    let all = |unit: Unit| {
        values.iter().all(|value| {
            let value = value.as_bytes();
            unit.read(value).is_some() || unit.read_scientific(value).is_some()
        })
    };
    if all(Unit::Suffix) {
        return unit("suffix");
    }
    if !all(Unit::Seconds) {
        return None;
    }
    if let Some((_, named)) = UNITS.iter().find(|(suffix, _)| name.ends_with(suffix)) {
        return unit(named);
    }
    let mut numbers: Vec<f64> = values
        .iter()
        .filter_map(|value| value.parse().ok())
        .collect();
    numbers.sort_by(f64::total_cmp);
    let median = *numbers.get(numbers.len() / 2)?;
    let has_fractions = numbers.iter().any(|number| number.fract() != 0.0);
    unit(match has_fractions {
        true if median < 10.0 => "s",
        false if median >= 100_000.0 => "ns",
        _ => "ms",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grammar::builtin;

    fn guessed(format: &str, lines: &[&str]) -> Vec<String> {
        let lines: Vec<Vec<u8>> = lines.iter().map(|line| line.as_bytes().to_vec()).collect();
        let grammar = &builtin::find(format).unwrap().grammars[0];
        let columns = completed(grammar, &lines).map_or_else(Vec::new, |grammar| grammar.columns());
        columns
            .into_iter()
            .filter(|column| column.is_guess)
            .map(|column| format!("{}: {:?} {:?}", column.name, column.field, column.reading))
            .collect()
    }

    #[test]
    fn names_and_values_tell_together() {
        assert_eq!(
            guessed(
                "json",
                &[
                    r#"{"at":"2024-10-10T12:00:00Z","http":{"verb_":"GET","route":"/a","result_code":200},"elapsed":0.0123}"#,
                    r#"{"at":"2024-10-10T12:00:01Z","http":{"verb_":"PUT","route":"/b","result_code":404},"elapsed":5e-05}"#,
                ]
            ),
            [
                "http.verb_: Method Text",
                "http.route: Target Text",
                "http.result_code: Status Number",
                "at: Stamp Stamp(Any)",
                "elapsed: Total Duration(Seconds)"
            ]
        );
        let total = |value: &str| guessed("json", &[&format!(r#"{{"uri":"/a","{value}}}"#)]);
        assert_eq!(
            total(r#"latency":12"#),
            ["latency: Total Duration(Milliseconds)"]
        );
        assert_eq!(
            total(r#"latency":1204567"#),
            ["latency: Total Duration(Nanoseconds)"]
        );
        assert_eq!(
            total(r#"latency":250.5"#),
            ["latency: Total Duration(Milliseconds)"]
        );
        assert_eq!(
            total(r#"latency":"12ms""#),
            ["latency: Total Duration(Suffix)"]
        );
        assert_eq!(
            total(r#"duration_ns":1200"#),
            ["duration_ns: Total Duration(Nanoseconds)"]
        );
        assert_eq!(
            total(r#"latencyMs":1.5"#),
            ["latencyMs: Total Duration(Milliseconds)"]
        );
    }

    #[test]
    fn nobody_guesses_the_application_s_time_or_what_is_known() {
        let none: [&str; 0] = [];
        for line in [
            r#"{"uri":"/a","app_time":0.5}"#,
            r#"{"uri":"/a","queue_time":0.5}"#,
            r#"{"uri":"/a","wait":0.5}"#,
            r#"{"uri":"/a","request_time":0.5,"latency":0.4}"#,
            r#"{"uri":"/a","latency":"fast"}"#,
            r#"{"log":"10.0.0.1 - - [31/Jan/2026:12:00:00 +0000] \"GET /a HTTP/1.1\" 200 1"}"#,
        ] {
            assert_eq!(guessed("json", &[line]), none, "{line}");
        }
    }
}
