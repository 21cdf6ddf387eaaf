//! What is different on a terminal: its width, its colours, and nobody typing a log.

use unicode_width::UnicodeWidthStr as _;

use crate::program::{columns, on_terminal, shell_on_terminal, slowpath};
use crate::scratch::{COLUMNS, THREE};

const POOL: &[&str] = &["samples/saturated-pool.log.gz", "-n", "5"];

/// Text as it looks: without the sequences that only colour it.
fn without_colours(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |out, part| {
        let (code, rest) = part.split_once('m').unwrap_or(("", part));
        assert!(
            code.bytes().all(|b| b.is_ascii_digit() || b == b';'),
            "no colour: {part:?}"
        );
        out + rest
    })
}

#[test]
fn on_a_terminal_without_a_file_a_log_is_asked_for() {
    shell_on_terminal("exec \"$slowpath\"")
        .run()
        .exits(2)
        .prints("slowpath: no log given: name a file, or pipe one in");
}

#[test]
fn the_report_fits_the_terminal() {
    for columns in [40, 60, 80, 100, 132] {
        let report = on_terminal(columns, POOL).run().exits(0);
        for line in without_colours(&report.stdout).lines() {
            // A single word that is longer stays whole: names of files, and of things to type.
            if line.width() > columns {
                assert!(
                    !line.trim().contains(' '),
                    "{} columns of {columns}: {line}",
                    line.width()
                );
            }
        }
    }
}

#[test]
fn a_narrow_terminal_is_told_what_was_left_out() {
    let report = on_terminal(70, POOL).run().exits(0);
    report
        .prints("left out to fit the terminal: ")
        .prints("--columns chooses")
        .prints("app p50");
}

#[test]
fn a_single_endpoint_fits_the_terminal() {
    let report = on_terminal(100, &["samples/healthy-ltsv.log", "--show", "GET /search"])
        .run()
        .exits(0);
    for line in report.stdout.lines() {
        assert!(line.width() <= 100, "{} columns: {line}", line.width());
    }
}

#[test]
fn a_terminal_gets_colours_and_a_pipe_does_not() {
    on_terminal(120, POOL).run().exits(0).prints("\u{1b}[1m");
    slowpath(POOL).run().exits(0).never_prints("\u{1b}");
}

#[test]
fn colours_change_nothing_else() {
    let plain = slowpath(POOL).run().stdout;
    let coloured = slowpath(POOL).arg("--color=always").run().stdout;
    assert_ne!(plain, coloured);
    assert_eq!(plain, without_colours(&coloured));
}

#[test]
fn no_color_counts_on_a_terminal() {
    on_terminal(120, POOL)
        .env("NO_COLOR", "1")
        .run()
        .exits(0)
        .never_prints("\u{1b}");
    on_terminal(120, POOL)
        .env("TERM", "dumb")
        .run()
        .exits(0)
        .never_prints("\u{1b}");
    on_terminal(120, &[POOL, &["--color", "never"]].concat())
        .run()
        .exits(0)
        .never_prints("\u{1b}");
}

#[test]
fn an_empty_no_color_says_nothing() {
    on_terminal(120, POOL)
        .env("NO_COLOR", "")
        .run()
        .exits(0)
        .prints("\u{1b}[1m");
}

#[test]
fn clicolor_force_counts_on_a_pipe_but_less_than_no_color() {
    slowpath(POOL)
        .env("CLICOLOR_FORCE", "1")
        .run()
        .exits(0)
        .prints("\u{1b}[1m");
    slowpath(POOL)
        .env("CLICOLOR_FORCE", "0")
        .run()
        .exits(0)
        .never_prints("\u{1b}");
    slowpath(POOL)
        .env("CLICOLOR_FORCE", "1")
        .env("NO_COLOR", "1")
        .run()
        .exits(0)
        .never_prints("\u{1b}");
}

#[test]
fn a_flag_for_colours_counts_more_than_the_environment() {
    slowpath(POOL)
        .arg("--color=always")
        .env("NO_COLOR", "1")
        .run()
        .exits(0)
        .prints("\u{1b}[1m");
    slowpath(POOL)
        .arg("--color=never")
        .env("CLICOLOR_FORCE", "1")
        .run()
        .exits(0)
        .never_prints("\u{1b}");
}

#[test]
fn only_tables_have_colours() {
    for format in ["csv", "json", "markdown"] {
        columns(["--color=always", "-f", format])
            .stdin(THREE)
            .run()
            .exits(0)
            .never_prints("\u{1b}");
    }
}

#[test]
fn a_pipe_has_no_width() {
    let wide = slowpath(POOL).run().stdout;
    assert_eq!(slowpath(POOL).env("COLUMNS", "40").run().stdout, wide);
}

#[test]
fn a_log_on_stdin_needs_no_terminal_for_the_report() {
    // tail -F access.log | slowpath, with the report on a terminal.
    let line = format!(
        "cat samples/saturated-pool-columns.log | \"$slowpath\" --log-format '{COLUMNS}' -n 3"
    );
    shell_on_terminal(&line)
        .run()
        .exits(0)
        .prints("406 lines, 406 requests");
}
