//! What is read: files, archives and pipes, in whatever shape they come.

use crate::program::{Ended, columns, slowpath};
use crate::scratch::{Scratch, THREE, THREE_XZ, bzip2, gzip, zstd};

/// [`THREE`], each request so many times.
#[track_caller]
fn is_three(ended: Ended, times: u64) {
    let rows = ended.exits(0).says_nothing().csv();
    assert_eq!(rows.endpoints(), ["POST /c", "GET /b", "GET /a"]);
    for endpoint in rows.endpoints() {
        assert_eq!(rows.number(&endpoint, "requests"), times);
    }
    assert_eq!(rows.number("POST /c", "wait_p50_us"), 1_000_000);
    assert_eq!(rows.number("GET /b", "app_p50_us"), 300_000);
}

#[test]
fn several_files_are_one_log() {
    let scratch = Scratch::with_three();
    scratch.write("more.log", THREE);
    is_three(
        columns(["three.log", "more.log", "-f", "csv"])
            .within(&scratch)
            .run(),
        2,
    );
}

#[test]
fn a_dash_is_stdin() {
    is_three(columns(["-", "-f", "csv"]).stdin(THREE).run(), 1);
}

#[test]
fn no_file_means_stdin() {
    is_three(columns(["-f", "csv"]).stdin(THREE).run(), 1);
}

#[test]
fn stdin_may_be_a_file() {
    let scratch = Scratch::with_three();
    is_three(
        columns(["-f", "csv"])
            .stdin_from(&scratch.path("three.log"))
            .run(),
        1,
    );
}

#[test]
fn stdin_goes_together_with_files() {
    let scratch = Scratch::with_three();
    is_three(
        columns(["three.log", "-", "-f", "csv"])
            .within(&scratch)
            .stdin(THREE)
            .run(),
        2,
    );
}

#[test]
fn stdin_is_called_stdin() {
    columns(["-"])
        .stdin(THREE)
        .run()
        .exits(0)
        .prints("stdin (format custom)\n3 lines, 3 requests");
}

#[test]
fn a_report_may_be_asked_for_by_name() {
    is_three(columns(["-f", "csv"]).stdin(THREE).run(), 1);
    is_three(
        slowpath([
            "report",
            "--log-format",
            crate::scratch::COLUMNS,
            "-f",
            "csv",
        ])
        .stdin(THREE)
        .run(),
        1,
    );
}

