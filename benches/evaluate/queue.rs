//! Requests through the workers: when each begins to run and when it is done, under several disciplines.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::draw::{Draw, Stream};
use super::effect::{Effect, Own, own_time};
use super::traffic::{Cached, Request};
use super::world::{Micros, World};

/// In which order a host's waiting requests are taken up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Discipline {
    /// First come, first served, by a fixed number of workers.
    Fifo,
    /// Any of those that wait, as with many processes that accept from one socket.
    Random,
    /// All at once, sharing as many cores as there would be workers: nobody waits, all are slowed.
    Sharing,
}

/// What became of a request at its host.
#[derive(Clone, Copy, Default, Debug)]
pub struct Service {
    pub start: Micros,
    /// What it needs by itself.
    pub own: Own,
    /// When it was done. Under sharing this is later than start + own.
    pub done: Micros,
}

impl Service {
    pub fn wait(&self, request: &Request) -> Micros {
        self.start - request.joins()
    }

    /// What the application says it ran.
    pub fn ran(&self) -> Micros {
        self.done - self.start
    }
}

/// Serves all requests; an answer for each, in the same order. Requests from the cache are never begun.
pub fn serve(
    world: &World,
    discipline: Discipline,
    effects: &[Effect],
    requests: &[Request],
    seed: u64,
) -> Vec<Service> {
    let mut served = vec![Service::default(); requests.len()];
    let draw = &mut Draw::new(seed, Stream::AppTime);
    for (service, what) in world.services.iter().enumerate() {
        for host in 0..what.hosts.len() {
            let here = |n: &usize| {
                let request = &requests[*n];
                world.endpoints[request.endpoint].service == service && request.host == host
            };
            let asks = |n: &usize| requests[*n].cached != Cached::Hit;
            let mut line: Vec<usize> = (0..requests.len()).filter(here).filter(asks).collect();
            line.sort_by_key(|n| requests[*n].joins());
            let (beside, line): (Vec<usize>, Vec<usize>) = line
                .into_iter()
                .partition(|n| world.endpoints[requests[*n].endpoint].bypass);
            let mut begin = |n: usize, start: Micros| {
                let own = own_time(world, effects, &requests[n], start, draw);
                let done = start + own.total;
                served[n] = Service { start, own, done };
                done
            };
            for n in beside {
                begin(n, requests[n].joins());
            }
            match discipline {
                Discipline::Fifo => fifo(what.workers, &line, requests, begin),
                Discipline::Random => random(what.workers, &line, requests, begin, seed),
                Discipline::Sharing => {
                    for n in &line {
                        begin(*n, requests[*n].joins());
                    }
                    share(what.workers as f64, &line, &mut served);
                }
            }
        }
    }
    served
}

fn fifo(
    workers: usize,
    line: &[usize],
    requests: &[Request],
    mut begin: impl FnMut(usize, Micros) -> Micros,
) {
    let mut free: BinaryHeap<Reverse<Micros>> = (0..workers).map(|_| Reverse(0)).collect();
    for n in line {
        let Reverse(first) = free.pop().unwrap_or(Reverse(0));
        free.push(Reverse(begin(*n, requests[*n].joins().max(first))));
    }
}

fn random(
    workers: usize,
    line: &[usize],
    requests: &[Request],
    mut begin: impl FnMut(usize, Micros) -> Micros,
    seed: u64,
) {
    let draw = &mut Draw::new(seed, Stream::Network);
    let mut busy: BinaryHeap<Reverse<Micros>> = BinaryHeap::new();
    let mut waiting: Vec<usize> = Vec::new();
    let mut next = line.iter().copied().peekable();
    loop {
        // Somebody is done before the next one comes, or the next one comes.
        let coming = next.peek().map(|n| requests[*n].joins());
        let done = busy.peek().map(|Reverse(done)| *done);
        let now = match (coming, done) {
            (None, None) => return,
            (Some(coming), Some(done)) if done <= coming => done,
            (Some(coming), _) => coming,
            (None, Some(done)) => done,
        };
        if done == Some(now) {
            busy.pop();
        } else if let Some(n) = next.next() {
            waiting.push(n);
        }
        while busy.len() < workers && !waiting.is_empty() {
            let taken = waiting.swap_remove(draw.below(waiting.len() as u64) as usize);
            busy.push(Reverse(begin(taken, now)));
        }
    }
}

/// Egalitarian processor sharing: with n running, each has min(1, cores / n) of a core.
fn share(cores: f64, line: &[usize], served: &mut [Service]) {
    // In virtual time, which runs as fast as each request does, each ends at its begin + own.
    let mut running: BinaryHeap<Reverse<(Micros, usize)>> = BinaryHeap::new();
    let (mut now, mut virtual_now) = (0.0_f64, 0.0_f64);
    let mut next = line.iter().copied().peekable();
    loop {
        let speed = (cores / running.len().max(1) as f64).min(1.0);
        let coming = next.peek().map(|n| served[*n].start as f64);
        let ends = running
            .peek()
            .map(|Reverse((end, _))| now + (*end as f64 - virtual_now).max(0.0) / speed);
        match (coming, ends) {
            (None, None) => return,
            (Some(coming), ends) if ends.is_none_or(|ends| coming < ends) => {
                virtual_now += (coming - now) * speed;
                now = coming;
                if let Some(n) = next.next() {
                    running.push(Reverse((virtual_now as Micros + served[n].own.total, n)));
                }
            }
            (_, Some(ends)) => {
                if let Some(Reverse((end, n))) = running.pop() {
                    virtual_now = virtual_now.max(end as f64);
                    now = ends;
                    served[n].done = (now as Micros).max(served[n].start + served[n].own.total);
                }
            }
            (Some(_), None) => return, // cannot be: nobody runs, so the next one comes.
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::traffic::Traffic;
    use super::super::world::{Endpoint, Load, SECOND, Service as Hosts};
    use super::*;

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
}
