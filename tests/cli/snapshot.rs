//! Snapshots: a report of one is the report of the log, pieces put together are the whole, and what is
//! damaged or does not fit is named.

use std::fmt::Write as _;

use crate::chance::chance;
use crate::program::{shell, slowpath};
use crate::scratch::{Scratch, gzip};

/// Lines of the recommended kind, with statuses, upstreams and several endpoints.
fn log(seed: u64, lines: u64) -> String {
    let mut random = chance(seed);
    let mut out = String::new();
    for n in 0..lines {
        let status = [200, 200, 200, 404, 503][random(5) as usize];
        let ms = 1 + random(400);
        let _ = writeln!(
            out,
            "10.0.0.{} - - [10/Oct/2026:13:{:02}:{:02} +0000] \"GET /e{}/{} HTTP/1.1\" {status} {} \"-\" \"curl\" rt=0.{ms:03} uct=\"0.000\" uht=\"0.{ms:03}\" urt=\"0.{ms:03}\" us=\"{status}\" ua=\"127.0.0.1:80{}\" cs=- ts=1791637200.{:03} rl=100 rid={n:032x} host=\"h\" app=\"0.000{ms}\" st=\"db;dur={ms}\"",
            random(9),
            n / 60 % 60,
            n % 60,
            random(4),
            random(1_000),
            random(5_000),
            random(3),
            random(1_000)
        );
    }
    out.push_str("no line of the format\n");
    out
}

fn scratch() -> Scratch {
    let scratch = Scratch::new();
    scratch.write("a.log", log(1, 900));
    scratch.write("b.log", log(2, 700));
    scratch
}

fn run(scratch: &Scratch, args: &str, code: i32) {
    slowpath(args.split(' ')).within(scratch).run().exits(code);
}

fn same(scratch: &Scratch, one: &str, other: &str) {
    let read = |name: &str| std::fs::read(scratch.path(name)).expect("a snapshot");
    assert!(read(one) == read(other), "{one} and {other} differ");
}

#[test]
fn a_report_of_a_snapshot_is_the_report_of_the_log() {
    let scratch = scratch();
    run(&scratch, "snapshot a.log b.log -o s", 0);
    for form in ["table", "json", "csv", "markdown"] {
        let of = |files: &[&str]| {
            slowpath(["-f", form])
                .args(files)
                .within(&scratch)
                .run()
                .stdout
        };
        assert_eq!(of(&["a.log", "b.log"]), of(&["s"]), "{form}");
    }
    // A snapshot beside a log.
    run(&scratch, "snapshot b.log -o b", 0);
    let of = |files: [&str; 2]| slowpath(files).within(&scratch).run().exits(0).stdout;
    assert_eq!(of(["a.log", "b.log"]), of(["a.log", "b"]));
    slowpath(["a.log", "s"])
        .within(&scratch)
        .run()
        .exits(2)
        .says("is in a snapshot");
}

#[test]
fn pieces_put_together_are_the_whole() {
    let scratch = scratch();
    scratch.write("a.log.gz", gzip(log(1, 900)));
    run(&scratch, "snapshot a.log b.log -o whole", 0);
    run(&scratch, "snapshot b.log -o b", 0);
    for (name, range) in [
        ("p1", "0:1000"),
        ("p2", "1000:70000"),
        ("p3", "70000:99999999"),
    ] {
        run(
            &scratch,
            &format!("snapshot a.log --range {range} -o {name}"),
            0,
        );
    }
    run(&scratch, "merge p3 b p1 p2 -o merged", 0);
    same(&scratch, "whole", "merged");
    shell("cat p2 p3 b p1 | \"$slowpath\" merge - -o piped")
        .within(&scratch)
        .run()
        .exits(0);
    same(&scratch, "whole", "piped");
    for n in 1..=3 {
        run(
            &scratch,
            &format!("snapshot a.log --shard {n}/3 -o s{n}"),
            0,
        );
    }
    run(&scratch, "merge s2 s3 s1 b -o sharded", 0);
    same(&scratch, "whole", "sharded");
    // A piece of an archive is of what is in it.
    run(&scratch, "snapshot a.log.gz --range 0:500 -o z1", 0);
    run(&scratch, "snapshot a.log --range 0:500 -o z2", 0);
    let of = |name: &str| slowpath(["-f", "csv", name]).within(&scratch).run().stdout;
    assert_eq!(of("z1"), of("z2"));
}

#[test]
fn a_range_of_standard_input_is_a_piece() {
    let scratch = scratch();
    shell("head -c 60000 a.log | \"$slowpath\" snapshot --stdin-range 0:50000 --name a -o one && tail -c +50000 a.log | \"$slowpath\" snapshot --stdin-range 50000:99999999 --name a -o two").within(&scratch).run().exits(0);
    run(&scratch, "merge two one -o both", 0);
    let of = |name: &str| slowpath(["-f", "csv", name]).within(&scratch).run().stdout;
    assert_eq!(of("both"), of("a.log"));
}

