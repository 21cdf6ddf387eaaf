//! The incident of post-mortem 1, played with a real nginx and gunicorn: sync workers, a dozen
//! endpoints, three of which call `update_objects()`, and one key for which it is slow.
//!
//! Three sites run it at once, and differ in what the application says: X-Runtime and Server-Timing,
//! X-Runtime alone, or nothing. With `SLOWPATH_RECORD_INCIDENT=FOLDER` their logs stay there.

mod site;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;
use std::{env, fs};

use serde_json::Value;

use crate::report::{Report, number};
use crate::visitor::{Chance, Planned, Visitor, visit};
use site::{Says, Site};

/// Workers of gunicorn: the pool that fills.
const WORKERS: u64 = 8;

/// The server with too many interfaces: at 50 µs each, 1.7 s.
const HOT: u64 = 4_711;
const INTERFACES: u64 = 34_000;

/// Requests per second, and how long the load lasts; in the middle of it comes the incident.
const RATE: f64 = 40.0;
const LENGTH: Duration = Duration::from_secs(120);
const INCIDENT: (Duration, Duration) = (Duration::from_secs(50), Duration::from_secs(85));

/// Of a hundred calls of the three in the incident, so many are for the hot server.
const HOT_PER_CENT: u64 = 80;

/// Method, name and weight of each endpoint.
const ENDPOINTS: [((&str, &str), u64); 12] = [
    (("POST", "objects"), 6),
    (("POST", "other"), 4),
    (("POST", "another"), 3),
    (("GET", "users"), 16),
    (("PUT", "users"), 6),
    (("GET", "servers"), 15),
    (("GET", "networks"), 12),
    (("PATCH", "networks"), 6),
    (("GET", "alerts"), 10),
    (("GET", "metrics"), 9),
    (("POST", "tokens"), 7),
    (("GET", "invoices"), 6),
];

/// Those that call `update_objects()`.
const CULPRITS: [(&str, &str); 3] = [
    ("POST", "/api/another/:id"),
    ("POST", "/api/objects/:id"),
    ("POST", "/api/other/:id"),
];

/// Poisson arrivals over the endpoints, the same in every run.
fn plan() -> Vec<Planned> {
    let chance = &mut Chance::new(5);
    let visitor = Visitor {
        address: [203, 0, 113, 7],
        agent: "incident/1",
        pause: Duration::ZERO,
    };
    let arrivals = chance.arrivals(RATE, LENGTH).into_iter();
    let planned = arrivals.map(|at| {
        let (method, name) = *chance.one_of(&ENDPOINTS);
        let slow = CULPRITS.iter().any(|(_, route)| route.contains(name));
        let hot =
            (INCIDENT.0..INCIDENT.1).contains(&at) && chance.unit() * 100.0 < HOT_PER_CENT as f64;
        let id = if slow && hot {
            HOT
        } else {
            100 + (chance.unit() * 400.0) as u64
        };
        Planned {
            at,
            method,
            path: format!("/api/{name}/{id}"),
            visitor,
        }
    });
    planned.collect()
}

/// What a site left behind: its log, and the report over it.
struct Played {
    says: Says,
    requests: usize,
    report: Report,
}

/// The three sites, played once for all tests.
fn played() -> &'static [Played] {
    static PLAYED: OnceLock<Vec<Played>> = OnceLock::new();
    PLAYED.get_or_init(|| {
        thread::scope(|scope| {
            let playing = Says::ALL.map(|says| scope.spawn(move || play(says)));
            playing
                .map(|site| site.join().expect("a site that was played"))
                .into()
        })
    })
}

fn play(says: Says) -> Played {
    let directory = tempfile::tempdir().expect("a directory for the site");
    let directory = directory.path();
    let site = Site::start(directory, says);
    let plan = plan();
    for (planned, status) in plan.iter().zip(visit(site.nginx.address, &plan)) {
        assert_eq!(status, 200, "{} {}", planned.method, planned.path);
    }
    site.nginx.finish();
    let log = directory.join("access.log");
    if let Some(folder) = env::var_os("SLOWPATH_RECORD_INCIDENT") {
        let file = PathBuf::from(folder).join(format!("real-{}.log", says.name()));
        fs::copy(&log, file).expect("a copy of the log where SLOWPATH_RECORD_INCIDENT says");
    }
    Played {
        says,
        requests: plan.len(),
        report: Report::of([Path::new("--window"), Path::new("1s"), &log], directory),
    }
}

