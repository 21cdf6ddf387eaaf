//! Every story is what it says that it is: read off the simulation itself, without a report.

use crate::evaluate::nginx::{self, Clock};
use crate::evaluate::queue::{self, Service};
use crate::evaluate::stories::{Case, STORIES, Story};
use crate::evaluate::traffic::Cached;
use crate::evaluate::world::Micros;
use rayon::prelude::*;

fn served(case: &Case, seed: u64) -> Vec<Service> {
    queue::serve(
        &case.world,
        case.discipline,
        &case.effects,
        &case.requests,
        seed,
    )
}

/// Requests and mean time of each endpoint inside and outside the windows of the truth.
fn means(
    case: &Case,
    served: &[Service],
    time: impl Fn(&Service) -> Micros,
) -> Vec<[(u64, f64); 2]> {
    let mut sums = vec![[(0, 0.0); 2]; case.world.endpoints.len()];
    for (request, done) in case.requests.iter().zip(served) {
        let inside = case
            .truth
            .windows
            .iter()
            .any(|(from, until)| (*from..*until).contains(&request.at));
        let (count, sum) = &mut sums[request.endpoint][usize::from(inside)];
        *count += 1;
        *sum += time(done) as f64;
    }
    for (count, sum) in sums.iter_mut().flatten() {
        *sum /= (*count as f64).max(1.0);
    }
    sums
}

/// Who reads the truth finds the culprits without any method: they are those that added most work.
fn who_added_most(case: &Case, served: &[Service], how_many: usize) -> Vec<usize> {
    let means = means(case, served, |done| done.own.total);
    let added = |e: &usize| means[*e][1].0 as f64 * (means[*e][1].1 - means[*e][0].1);
    let mut endpoints: Vec<usize> = (0..means.len()).collect();
    endpoints.sort_by(|a, b| added(b).total_cmp(&added(a)));
    endpoints.truncate(how_many);
    endpoints.sort_unstable();
    endpoints
}

#[test]
fn a_reader_of_the_truth_finds_the_culprits() {
    for name in ["culprits", "random-order", "hidden-replicas", "aborts"] {
        let story = Story::named(name).unwrap();
        for seed in 0..6 {
            let case = (story.case)(seed);
            let served = served(&case, seed);
            let mut truth = case.truth.culprits.clone();
            truth.sort_unstable();
            assert_eq!(
                who_added_most(&case, &served, truth.len()),
                truth,
                "{name} {seed}"
            );
        }
    }
}

#[test]
fn in_a_surge_no_work_grows_and_in_a_slow_database_most_does() {
    for (name, expected) in [("surge", 0.9..1.1), ("slow-database", 1.4..3.3)] {
        let story = Story::named(name).unwrap();
        for seed in 0..4 {
            let case = (story.case)(seed);
            let all = means(&case, &served(&case, seed), |done| done.own.total);
            // Weighted by what each endpoint is in quiet times, so that the mix does not matter.
            let (now, then): (f64, f64) = all
                .iter()
                .filter(|m| m[0].0 >= 100 && m[1].0 >= 20)
                .fold((0.0, 0.0), |sum, m| (sum.0 + m[1].1 / m[0].1, sum.1 + 1.0));
            assert!(
                expected.contains(&(now / then)),
                "{name} {seed}: {}",
                now / then
            );
        }
    }
}

#[test]
fn every_request_has_one_line_and_a_seed_always_the_same() {
    STORIES.par_iter().for_each(|story| {
        let log = |seed: u64| {
            let case = (story.case)(seed);
            let served = served(&case, seed);
            let log = nginx::write(
                &case.world,
                &case.requests,
                &served,
                Clock::Timing,
                case.flaws,
                case.agent,
                seed,
            );
            (case.requests.len(), case.flaws.lost_per_mille, log)
        };
        let (requests, lost, first) = log(3);
        let lines = first.text.iter().filter(|byte| **byte == b'\n').count();
        assert_eq!(lines, first.lines.len(), "{}", story.name);
        if lost == 0 {
            assert_eq!(lines, requests, "{}", story.name);
        } else {
            let share = lines as f64 / requests as f64;
            assert!(
                (share - (1.0 - lost as f64 / 1e3)).abs() < 0.01,
                "{}: {share}",
                story.name
            );
        }
        assert!(
            (20_000..250_000).contains(&lines),
            "{}: {lines}",
            story.name
        );
        assert!(first.text == log(3).2.text, "{}", story.name);
    });
}

/// Hits of the cacheable requests of each endpoint, before and after the middle of the windows' begin.
fn hit_ratios(case: &Case, from: Micros) -> Vec<[(u64, u64); 2]> {
    let mut counts = vec![[(0, 0); 2]; case.world.endpoints.len()];
    for request in case
        .requests
        .iter()
        .filter(|r| r.cached != Cached::Uncached)
    {
        let (hits, all) = &mut counts[request.endpoint][usize::from(request.at >= from)];
        *hits += u64::from(request.cached == Cached::Hit);
        *all += 1;
    }
    counts
}

#[test]
fn hit_ratios_fall_by_endpoint_in_a_collapse_and_only_in_total_in_a_change_of_mix() {
    for seed in 0..4 {
        let case = (Story::named("cache-step").unwrap().case)(seed);
        for [before, after] in hit_ratios(&case, case.truth.windows[0].0) {
            if before.1 >= 500 && after.1 >= 500 {
                let ratio = |(hits, all): (u64, u64)| hits as f64 / all as f64;
                assert!(
                    ratio(before) - ratio(after) > 0.15,
                    "{seed}: {before:?} {after:?}"
                );
            }
        }
        let case = (Story::named("cache-mix").unwrap().case)(seed);
        for [before, after] in hit_ratios(&case, case.world.duration / 2) {
            if before.1 >= 2_000 && after.1 >= 2_000 {
                let ratio = |(hits, all): (u64, u64)| hits as f64 / all as f64;
                assert!(
                    (ratio(before) - ratio(after)).abs() < 0.05,
                    "{seed}: {before:?} {after:?}"
                );
            }
        }
    }
}

