//! Requests that end without an answer or begin late: somebody's limit, packets that were lost, an application
//! that is not there; each with what looks like it.

use super::super::draw::{Draw, Stream};
use super::super::traffic::{Request, Traffic, part, somewhere};
use super::super::world::{HOUR, MS, Micros, SECOND, Wish, World, log_uniform, uniform, whole};
use super::{Case, Truth, plain};

const SITE: Wish = Wish {
    endpoints: (8.0, 150.0),
    services: (1, 1),
    hosts: (1, 2),
    lines: (40_000.0, 80_000.0),
    duration: (HOUR, 6 * HOUR),
    utilisation: (0.15, 0.3),
};

/// A few requests hang, all through the log; clients give up after the same whole number of seconds.
pub fn timeouts(seed: u64) -> Case {
    hanging(seed, true)
}

/// As many hang, and each client leaves when it has had enough.
pub fn impatience(seed: u64) -> Case {
    hanging(seed, false)
}

fn hanging(seed: u64, same: bool) -> Case {
    let world = World::draw(seed, &SITE);
    let draw = &mut Draw::new(seed, Stream::Requests);
    let limit = [1, 2, 5, 10][draw.below(4) as usize] * SECOND;
    // What hangs keeps a worker meanwhile: a twentieth of them.
    let spare = 0.05 * world.services[0].all_workers() as f64 * world.duration as f64;
    let count = log_uniform(draw, (60.0, 600.0)).min(spare / (2.5 * limit as f64));
    let mut traffic = Traffic::new(&world, seed);
    traffic.ordinary();
    let mut requests = traffic.finish();
    let chance = count / requests.len() as f64;
    for request in &mut requests {
        // The clock of the client, and the way to nginx.
        request.patience = if same {
            limit + draw.below(15 * MS)
        } else {
            limit / 2 + draw.exponential(limit as f64)
        };
        if draw.unit() < chance {
            request.plain = (limit as f64 * uniform(draw, (1.5, 4.0))) as Micros;
        }
    }
    let truth = Truth {
        must: if same { vec!["timeouts"] } else { Vec::new() },
        ..Truth::default()
    };
    plain(world, requests, Vec::new(), truth)
}

/// For a while a part of the connections comes about at the second packet, the third or the fourth.
pub fn lost_packets(seed: u64) -> Case {
    connecting(seed, true)
}

/// For a while as many take as long, but each its own time.
pub fn slow_network(seed: u64) -> Case {
    connecting(seed, false)
}

fn connecting(seed: u64, lost: bool) -> Case {
    let world = World::draw(seed, &SITE);
    let draw = &mut Draw::new(seed, Stream::Requests);
    let length = part(draw, world.duration, (0.05, 0.5));
    let (from, until) = somewhere(draw, world.duration, length);
    let mut traffic = Traffic::new(&world, seed);
    traffic.ordinary();
    let mut requests = traffic.finish();
    let during = |r: &&mut Request| (from..until).contains(&r.at);
    let count = requests.iter_mut().filter(during).count() as f64;
    // Some hundred of them, whatever part that is.
    let rate = log_uniform(draw, (60.0, 600.0)) / count;
    for request in requests.iter_mut().filter(during) {
        if draw.unit() < rate {
            request.connecting = if lost {
                let mut seconds = 1;
                while seconds < 7 && draw.chance(300) {
                    seconds = 2 * seconds + 1;
                }
                seconds * SECOND + draw.below(30 * MS)
            } else {
                300 * MS + draw.exponential(1.2e6)
            };
        }
    }
    let truth = Truth {
        must: if lost {
            vec!["syn_retransmits"]
        } else {
            Vec::new()
        },
        windows: vec![(from, until)],
        ..Truth::default()
    };
    plain(world, requests, Vec::new(), truth)
}

/// Nobody takes connections for some seconds, as when an application is started anew.
pub fn restarts(seed: u64) -> Case {
    gone(seed, true)
}

/// As long it is there, and answers with 500.
pub fn failing_database(seed: u64) -> Case {
    gone(seed, false)
}

fn gone(seed: u64, refused: bool) -> Case {
    let world = World::draw(seed, &SITE);
    let draw = &mut Draw::new(seed, Stream::Requests);
    let times = whole(draw, (1, 6));
    // Long enough that two dozen requests fail, which nobody would overlook.
    let least = 24e6 / world.rate;
    let gaps: Vec<(Micros, Micros)> = (0..times)
        .map(|_| {
            let length = uniform(draw, (3e6, 20e6)).max(least) as Micros;
            somewhere(draw, world.duration, length)
        })
        .collect();
    let mut traffic = Traffic::new(&world, seed);
    traffic.ordinary();
    let mut requests = traffic.finish();
    for request in &mut requests {
        if gaps
            .iter()
            .any(|(from, until)| (*from..*until).contains(&request.at))
        {
            request.refused = refused;
            request.status = 500;
        }
    }
    let truth = Truth {
        must: if refused {
            vec!["restarts"]
        } else {
            Vec::new()
        },
        windows: gaps,
        ..Truth::default()
    };
    plain(world, requests, Vec::new(), truth)
}
