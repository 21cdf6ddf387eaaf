//! The gate: its exit codes, its outputs, and that it never passes on nothing.

use std::fmt::Write as _;

use crate::chance::chance;
use crate::program::{Ended, slowpath};
use crate::scratch::Scratch;

/// A run to write as a log.
#[derive(Clone, Copy)]
struct Run {
    /// Requests of each of ten endpoints.
    requests: u64,
    /// Seconds over which they come.
    seconds: u64,
    /// How many of the endpoints there are.
    endpoints: u64,
    /// The endpoint that takes so many percent of its usual time.
    percent: (u64, u64),
    /// Every n-th request of the endpoint fails; 0 is none.
    fails: (u64, u64),
}

const USUAL: Run = Run {
    requests: 400,
    seconds: 60,
    endpoints: 10,
    percent: (0, 100),
    fails: (0, 0),
};

/// The log of a run; the seed only decides how durations scatter.
fn log(run: Run, seed: u64) -> String {
    let mut chance = chance(seed);
    let mut random = || chance(1_000);
    let mut out = String::new();
    for n in 0..run.requests {
        for endpoint in 0..run.endpoints {
            // Twice a uniform time: a distribution with a hump, from half of the usual to half above.
            let usual = 40 + 10 * endpoint;
            let mut us = usual * (500 + random() / 2 + random() / 2);
            if endpoint == run.percent.0 {
                us = us * run.percent.1 / 100;
            }
            let status = match run.fails {
                (at, each) if at == endpoint && each > 0 && n % each == 0 => 503,
                _ => 200,
            };
            let at = 1_790_000_000_000 + (n * 1_000 + endpoint * 97) * run.seconds / run.requests;
            let _ = writeln!(
                out,
                "{}.{:03} GET /e{} {status} 0.{us:06}",
                at / 1_000,
                at % 1_000,
                (b'a' + endpoint as u8) as char
            );
        }
    }
    out
}

/// A folder with `a1.log` to `a3.log` of the usual run, and `b1.log` to `b3.log` of another.
fn runs(candidate: Run) -> Scratch {
    let scratch = Scratch::new();
    for n in 1..=3 {
        scratch.write(&format!("a{n}.log"), log(USUAL, n));
        scratch.write(&format!("b{n}.log"), log(candidate, 10 + n));
    }
    scratch
}

const FORMAT: &str = "$msec $method $path $status $total_s";

fn gate(scratch: &Scratch, args: &[&str]) -> Ended {
    slowpath(["gate", "--log-format", FORMAT])
        .args(["--baseline", "a1.log", "--baseline", "a2.log"])
        .args(["--baseline", "a3.log", "b1.log", "b2.log", "b3.log"])
        .args(args)
        .within(scratch)
        .run()
}

/// One run of each.
fn single(scratch: &Scratch, candidate: &str, args: &[&str]) -> Ended {
    slowpath(["gate", "--log-format", FORMAT])
        .args(["--baseline", "a1.log", "--candidate", candidate])
        .args(args)
        .within(scratch)
        .run()
}

#[test]
fn the_same_program_passes() {
    let scratch = runs(USUAL);
    let out = gate(&scratch, &[]);
    let out = out.exits(0);
    assert!(out.stdout.starts_with("PASS\n"));
}

#[test]
fn a_grammar_and_the_meaning_of_a_key_can_be_given() {
    let scratch = runs(USUAL);
    scratch.write(
        "own.toml",
        "name = \"own\"\nabout = \"our own\"\nsyntax = \"nginx\"\ndefinitions = ['$msec $method $path $status $http_took']\n",
    );
    let logs = ["--baseline", "a1.log", "--baseline", "a2.log"];
    let out = slowpath([
        "gate",
        "--grammar",
        "own.toml",
        "--field",
        "total=http_took:s",
    ])
    .args(logs)
    .args(["--baseline", "a3.log", "b1.log", "b2.log", "b3.log"])
    .within(&scratch)
    .run();
    assert!(out.exits(0).stdout.starts_with("PASS\n"));
}

