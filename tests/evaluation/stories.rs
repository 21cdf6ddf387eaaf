//! Every story is what it says that it is: read off the simulation itself, without a report.

use crate::evaluate::nginx::{self, Clock};
use crate::evaluate::queue::{self, Service};
use crate::evaluate::stories::{Case, STORIES, Story};
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
    for name in [
        "culprits",
        "random-order",
        "hidden-replicas",
        "aborts",
        "unrelated",
    ] {
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
