//! Which records count: time ranges and `--where`.

use crate::program::{Invocation, slowpath};
use crate::scratch::{Request, Scratch, at_minutes};

/// How many requests a command leaves.
#[track_caller]
fn left(command: Invocation) -> u64 {
    let json = command
        .args(["-f", "json"])
        .run()
        .exits(0)
        .says_nothing()
        .json();
    json["totals"]["requests"].as_u64().expect("a count")
}

/// A log with a request at noon and every half hour until three.
fn half_hours(scratch: &Scratch) -> Invocation {
    scratch.write("half.log", at_minutes([0, 30, 60, 90, 120, 150, 180]));
    slowpath(["half.log"]).within(scratch)
}

#[test]
fn since_counts_from_a_time_and_until_ends_before_one() {
    let scratch = Scratch::new();
    let count = left(half_hours(&scratch).args([
        "--since",
        "2026-01-31T12:30:00Z",
        "--until",
        "2026-01-31T14:00:00Z",
    ]));
    assert_eq!(count, 3);
}

#[test]
fn times_may_be_written_in_many_ways() {
    let scratch = Scratch::new();
    for time in [
        "2026-01-31T14:30:00Z",
        "2026-01-31T15:30:00+01:00",
        "2026-01-31 14:30",
        "2026-01-31T14:30:00",
        "31/Jan/2026:14:30:00 +0000",
    ] {
        assert_eq!(
            left(half_hours(&scratch).args(["--since", time])),
            2,
            "{time}"
        );
    }
    assert_eq!(
        left(half_hours(&scratch).args(["--since", "2026-02-01"])),
        0
    );
    assert_eq!(
        left(half_hours(&scratch).args(["--until", "2026-02-01"])),
        7
    );
}

#[test]
fn a_duration_counts_back_from_the_last_record() {
    let scratch = Scratch::new();
    assert_eq!(left(half_hours(&scratch).args(["--since", "1h"])), 3);
    assert_eq!(
        left(half_hours(&scratch).args(["--since", "90m", "--until", "30m"])),
        2
    );
}

#[test]
fn the_last_record_of_all_files_counts() {
    let scratch = Scratch::new();
    scratch.write("early.log", at_minutes([0, 30, 60]));
    scratch.write("late.log.gz", crate::scratch::gzip(at_minutes([90, 120])));
    for files in [["early.log", "late.log.gz"], ["late.log.gz", "early.log"]] {
        let count = left(slowpath(files).args(["--since", "1h"]).within(&scratch));
        assert_eq!(count, 3);
    }
}

#[test]
fn a_duration_counts_back_on_stdin_too() {
    let log = at_minutes([0, 30, 60, 90, 120, 150, 180]);
    let count = left(slowpath(["--since", "1h"]).stdin(log));
    assert_eq!(count, 3);
}

#[test]
fn stdin_keeps_its_name_where_it_is_read_twice() {
    let report = slowpath(["--since", "1h"])
        .stdin(at_minutes([0, 30]))
        .run()
        .exits(0);
    report.prints("stdin (format slowpath)\n");
    let report = slowpath(["--since", "1h", "-f", "json"])
        .stdin(at_minutes([0, 30]))
        .run()
        .exits(0);
    assert_eq!(report.json()["input"]["files"][0]["path"], "-");
}

#[test]
fn what_a_filter_leaves_out_is_counted() {
    let scratch = Scratch::new();
    half_hours(&scratch)
        .args(["--since", "1h"])
        .run()
        .exits(0)
        .prints("7 lines, 3 requests, 0 rejected, 4 left out by the filter");
}

#[test]
fn a_range_on_a_log_without_times_says_that_it_has_none() {
    let report = crate::program::columns(["--since", "1h"])
        .stdin(crate::scratch::THREE)
        .run();
    let told = format!("{}{}", report.stdout, report.stderr);
    assert!(told.contains("no time"), "{report}");
}

/// How many requests of a small mixed log an expression leaves.
#[track_caller]
fn left_by(expression: &str) -> u64 {
    let log: String = [
        Request::default(),
        Request {
            path: "/api/users/42?full=1",
            host: "api.example.com",
            ..Request::default()
        },
        Request {
            path: "/api/users/43",
            method: "POST",
            status: 503,
            ..Request::default()
        },
        Request {
            path: "/login",
            method: "POST",
            status: 404,
            client: "198.51.100.9",
            ..Request::default()
        },
    ]
    .iter()
    .map(Request::line)
    .collect();
    left(slowpath(["--where", expression]).stdin(log))
}

#[test]
fn an_expression_tells_which_records_count() {
    for (expression, left) in [
        ("status >= 500", 1),
        ("status = 4xx", 1),
        ("status != 200 and method = POST", 2),
        ("total > 1s", 0),
        ("total >= 11ms", 4),
        ("wait > 5ms", 4),
        ("wait > 7ms", 0),
        ("route ~ '^/api/'", 2),
        ("route = '/api/users/:id'", 2),
        ("not route ~ '^/api/'", 2),
        ("host = api.example.com or remote_addr = 198.51.100.9", 2),
        (
            "(status = 503 or status = 404) and not remote_addr = 198.51.100.9",
            1,
        ),
        ("target ~ 'full='", 1),
    ] {
        assert_eq!(left_by(expression), left, "{expression}");
    }
}