#[test]
fn a_slower_endpoint_fails_and_no_other() {
    let scratch = runs(Run {
        percent: (4, 120),
        ..USUAL
    });
    let out = gate(&scratch, &["-f", "json"]);
    let out = out.exits(1);
    let found = out.json();
    let failed: Vec<&str> = found["endpoints"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|endpoint| endpoint["verdict"] == "fail")
        .map(|endpoint| endpoint["route"].as_str().unwrap())
        .collect();
    assert_eq!(failed, ["/ee"]);
    let statistic = &found["endpoints"][0]["statistics"][0];
    let interval = &statistic["interval"];
    assert!(interval[0].as_f64().unwrap() < 0.2 && interval[1].as_f64().unwrap() > 0.2);
    assert!(statistic["detectable"].as_f64().unwrap() < 0.2);
}

#[test]
fn nothing_to_compare_never_passes() {
    let scratch = runs(USUAL);
    scratch.write("empty.log", "");
    scratch.write(
        "few.log",
        log(
            Run {
                requests: 20,
                ..USUAL
            },
            5,
        ),
    );
    scratch.write(
        "load.log",
        log(
            Run {
                seconds: 20,
                ..USUAL
            },
            5,
        ),
    );
    let rows: [(&str, i32, &str); 4] = [
        ("empty.log", 3, "the candidate has no requests"),
        ("few.log", 3, "too few requests"),
        ("load.log", 3, "the runs had different load"),
        ("missing.log", 2, "no such file"),
    ];
    for (candidate, code, why) in rows {
        let out = single(&scratch, candidate, &[]);
        let out = out.exits(code);
        let said = format!("{}{}", out.stdout, out.stderr);
        assert!(said.contains(why), "{candidate}: {said}");
    }
    // Only without any data the wish to pass is not heard.
    single(&scratch, "few.log", &["--inconclusive", "pass"]).exits(0);
    single(&scratch, "few.log", &["--inconclusive", "fail"]).exits(1);
    single(&scratch, "empty.log", &["--inconclusive", "pass"]).exits(3);
}

#[test]
fn what_is_missing_or_fails_is_a_regression() {
    for (candidate, why) in [
        (
            Run {
                endpoints: 9,
                ..USUAL
            },
            "missing from the candidate",
        ),
        (
            Run {
                fails: (9, 1),
                ..USUAL
            },
            "every request fails",
        ),
        (
            Run {
                fails: (9, 20),
                ..USUAL
            },
            "more errors",
        ),
    ] {
        let out = gate(&runs(candidate), &[]);
        let out = out.exits(1);
        out.prints(why);
    }
    let all = Run {
        fails: (9, 1),
        ..USUAL
    };
    let scratch = Scratch::new();
    for name in ["a1.log", "b.log"] {
        scratch.write(name, log(all, 1));
    }
    let out = single(&scratch, "b.log", &["--require", "/ej"]);
    out.exits(3);
}

#[test]
fn budgets_are_limits_of_their_own() {
    let scratch = runs(USUAL);
    let kept = "p99(total) < 300ms where route = /ea";
    gate(&scratch, &["--budget", kept]).exits(0);
    let over = gate(&scratch, &["--budget", "p50(total) < 10ms"]);
    over.exits(1).prints("over budget: p50(total) < 10ms");
    // Of nothing no budget is kept.
    gate(&scratch, &["--budget", "p50(total) < 1s where route = /no"]).exits(3);
    let wrong = gate(&scratch, &["--budget", "p50 < 10ms"]);
    wrong.exits(2).says("is no budget");
}

