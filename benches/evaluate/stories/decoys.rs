//! Times in which all are slow and no endpoint is the cause, and times in which nothing happens.

use super::super::draw::{Draw, Stream};
use super::super::effect::{Effect, What};
use super::super::traffic::{Traffic, part, somewhere};
use super::super::world::{FUNCTIONS, Micros, SECOND, Wish, World, log_uniform, uniform};
use super::{Case, Truth, first, plain};

/// A span long enough to be seen, and short enough that a pool this full makes nobody wait more than 45 s.
fn span(draw: &mut Draw, world: &World, full: f64) -> Option<(Micros, Micros)> {
    let mut length = part(draw, world.duration, (0.08, 0.35));
    if full > 1.0 {
        length = length.min((uniform(draw, (5e6, 45e6)) / (full - 1.0)) as Micros);
    }
    (length >= 90 * SECOND).then(|| somewhere(draw, world.duration, length))
}

pub fn surge(seed: u64) -> Case {
    first(seed, try_surge)
}

fn try_surge(seed: u64) -> Option<Case> {
    let world = World::draw(
        seed,
        &Wish {
            services: (1, 1),
            ..Wish::default()
        },
    );
    let draw = &mut Draw::new(seed, Stream::Requests);
    let quiet = world.services[0].utilisation;
    let full = uniform(draw, (0.9, 1.3));
    let (from, until) = span(draw, &world, full)?;
    // The same mix of endpoints: all the more of each.
    let more = full / quiet - 1.0;
    let factors = vec![more; world.endpoints.len()];
    let mut traffic = Traffic::new(&world, seed);
    traffic.ordinary();
    traffic.flow(from, until, &factors);
    let requests = traffic.finish();
    let truth = Truth {
        windows: vec![(from, until)],
        must: vec!["traffic_surge"],

        ..Truth::default()
    };
    Some(plain(world, requests, Vec::new(), truth))
}

pub fn slow_database(seed: u64) -> Case {
    database(seed, |_, factor| factor)
}

pub fn uneven_database(seed: u64) -> Case {
    // How much of an endpoint's time is the database differs: from a third to all of its growth and more.
    database(seed, |draw, factor| {
        1.0 + (factor - 1.0) * uniform(draw, (0.3, 1.7))
    })
}

pub fn partial_database(seed: u64) -> Case {
    database(
        seed,
        |draw, factor| if draw.chance(400) { factor * 1.5 } else { 1.0 },
    )
}

fn database(seed: u64, each: fn(&mut Draw, f64) -> f64) -> Case {
    first(seed, |seed| try_database(seed, each))
}

fn try_database(seed: u64, each: fn(&mut Draw, f64) -> f64) -> Option<Case> {
    let world = World::draw(
        seed,
        &Wish {
            services: (1, 1),
            ..Wish::default()
        },
    );
    let draw = &mut Draw::new(seed, Stream::Requests);
    let factor = uniform(draw, (1.5, 3.0));
    let factors: Vec<f64> = world.endpoints.iter().map(|_| each(draw, factor)).collect();
    let time = |factor: &dyn Fn(usize) -> f64| -> f64 {
        (0..world.endpoints.len())
            .map(|e| world.endpoints[e].share * world.endpoints[e].mean_us * factor(e))
            .sum()
    };
    let full = world.services[0].utilisation * time(&|e| factors[e]) / time(&|_| 1.0);
    let slowed = factors.iter().filter(|f| **f > 1.2).count() as f64 / factors.len() as f64;
    // Few slowed endpoints with most of the traffic are culprits, not a dependency.
    if full > 1.3 || full < world.services[0].utilisation * 1.15 || slowed < 0.3 {
        return None;
    }
    let (from, until) = span(draw, &world, full)?;
    let mut traffic = Traffic::new(&world, seed);
    traffic.ordinary();
    let requests = traffic.finish();
    let truth = Truth {
        windows: vec![(from, until)],
        must: vec!["dependency_slowdown"],

        ..Truth::default()
    };
    Some(plain(
        world,
        requests,
        vec![Effect {
            from,
            until,
            what: What::Slow { factors },
        }],
        truth,
    ))
}

/// The load wanders widely and all own times with it, so that every pair of endpoints correlates.
pub fn common_load(seed: u64) -> Case {
    let mut world = World::draw(
        seed,
        &Wish {
            utilisation: (0.2, 0.35),
            ..Wish::default()
        },
    );
    let draw = &mut Draw::new(seed, Stream::Requests);
    for factor in &mut world.load.wander {
        // Wider than a quiet day's: up to a half more or less.
        *factor = factor.powf(2.5).clamp(0.5, 1.6);
    }
    let power = uniform(draw, (0.4, 1.0));
    let duration = world.duration;
    let mut effects = vec![Effect {
        from: 0,
        until: duration,
        what: What::Crowded { power },
    }];
    // Up to ten that have small ups and downs of their own, unlike any other's.
    let mut left: Vec<usize> = (0..world.endpoints.len()).collect();
    for function in FUNCTIONS.iter().take(10.min(left.len())) {
        let endpoint = left.swap_remove(draw.below(left.len() as u64) as usize);
        for _ in 0..6 {
            let length = part(draw, duration, (0.01, 0.04));
            let (from, until) = somewhere(draw, duration, length);
            let mean_us = world.endpoints[endpoint].mean_us * log_uniform(draw, (0.05, 0.2));
            let what = What::Step {
                endpoints: vec![endpoint],
                function,
                mean_us,
                cv: 0.3,
                id: None,
            };
            effects.push(Effect { from, until, what });
        }
    }
    let mut traffic = Traffic::new(&world, seed);
    traffic.ordinary();
    let requests = traffic.finish();
    // All do slow down together at times, and more does come; nobody is to blame, and no two share a path.
    let may = vec!["dependency_slowdown", "traffic_surge", "recurring_outage"];
    plain(
        world,
        requests,
        effects,
        Truth {
            may,
            ..Truth::default()
        },
    )
}

pub fn nothing(seed: u64) -> Case {
    let world = World::draw(
        seed,
        &Wish {
            hosts: (1, 3),
            utilisation: (0.2, 0.5),
            ..Wish::default()
        },
    );
    let mut traffic = Traffic::new(&world, seed);
    traffic.ordinary();
    let requests = traffic.finish();
    plain(world, requests, Vec::new(), Truth::default())
}
