//! A fast subset of the evaluation: a few seeds, judged as `cargo bench --bench evaluate` judges many.

use std::path::Path;

use crate::evaluate::judge::Verdict;
use crate::evaluate::reading::Reading;
use crate::evaluate::stories::Story;
use crate::evaluate::verdicts;

fn judged(story: &str, seed: u64, readings: &[Reading]) -> Vec<Verdict> {
    let program = Path::new(env!("CARGO_BIN_EXE_slowpath"));
    verdicts(program, Story::named(story).unwrap(), seed, readings).unwrap()
}

#[test]
fn with_a_clock_of_the_application_wait_and_own_time_are_those_of_the_simulation() {
    for story in [
        "culprits",
        "random-order",
        "replicas",
        "aborts",
        "rare-lockers",
    ] {
        for verdict in judged(story, 3, &[Reading::Timing, Reading::Runtime]) {
            let (reading, own) = (verdict.reading, &verdict.own_errors);
            // The clock has microseconds; nginx's times are cut to milliseconds.
            assert!(
                verdict.wait_error.is_none_or(|e| e.abs() < 0.01),
                "{story} {reading:?}: {:?}",
                verdict.wait_error
            );
            assert!(
                !own.is_empty() && own.iter().all(|e| e.abs() < 1e-5),
                "{story} {reading:?}: {own:?}"
            );
        }
    }
}

#[test]
fn without_a_clock_the_total_wait_is_near_where_requests_wait_longer_than_they_run() {
    for story in ["culprits", "random-order", "hidden-replicas"] {
        for verdict in judged(story, 2_004, &[Reading::Neither]) {
            assert!(verdict.wait_part > 1.0, "{story}: {verdict:?}");
            let error = verdict.wait_error.unwrap();
            assert!(error.abs() < 0.05, "{story}: {error}");
        }
    }
}

#[test]
fn culprits_are_told_exactly_and_their_function_by_name() {
    for seed in [0, 2, 3] {
        for verdict in judged("culprits", seed, &[Reading::Timing, Reading::Runtime]) {
            assert!(verdict.culprits.exact(), "{seed}: {verdict:?}");
            assert!(
                verdict.found && verdict.pairs.exact(),
                "{seed}: {verdict:?}"
            );
            assert!(verdict.named != Some(false), "{seed}: {verdict:?}");
        }
    }
}

#[test]
fn where_nobody_is_to_blame_nobody_is_blamed() {
    for story in [
        "surge",
        "slow-database",
        "partial-database",
        "external-outages",
    ] {
        for verdict in judged(story, 2, &[Reading::Timing, Reading::Runtime]) {
            assert!(verdict.found, "{story}: {verdict:?}");
            assert_eq!(verdict.culprits.wrong, 0, "{story}: {verdict:?}");
            assert_eq!(verdict.triggers.wrong, 0, "{story}: {verdict:?}");
        }
    }
}

#[test]
fn where_nothing_happens_nothing_is_found() {
    for seed in [0, 1, 2] {
        for verdict in judged("nothing", seed, &[Reading::Runtime]) {
            assert!(verdict.false_kinds.is_empty(), "{seed}: {verdict:?}");
        }
    }
}

/// The other stories and what looks like each: what must be found is, and nothing false above info.
#[test]
fn the_other_stories_are_told_and_their_decoys_are_not() {
    for story in [
        "cache-step",
        "cache-slide",
        "cache-mix",
        "cached-errors",
        "uncached-errors",
        "probes",
        "light-probes",
        "leak",
        "wander",
        "shift",
        "small-shift",
        "size",
        "size-no-matter",
        "retry-storm",
        "polling",
        "failing-replica",
        "rare-failures",
        "slow-replica",
        "uneven-replicas",
        "slow-clients",
        "large-answers",
        "timeouts",
        "impatience",
        "lost-packets",
        "slow-network",
        "restarts",
        "failing-database",
    ] {
        for verdict in judged(story, 2, &[Reading::Timing]) {
            assert_eq!(
                verdict.found, verdict.expected,
                "{story}: {:?}",
                verdict.titles
            );
            assert!(
                verdict.false_kinds.is_empty(),
                "{story}: {:?}",
                verdict.titles
            );
        }
    }
}
