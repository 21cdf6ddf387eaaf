//! Law 7: whatever bytes stand in a log, a renderer's text is what that renderer means to say.
//!
//! The bytes go two ways: through a log whose format escapes nothing, and straight into the summary,
//! because a renderer must not lean on what the readers before it happen to let through.

mod data;
mod markdown;
mod terminal;

use std::fmt;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use slowpath::diagnosis::{
    Diagnosis, Finding, Grounds, Kind, Named, Prose, Role, Severity, Subject, Topic, Value,
};
use slowpath::endpoint::{Dimension, Naming};
use slowpath::grammar::{Escape, Names, compile};
use slowpath::report::{Choice, Column, Stat, View};
use slowpath::summary::{FileSummary, Question, Summary};
use slowpath::unit::{Micros, Quantile};

use crate::entry::Bytes;
use crate::reading::{File, Folder, Way, plan, summarise};

/// What somebody once sent to see what happens.
const PAYLOADS: &[&[u8]] = &[
    b"\x1b[31m",
    b"\x1b[2J\x1b[H",
    b"\x1b]8;;http://example.com\x1b\\click\x1b]8;;\x1b\\",
    b"\x1b]52;c;cm0gLXJmIH4=\x07",
    b"\x1b]0;title\x07",
    b"\x1bP1$r\x1b\\",
    b"\x9b31m",
    "\u{9b}31m".as_bytes(),
    "\u{90}q\u{9c}".as_bytes(),
    "\u{85}".as_bytes(),
    b"\r",
    b"\x08\x08\x08",
    b"\x7f",
    b"\0",
    b"\t",
    "\u{202e}gpj.exe".as_bytes(),
    "\u{2066}x\u{2069}".as_bytes(),
    "\u{200b}\u{200d}\u{feff}".as_bytes(),
    "\u{e0041}\u{e007f}".as_bytes(),
    "\u{2028}\u{2029}".as_bytes(),
    "e\u{301}\u{301}\u{301}".as_bytes(),
    "\u{a0}\u{3000}".as_bytes(),
    "日本語".as_bytes(),
    "👩‍👩‍👧".as_bytes(),
    b"::error::pwned",
    b"::set-output name=x::y",
    b" ::error::pwned",
    b"x ::error::pwned",
    b"##[group]x",
    b"##vso[task.setvariable variable=x]y",
    b"#",
    b"##",
    b":",
    b"</script><script>alert(1)</script>",
    b"<img src=x onerror=alert(1)>",
    b"<!--",
    b"&lt;&#60;&amp;",
    b"=1+1",
    b"+1",
    b"-1",
    b"@SUM(1)",
    b"=cmd|' /C calc'!A0",
    "＝1".as_bytes(),
    b"'",
    b"\"",
    b"\"\"",
    b",",
    b";",
    b"|",
    b"||",
    b"\\|",
    b"\\",
    b"\\x1b",
    b"`",
    b"```",
    b"`` ` ``",
    b"[x](javascript:alert(1))",
    b"![x](http://example.com/x.png)",
    b"[x]: http://example.com",
    b"[^1]",
    b"<http://example.com>",
    b"http://example.com",
    b"www.example.com",
    b"root@example.com",
    b"@everyone",
    b"#1",
    b"**x**",
    b"__x__",
    b"*x*",
    b"~~x~~",
    b"$x$",
    b"- x",
    b"1. x",
    b"# x",
    b"> x",
    b"---",
    b"\xff\xfe",
    b"\xc3",
    b"\xed\xa0\x80",
    b"\xf0\x9f",
    b" ",
    b"  ",
    b"x",
    b"42",
];

/// A payload or several, with random bytes between them.
fn payload() -> impl Strategy<Value = Bytes> {
    let part = prop_oneof![
        6 => select(PAYLOADS).prop_map(<[u8]>::to_vec),
        1 => vec(any::<u8>(), 0..6),
        1 => Just(b"\n".to_vec()),
        1 => Just(b"\n::error::pwned".to_vec()),
    ];
    vec(part, 0..4).prop_map(|parts| Bytes(parts.concat()))
}

/// The columns of a log that takes anything: no byte but this one parts its values.
const DEFINITION: &str = "$status\u{1f}$method\u{1f}$path\u{1f}$host\u{1f}\
     $user_agent\u{1f}$upstream_addr\u{1f}$remote_addr\u{1f}\
     $cache_status\u{1f}$total_s\u{1f}$wait_s\u{1f}$app_s";

/// As many values of [`DEFINITION`] as a client or server chooses freely.
const FREE: usize = 7;

/// A line with these values; a line end in a value would be two lines.
fn line(values: &[Bytes], status: u16) -> Vec<u8> {
    // In front, so that a log does not begin with the mark of an archive.
    let mut line = format!("{status:03}\u{1f}").into_bytes();
    for (at, value) in values.iter().enumerate() {
        if at == 1 {
            line.push(b'/');
        }
        line.extend(value.0.iter().filter(|byte| !matches!(byte, b'\n' | 0x1f)));
        line.push(0x1f);
    }
    line.extend_from_slice("0.5\u{1f}0.2\u{1f}0.1".as_bytes());
    line
}

/// A hostile log in numbers, and how it is to be shown.
struct Case {
    summary: Summary,
    diagnosis: Diagnosis,
    choice: Choice,
    width: Option<usize>,
    complete: bool,
}

