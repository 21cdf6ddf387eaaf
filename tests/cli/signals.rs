//! Ctrl-C and SIGTERM: what was read by then is reported; a second signal leaves at once.

use std::io::Write as _;

use crate::program::{columns, is_emptied, slowpath};
use crate::scratch::{Scratch, THREE, at_minutes};

/// The signals, and how the program ends after them.
const SIGNALS: [(&str, i32); 2] = [("INT", 130), ("TERM", 143)];

#[test]
fn a_signal_while_stdin_is_silent_reports_what_was_read() {
    for (signal, code) in SIGNALS {
        let mut run = columns(["-"]).start();
        run.takes(THREE.as_bytes());
        run.signal(signal);
        let report = run.wait().exits(code).says_nothing();
        report
            .prints("PARTIAL, interrupted, 3 lines, 3 requests, 0 rejected")
            .prints("POST /c");
    }
}

#[test]
fn a_signal_before_the_first_line_reports_that_there_was_none() {
    for (signal, code) in SIGNALS {
        let mut run = slowpath(["-"]).start();
        // Nothing but a line that is not finished: once it is taken, the program waits for more.
        run.takes(b"1");
        run.signal(signal);
        run.wait()
            .exits(code)
            .prints("PARTIAL")
            .prints("no requests to show");
    }
}

#[test]
fn a_signal_while_a_compressed_stdin_is_silent_reports_what_was_read() {
    for (signal, code) in SIGNALS {
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gz.write_all(THREE.as_bytes()).unwrap();
        gz.flush().unwrap();
        let mut run = columns(["-"]).start();
        run.takes(gz.get_ref());
        run.signal(signal);
        let report = run.wait().exits(code);
        // That the archive has no end is our doing.
        report
            .prints("PARTIAL, interrupted, 3 lines, 3 requests")
            .never_prints("not read whole")
            .says_nothing();
    }
}

#[test]
fn an_interrupted_compressed_stdin_without_a_line_is_not_called_damaged() {
    let mut run = columns(["-"]).start();
    run.takes(&crate::scratch::gzip(THREE)[..12]);
    run.signal("INT");
    run.wait()
        .exits(130)
        .prints("PARTIAL")
        .never_prints("damaged")
        .never_says("damaged");
}

#[test]
fn lines_that_come_one_by_one_are_all_reported() {
    let mut run = columns(["-"]).start();
    for line in THREE.split_inclusive('\n') {
        run.takes(line.as_bytes());
    }
    run.signal("INT");
    run.wait()
        .exits(130)
        .prints("3 lines, 3 requests, 0 rejected");
}

#[test]
fn the_line_that_a_signal_cuts_is_no_reject() {
    // nginx writes when its buffer is full, in the middle of a line.
    let mut run = columns(["-"]).start();
    run.takes(format!("{THREE}GET /d 0.").as_bytes());
    run.signal("INT");
    run.wait().exits(130).prints("3 requests, 0 rejected");
}

#[test]
fn json_and_markdown_say_that_they_are_partial() {
    for format in ["json", "markdown"] {
        let mut run = columns(["-", "-f", format]).start();
        run.takes(THREE.as_bytes());
        run.signal("INT");
        let report = run.wait().exits(130);
        match format {
            "json" => assert_eq!(
                (
                    &report.json()["partial"],
                    &report.json()["input"]["records"]
                ),
                (&true.into(), &3.into())
            ),
            _ => drop(report.prints("PARTIAL")),
        }
    }
}

#[test]
fn an_interrupted_report_leaves_the_old_file_and_is_printed() {
    for (signal, code) in SIGNALS {
        let scratch = Scratch::new();
        scratch.write("out.csv", "old");
        let mut run = columns(["-", "-o", "out.csv"]).within(&scratch).start();
        run.takes(THREE.as_bytes());
        run.signal(signal);
        let report = run
            .wait()
            .exits(code)
            .says("interrupted: out.csv is left as it was");
        assert_eq!(report.csv().endpoints().len(), 3);
        assert_eq!(scratch.read("out.csv"), "old");
        assert_eq!(scratch.names(), ["out.csv"]);
    }
}

#[test]
fn a_second_signal_leaves_at_once() {
    for (signal, code) in SIGNALS {
        let scratch = Scratch::new();
        // The lines themselves are printed, and nobody reads: the report blocks in the middle.
        let mut run = slowpath(["-", "--slowest", "10000"])
            .within(&scratch)
            .start();
        run.takes(at_minutes((0..1_000).map(|n| n % 600)).as_bytes());
        run.signal(signal);
        run.has_printed();
        run.signal(signal);
        let ended = run.wait();
        assert_eq!(ended.code, Some(code), "{}", ended.stderr);
        let whole = ended
            .stdout
            .lines()
            .filter(|line| line.contains("192.0.2.7"))
            .count();
        assert!(whole < 1_000, "it was in no hurry: {whole} lines");
    }
}

#[test]
fn a_signal_while_stdin_is_kept_for_a_second_pass_ends_it() {
    for (signal, code) in SIGNALS {
        let mut run = slowpath(["-", "--since", "1h"]).start();
        run.takes(at_minutes([0, 90, 100]).as_bytes());
        run.signal(signal);
        let report = run.wait().exits(code);
        report
            .prints("stdin")
            .prints("PARTIAL")
            .prints("2 requests");
    }
}

#[test]
fn a_signal_ends_the_wait_for_a_named_pipe() {
    let scratch = Scratch::new();
    let pipe = scratch.path("pipe");
    assert!(
        std::process::Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    // Held open, so that the program gets past opening it, and silent.
    let writer = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(&pipe)
        .unwrap();
    let run = columns(["pipe"]).within(&scratch).start();
    (&writer).write_all(THREE.as_bytes()).unwrap();
    is_emptied(&writer);
    run.signal("TERM");
    run.wait()
        .exits(143)
        .prints("PARTIAL, interrupted, 3 lines, 3 requests");
}

#[test]
fn rejects_of_an_interrupted_run_are_kept_whole_or_not_at_all() {
    let scratch = Scratch::new();
    scratch.write("bad.log", "old\n");
    let mut run = columns(["-", "--rejects", "bad.log"])
        .within(&scratch)
        .start();
    run.takes(format!("{THREE}no\n").as_bytes());
    run.signal("INT");
    run.wait().exits(130).prints("1 rejected");
    // A partial result must not take the place of a whole one.
    assert_eq!(scratch.read("bad.log"), "old\n");
    assert_eq!(scratch.names(), ["bad.log"]);
}
