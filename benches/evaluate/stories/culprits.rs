//! Some endpoints' own work grows for a while, and the others wait behind them: post-mortem 1.

use super::super::draw::{Draw, Stream};
use super::super::effect::{Effect, What};
use super::super::nginx::Flaws;
use super::super::queue::Discipline;
use super::super::traffic::{Traffic, part, somewhere};
use super::super::world::{MINUTE, Micros, SECOND, Wish, World, log_uniform, uniform, whole};
use super::{Case, Truth, first, plain};

/// The code that gets slow, as Server-Timing calls it.
const SLOW: &str = "update_objects";

/// What makes one story of this kind differ from another.
struct Variation {
    discipline: Discipline,
    flaws: Flaws,
    hosts: (u64, u64),
    /// Some endpoints do not queue.
    bypass: bool,
    /// Clients leave.
    impatient: bool,
}

const PLAIN: Variation = Variation {
    discipline: Discipline::Fifo,
    flaws: Flaws {
        hides_hosts: false,
        whole_seconds: false,
        lost_per_mille: 0,
    },
    hosts: (1, 1),
    bypass: false,
    impatient: false,
};

pub fn fifo(seed: u64) -> Case {
    case(seed, &PLAIN)
}

pub fn random_order(seed: u64) -> Case {
    case(
        seed,
        &Variation {
            discipline: Discipline::Random,
            ..PLAIN
        },
    )
}

pub fn replicas(seed: u64) -> Case {
    case(
        seed,
        &Variation {
            hosts: (2, 6),
            ..PLAIN
        },
    )
}

pub fn hidden_replicas(seed: u64) -> Case {
    let flaws = Flaws {
        hides_hosts: true,
        ..PLAIN.flaws
    };
    case(
        seed,
        &Variation {
            hosts: (2, 6),
            flaws,
            ..PLAIN
        },
    )
}

pub fn sharing(seed: u64) -> Case {
    case(
        seed,
        &Variation {
            discipline: Discipline::Sharing,
            ..PLAIN
        },
    )
}

pub fn bypass(seed: u64) -> Case {
    case(
        seed,
        &Variation {
            bypass: true,
            ..PLAIN
        },
    )
}

pub fn lost_lines(seed: u64) -> Case {
    let flaws = Flaws {
        lost_per_mille: 50,
        ..PLAIN.flaws
    };
    case(seed, &Variation { flaws, ..PLAIN })
}

pub fn whole_seconds(seed: u64) -> Case {
    let flaws = Flaws {
        whole_seconds: true,
        ..PLAIN.flaws
    };
    case(seed, &Variation { flaws, ..PLAIN })
}

pub fn aborts(seed: u64) -> Case {
    case(
        seed,
        &Variation {
            impatient: true,
            ..PLAIN
        },
    )
}

/// Tries sites and sets of endpoints until the growth lies in the range that is asked for.
fn case(seed: u64, variation: &Variation) -> Case {
    let draw = &mut Draw::new(seed, Stream::Requests);
    // Three of five fill the pool, one nearly does, one does not. Drawn once, for full pools fit less often.
    let full = match draw.below(5) {
        0 => (0.5, 0.8),
        1 => (0.8, 1.0),
        _ => (1.0, 1.3),
    };
    first(seed, |seed| attempt(seed, full, variation))
}

/// How often an endpoint's mean own time may become longer.
const GROWTH: std::ops::RangeInclusive<f64> = 1.5..=20.0;