/// The texts and how they are shown; the numbers do not matter here.
impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Case {
            summary,
            choice,
            width,
            complete,
            ..
        } = self;
        for row in &summary.endpoints {
            let mut values = vec![row.method.clone(), row.route.clone()];
            values.extend(row.dimensions.iter().cloned());
            values.extend(row.slowest.iter().map(|slow| slow.line.to_vec()));
            let values: Vec<Bytes> = values.into_iter().map(Bytes).collect();
            writeln!(f, "{values:?}")?;
        }
        for file in &summary.files {
            writeln!(f, "file {:?}", Bytes(file.name.clone()))?;
        }
        write!(f, "{choice:?}, width {width:?}, complete {complete}")
    }
}

impl Case {
    fn view(&self) -> View<'_> {
        View::new(&self.summary, &self.diagnosis, &self.choice, self.complete)
    }
}

fn case() -> impl Strategy<Value = Case> {
    let values = vec(payload(), FREE);
    let status = select(vec![200_u16, 404, 499, 503, 101]);
    let method = prop_oneof![Just(Bytes(b"GET".to_vec())), payload()];
    let straight = prop::option::of((method, payload(), payload()));
    (
        vec((values, status, straight), 1..6),
        vec(payload(), 1..3),
        prop::option::of(0..3_usize),
        prop::option::of(1..160_usize),
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(|(rows, files, limit, width, complete, usual)| {
            let mut summary = summary(
                &rows
                    .iter()
                    .map(|(values, status, _)| line(values, *status))
                    .collect::<Vec<_>>(),
            );
            for (row, (_, _, straight)) in summary.endpoints.iter_mut().zip(&rows) {
                if let Some((method, route, value)) = straight {
                    row.method.clone_from(&method.0);
                    row.route.clone_from(&route.0);
                    row.dimensions
                        .iter_mut()
                        .for_each(|dimension| dimension.clone_from(&value.0));
                    row.slowest
                        .iter_mut()
                        .for_each(|slow| slow.line = value.0.clone().into());
                }
            }
            if let (Some((_, _, Some((_, _, value)))), Some(upstream)) =
                (rows.first(), summary.upstreams.first_mut())
            {
                upstream.address.clone_from(&value.0);
            }
            let file = |name: &Bytes| FileSummary {
                name: name.0.clone(),
                ..summary.files[0].clone()
            };
            summary.files = files.iter().map(file).collect();
            let columns = || {
                let dimensions = Dimension::ALL.into_iter().enumerate();
                let mut columns = vec![Column::Endpoint];
                columns.extend(dimensions.map(|(at, dimension)| Column::Dimension(at, dimension)));
                columns.push(Column::Phase(slowpath::phases::Phase::Total, Stat::Max));
                columns.reverse();
                columns
            };
            let choice = Choice {
                columns: (!usual).then(columns),
                quantiles: vec![Quantile::percent(50), Quantile::percent(95)],
                sort: None,
                limit,
            };
            Case {
                diagnosis: hostile_diagnosis(&summary),
                summary,
                choice,
                width,
                complete,
            }
        })
}

/// A finding that names everything in the log, wherever a finding can name something.
fn hostile_diagnosis(summary: &Summary) -> Diagnosis {
    let row = &summary.endpoints[0];
    let name = || {
        Prose::new("It was ")
            .log(&row.method)
            .words(" ")
            .log(&row.route)
    };
    let finding = Finding {
        kind: Kind::HotKey,
        severity: Severity::Warning,
        grounds: Grounds::Measured,
        title: name().words("."),
        detail: vec![name(), Prose::list(vec![name(), name()])],
        from: None,
        until: None,
        endpoints: vec![Named {
            role: Role::Culprit,
            endpoint: 0,
        }],
        subject: Some(Subject {
            topic: Topic::Key,
            value: row.route.clone(),
        }),
        evidence: vec![("value", Value::Log(row.route.clone()))],
        examples: row.slowest.clone(),
        advice: name(),
        explains: Micros(1),
    };
    Diagnosis {
        findings: vec![finding],
        ..Diagnosis::default()
    }
}

/// A log of one plain request in a file of this name.
fn plain(file: &[u8]) -> Case {
    let values = vec![Bytes(b"GET".to_vec()); FREE];
    let mut summary = summary(&[line(&values, 200)]);
    summary.files[0].name = file.to_vec();
    let choice = Choice {
        columns: None,
        quantiles: vec![Quantile::percent(50)],
        sort: None,
        limit: None,
    };
    Case {
        diagnosis: Diagnosis::default(),
        summary,
        choice,
        width: None,
        complete: true,
    }
}

/// The summary of lines that follow [`DEFINITION`], by every dimension.
fn summary(lines: &[Vec<u8>]) -> Summary {
    let grammar = compile("hostile", DEFINITION, Escape::None, Names::Checked).unwrap();
    let question = Question {
        naming: Naming {
            dimensions: Dimension::ALL.to_vec(),
            ..Naming::default()
        },
        memory: Question::MEMORY,
        slowest: 2,
        examples: 1,
        ..Question::default()
    };
    let folder = Folder::new();
    let file: File = folder.write("log", &lines.join(&b'\n'));
    let summary = summarise(&[file], &plan(&grammar, &question), &question, Way::PLAIN);
    // A carriage return at the end of a line would belong to the line end; a number stands there.
    assert_eq!(summary.lines.records, lines.len() as u64);
    summary
}