/// Every way to compress [`THREE`], by the extension that it usually has.
fn archives() -> [(&'static str, Vec<u8>); 4] {
    [
        ("gz", gzip(THREE)),
        ("zst", zstd(THREE)),
        ("bz2", bzip2(THREE)),
        ("xz", THREE_XZ.to_vec()),
    ]
}

#[test]
fn archives_are_unpacked() {
    for (extension, bytes) in archives() {
        let scratch = Scratch::new();
        let path = scratch.write(&format!("three.log.{extension}"), bytes);
        is_three(columns(["-f", "csv"]).arg(path).run(), 1);
    }
}

#[test]
fn archives_are_told_by_their_bytes_and_not_by_their_names() {
    for (_, bytes) in archives() {
        for name in ["plain.log", "wrong.gz", "wrong.xz"] {
            let scratch = Scratch::new();
            let path = scratch.write(name, &bytes);
            is_three(columns(["-f", "csv"]).arg(path).run(), 1);
        }
    }
    let scratch = Scratch::new();
    let path = scratch.write("not-compressed.gz", THREE);
    is_three(columns(["-f", "csv"]).arg(path).run(), 1);
}

#[test]
fn archives_are_unpacked_from_a_pipe() {
    for (_, bytes) in archives() {
        is_three(columns(["-f", "csv"]).stdin(bytes).run(), 1);
    }
}

#[test]
fn every_member_of_an_archive_is_read() {
    // nginx itself writes a member for each flush of its buffer, in the middle of no line.
    for (_, bytes) in archives() {
        let twice = [bytes.as_slice(), &bytes].concat();
        is_three(columns(["-f", "csv"]).stdin(twice).run(), 2);
    }
}

#[test]
fn a_line_may_go_on_in_the_next_member() {
    let (head, tail) = THREE.split_at(20);
    is_three(
        columns(["-f", "csv"])
            .stdin([gzip(head), gzip(tail)].concat())
            .run(),
        1,
    );
}

#[test]
fn lines_may_end_as_on_windows() {
    is_three(
        columns(["-f", "csv"])
            .stdin(THREE.replace('\n', "\r\n"))
            .run(),
        1,
    );
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_first_line() {
    is_three(
        columns(["-f", "csv"])
            .stdin(format!("\u{feff}{THREE}"))
            .run(),
        1,
    );
}

#[test]
fn the_last_line_needs_no_end() {
    is_three(columns(["-f", "csv"]).stdin(THREE.trim_end()).run(), 1);
}

#[test]
fn nul_bytes_spoil_their_own_line_only() {
    // What copytruncate leaves at the start of a log, and a crash in its middle.
    let log = format!("\0\0\0\0{THREE}\0\0\0\nGET /a 0.5 0.1\n");
    let report = columns(["-"]).stdin(log).run().exits(0);
    report
        .prints("5 lines, ")
        .prints("GET /b")
        .prints("POST /c")
        .prints("rejected: ");
}

#[test]
fn a_path_may_hold_a_nul_byte() {
    let report = columns(["-"]).stdin("GET /a\0b 0.5 0.1\n").run().exits(0);
    report.prints("GET /a\\x00b").never_prints("\0");
}

#[test]
fn an_empty_line_is_a_reject() {
    let report = columns(["-"]).stdin(format!("{THREE}\n\n")).run().exits(0);
    report
        .prints("5 lines, 3 requests, 2 rejected")
        .prints("rejected: 2 empty");
}

#[test]
fn a_line_of_three_mebibytes_is_counted_once_and_the_next_is_read() {
    let (first, last) = THREE.split_at(15);
    let log = format!("{first}{}\n{last}", "x".repeat(3 << 20));
    let report = columns(["-"]).stdin(log).run().exits(0);
    report
        .prints("4 lines, 3 requests, 1 rejected")
        .prints("rejected: 1 longer than 1 MiB")
        .prints("POST /c");
}

#[test]
fn the_same_file_twice_counts_once() {
    let scratch = Scratch::with_three();
    std::fs::create_dir(scratch.path("sub")).unwrap();
    let report = columns(["three.log", "./three.log", "sub/../three.log"])
        .within(&scratch)
        .run()
        .exits(0);
    report
        .prints("\n3 lines, 3 requests")
        .says("sub/../three.log: given twice, read once");
}

#[test]
fn a_link_to_a_file_beside_it_counts_once() {
    let scratch = Scratch::with_three();
    std::os::unix::fs::symlink("three.log", scratch.path("current.log")).unwrap();
    let report = columns(["three.log", "current.log"])
        .within(&scratch)
        .run()
        .exits(0);
    report
        .prints("\n3 lines, 3 requests")
        .says("current.log: given twice");
}

#[test]
fn an_archive_beside_its_log_counts_once() {
    let scratch = Scratch::with_three();
    scratch.write("three.log.gz", gzip(THREE));
    for order in [["three.log", "three.log.gz"], ["three.log.gz", "three.log"]] {
        let report = columns(order).within(&scratch).run().exits(0);
        report
            .prints("\n3 lines, 3 requests")
            .says("three.log.gz: begins like three.log");
    }
}

#[test]
fn an_archive_of_other_lines_counts() {
    // access.log.gz of yesterday beside access.log of today.
    let scratch = Scratch::with_three();
    scratch.write("three.log.gz", gzip("GET /yesterday 0.5 0.1\n"));
    let report = columns(["three.log", "three.log.gz"])
        .within(&scratch)
        .run()
        .exits(0);
    report.prints("\n4 lines, 4 requests").says_nothing();
}

#[test]
fn an_empty_file_is_no_trouble() {
    let scratch = Scratch::with_three();
    scratch.write("empty.log", "");
    scratch.write("empty.log.gz", gzip(""));
    let alone = slowpath(["empty.log"]).within(&scratch).run().exits(0);
    alone
        .prints("0 lines, 0 requests, 0 rejected")
        .prints("no requests to show")
        .says_nothing();
    is_three(
        columns(["three.log", "empty.log", "-f", "csv"])
            .within(&scratch)
            .run(),
        1,
    );
    columns(["empty.log.gz"])
        .within(&scratch)
        .run()
        .exits(0)
        .says_nothing();
    slowpath(["-"]).stdin("").run().exits(0).says_nothing();
}

#[test]
fn files_of_several_formats_are_one_report() {
    let report = slowpath([
        "samples/healthy-no-app-clock.log",
        "samples/healthy-ltsv.log",
    ])
    .run()
    .exits(0);
    report
        .prints("2 files, ")
        .prints("(format ltsv, timed)")
        .prints("\n842 lines, 842 requests, 0 rejected")
        .says_nothing();
}

#[test]
fn a_file_name_cannot_write_to_the_terminal() {
    let scratch = Scratch::new();
    scratch.write("\u{1b}[31m\n.log", THREE);
    scratch.write("bad\u{1b}.log", [0xff, 0xfe, b'x', 0]);
    let report = columns(["\u{1b}[31m\n.log", "bad\u{1b}.log", "gone\u{1b}.log"])
        .within(&scratch)
        .run()
        .exits(2);
    report
        .prints("\\x1b[31m\\x0a.log")
        .never_prints("\u{1b}")
        .says("gone\\x1b.log")
        .never_says("\u{1b}");
}
