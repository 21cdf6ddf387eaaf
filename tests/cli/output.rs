//! Where the report goes: stdout, pipes that close, disks that are full, files that are whole or
//! untouched.

use std::fs::{File, OpenOptions, Permissions};
use std::io::Read as _;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::process::Command;

use crate::program::{Rows, columns, shell, slowpath};
use crate::scratch::{COLUMNS, Request, Scratch, THREE};

/// Requests of so many clients: a report of as many rows, grouped by them.
fn of_many_clients() -> String {
    let client = |n: u32| format!("10.1.{}.{}", n / 250, n % 250);
    (0..2_000)
        .map(|n| {
            Request {
                client: &client(n),
                ..Request::default()
            }
            .line()
        })
        .collect()
}

#[test]
fn the_extension_chooses_the_format() {
    let scratch = Scratch::with_three();
    for (name, begins) in [
        ("out.csv", "method,route,requests"),
        ("out.json", "{\n  \"schema\": \"slowpath.report/1\""),
        ("out.md", "3 requests, 3 lines"),
        ("out.markdown", "3 requests, 3 lines"),
        ("out.txt", "three.log (format custom)"),
        ("out", "three.log (format custom)"),
    ] {
        columns(["three.log", "-o", name])
            .within(&scratch)
            .run()
            .exits(0)
            .prints_nothing()
            .says_nothing();
        assert!(
            scratch.read(name).starts_with(begins),
            "{name}: {}",
            scratch.read(name)
        );
    }
}

#[test]
fn a_format_that_is_asked_for_counts_more_than_the_extension() {
    let scratch = Scratch::with_three();
    columns(["three.log", "-o", "out.md", "-f", "csv"])
        .within(&scratch)
        .run()
        .exits(0);
    assert_eq!(Rows::read(&scratch.read("out.md")).endpoints().len(), 3);
}

#[test]
fn an_unknown_extension_is_an_error() {
    let scratch = Scratch::with_three();
    let refused = columns(["three.log", "-o", "out.pdf"])
        .within(&scratch)
        .run()
        .exits(2);
    refused
        .prints_nothing()
        .says("the extension \"pdf\" says no format: give -f table, json, csv, markdown, html, openmetrics, hlog or hgrm");
    assert_eq!(scratch.names(), ["three.log"]);
}

#[test]
fn no_temporary_file_is_left() {
    let scratch = Scratch::with_three();
    columns(["three.log", "-o", "out.csv", "--rejects", "bad.log"])
        .within(&scratch)
        .run()
        .exits(0);
    assert_eq!(scratch.names(), ["bad.log", "out.csv", "three.log"]);
}

#[test]
fn a_file_that_is_written_again_keeps_its_mode() {
    let scratch = Scratch::with_three();
    let out = scratch.write("out.csv", "old");
    std::fs::set_permissions(&out, Permissions::from_mode(0o604)).unwrap();
    columns(["three.log", "-o", "out.csv"])
        .within(&scratch)
        .run()
        .exits(0);
    assert_eq!(out.metadata().unwrap().permissions().mode() & 0o777, 0o604);
    assert!(scratch.read("out.csv").starts_with("method,"));
}

#[test]
fn a_new_file_has_the_mode_that_the_mask_leaves() {
    let scratch = Scratch::with_three();
    let script =
        format!("umask 027; exec \"$slowpath\" three.log --log-format '{COLUMNS}' -o out.csv");
    shell(&script).within(&scratch).run().exits(0);
    assert_eq!(
        scratch
            .path("out.csv")
            .metadata()
            .unwrap()
            .permissions()
            .mode()
            & 0o777,
        0o640
    );
}

#[test]
fn a_full_disk_leaves_the_old_file_and_nothing_else() {
    let scratch = Scratch::with_three();
    scratch.write("out.csv", "old");
    // A limit of no bytes for a file is as full as a disk gets.
    let script = format!(
        "trap '' XFSZ; ulimit -f 0; exec \"$slowpath\" three.log --log-format '{COLUMNS}' -o out.csv"
    );
    shell(&script)
        .within(&scratch)
        .run()
        .exits(2)
        .says("slowpath: cannot write out.csv: ");
    assert_eq!(scratch.read("out.csv"), "old");
    assert_eq!(scratch.names(), ["out.csv", "three.log"]);
}

