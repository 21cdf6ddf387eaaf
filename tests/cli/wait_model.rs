//! `--wait-model fifo`: what it prints where the log passes its test, and what it says where it does not
//! or is not for what is read.

use crate::program::slowpath;
use crate::queue::{Pool, lines};
use crate::scratch::Scratch;

const POOL: Pool = Pool {
    seed: 7,
    workers: 4,
    in_order: true,
    requests: 4_000,
};

/// A log of one pool.
fn log(pool: &Pool) -> String {
    lines(&pool.serve(), "10.0.0.1:80").join("\n") + "\n"
}

/// A folder with the log of one pool.
fn folder(pool: &Pool) -> Scratch {
    let folder = Scratch::new();
    folder.write("access.log", log(pool));
    folder
}

/// Fails where a report is not one of the schema.
fn fits_the_schema(report: &serde_json::Value) {
    let schema = include_str!("../../schema/slowpath.report.1.json");
    let schema = serde_json::from_str(schema).expect("JSON");
    let validator = jsonschema::draft202012::new(&schema).expect("a schema");
    let errors: Vec<String> = validator
        .iter_errors(report)
        .map(|e| e.to_string())
        .collect();
    assert!(errors.is_empty(), "{errors:?}");
}

const FIFO: [&str; 3] = ["access.log", "--wait-model", "fifo"];

#[test]
fn a_log_that_passes_its_test_has_the_wait_of_every_request() {
    let requests = POOL.serve();
    let sum = |us: fn(&crate::queue::Request) -> u64| {
        requests
            .iter()
            .map(|request| us(request) * 1_000)
            .sum::<u64>()
    };
    let folder = folder(&POOL);
    let json = slowpath(FIFO)
        .args(["-f", "json"])
        .within(&folder)
        .run()
        .exits(0)
        .says_nothing()
        .json();
    fits_the_schema(&json);
    assert_eq!(json["split"]["wait"], "inferred");
    assert_eq!(json["split"]["by"], "fifo");
    assert_eq!(json["split"]["fifo"]["applied"], true);
    assert_eq!(json["split"]["fifo"]["pools"][0]["workers"], 4);
    let phases = &json["totals"]["phases"];
    assert_eq!(phases["wait"]["sum_us"], sum(|request| request.wait));
    assert_eq!(phases["app"]["sum_us"], sum(|request| request.own));
    for phase in ["wait", "app"] {
        assert!(phases[phase]["p95_us"].is_u64() && phases[phase]["error_us"].is_u64());
    }
    assert_eq!(json["upstreams"][0]["pool"], 4);
    slowpath(FIFO)
        .within(&folder)
        .run()
        .exits(0)
        .prints("wait: inferred (FIFO, c ≈ 4 workers) of 100 % of the requests")
        .prints("checked: in a crowd own time is")
        .prints("wait p95");
    slowpath(FIFO)
        .args(["-f", "markdown"])
        .within(&folder)
        .run()
        .exits(0)
        .prints("wait inferred (fifo)");
}

#[test]
fn a_log_that_does_not_says_so_and_is_told_by_the_common_mode() {
    let pool = Pool {
        in_order: false,
        ..POOL
    };
    let folder = folder(&pool);
    let ended = slowpath(FIFO)
        .args(["-f", "json"])
        .within(&folder)
        .run()
        .exits(0);
    let json = ended.says("--wait-model fifo does not hold here").json();
    fits_the_schema(&json);
    let fifo = &json["split"]["fifo"];
    assert_eq!(fifo["applied"], false);
    assert!(
        fifo["why"]
            .as_str()
            .unwrap()
            .contains("overtake each other as in no single queue")
    );
    // But for what is said of the model, the report is the default one.
    let mut default = slowpath(["access.log", "-f", "json"])
        .within(&folder)
        .run()
        .exits(0)
        .json();
    default["split"]["fifo"] = fifo.clone();
    assert_eq!(json, default);
    slowpath(FIFO).within(&folder).run().exits(0).prints(
        "wait is not told by FIFO: the requests of 10.0.0.1:80 wait, and overtake each other",
    );
}

#[test]
fn whole_seconds_say_nothing_of_the_order() {
    let folder = Scratch::new();
    let without_msec: String = log(&POOL)
        .lines()
        .map(|line| {
            let (before, after) = line.split_once(" ts=").unwrap();
            let (stamp, rest) = after.split_once(' ').unwrap();
            let second = stamp.split_once('.').unwrap().0;
            format!("{before} ts={second}.000 {rest}\n")
        })
        .collect();
    folder.write("access.log", without_msec);
    slowpath(FIFO)
        .within(&folder)
        .run()
        .exits(0)
        .says("add ts=$msec to log_format");
}

#[test]
fn more_requests_than_there_is_room_for_are_told_by_the_common_mode() {
    let folder = folder(&Pool {
        requests: 33_000,
        ..POOL
    });
    slowpath(FIFO)
        .args(["--memory", "1MiB"])
        .within(&folder)
        .run()
        .exits(0)
        .says("there is room for 32,768 requests, and these are 33,000: take a part of the log");
    slowpath(FIFO)
        .args(["--memory", "2MiB"])
        .within(&folder)
        .run()
        .exits(0)
        .says_nothing();
}

#[test]
fn a_clock_in_the_log_wins() {
    slowpath([
        "samples/saturated-pool.log.gz",
        "--wait-model",
        "fifo",
        "-f",
        "json",
    ])
    .run()
    .exits(0)
    .says("--wait-model fifo: the log itself tells wait: nothing is to be inferred");
}

#[test]
fn what_holds_no_requests_or_not_all_of_them_is_refused() {
    let folder = folder(&POOL);
    slowpath(["snapshot", "access.log", "-o", "day.slowpath"])
        .within(&folder)
        .run()
        .exits(0);
    slowpath(["day.slowpath", "--wait-model", "fifo"])
        .within(&folder)
        .run()
        .exits(2)
        .says("--wait-model fifo needs the log itself");
    slowpath(["watch", "access.log", "--wait-model", "fifo"])
        .within(&folder)
        .run()
        .exits(2)
        .says("this one is still written");
    slowpath(FIFO)
        .args(["--baseline", "access.log"])
        .within(&folder)
        .run()
        .exits(2)
        .says("--wait-model fifo rebuilds one log at a time");
    slowpath(["access.log", "--wait-model", "lifo"])
        .within(&folder)
        .run()
        .exits(2)
        .says("possible values");
}

#[test]
fn it_is_a_setting_too() {
    let folder = folder(&POOL);
    folder.write("slowpath.toml", "wait_model = \"fifo\"\n");
    slowpath(["access.log"])
        .within(&folder)
        .run()
        .exits(0)
        .prints("wait: inferred (FIFO");
    slowpath(["access.log", "--wait-model", "common-mode"])
        .within(&folder)
        .run()
        .exits(0)
        .never_prints("FIFO");
}