#[test]
fn an_update_reads_what_is_new() {
    let scratch = Scratch::new();
    let whole = log(1, 900);
    let other = log(2, 700);
    // It ends within a line.
    scratch.write("a.log", &whole[..50_000]);
    run(&scratch, "snapshot --update s a.log", 0);
    scratch.write("a.log.1", &whole);
    scratch.write("a.log", &other);
    run(&scratch, "snapshot --update s a.log a.log.1", 0);
    let updated = scratch.path("s");
    let before = std::fs::read(&updated).expect("a snapshot");
    run(&scratch, "snapshot --update s a.log a.log.1", 0);
    assert!(before == std::fs::read(&updated).expect("a snapshot"));
    let of = |files: &[&str]| {
        slowpath(["-f", "csv"])
            .args(files)
            .within(&scratch)
            .run()
            .stdout
    };
    assert_eq!(of(&["s"]), of(&["a.log", "a.log.1"]));
}

#[test]
fn each_fault_has_its_own_words() {
    let scratch = scratch();
    run(&scratch, "snapshot a.log --range 0:9000 -o p1", 0);
    run(&scratch, "snapshot a.log --range 9000:20000 -o p2", 0);
    run(&scratch, "snapshot a.log --range 30000:99999999 -o p4", 0);
    run(
        &scratch,
        "snapshot a.log --range 9000:20000 -m /e0/* -o other",
        0,
    );
    let good = std::fs::read(scratch.path("p1")).expect("a snapshot");
    scratch.write("cut", &good[..good.len() / 2]);
    let mut flipped = good.clone();
    flipped[good.len() / 2] ^= 4;
    scratch.write("flipped", &flipped);
    let mut future = good.clone();
    future[8] = 9;
    scratch.write("future", &future);
    for (args, why) in [
        (
            vec!["merge", "p1", "p2", "p1", "-o", "x"],
            "bytes 0 to 9000 of a.log are in more than one",
        ),
        (
            vec!["merge", "p1", "other", "-o", "x"],
            "--match nothing and --match /e0/*",
        ),
        (vec!["merge", "cut", "-o", "x"], "was cut off"),
        (vec!["inspect", "flipped"], "changed or damaged"),
        (vec!["report", "future"], "version 9"),
        (vec!["inspect", "a.log"], "is no snapshot"),
        (vec!["watch", "p1"], "does not grow"),
        (vec!["formats", "p1"], "slowpath inspect tells"),
        (
            vec!["p1", "-m", "/e0/*"],
            "the flags and the snapshot differ",
        ),
        (vec!["p1", "--since", "1h"], "need the log itself"),
    ] {
        slowpath(&args).within(&scratch).run().exits(2).says(why);
    }
    shell("\"$slowpath\" - < p1")
        .within(&scratch)
        .run()
        .exits(2)
        .says("not through a pipe");
    run(&scratch, "merge p4 p1 p2 -o gap", 0);
    slowpath(["inspect", "gap"])
        .within(&scratch)
        .run()
        .exits(2)
        .prints("MISSING bytes 20000:30000");
    slowpath(["report", "gap"])
        .within(&scratch)
        .run()
        .exits(2)
        .says("bytes 20000 to 30000 are in none of the pieces");
    let other = "$remote_addr $time_local $request $status";
    slowpath([
        "snapshot",
        "a.log",
        "--log-format",
        other,
        "--range",
        "20000:30000",
        "-o",
        "p3",
    ])
    .within(&scratch)
    .run();
    slowpath(["merge", "gap", "p3", "-o", "x"])
        .within(&scratch)
        .run()
        .exits(2)
        .says("read by different log formats");
    assert!(!scratch.names().contains(&"x".to_owned()));
}

#[test]
fn what_is_usual_and_what_is_compared_may_be_snapshots() {
    let scratch = scratch();
    run(&scratch, "snapshot a.log -o a", 0);
    run(&scratch, "snapshot b.log -o b", 0);
    let of = |args: &str| {
        let ended = slowpath(args.split(' ')).within(&scratch).run();
        (ended.code, ended.stdout)
    };
    assert_eq!(
        of("b.log --baseline a.log -f json"),
        of("b --baseline a -f json")
    );
    let logs = of("gate --baseline a.log --candidate b.log -f json");
    assert_eq!(logs, of("gate --baseline a --candidate b -f json"));
    assert_eq!(logs, of("gate --baseline a.log --candidate b -f json"));
    // A snapshot of two logs is of two runs.
    run(&scratch, "snapshot a.log b.log -o both", 0);
    assert_eq!(
        of("gate --baseline a.log --baseline b.log --candidate b.log -f json"),
        of("gate --baseline both --candidate b -f json")
    );
    run(&scratch, "snapshot b.log -m /e0/* -o other", 0);
    slowpath(["gate", "--baseline", "a", "--candidate", "other"])
        .within(&scratch)
        .run()
        .exits(2)
        .says("the snapshots differ, --match");
}