fn attempt(seed: u64, full: (f64, f64), variation: &Variation) -> Option<Case> {
    let mut world = World::draw(
        seed,
        &Wish {
            hosts: variation.hosts,
            ..Wish::default()
        },
    );
    let draw = &mut Draw::new(seed, Stream::Requests);
    let service = &world.services[0];
    let workers = service.all_workers() as f64;
    let quiet = service.utilisation;
    let full = uniform(draw, full);
    if full < quiet + 0.1 {
        return None;
    }
    // A full pool's wait grows by (full - 1) for each second: 5 to 45 s at the end.
    let longest_wait = uniform(draw, (5e6, 45e6));
    let mut length = part(draw, world.duration, (0.08, 0.35));
    if full > 1.0 {
        length = length.min((longest_wait / (full - 1.0)) as Micros);
    }
    if length < 90 * SECOND {
        return None;
    }
    let count = whole(draw, (1, 4)) as usize;
    let mut left: Vec<usize> = world.of_service(0).collect();
    if left.len() < 2 * count + 3 {
        return None;
    }
    let culprits: Vec<usize> = (0..count)
        .map(|_| left.swap_remove(draw.below(left.len() as u64) as usize))
        .collect();
    if variation.bypass {
        // Those of the others that have a front of their own.
        for endpoint in left {
            world.endpoints[endpoint].bypass = draw.chance(250);
        }
    }
    let service = &world.services[0];
    let share: f64 = culprits.iter().map(|e| world.endpoints[*e].share).sum();
    let of_service: f64 = world.of_service(0).map(|e| world.endpoints[e].share).sum();
    if !(0.01..=0.3).contains(&(share / of_service)) {
        return None;
    }
    let step_us = (full - quiet) * workers * 1e6 / (service.rate * share / of_service);
    let fits = |e: &usize| {
        let endpoint = &world.endpoints[*e];
        let requests = world.rate * endpoint.share * length as f64 / 1e6;
        GROWTH.contains(&(1.0 + step_us / endpoint.mean_us)) && requests >= 10.0
    };
    if !culprits.iter().all(fits) {
        return None;
    }
    let (from, until) = somewhere(draw, world.duration, length);
    // With a hot id, most of the culprits' requests are for it and only they are slow.
    let all_have_ids = culprits.iter().all(|e| world.endpoints[*e].ids > 0);
    let hot = (all_have_ids && draw.chance(500)).then(|| whole(draw, (0, 30)) as u32);
    let part_hot = uniform(draw, (0.5, 0.95));
    for culprit in &culprits {
        world.endpoints[*culprit].function = Some(SLOW);
    }
    let cv = uniform(draw, (0.05, 0.4));
    let mean_us = if hot.is_some() {
        step_us / part_hot
    } else {
        step_us
    };
    let what = What::Step {
        endpoints: culprits.clone(),
        function: SLOW,
        mean_us,
        cv,
        id: hot,
    };
    let mut traffic = Traffic::new(&world, seed);
    traffic.ordinary();
    let mut requests = traffic.finish();
    let patience = uniform(draw, (4e6, 15e6));
    for request in &mut requests {
        let slow = culprits.contains(&request.endpoint);
        if let Some(hot) = hot.filter(|_| slow) {
            if (from..until).contains(&request.at) {
                request.id = if draw.unit() < part_hot {
                    hot
                } else {
                    request.id
                };
            }
            if request.id == hot && !(from..until).contains(&request.at) {
                request.id = hot + 31 + draw.below(3) as u32;
            }
        }
        if variation.impatient {
            request.patience = 2 * SECOND + draw.exponential(patience);
        }
    }
    let share_one = culprits.len() >= 2;
    let truth = Truth {
        shared: if share_one {
            culprits.clone()
        } else {
            Vec::new()
        },
        function: Some(SLOW),
        hot,
        windows: vec![(from, until)],
        must: vec![if share_one {
            "shared_slow_path"
        } else {
            "slow_endpoint"
        }],
        may: vec!["hot_key"],
        culprits,
        ..Truth::default()
    };
    Some(Case {
        effects: vec![Effect { from, until, what }],
        discipline: variation.discipline,
        flaws: variation.flaws,
        agent: "-",
        world,
        requests,
        truth,
    })
}

/// Two or three endpoints, each with its own cause, time and step.
pub fn unrelated(seed: u64) -> Case {
    first(seed, apart)
}

fn apart(seed: u64) -> Option<Case> {
    let mut world = World::draw(
        seed,
        &Wish {
            utilisation: (0.3, 0.6),
            ..Wish::default()
        },
    );
    let draw = &mut Draw::new(seed, Stream::Requests);
    let length = part(draw, world.duration, (0.08, 0.15)).max(2 * MINUTE);
    let count = whole(draw, (2, 3)) as usize;
    let mut left: Vec<usize> = world.of_service(0).collect();
    let busy = |e: &usize| world.rate * world.endpoints[*e].share * length as f64 / 1e6 >= 40.0;
    left.retain(busy);
    if left.len() < count + 5 {
        return None;
    }
    let culprits: Vec<usize> = (0..count)
        .map(|_| left.swap_remove(draw.below(left.len() as u64) as usize))
        .collect();
    // One after the other, with a pause between.
    let each = world.duration * 3 / 4 / count as u64;
    if length + 2 * MINUTE > each {
        return None;
    }
    let names = ["scan_folder", "resize_image", "call_partner"];
    let mut effects = Vec::new();
    let mut windows = Vec::new();
    for (n, culprit) in culprits.iter().enumerate() {
        let from = world.duration / 5 + n as u64 * each + draw.below(each - length - MINUTE);
        let endpoint = &world.endpoints[*culprit];
        let room =
            0.9 * (0.95 - world.services[0].utilisation) * world.services[0].all_workers() as f64;
        let most = room * 1e6 / (world.rate * endpoint.share) / endpoint.mean_us;
        let growth = log_uniform(draw, (1.0, 10.0)).min(most);
        if growth < 0.8 {
            return None;
        }
        let mean_us = endpoint.mean_us * growth;
        let what = What::Step {
            endpoints: vec![*culprit],
            function: names[n],
            mean_us,
            cv: 0.3,
            id: None,
        };
        effects.push(Effect {
            from,
            until: from + length,
            what,
        });
        windows.push((from, from + length));
    }
    for (n, culprit) in culprits.iter().enumerate() {
        world.endpoints[*culprit].function = Some(names[n]);
    }
    let mut traffic = Traffic::new(&world, seed);
    traffic.ordinary();
    let requests = traffic.finish();
    let truth = Truth {
        culprits,
        windows,
        must: vec!["slow_endpoint"],

        ..Truth::default()
    };
    Some(plain(world, requests, effects, truth))
}
