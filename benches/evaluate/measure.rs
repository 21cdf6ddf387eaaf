//! What is true of a log, counted from inside the simulation.

use super::nginx::Log;
use super::queue::{Discipline, Service};
use super::stories::Case;
use super::world::{MS, Micros, SECOND};

/// Sums over the lines of a log.
#[derive(Clone, Debug, Default)]
pub struct Sums {
    /// Answered requests, their wait and own time, per endpoint.
    pub endpoints: Vec<PerEndpoint>,
    pub hosts: Vec<PerHost>,
    pub facts: Facts,
}

#[derive(Clone, Copy, Debug, Default)]
pub struct PerEndpoint {
    pub answered: u64,
    pub wait_us: u64,
    pub own_us: u64,
}

#[derive(Clone, Debug, Default)]
pub struct PerHost {
    pub address: String,
    pub workers: usize,
    /// Seconds in which every worker was busy, and the most of them on end.
    pub full_seconds: usize,
    pub longest_full: usize,
}

/// How hard a case is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Facts {
    pub lines: usize,
    /// Length of the incidents together.
    pub incident_s: f64,
    /// Share of the first service's workers that was busy in them.
    pub busy: f64,
    /// The part of that which the culprits' growth added.
    pub added: f64,
    /// The culprit with the fewest requests in them, and the one that grew least.
    pub requests: u64,
    pub growth: f64,
    /// Mean wait in them.
    pub wait_s: f64,
}

impl Sums {
    pub fn of(case: &Case, served: &[Service], log: &Log) -> Self {
        let mut endpoints = vec![PerEndpoint::default(); case.world.endpoints.len()];
        for line in log.lines.iter().filter(|line| line.answered) {
            let request = &case.requests[line.request];
            let sums = &mut endpoints[request.endpoint];
            sums.answered += 1;
            sums.wait_us += served[line.request].wait(request);
            sums.own_us += served[line.request].ran();
        }
        Self {
            endpoints,
            hosts: hosts(case, served),
            facts: facts(case, served, log),
        }
    }

    pub fn wait_us(&self) -> u64 {
        self.endpoints.iter().map(|e| e.wait_us).sum()
    }

    pub fn own_us(&self) -> u64 {
        self.endpoints.iter().map(|e| e.own_us).sum()
    }
}

/// Busy worker-seconds of every second, by host.
fn hosts(case: &Case, served: &[Service]) -> Vec<PerHost> {
    if case.discipline == Discipline::Sharing {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (at, service) in case.world.services.iter().enumerate() {
        for (host, address) in service.hosts.iter().enumerate() {
            let mut busy = vec![0_u64; (case.world.duration / SECOND + 2) as usize];
            for (request, done) in case.requests.iter().zip(served) {
                let endpoint = &case.world.endpoints[request.endpoint];
                if endpoint.service == at && request.host == host && !endpoint.bypass {
                    add_span(&mut busy, done.start, done.done);
                }
            }
            let enough = service.workers as u64 * SECOND - MS;
            let full = |second: &u64| *second >= enough;
            found.push(PerHost {
                address: address.clone(),
                workers: service.workers,
                full_seconds: busy.iter().filter(|second| full(second)).count(),
                longest_full: busy
                    .split(|second| !full(second))
                    .map(<[u64]>::len)
                    .max()
                    .unwrap_or(0),
            });
        }
    }
    found
}

fn add_span(busy: &mut [u64], from: Micros, until: Micros) {
    let (first, last) = ((from / SECOND) as usize, (until / SECOND) as usize);
    for second in first..=last.min(busy.len() - 1) {
        let begin = second as u64 * SECOND;
        busy[second] += until.min(begin + SECOND) - from.max(begin);
    }
}

fn facts(case: &Case, served: &[Service], log: &Log) -> Facts {
    let truth = &case.truth;
    let inside = |at: Micros| {
        truth
            .windows
            .iter()
            .any(|(from, until)| (*from..*until).contains(&at))
    };
    let length: Micros = truth.windows.iter().map(|(from, until)| until - from).sum();
    let mut facts = Facts {
        lines: log.lines.len(),
        incident_s: length as f64 / 1e6,
        ..Facts::default()
    };
    if length == 0 {
        return facts;
    }
    let (mut busy_us, mut wait_us, mut requests) = (0, 0, 0_u64);
    let mut own = vec![[(0_u64, 0_u64); 2]; case.world.endpoints.len()];
    for (request, done) in case.requests.iter().zip(served) {
        let endpoint = &case.world.endpoints[request.endpoint];
        for (from, until) in &truth.windows {
            if endpoint.service == 0 && !endpoint.bypass {
                busy_us += done.done.min(*until).saturating_sub(done.start.max(*from));
            }
        }
        let now = inside(request.at);
        if now && endpoint.service == 0 {
            wait_us += done.wait(request);
            requests += 1;
        }
        let (count, sum) = &mut own[request.endpoint][usize::from(now)];
        *count += 1;
        *sum += done.ran();
    }
    let workers = case.world.services[0].all_workers() as f64;
    facts.busy = busy_us as f64 / (workers * length as f64);
    facts.wait_s = wait_us as f64 / requests.max(1) as f64 / 1e6;
    let mean = |(count, sum): (u64, u64)| sum as f64 / count.max(1) as f64;
    let grown = |e: &usize| (own[*e], mean(own[*e][1]) / mean(own[*e][0]));
    facts.growth = truth
        .culprits
        .iter()
        .map(|e| grown(e).1)
        .fold(f64::INFINITY, f64::min);
    facts.requests = truth
        .culprits
        .iter()
        .map(|e| own[*e][1].0)
        .min()
        .unwrap_or(0);
    let added = |e: &usize| own[*e][1].0 as f64 * (mean(own[*e][1]) - mean(own[*e][0]));
    facts.added = truth.culprits.iter().map(added).sum::<f64>() / (workers * length as f64);
    facts
}
