//! A cache that loses its worth, a cache that keeps errors, and what looks like either: post-mortem 3.

use super::super::draw::{Draw, Stream};
use super::super::traffic::{Cached, Request, Traffic, somewhere};
use super::super::world::{HOUR, MINUTE, Micros, SECOND, Wish, World, uniform};
use super::{Case, Truth, plain};

const CACHED: Wish = Wish {
    endpoints: (8.0, 120.0),
    services: (1, 1),
    hosts: (1, 1),
    lines: (40_000.0, 90_000.0),
    duration: (HOUR, 6 * HOUR),
    utilisation: (0.15, 0.3),
};

/// Which endpoints are cached: two of three of those that only read.
fn cached(world: &World, draw: &mut Draw) -> Vec<bool> {
    let mut chosen: Vec<bool> = world
        .endpoints
        .iter()
        .map(|e| e.method == "GET" && draw.chance(650))
        .collect();
    // The one that is asked for most is, in any case.
    let reads = (0..chosen.len()).filter(|e| world.endpoints[*e].method == "GET");
    if let Some(busiest) = reads.max_by(|a, b| {
        world.endpoints[*a]
            .share
            .total_cmp(&world.endpoints[*b].share)
    }) {
        chosen[busiest] = true;
    }
    chosen
}

fn answer(request: &mut Request, hit: bool) {
    request.cached = if hit { Cached::Hit } else { Cached::Miss };
}

pub fn step(seed: u64) -> Case {
    collapse(seed, |now, from, _| if now < from { 0.0 } else { 1.0 })
}

pub fn slide(seed: u64) -> Case {
    collapse(seed, |now, from, until| {
        (now.saturating_sub(from) as f64 / (until - from) as f64).min(1.0)
    })
}

/// Hit ratios fall by 20 to 60 points; `fallen` says how far at a time: 0 to 1.
fn collapse(seed: u64, fallen: fn(Micros, Micros, Micros) -> f64) -> Case {
    let world = World::draw(seed, &CACHED);
    let draw = &mut Draw::new(seed, Stream::Requests);
    let cached = cached(&world, draw);
    let ratio = uniform(draw, (0.8, 0.97));
    let fall = uniform(draw, (0.2, 0.6));
    let from = (world.duration as f64 * uniform(draw, (0.3, 0.6))) as Micros;
    let until = (from + world.duration / 4).min(world.duration);
    let mut traffic = Traffic::new(&world, seed);
    traffic.ordinary();
    let mut requests = traffic.finish();
    for request in requests.iter_mut().filter(|r| cached[r.endpoint]) {
        let now = ratio - fall * fallen(request.at, from, until);
        answer(request, draw.unit() < now);
    }
    let truth = Truth {
        must: vec!["cache_collapse"],
        windows: vec![(from, world.duration)],
        ..Truth::default()
    };
    plain(world, requests, Vec::new(), truth)
}

/// Each endpoint's ratio stays; more is asked for of what is cached badly.
pub fn mix(seed: u64) -> Case {
    let world = World::draw(seed, &CACHED);
    let draw = &mut Draw::new(seed, Stream::Requests);
    let cached = cached(&world, draw);
    let ratios: Vec<f64> = cached
        .iter()
        .map(|_| {
            if draw.chance(500) {
                uniform(draw, (0.85, 0.97))
            } else {
                uniform(draw, (0.2, 0.5))
            }
        })
        .collect();
    let from = (world.duration as f64 * uniform(draw, (0.3, 0.6))) as Micros;
    let factors: Vec<f64> = ratios
        .iter()
        .map(|ratio| if *ratio < 0.6 { 1.3 } else { 0.5 })
        .collect();
    let mut traffic = Traffic::new(&world, seed);
    traffic.flow(0, from, &vec![1.0; factors.len()]);
    traffic.flow(from, world.duration, &factors);
    let mut requests = traffic.finish();
    for request in requests.iter_mut().filter(|r| cached[r.endpoint]) {
        answer(request, draw.unit() < ratios[request.endpoint]);
    }
    // What is asked for more often is a change of traffic, and may be told.
    let truth = Truth {
        may: vec!["traffic_surge"],
        ..Truth::default()
    };
    plain(world, requests, Vec::new(), truth)
}

/// The application fails for minutes, and the cache keeps what it said.
pub fn errors(seed: u64) -> Case {
    failing(seed, true)
}

/// It fails as long, and nothing is kept.
pub fn errors_uncached(seed: u64) -> Case {
    failing(seed, false)
}

fn failing(seed: u64, kept: bool) -> Case {
    let world = World::draw(seed, &CACHED);
    let draw = &mut Draw::new(seed, Stream::Requests);
    let cached = cached(&world, draw);
    let length = MINUTE + draw.below(4 * MINUTE);
    let valid = [300, 600, 1_800][draw.below(3) as usize] * SECOND;
    let (from, until) = somewhere(draw, world.duration, length + valid);
    let until = until - valid;
    let ratio = uniform(draw, (0.8, 0.97));
    let mut traffic = Traffic::new(&world, seed);
    traffic.ordinary();
    let mut requests = traffic.finish();
    // Until when an error is kept, for each endpoint and id.
    let mut kept_until = std::collections::HashMap::new();
    for request in &mut requests {
        let fails = (from..until).contains(&request.at);
        if !cached[request.endpoint] {
            request.status = if fails { 500 } else { request.status };
            continue;
        }
        // An id of many is asked for rarely; a tenth of them is what a cache sees.
        let key = (request.endpoint, request.id % 10);
        let bad = kept_until
            .get(&key)
            .is_some_and(|until| request.at < *until);
        answer(request, draw.unit() < ratio);
        if bad {
            request.status = 500;
            answer(request, true);
        } else if fails && request.cached == Cached::Miss {
            request.status = 500;
            if kept {
                kept_until.insert(key, request.at + valid);
            }
        }
    }
    let truth = Truth {
        must: if kept {
            vec!["cached_errors"]
        } else {
            Vec::new()
        },
        windows: vec![(from, until + if kept { valid } else { 0 })],
        // That requests failed for minutes is true of both.
        may: vec!["recurring_outage", "cache_collapse"],
        ..Truth::default()
    };
    plain(world, requests, Vec::new(), truth)
}