#[test]
fn settings_come_from_the_file() {
    let scratch = runs(USUAL);
    scratch.write(
        "slowpath.toml",
        "[gate]\nbudget = ['p50(total) < 10ms']\nfloor = '1ms'\n",
    );
    gate(&scratch, &[]).exits(1);
    gate(&scratch, &["--budget", "p50(total) < 10s"]).exits(0);
    scratch.write("slowpath.toml", "[gate]\nbugdet = []\n");
    gate(&scratch, &[]).exits(2);
}

#[test]
fn the_json_fits_its_schema() {
    let validator = jsonschema::draft202012::new(
        &serde_json::from_str(include_str!("../../schema/slowpath.gate.1.json")).unwrap(),
    )
    .unwrap();
    let scratch = runs(Run {
        percent: (4, 130),
        fails: (5, 10),
        ..USUAL
    });
    scratch.write("empty.log", "");
    let budget = [
        "-f",
        "json",
        "--budget",
        "p50(total) < 1s",
        "--budget",
        "errors < 1%",
    ];
    for out in [
        gate(&scratch, &budget),
        single(
            &scratch,
            "empty.log",
            &["-f", "json", "--group-by", "status"],
        ),
    ] {
        let errors: Vec<String> = validator
            .iter_errors(&out.json())
            .map(|error| format!("{error} at {}", error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{errors:#?}");
    }
}

#[test]
fn a_log_cannot_command_a_ci_system() {
    let scratch = Scratch::new();
    let hostile = "/x%0A::set-env%20name=P::y|<b>&\"\u{1b}[31m";
    let line = |ms: u64, n: u64| {
        format!(
            "{}.{:03} GET {hostile} 200 0.{ms:03}\n",
            1_790_000_000 + n,
            n % 1_000
        )
    };
    let of = |ms: u64| (0..400).map(|n| line(ms + n % 37, n)).collect::<String>();
    for n in 1..=3 {
        scratch.write(&format!("a{n}.log"), of(100));
        scratch.write(&format!("b{n}.log"), of(200));
    }
    scratch.write("summary.md", "before\n");
    let summary = scratch.path("summary.md");
    let out = slowpath([
        "gate",
        "--log-format",
        "$msec $method $path $status $total_s",
    ])
    .args([
        "--baseline",
        "a1.log",
        "--baseline",
        "a2.log",
        "--baseline",
        "a3.log",
    ])
    .args(["b1.log", "b2.log", "b3.log", "--junit", "junit.xml"])
    .env("GITHUB_ACTIONS", "true")
    .env("GITHUB_STEP_SUMMARY", summary.to_str().unwrap())
    .within(&scratch)
    .run();
    let out = out.exits(1);
    let lines = out.stdout.lines().chain(out.stderr.lines());
    let commands: Vec<&str> = lines
        .filter(|line| line.trim_start().starts_with("::"))
        .collect();
    assert!(!commands.is_empty() && commands.len() <= 10);
    for command in commands {
        let rest = command
            .strip_prefix("::error title=slowpath gate::")
            .unwrap();
        // Every percent sign is escaped, so none of the log's stands for a line's end.
        assert!(
            rest.split('%').skip(1).all(|after| after.starts_with("25")),
            "{command}"
        );
    }
    let xml = scratch.read("junit.xml");
    assert!(!xml.contains("<b>") && !xml.contains('\u{1b}') && xml.contains("&lt;b&gt;&amp;"));
    let markdown = scratch.read("summary.md");
    assert!(markdown.starts_with("before\n### "));
    assert!(!markdown.contains("<b>") && !markdown.contains('\u{1b}'));
}

#[test]
fn mistakes_are_named() {
    let scratch = runs(USUAL);
    for (args, why) in [
        (vec!["b1.log"], "given twice"),
        (vec!["-f", "csv"], "table, json or markdown"),
        (vec!["-o", "a1.log"], "extension"),
        (vec!["-f", "json", "-o", "a1.log"], "is the log itself"),
        (vec!["--limit", "5000"], "--limit"),
    ] {
        let out = gate(&scratch, &args);
        let out = out.exits(2);
        out.says(why);
    }
}