#[test]
fn a_run_that_can_read_nothing_leaves_the_old_file() {
    let scratch = Scratch::new();
    scratch.write("out.csv", "old");
    columns(["gone.log", "-o", "out.csv"])
        .within(&scratch)
        .run()
        .exits(2)
        .says("gone.log: no such file");
    assert_eq!(scratch.read("out.csv"), "old");
}

#[test]
fn a_report_of_what_could_be_read_is_written_whole() {
    let scratch = Scratch::with_three();
    columns(["gone.log", "three.log", "-o", "out.csv"])
        .within(&scratch)
        .run()
        .exits(2);
    assert_eq!(Rows::read(&scratch.read("out.csv")).endpoints().len(), 3);
}

#[test]
fn a_folder_that_is_not_there_is_named_before_the_log_is_read() {
    let scratch = Scratch::with_three();
    // stdin stays open: a program that reads to its end before it looks at the folder never ends. So
    // it is for a person who waits an hour for the report of a year.
    let refused = columns(["-", "-o", "nowhere/out.csv"])
        .within(&scratch)
        .start()
        .wait()
        .exits(2);
    refused
        .says("cannot write nowhere/out.csv: no such folder")
        .never_says(".slowpath-");
}

#[test]
fn a_folder_cannot_be_written_as_a_file() {
    let scratch = Scratch::with_three();
    std::fs::create_dir(scratch.path("out.csv")).unwrap();
    columns(["three.log", "-o", "out.csv"])
        .within(&scratch)
        .run()
        .exits(2)
        .says("out.csv: is a directory");
}

#[test]
fn the_log_itself_is_never_written_over() {
    let scratch = Scratch::with_three();
    for flag in ["-o", "--rejects"] {
        let refused = columns(["three.log", "-f", "csv", flag, "./three.log"])
            .within(&scratch)
            .run()
            .exits(2);
        refused.says("three.log");
        assert_eq!(scratch.read("three.log"), THREE, "{flag}");
    }
}

#[test]
fn report_and_rejects_cannot_share_a_file() {
    let scratch = Scratch::with_three();
    let refused = columns(["three.log", "-o", "both.csv", "--rejects", "./both.csv"])
        .within(&scratch)
        .run()
        .exits(2);
    refused.says("both.csv");
    assert_eq!(scratch.names(), ["three.log"]);
}

#[test]
fn a_link_is_followed_and_stays_a_link() {
    let scratch = Scratch::with_three();
    scratch.write("target.csv", "old");
    std::os::unix::fs::symlink("target.csv", scratch.path("link.csv")).unwrap();
    columns(["three.log", "-o", "link.csv"])
        .within(&scratch)
        .run()
        .exits(0);
    assert!(
        scratch
            .path("link.csv")
            .symlink_metadata()
            .unwrap()
            .is_symlink()
    );
    assert!(scratch.read("target.csv").starts_with("method,"));
}

#[test]
fn a_named_pipe_is_written_to_and_stays_a_pipe() {
    // So it is with -o /dev/stderr, -o >(…) and -o /dev/null, which nobody wants replaced by a file
    // (as root it would be).
    let scratch = Scratch::with_three();
    let made = Command::new("mkfifo")
        .arg(scratch.path("pipe.csv"))
        .status()
        .unwrap();
    assert!(made.success());
    // Opened for both, so that neither side waits for the other; it holds more than the report.
    let mut pipe = OpenOptions::new()
        .read(true)
        .write(true)
        .open(scratch.path("pipe.csv"))
        .unwrap();
    columns(["three.log", "-o", "pipe.csv"])
        .within(&scratch)
        .run()
        .exits(0);
    assert!(
        scratch
            .path("pipe.csv")
            .symlink_metadata()
            .unwrap()
            .file_type()
            .is_fifo()
    );
    let mut begin = [0; 7];
    pipe.read_exact(&mut begin).unwrap();
    assert_eq!(&begin, b"method,");
}

