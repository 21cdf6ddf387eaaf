//! The queues against what queueing theory says of them.

use crate::evaluate::queue::{Discipline, Service, serve};
use crate::evaluate::traffic::{Request, Traffic};
use crate::evaluate::world::{Endpoint, Load, Micros, SECOND, Service as Hosts, World};

/// A site of one endpoint, with work of 100 ms on average.
fn site(workers: usize, cv: f64, rate: f64) -> World {
    let endpoint = Endpoint {
        method: "GET",
        path: "/work".into(),
        share: 1.0,
        mean_us: 100_000.0,
        cv,
        service: 0,
        ids: 0,
        answer_bytes: 1_000,
        function: None,
        bypass: false,
    };
    let utilisation = rate * 0.1 / workers as f64;
    World {
        endpoints: vec![endpoint],
        services: vec![Hosts {
            hosts: vec!["10.0.0.1:80".into()],
            workers,
            rate,
            utilisation,
        }],
        load: Load {
            swing: 0.0,
            phase: 0.0,
            wander: vec![1.0],
        },
        duration: 20_000 * SECOND,
        rate,
    }
}

fn run(world: &World, discipline: Discipline) -> (Vec<Request>, Vec<Service>) {
    let mut traffic = Traffic::new(world, 7);
    traffic.ordinary();
    let requests = traffic.finish();
    let served = serve(world, discipline, &[], &requests, 7);
    (requests, served)
}

fn mean_wait_s((requests, served): &(Vec<Request>, Vec<Service>)) -> f64 {
    let waits = requests
        .iter()
        .zip(served)
        .map(|(request, done)| done.wait(request));
    waits.sum::<Micros>() as f64 / requests.len() as f64 / 1e6
}

/// Pollaczek and Khinchine: one worker, utilisation u, work of mean s and variation cv.
fn expected_wait_s(u: f64, cv: f64) -> f64 {
    u * 0.1 * (1.0 + cv * cv) / (2.0 * (1.0 - u))
}

#[test]
fn the_wait_at_one_worker_is_that_of_pollaczek_and_khinchine() {
    for (u, cv) in [(0.3, 0.3), (0.6, 1.0), (0.8, 0.5)] {
        for discipline in [Discipline::Fifo, Discipline::Random] {
            // Any order that does not look at the work has the same mean.
            let wait = mean_wait_s(&run(&site(1, cv, u * 10.0), discipline));
            let expected = expected_wait_s(u, cv);
            assert!(
                (wait / expected - 1.0).abs() < 0.08,
                "{discipline:?} {u} {cv}: {wait} {expected}"
            );
        }
    }
}

#[test]
fn sharing_takes_work_over_idle_share_whatever_the_variation() {
    for cv in [0.3, 1.5] {
        let (_, served) = run(&site(1, cv, 6.0), Discipline::Sharing);
        let mean =
            served.iter().map(Service::ran).sum::<Micros>() as f64 / served.len() as f64 / 1e6;
        assert!((mean / (0.1 / 0.4) - 1.0).abs() < 0.08, "{cv}: {mean}");
    }
}

#[test]
fn nobody_waits_where_there_is_always_a_worker() {
    assert_eq!(
        mean_wait_s(&run(&site(64, 1.0, 20.0), Discipline::Fifo)),
        0.0
    );
    assert_eq!(
        mean_wait_s(&run(&site(64, 1.0, 20.0), Discipline::Random)),
        0.0
    );
}

#[test]
fn first_come_is_first_served_and_no_more_run_than_there_are_workers() {
    for discipline in [Discipline::Fifo, Discipline::Random] {
        let (_, served) = run(&site(3, 1.0, 29.0), discipline);
        if discipline == Discipline::Fifo {
            assert!(served.is_sorted_by_key(|done| done.start));
        }
        let mut steps: Vec<(Micros, i64)> = served
            .iter()
            .flat_map(|s| [(s.start, 1), (s.done, -1)])
            .collect();
        steps.sort_unstable();
        let mut running = 0;
        let most = steps.iter().map(|(_, step)| {
            running += step;
            running
        });
        assert_eq!(most.max(), Some(3), "{discipline:?}");
    }
}

#[test]
fn little_law_and_utilisation_hold() {
    let world = site(4, 0.8, 34.0);
    for discipline in [Discipline::Fifo, Discipline::Random, Discipline::Sharing] {
        let (requests, served) = run(&world, discipline);
        let busy: Micros = served.iter().map(|done| done.own.total).sum();
        let utilisation = busy as f64 / (4.0 * world.duration as f64);
        assert!((utilisation / 0.85 - 1.0).abs() < 0.02, "{utilisation}");
        // The number inside, sampled evenly, against rate times time: two ways to one number.
        let mut ends: Vec<Micros> = served.iter().map(|done| done.done).collect();
        ends.sort_unstable();
        let inside = |at: Micros| {
            requests.partition_point(|r| r.at <= at) - ends.partition_point(|end| *end <= at)
        };
        let samples = 100_000;
        let sum: usize = (0..samples)
            .map(|n| inside(n * (world.duration / samples)))
            .sum();
        let time: Micros = requests
            .iter()
            .zip(&served)
            .map(|(r, done)| done.done - r.at)
            .sum();
        let (l, lambda_w) = (
            sum as f64 / samples as f64,
            time as f64 / world.duration as f64,
        );
        assert!(
            (l / lambda_w - 1.0).abs() < 0.02,
            "{discipline:?}: {l} {lambda_w}"
        );
    }
}
