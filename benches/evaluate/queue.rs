//! Requests through the workers: when each begins to run and when it is done, under several disciplines.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::draw::{Draw, Stream};
use super::effect::{Effect, Own, own_time};
use super::traffic::Request;
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
    /// How long it queued; nothing where it was never begun.
    pub fn wait(&self, request: &Request) -> Micros {
        self.start.saturating_sub(request.joins())
    }

    /// What the application says it ran.
    pub fn ran(&self) -> Micros {
        self.done - self.start
    }
}

/// Serves all requests; an answer for each, in the same order. Requests that no host has to serve are never begun.
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
            let asks = |n: &usize| requests[*n].is_served();
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
