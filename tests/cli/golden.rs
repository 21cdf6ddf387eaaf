//! What the program prints for the samples, word for word, in `tests/golden/`.
//!
//! The name of a file is made from the arguments. `UPDATE_GOLDEN=1 cargo test --test cli` writes the
//! files anew; then the diff of git is what is to be looked at.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::program::slowpath;
use crate::scratch::COLUMNS;

/// The commands. Few rows each, so that a person reads the files.
const COMMANDS: &[&[&str]] = &[
    &["samples/saturated-pool.log.gz", "-n", "5"],
    &["samples/saturated-pool.log.gz", "-n", "5", "-f", "csv"],
    &["samples/saturated-pool.log.gz", "-n", "5", "-f", "markdown"],
    &[
        "samples/saturated-pool.log.gz",
        "-n",
        "1",
        "--window",
        "1h",
        "-f",
        "json",
    ],
    &[
        "samples/saturated-pool.log.gz",
        "--show",
        "POST /api/objects/:id",
    ],
    &[
        "samples/saturated-pool-columns.log",
        "--log-format",
        COLUMNS,
        "-n",
        "5",
    ],
    &[
        "samples/saturated-pool-columns.log",
        "--log-format",
        COLUMNS,
        "-n",
        "5",
        "-f",
        "csv",
    ],
    &[
        "samples/saturated-pool-columns.log",
        "--log-format",
        COLUMNS,
        "-n",
        "1",
        "-f",
        "json",
    ],
    &["samples/healthy-no-app-clock.log", "-n", "5"],
    &["samples/healthy-no-app-clock.log", "-n", "5", "-f", "csv"],
    &[
        "samples/healthy-no-app-clock.log",
        "-n",
        "5",
        "-f",
        "markdown",
    ],
    &[
        "samples/healthy-no-app-clock.log",
        "-n",
        "1",
        "--window",
        "12h",
        "-f",
        "json",
    ],
    &[
        "samples/healthy-no-app-clock.log",
        "-n",
        "1",
        "--slowest",
        "3",
    ],
    &["samples/healthy-ltsv.log", "-n", "5"],
    &["samples/healthy-ltsv.log", "-n", "5", "-f", "csv"],
    &[
        "samples/healthy-ltsv.log",
        "-n",
        "1",
        "--window",
        "12h",
        "-f",
        "json",
    ],
    &[
        "samples/retries.log.gz",
        "--group-by",
        "upstream",
        "-n",
        "5",
    ],
    &[
        "samples/retries.log.gz",
        "--group-by",
        "upstream",
        "-n",
        "5",
        "-f",
        "csv",
    ],
    &[
        "samples/retries.log.gz",
        "--group-by",
        "upstream",
        "-n",
        "5",
        "-f",
        "markdown",
    ],
    &["formats"],
    &["formats", "slowpath"],
    &["formats", "samples/healthy-ltsv.log"],
    &["formats", "samples/healthy-no-app-clock.log"],
    &["-h"],
    &["--help"],
    &["--version"],
];

#[test]
fn every_command_prints_what_it_printed_before() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut failures = Vec::new();
    for command in COMMANDS {
        let got = slowpath(*command).run().exits(0).says_nothing().stdout;
        let path = folder().join(file_name(command));
        if update {
            std::fs::write(&path, got).unwrap();
            continue;
        }
        let want = std::fs::read_to_string(&path).unwrap_or_default();
        if got != want {
            let shown = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            failures.push(format!(
                "{shown}: slowpath {command:?}\n{}",
                difference(&want, &got)
            ));
        }
    }
    assert!(
        failures.is_empty(),
        "- what it printed before, + what it prints now (UPDATE_GOLDEN=1 keeps that)\n\n{}",
        failures.join("\n")
    );
}

#[test]
fn every_golden_file_belongs_to_a_command() {
    let wanted: BTreeSet<String> = COMMANDS.iter().map(|command| file_name(command)).collect();
    assert_eq!(wanted.len(), COMMANDS.len(), "two commands have one file");
    let entries = std::fs::read_dir(folder()).unwrap();
    let there: BTreeSet<String> = entries
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    let left_over: Vec<_> = there.difference(&wanted).collect();
    assert!(left_over.is_empty(), "no command prints {left_over:?}");
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// `saturated-pool_n_5_f_csv.txt` for `samples/saturated-pool.log.gz -n 5 -f csv`.
fn file_name(command: &[&str]) -> String {
    let part = |arg: &&str| {
        let plain = arg
            .trim_start_matches("samples/")
            .trim_end_matches(".gz")
            .trim_end_matches(".log");
        let words = plain
            .split(|c: char| !c.is_ascii_alphanumeric())
            .filter(|word| !word.is_empty());
        words.collect::<Vec<_>>().join("-")
    };
    let parts: Vec<String> = command.iter().map(part).collect();
    format!("{}.txt", parts.join("_"))
}

/// The lines that differ, after the ones that both begin with and before those that both end with.
fn difference(want: &str, got: &str) -> String {
    let (want, got): (Vec<&str>, Vec<&str>) = (want.lines().collect(), got.lines().collect());
    let head = want.iter().zip(&got).take_while(|(a, b)| a == b).count();
    let tails = want[head..].iter().rev().zip(got[head..].iter().rev());
    let tail = tails.take_while(|(a, b)| a == b).count();
    let mut out = format!("from line {}\n", head + 1);
    for line in &want[head..want.len() - tail] {
        out.push_str(&format!("- {line}\n"));
    }
    for line in &got[head..got.len() - tail] {
        out.push_str(&format!("+ {line}\n"));
    }
    out
}