#[test]
fn the_incident_is_read_whole_and_every_endpoint_with_it() {
    for site in played() {
        let input = &site.report.json["input"];
        assert_eq!(
            number(input, "records"),
            site.requests as u64,
            "{:?}",
            site.says
        );
        assert_eq!(number(input, "rejects"), 0, "{:?}", site.says);
        assert_eq!(
            site.report.endpoints().len(),
            ENDPOINTS.len(),
            "{:?}",
            site.says
        );
    }
}

#[test]
fn the_incident_happens_the_workers_are_full_and_everybody_waits() {
    let second = 1_000_000;
    for site in those_that(|says| says != Says::Nothing) {
        for ((method, name), _) in ENDPOINTS {
            let route = format!("/api/{name}/:id");
            let key = (method, route.as_str());
            let p95 = |phase: &str| {
                let found = site.report.json["endpoints"].as_array().and_then(|rows| {
                    rows.iter()
                        .find(|row| row["method"] == key.0 && row["route"] == key.1)
                });
                number(&found.expect("the endpoint")["phases"][phase], "p95_us")
            };
            assert!(p95("wait") > second, "{:?}: {key:?} waits", site.says);
            // Only those that call update_objects() run for long.
            assert_eq!(
                p95("app") > second,
                CULPRITS.contains(&key),
                "{:?}: {key:?}",
                site.says
            );
        }
    }
}

/// Method and route of the endpoints that findings of these kinds, or all, name in a role.
fn in_role<'r>(report: &'r Report, kind: Option<&str>, role: &str) -> BTreeSet<(&'r str, &'r str)> {
    let list = |value: &'r Value| value.as_array().map(Vec::as_slice).unwrap_or_default();
    let findings = list(&report.json["findings"]).iter();
    findings
        .filter(|finding| kind.is_none_or(|kind| finding["kind"] == kind))
        .flat_map(|finding| list(&finding["endpoints"]))
        .filter(|endpoint| endpoint["role"] == role)
        .filter_map(|endpoint| Some((endpoint["method"].as_str()?, endpoint["route"].as_str()?)))
        .collect()
}

/// Of the sites whose application says something, or all.
fn those_that(say: impl Fn(Says) -> bool) -> impl Iterator<Item = &'static Played> {
    played().iter().filter(move |site| say(site.says))
}

#[test]
fn the_three_are_the_culprits_and_nobody_else_is() {
    for site in played() {
        let culprits = in_role(&site.report, None, "culprit");
        assert_eq!(culprits, BTreeSet::from(CULPRITS), "{:?}", site.says);
        let triggers = in_role(&site.report, None, "trigger");
        assert!(triggers.is_empty(), "{:?}: {triggers:?}", site.says);
        let victims = in_role(&site.report, Some("saturation"), "victim");
        assert_eq!(
            victims.len(),
            ENDPOINTS.len() - CULPRITS.len(),
            "{:?}: {victims:?}",
            site.says
        );
    }
}

#[test]
fn they_share_a_slow_path_which_server_timing_names() {
    for site in played() {
        let group = in_role(&site.report, Some("shared_slow_path"), "culprit");
        assert_eq!(group, BTreeSet::from(CULPRITS), "{:?}", site.says);
        let findings = site.report.json["findings"].as_array().expect("findings");
        let of_kind = |kind: &str| {
            let found = findings.iter().find(|finding| finding["kind"] == kind);
            found.unwrap_or_else(|| panic!("{:?}: no {kind}", site.says))
        };
        let shared = of_kind("shared_slow_path");
        match site.says {
            Says::Timing => {
                assert_eq!(shared["subject"]["value"], "update_objects");
                assert_eq!(shared["basis"], "measured");
            }
            // Nothing in these logs names it.
            Says::Runtime => assert_eq!(shared["basis"], "associated"),
            Says::Nothing => assert_eq!(shared["basis"], "inferred"),
        }
        let hot = &of_kind("hot_key")["subject"]["value"];
        assert_eq!(*hot, HOT.to_string(), "{:?}", site.says);
    }
}

#[test]
fn the_pool_has_the_workers_that_gunicorn_has() {
    for site in those_that(|says| says != Says::Nothing) {
        let findings = site.report.json["findings"].as_array().expect("findings");
        let full = findings
            .iter()
            .find(|finding| finding["kind"] == "saturation");
        let pool = number(&full.expect("a full pool")["evidence"], "pool");
        assert_eq!(pool, WORKERS, "{:?}", site.says);
    }
}