#[test]
fn a_full_stdout_is_an_error() {
    let full = || OpenOptions::new().write(true).open("/dev/full").unwrap();
    for command in [
        &["samples/healthy-ltsv.log"][..],
        &["formats"],
        &["man"],
        &["completions", "bash"],
    ] {
        slowpath(command)
            .stdout_to(full())
            .run()
            .exits(2)
            .says("slowpath: cannot write to stdout: No space left");
    }
}

#[test]
fn help_to_a_full_stdout_is_an_error() {
    let full: File = OpenOptions::new().write(true).open("/dev/full").unwrap();
    slowpath(["--help"]).stdout_to(full).run().exits(2);
}

#[test]
fn a_pipe_that_closes_early_ends_it_quietly() {
    let scratch = Scratch::new();
    scratch.write("many.log", of_many_clients());
    let args = ["many.log", "--group-by", "remote_addr", "--limit", "0"];
    // More than a pipe holds, or it would not notice.
    assert!(slowpath(args).within(&scratch).run().stdout.len() > 100_000);
    let mut run = slowpath(args).within(&scratch).start();
    assert!(run.first_line_only().starts_with("many.log"));
    run.wait().exits(0).says_nothing();
}

#[test]
fn rejects_are_kept_in_their_order_by_any_number_of_threads() {
    let scratch = Scratch::new();
    let (mut expected, mut names) = (String::new(), Vec::new());
    for file in 0..3 {
        let mut log = String::new();
        for n in 0..4_000 {
            let line = match n % 3 {
                0 => format!("rejected {file} {n} \u{1b}[31m \u{e9}\n"),
                _ => format!("GET /a{n}/b 0.1 0.2\n"),
            };
            if n % 3 == 0 {
                expected.push_str(&line);
            }
            log.push_str(&line);
        }
        let name = format!("{file}.log");
        scratch.write(&name, log);
        names.push(name);
    }
    for threads in ["1", "2", "7"] {
        let run = columns(["--rejects", "bad.log", "-j", threads])
            .args(&names)
            .env("SLOWPATH_BLOCK_SIZE", "512");
        run.within(&scratch).run().exits(0).prints("4,002 rejected");
        // Too long to be shown whole.
        let got = scratch.read("bad.log");
        let wrong = got
            .lines()
            .zip(expected.lines())
            .position(|(got, want)| got != want);
        assert_eq!(
            wrong, None,
            "the first line out of order with {threads} threads"
        );
        assert_eq!(got.len(), expected.len(), "{threads} threads");
    }
}

#[test]
fn without_rejects_the_file_of_rejects_is_empty() {
    let scratch = Scratch::with_three();
    scratch.write("bad.log", "of the last run");
    columns(["three.log", "--rejects", "bad.log"])
        .within(&scratch)
        .run()
        .exits(0);
    assert_eq!(scratch.read("bad.log"), "");
}

#[test]
fn no_cell_of_a_csv_is_a_formula() {
    // Whoever sends a request chooses its Host; whoever opens the report in a spreadsheet runs it.
    let hosts = ["=HYPERLINK(1)", "@SUM(A1)", "+1", "-1", "'=1", "a=1"];
    let line = |host: &&str| {
        Request {
            host,
            ..Request::default()
        }
        .line()
    };
    let log: String = hosts.iter().map(line).collect();
    let report = slowpath(["-f", "csv", "-n", "0", "--group-by", "host"])
        .stdin(log)
        .run()
        .exits(0);
    assert_eq!(report.csv().sum("requests"), 6);
    for host in &hosts[..5] {
        assert!(
            report.stdout.contains(&format!("GET,/,'{host},1,")),
            "{host}: {report}"
        );
    }
    report.prints("GET,/,a=1,1,");
}

#[test]
fn a_quiet_report_is_the_table_alone() {
    let report = columns(["-q"])
        .stdin(format!("{THREE}no\n"))
        .run()
        .exits(0)
        .says_nothing();
    assert!(report.stdout.starts_with("endpoint "), "{}", report.stdout);
    assert_eq!(report.stdout.lines().count(), 4);
}
