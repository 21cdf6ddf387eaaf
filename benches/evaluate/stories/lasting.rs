//! What grows and stays, climbs and resets, or depends on size; and noise that looks like it.

use super::super::draw::{Draw, Stream};
use super::super::effect::{Effect, What};
use super::super::traffic::Traffic;
use super::super::world::{
    Endpoint, HOUR, MINUTE, Micros, Wish, World, log_uniform, uniform, whole,
};
use super::{Case, Truth, first, plain};

const LONG: Wish = Wish {
    endpoints: (8.0, 120.0),
    services: (1, 1),
    hosts: (1, 1),
    lines: (50_000.0, 100_000.0),
    duration: (3 * HOUR, 14 * HOUR),
    utilisation: (0.15, 0.3),
};

/// One endpoint steps up by 50 to 150 % and stays there, with 1,000 requests before and after.
pub fn shift(seed: u64) -> Case {
    step(seed, (1.5, 2.5), |_| 1_000.0)
}

/// One endpoint steps up by a fifth, of which so many requests are known that the mean of each of 288
/// windows is off by 8 % at most.
pub fn small_shift(seed: u64) -> Case {
    step(seed, (1.2, 1.2), |endpoint| {
        let variance = (1.0 + endpoint.cv * endpoint.cv).ln();
        // Of a side, of which a third of the log is meant at least.
        288.0 * 0.35 * variance / (0.08 * 0.08)
    })
}

/// One endpoint steps up and stays, with so many requests before and after.
fn step(seed: u64, growth: (f64, f64), enough: fn(&Endpoint) -> f64) -> Case {
    first(seed, |seed| {
        let world = World::draw(seed, &LONG);
        let draw = &mut Draw::new(seed, Stream::Requests);
        let from = (world.duration as f64 * uniform(draw, (0.35, 0.65))) as Micros;
        let requests =
            |e: usize| world.rate * world.endpoints[e].share * 0.35 * world.duration as f64 / 1e6;
        let busy: Vec<usize> = (0..world.endpoints.len())
            .filter(|e| requests(*e) >= enough(&world.endpoints[*e]))
            .collect();
        let culprit = *busy.get(draw.below(busy.len().max(1) as u64) as usize)?;
        let mut factors = vec![1.0; world.endpoints.len()];
        factors[culprit] = uniform(draw, growth);
        let mut traffic = Traffic::new(&world, seed);
        traffic.ordinary();
        let requests = traffic.finish();
        let effects = vec![Effect {
            from,
            until: Micros::MAX,
            what: What::Slow { factors },
        }];
        let windows = vec![(from, world.duration)];
        // A step that fills the pool is an incident too, in the same words about the same endpoint.
        let truth = Truth {
            culprits: vec![culprit],
            must: vec!["shift", "slow_endpoint"],
            windows,
            ..Truth::default()
        };
        Some(plain(world, requests, effects, truth))
    })
}

/// Own times wander with the hours and the load, and short blips come and go: nothing lasts.
pub fn wander(seed: u64) -> Case {
    let world = World::draw(seed, &LONG);
    let draw = &mut Draw::new(seed, Stream::Requests);
    let duration = world.duration;
    let mut effects = vec![Effect {
        from: 0,
        until: Micros::MAX,
        what: What::Crowded {
            power: uniform(draw, (0.3, 1.0)),
        },
    }];
    // Each endpoint has noise of its own: mean-reverting, with a memory of minutes.
    let step = 2 * MINUTE;
    let keep = uniform(draw, (0.3, 0.8));
    let deviation = uniform(draw, (0.02, 0.08));
    let mut levels = vec![0.0_f64; world.endpoints.len()];
    for n in 0..duration / step + 1 {
        for level in &mut levels {
            *level = keep * *level + deviation * (1.0 - keep * keep).sqrt() * draw.normal();
        }
        let factors = levels.iter().map(|level| level.exp()).collect();
        effects.push(Effect {
            from: n * step,
            until: (n + 1) * step,
            what: What::Slow { factors },
        });
    }
    let mut traffic = Traffic::new(&world, seed);
    traffic.ordinary();
    let requests = traffic.finish();
    plain(world, requests, effects, Truth::default())
}

/// One host slows 1.8 to 3 times over an hour or so and starts afresh, over and over.
pub fn leak(seed: u64) -> Case {
    let world = World::draw(
        seed,
        &Wish {
            hosts: (1, 3),
            ..LONG
        },
    );
    let draw = &mut Draw::new(seed, Stream::Requests);
    let cycles = whole(draw, (4, 9));
    let period = world.duration / (cycles + 1);
    let mut at = period / 2 + draw.below(period / 2);
    let mut resets = Vec::new();
    while at < world.duration {
        resets.push(at);
        at += period * 4 / 5 + draw.below(period * 2 / 5);
    }
    let host = draw.below(world.services[0].hosts.len() as u64) as usize;
    let factor = uniform(draw, (1.8, 3.0));
    let subject = Some(world.services[0].hosts[host].clone());
    let until = world.duration + period / 2;
    let effects = vec![Effect {
        from: 0,
        until,
        what: What::Leak {
            service: 0,
            host,
            factor,
            resets,
        },
    }];
    let mut traffic = Traffic::new(&world, seed);
    traffic.ordinary();
    let requests = traffic.finish();
    // A host that leaks is also slower than its peers, and may be too slow for what it is sent.
    let truth = Truth {
        must: vec!["drift"],
        may: vec!["slow_upstream", "saturation"],
        subject,
        ..Truth::default()
    };
    plain(world, requests, effects, truth)
}

/// One endpoint's time grows with the size of what is sent to it: the median body takes as long as all
/// else that the endpoint does, or twice as long.
pub fn size(seed: u64) -> Case {
    sizes(seed, true)
}

/// Sizes as wide apart, and only the copying of the bytes takes time: two nanoseconds each.
pub fn size_of_no_matter(seed: u64) -> Case {
    sizes(seed, false)
}

fn sizes(seed: u64, matters: bool) -> Case {
    first(seed, |seed| {
        let world = World::draw(seed, &LONG);
        let draw = &mut Draw::new(seed, Stream::Requests);
        let sent = |e: &usize| {
            let endpoint = &world.endpoints[*e];
            let requests = world.rate * endpoint.share * world.duration as f64 / 1e6;
            endpoint.method != "GET" && (2_000.0..15_000.0).contains(&requests)
        };
        let fit: Vec<usize> = (0..world.endpoints.len()).filter(sent).collect();
        let endpoint = *fit.get(draw.below(fit.len() as u64) as usize)?;
        let median = log_uniform(draw, (4_000.0, 30_000.0));
        let nanos = if matters {
            world.endpoints[endpoint].mean_us * 1_000.0 / median * uniform(draw, (1.0, 2.0))
        } else {
            2.0
        };
        let mut traffic = Traffic::new(&world, seed);
        traffic.ordinary();
        let mut requests = traffic.finish();
        for request in requests.iter_mut().filter(|r| r.endpoint == endpoint) {
            request.request_bytes = draw.lognormal(median as u64, 1.6);
        }
        let effects = vec![Effect {
            from: 0,
            until: Micros::MAX,
            what: What::PerByte { endpoint, nanos },
        }];
        let truth = Truth {
            must: if matters {
                vec!["size_dependent"]
            } else {
                Vec::new()
            },
            ..Truth::default()
        };
        // What costs more than a quarter of the pool is another story.
        let added = world.rate * world.endpoints[endpoint].share * median * 3.6 * nanos / 1e9;
        (added < world.services[0].workers as f64 * 0.25)
            .then(|| plain(world, requests, effects, truth))
    })
}
