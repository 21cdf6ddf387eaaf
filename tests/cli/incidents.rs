//! What is found in the samples: the story of each and nothing of its decoy, and what a person says beside
//! the log.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::program::slowpath;

fn report(args: &[&str]) -> Value {
    let all = args.iter().copied().chain(["-f", "json"]);
    slowpath(all).run().exits(0).json()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn kinds(report: &Value) -> BTreeSet<&str> {
    list(&report["findings"])
        .iter()
        .filter_map(|finding| finding["kind"].as_str())
        .collect()
}

fn finding<'r>(report: &'r Value, kind: &str) -> &'r Value {
    let found = list(&report["findings"])
        .iter()
        .find(|finding| finding["kind"] == kind);
    found.unwrap_or_else(|| panic!("no {kind}"))
}

/// Method and route of the endpoints in a role, of all findings.
fn in_role(report: &Value, role: &str) -> BTreeSet<String> {
    list(&report["findings"])
        .iter()
        .flat_map(|finding| list(&finding["endpoints"]))
        .filter(|endpoint| endpoint["role"] == role)
        .map(|endpoint| {
            let text = |key: &str| endpoint[key].as_str().unwrap_or_default();
            format!("{} {}", text("method"), text("route"))
        })
        .collect()
}

const SATURATED: &str = "samples/saturated-pool.log.gz";

fn culprits() -> BTreeSet<String> {
    [
        "POST /api/objects/:id",
        "POST /api/other/:id",
        "POST /api/another/:id",
    ]
    .map(str::to_owned)
    .into()
}

#[test]
fn each_story_is_told_and_none_of_its_decoys() {
    let stories: [(&str, &[&str]); 13] = [
        (SATURATED, &["saturation", "shared_slow_path", "hot_key"]),
        ("samples/surge.log.gz", &["saturation", "traffic_surge"]),
        (
            "samples/surge-clocked.log.gz",
            &["saturation", "traffic_surge"],
        ),
        (
            "samples/rare-lockers.log.gz",
            &["dependency_slowdown", "recurring_outage", "rare_trigger"],
        ),
        (
            "samples/outages-outside.log.gz",
            &["dependency_slowdown", "recurring_outage"],
        ),
        (
            "samples/cache-collapse.log.gz",
            &[
                "cache_collapse",
                "cached_errors",
                "dependency_slowdown",
                "health_check_load",
            ],
        ),
        ("samples/leak.log.gz", &["drift"]),
        (
            "samples/bulk-patch.log.gz",
            &["restarts", "retry_storm", "size_dependent"],
        ),
        ("samples/retries.log.gz", &["restarts", "upstream_retries"]),
        ("samples/common-load.log.gz", &[]),
        ("samples/healthy-day.log.gz", &[]),
        ("samples/healthy-no-app-clock.log", &[]),
        ("samples/healthy-ltsv.log", &[]),
    ];
    for (sample, expected) in stories {
        let report = report(&[sample]);
        assert_eq!(
            kinds(&report),
            BTreeSet::from_iter(expected.iter().copied()),
            "{sample}"
        );
    }
}

#[test]
fn in_the_saturated_pool_three_are_culprits_of_one_function_and_the_others_wait() {
    let report = report(&[SATURATED]);
    assert_eq!(in_role(&report, "culprit"), culprits());
    assert_eq!(in_role(&report, "victim").len(), 17);
    let shared = finding(&report, "shared_slow_path");
    assert_eq!(shared["subject"]["value"], "update_objects");
    assert_eq!(shared["basis"], "measured");
    assert_eq!(finding(&report, "saturation")["evidence"]["pool"], 16);
}

#[test]
fn both_rare_queries_are_triggers_and_that_is_called_no_proof() {
    let report = report(&["samples/rare-lockers.log.gz"]);
    let triggers = [
        "GET /admin/reports/turnover",
        "POST /admin/customers/:id/merge",
    ];
    assert_eq!(
        in_role(&report, "trigger"),
        triggers.map(str::to_owned).into()
    );
    assert_eq!(finding(&report, "rare_trigger")["basis"], "associated");
    assert_eq!(
        finding(&report, "recurring_outage")["evidence"]["outages"],
        6
    );
}

#[test]
fn when_nobody_took_connections_is_told_to_the_second() {
    let retries = report(&["samples/retries.log.gz"]);
    let gone = finding(&retries, "restarts");
    assert_eq!(gone["from"], "2026-03-09T14:01:00Z");
    assert_eq!(gone["evidence"]["times"], 1);
    assert_eq!(gone["evidence"]["failed"], 83);
    // The database is killed and started anew, again and again.
    let bulk = report(&["samples/bulk-patch.log.gz"]);
    assert_eq!(finding(&bulk, "restarts")["evidence"]["times"], 40);
}

#[test]
fn a_log_of_an_incident_alone_is_compared_with_what_a_person_calls_usual() {
    let alone = [
        SATURATED,
        "--since",
        "2026-03-03T09:20:00Z",
        "--until",
        "2026-03-03T09:40:00Z",
    ];
    let without = report(&alone);
    assert_eq!(kinds(&without), BTreeSet::new());
    let skipped = list(&without["not_looked_at"]);
    assert!(
        skipped.iter().any(|not| not["kind"] == "saturation"),
        "{skipped:?}"
    );

    let range = "2026-03-03T09:10:00Z..2026-03-03T09:18:00Z";
    let with = report(&[SATURATED, "--baseline", range]);
    assert_eq!(in_role(&with, "culprit"), culprits());
}

#[test]
fn a_mark_is_told_of_where_an_incident_begins_near_it() {
    let near = report(&[SATURATED, "--mark", "2026-03-03T09:15:00Z=deploy 41"]);
    let marks = &finding(&near, "shared_slow_path")["evidence"]["marks"];
    assert_eq!(marks[0]["label"], "deploy 41");
    assert_eq!(marks[0]["at"], "2026-03-03T09:15:00Z");
    let far = report(&[SATURATED, "--mark", "2026-03-03T10:31:00Z=deploy 42"]);
    assert!(finding(&far, "shared_slow_path")["evidence"]["marks"].is_null());
}
