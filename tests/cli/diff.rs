//! `slowpath diff`: what became slower and how sure that is, what is new or gone, and what only another
//! mix of traffic is.

use std::fmt::Write as _;

use crate::chance::chance;
use crate::program::{Ended, slowpath};
use crate::scratch::Scratch;

const FORMAT: &str = "$msec $method $path $status $total_s";

/// A log of ten minutes in which each endpoint has so many requests of so many ms in the mean.
fn log(seed: u64, endpoints: &[(&str, u64, u64)]) -> String {
    let mut random = chance(seed);
    let mut lines = Vec::new();
    for (path, requests, ms) in endpoints {
        for n in 0..*requests {
            // Uniform from half of the mean to half above.
            let us = ms * (500 + random(1_001));
            let at = 1_790_000_000_000 + n * 600_000 / requests;
            lines.push((
                at,
                format!("GET {path} 200 {}.{:06}", us / 1_000_000, us % 1_000_000),
            ));
        }
    }
    lines.sort();
    let mut out = String::new();
    for (at, line) in lines {
        let _ = writeln!(out, "{}.{:03} {line}", at / 1_000, at % 1_000);
    }
    out
}

fn scratch() -> Scratch {
    let scratch = Scratch::new();
    let same = ("/same", 600, 100);
    let before = [
        same,
        ("/slower", 600, 200),
        ("/faster", 600, 50),
        ("/gone", 60, 10),
    ];
    let after = [
        same,
        ("/slower", 600, 300),
        ("/faster", 600, 40),
        ("/fresh", 90, 10),
    ];
    scratch.write("before.log", log(1, &before));
    scratch.write("after.log", log(2, &after));
    scratch
}

fn diff(scratch: &Scratch, args: &[&str]) -> Ended {
    slowpath(["diff", "--log-format", FORMAT])
        .args(args)
        .within(scratch)
        .run()
}

fn endpoint<'j>(json: &'j serde_json::Value, route: &str) -> &'j serde_json::Value {
    let endpoints = json["endpoints"].as_array().expect("endpoints");
    let found = endpoints.iter().find(|of| of["route"] == route);
    found.unwrap_or_else(|| panic!("no {route}"))
}

#[test]
fn what_changed_comes_first_with_an_interval() {
    let scratch = scratch();
    let json = diff(&scratch, &["before.log", "after.log", "-f", "json"])
        .exits(0)
        .json();
    let routes: Vec<&str> = json["endpoints"]
        .as_array()
        .expect("endpoints")
        .iter()
        .filter_map(|of| of["route"].as_str())
        .collect();
    assert_eq!(routes, ["/slower", "/faster", "/same"]);
    let interval = |route: &str| {
        let ends = &endpoint(&json, route)["phases"]["total"]["interval"];
        (
            ends[0].as_f64().expect("low"),
            ends[1].as_f64().expect("high"),
        )
    };
    for (route, truth) in [("/slower", 1.5), ("/faster", 0.8), ("/same", 1.0)] {
        let (low, high) = interval(route);
        assert!(low < truth && truth < high, "{route}: {low} to {high}");
        assert!(high / low < 1.2, "{route}: {low} to {high}");
    }
    // 600 requests, 100 ms each.
    let seconds = endpoint(&json, "/slower")["seconds"]
        .as_f64()
        .expect("seconds");
    assert!((55.0..65.0).contains(&seconds), "{seconds}");
    assert_eq!(json["new"][0]["route"], "/fresh");
    assert_eq!(json["new"][0]["requests"], 90);
    assert_eq!(json["vanished"][0]["route"], "/gone");
    let table = diff(&scratch, &["before.log", "after.log"]).exits(0);
    table
        .prints("GET /slower")
        .prints("new: GET /fresh, 90 requests")
        .prints("vanished: GET /gone, 60 requests");
}

#[test]
fn a_log_does_not_differ_from_itself() {
    let scratch = scratch();
    let json = diff(&scratch, &["before.log", "before.log", "-f", "json"]).json();
    for of in json["endpoints"].as_array().expect("endpoints") {
        assert_eq!(of["seconds"], 0.0, "{of}");
        assert_eq!(of["phases"]["total"]["ratio"], 1.0, "{of}");
    }
    assert_eq!(json["mean"]["own_us"], 0.0);
    assert_eq!(json["mean"]["mix_us"], 0.0);
    assert_eq!(json["new"], serde_json::json!([]));
    assert_eq!(json["vanished"], serde_json::json!([]));
}

