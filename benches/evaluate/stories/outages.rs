//! Outages of a database, minutes long and far apart: post-mortem 2, and its decoy.

use super::super::draw::{Draw, Stream};
use super::super::effect::{Effect, What};
use super::super::traffic::Traffic;
use super::super::world::{HOUR, MINUTE, Micros, SECOND, Wish, World, uniform, whole};
use super::{Case, Truth, plain};

/// One or two rare requests start the outages, and now and then one that comes of its own.
pub fn rare_lockers(seed: u64) -> Case {
    outages(seed, true)
}

pub fn external(seed: u64) -> Case {
    outages(seed, false)
}

fn outages(seed: u64, with_lockers: bool) -> Case {
    let wish = Wish {
        services: (1, 1),
        endpoints: (20.0, 300.0),
        utilisation: (0.12, 0.22),
        duration: (5 * HOUR, 14 * HOUR),
        ..Wish::default()
    };
    let mut world = World::draw(seed, &wish);
    let draw = &mut Draw::new(seed, Stream::Requests);
    let count = whole(draw, (3, 8)) as usize;
    let each = world.duration / count as u64;
    let outages: Vec<(Micros, Micros)> = (0..count as u64)
        .map(|n| {
            let length = 2 * MINUTE + draw.below(6 * MINUTE);
            let from = n * each + each / 8 + draw.below(each * 3 / 4 - 8 * MINUTE);
            (from, from + length)
        })
        .collect();
    let lockers: Vec<usize> = (0..if with_lockers { whole(draw, (1, 2)) } else { 0 })
        .map(|n| {
            let mut locker = world.endpoints[n as usize].clone();
            locker.method = "GET";
            locker.path =
                ["/admin/reports/turnover", "/admin/customers/{}/merge"][n as usize].to_string();
            locker.ids = 50 * n;
            locker.share = 0.0;
            world.endpoints.push(locker);
            world.endpoints.len() - 1
        })
        .collect();
    // Locks stretch the database's part of the work, which differs by endpoint.
    let strength = uniform(draw, (2.5, 4.5));
    let factors: Vec<f64> = world
        .endpoints
        .iter()
        .map(|_| 1.0 + (strength - 1.0) * uniform(draw, (0.8, 1.2)))
        .collect();
    let mut effects: Vec<Effect> = outages
        .iter()
        .map(|(from, until)| Effect {
            from: *from,
            until: *until,
            what: What::Slow {
                factors: factors.clone(),
            },
        })
        .collect();
    let mut traffic = Traffic::new(&world, seed);
    traffic.ordinary();
    let mut hits = vec![0; lockers.len()];
    for (from, until) in &outages {
        if lockers.is_empty() || draw.chance(100) {
            continue;
        }
        let which = draw.below(lockers.len() as u64) as usize;
        hits[which] += 1;
        let at = from.saturating_sub(draw.below(5 * SECOND));
        let mut request = traffic.request(at, lockers[which]);
        // It runs as long as it locks.
        request.plain = 100_000;
        let mean_us = (until - at) as f64;
        effects.push(Effect {
            from: at,
            until: at + MINUTE,
            what: What::Step {
                endpoints: vec![lockers[which]],
                function: "full_scan",
                mean_us,
                cv: 0.01,
                id: None,
            },
        });
        // Nobody waits for it in a queue: at that moment all is well.
        traffic.requests.push(request);
    }
    for locker in &lockers {
        // Without harm, on a small account.
        for _ in 0..draw.below(3) {
            let at = draw.below(world.duration);
            let mut request = traffic.request(at, *locker);
            request.plain = 2 * SECOND;
            traffic.requests.push(request);
        }
    }
    let requests = traffic.finish();
    // One hit proves nothing.
    let triggers: Vec<usize> = lockers
        .iter()
        .zip(hits)
        .filter(|(_, hits)| *hits >= 2)
        .map(|(locker, _)| *locker)
        .collect();
    let truth = Truth {
        must: if triggers.is_empty() {
            vec!["recurring_outage"]
        } else {
            vec!["rare_trigger"]
        },
        triggers,
        windows: outages,
        may: vec!["recurring_outage", "dependency_slowdown", "rare_trigger"],
        ..Truth::default()
    };
    plain(world, requests, effects, truth)
}