#[test]
fn errors_come_from_the_cache_only_where_they_are_kept() {
    for (name, kept) in [("cached-errors", true), ("uncached-errors", false)] {
        for seed in 0..4 {
            let case = (Story::named(name).unwrap().case)(seed);
            let from_cache = case
                .requests
                .iter()
                .filter(|r| r.status == 500 && r.cached == Cached::Hit);
            assert_eq!(from_cache.count() > 20, kept, "{name} {seed}");
        }
    }
}

#[test]
fn one_replica_is_slower_at_each_endpoint_or_only_by_what_it_is_sent() {
    for (name, slower) in [("slow-replica", true), ("uneven-replicas", false)] {
        for seed in 0..4 {
            let case = (Story::named(name).unwrap().case)(seed);
            let served = served(&case, seed);
            let hosts = case.world.services[0].hosts.len();
            let subject = case
                .truth
                .subject
                .clone()
                .unwrap_or(case.world.services[0].hosts[0].clone());
            let host = case.world.services[0]
                .hosts
                .iter()
                .position(|h| *h == subject)
                .unwrap();
            let (mut there, mut elsewhere) = (0.0, 0.0);
            for endpoint in 0..case.world.endpoints.len() {
                let mean = |here: bool| {
                    let own: Vec<u64> = (case.requests.iter().zip(&served))
                        .filter(|(r, _)| {
                            r.endpoint == endpoint
                                && (r.host == host) == here
                                && r.at > case.world.duration / 2
                        })
                        .map(|(_, done)| done.own.total)
                        .collect();
                    (own.len() >= 50).then(|| own.iter().sum::<u64>() as f64 / own.len() as f64)
                };
                if let (Some(a), Some(b)) = (mean(true), mean(false)) {
                    there += a / b;
                    elsewhere += 1.0;
                }
            }
            let ratio = there / elsewhere;
            assert_eq!(ratio > 2.0, slower, "{name} {seed} of {hosts}: {ratio}");
            assert!(
                slower || (0.85..1.15).contains(&ratio),
                "{name} {seed}: {ratio}"
            );
        }
    }
}

#[test]
fn probes_take_a_visible_share_of_the_busy_time_or_next_to_none() {
    for (name, range) in [("probes", 0.08..0.36), ("light-probes", 0.0..0.002)] {
        for seed in 0..4 {
            let case = (Story::named(name).unwrap().case)(seed);
            let (mut probes, mut all) = (0, 0);
            for (request, done) in case.requests.iter().zip(served(&case, seed)) {
                all += done.own.total;
                if case.world.endpoints[request.endpoint].path == "/health" {
                    probes += done.own.total;
                }
            }
            let share = probes as f64 / all as f64;
            assert!(range.contains(&share), "{name} {seed}: {share}");
        }
    }
}

#[test]
fn limits_and_lost_packets_are_alike_for_all_and_patience_and_slow_networks_are_not() {
    // Of what is longer than a second, the part that is 3 % above a whole number of seconds at most.
    let round = |times: &[Micros]| {
        let long = times.iter().filter(|time| **time >= 1_000_000);
        let is_round = |time: &&Micros| (**time % 1_000_000) as f64 <= 0.03 * **time as f64;
        let (round, all) = (long.clone().filter(is_round).count(), long.count());
        round as f64 / all as f64
    };
    for (name, alike) in [
        ("timeouts", true),
        ("impatience", false),
        ("lost-packets", true),
        ("slow-network", false),
    ] {
        for seed in 0..4 {
            let case = (Story::named(name).unwrap().case)(seed);
            let times = case.requests.iter().map(|r| match r.patience {
                Micros::MAX => r.connecting,
                patience => patience,
            });
            let share = round(&times.collect::<Vec<_>>());
            assert_eq!(share > 0.9, alike, "{name} {seed}: {share}");
        }
    }
}

#[test]
fn nobody_takes_connections_in_restarts_and_somebody_fails_where_a_database_does() {
    for (name, refused) in [("restarts", true), ("failing-database", false)] {
        for seed in 0..4 {
            let case = (Story::named(name).unwrap().case)(seed);
            let failed = case.requests.iter().filter(|r| r.status == 500);
            assert!(failed.clone().count() >= 10, "{name} {seed}");
            assert!(
                failed.clone().all(|r| r.refused == refused),
                "{name} {seed}"
            );
            let is_within = |at: Micros| {
                let mut windows = case.truth.windows.iter();
                windows.any(|(from, until)| (*from..*until).contains(&at))
            };
            assert!(failed.clone().all(|r| is_within(r.at)), "{name} {seed}");
        }
    }
}

#[test]
fn unrelated_endpoints_grow_each_in_its_own_time() {
    for seed in 0..6 {
        let case = (Story::named("unrelated").unwrap().case)(seed);
        let served = served(&case, seed);
        for (culprit, (from, until)) in case.truth.culprits.iter().zip(&case.truth.windows) {
            let mean = |inside: bool| {
                let own: Vec<u64> = (case.requests.iter().zip(&served))
                    .filter(|(r, _)| {
                        r.endpoint == *culprit && (*from..*until).contains(&r.at) == inside
                    })
                    .map(|(_, done)| done.own.total)
                    .collect();
                own.iter().sum::<u64>() as f64 / own.len() as f64
            };
            let growth = mean(true) / mean(false);
            assert!(
                growth > 1.5,
                "{seed}: endpoint {culprit} grew {growth} times"
            );
        }
    }
}