#[test]
fn another_mix_is_no_slowdown() {
    let scratch = Scratch::new();
    let quick = |n| ("/quick", n, 10);
    let slow = |n| ("/slow", n, 500);
    scratch.write("before.log", log(1, &[quick(900), slow(100)]));
    scratch.write("after.log", log(2, &[quick(500), slow(500)]));
    let json = diff(&scratch, &["before.log", "after.log", "-f", "json"]).json();
    let mean = |key: &str| json["mean"][key].as_f64().expect("a number") / 1_000.0;
    // From 59 ms to 255 ms.
    let whole = mean("after_us") - mean("before_us");
    assert!((186.0..206.0).contains(&whole), "{whole}");
    assert!((mean("own_us") + mean("mix_us") - whole).abs() < 0.01);
    assert!(mean("own_us").abs() < 15.0, "{}", mean("own_us"));
}

#[test]
fn snapshots_differ_as_their_logs_do() {
    let scratch = scratch();
    for name in ["before", "after"] {
        slowpath(["snapshot", "--log-format", FORMAT, "-o", name])
            .arg(format!("{name}.log"))
            .within(&scratch)
            .run()
            .exits(0);
    }
    for form in ["table", "json", "markdown"] {
        let of = |names: [&str; 2]| {
            diff(&scratch, &[names[0], names[1], "-f", form])
                .exits(0)
                .stdout
        };
        let logs = of(["before.log", "after.log"]);
        assert_eq!(logs, of(["before", "after"]), "{form}");
        assert_eq!(logs, of(["before.log", "after"]), "{form}");
    }
}

#[test]
fn findings_appear_and_go() {
    let scratch = Scratch::new();
    let sample = |name: &str| format!("{}/samples/{name}", env!("CARGO_MANIFEST_DIR"));
    let (quiet, busy) = (
        sample("healthy-no-app-clock.log"),
        sample("saturated-pool.log.gz"),
    );
    let of = |before: &str, after: &str| {
        let ended = slowpath(["diff", before, after, "-f", "json"])
            .within(&scratch)
            .run();
        ended.exits(0).json()["findings"].clone()
    };
    let kinds = |findings: &serde_json::Value| {
        let kind = |of: &serde_json::Value| of["kind"].as_str().map(str::to_owned);
        let all = findings.as_array().expect("findings");
        all.iter().filter_map(kind).collect::<Vec<_>>()
    };
    let forth = of(&quiet, &busy);
    assert!(kinds(&forth["appeared"]).contains(&"saturation".to_owned()));
    assert!(kinds(&forth["went"]).is_empty());
    assert_eq!(of(&busy, &quiet)["went"], forth["appeared"]);
    let none = of(&busy, &busy);
    assert_eq!(none["stayed"], forth["appeared"]);
    assert!(kinds(&none["appeared"]).is_empty());
}

#[test]
fn the_json_fits_its_schema() {
    let schema = include_str!("../../schema/slowpath.diff.1.json");
    let validator = jsonschema::draft202012::new(&serde_json::from_str(schema).expect("JSON"))
        .expect("a schema");
    let scratch = scratch();
    for args in [["before.log", "after.log"], ["before.log", "before.log"]] {
        let json = diff(&scratch, &[args[0], args[1], "-f", "json"]).json();
        let errors: Vec<String> = validator
            .iter_errors(&json)
            .map(|e| e.to_string())
            .collect();
        assert!(errors.is_empty(), "{errors:?}");
    }
}

#[test]
fn what_cannot_be_compared_is_trouble() {
    let scratch = scratch();
    scratch.write("empty.log", "");
    diff(&scratch, &["before.log", "no.log"])
        .exits(2)
        .says("no.log");
    diff(&scratch, &["-", "-"])
        .exits(2)
        .says("standard input is one log");
    diff(&scratch, &["before.log", "after.log", "-f", "csv"])
        .exits(2)
        .says("table, json or markdown");
    diff(
        &scratch,
        &["before.log", "after.log", "-f", "table", "-o", "after.log"],
    )
    .exits(2)
    .says("is the log itself");
}
