//! What lies between the client and the application: replicas that differ, attempts that fail, clients that
//! repeat themselves or are slow, probes; each with what looks like it.

use super::super::draw::{Draw, Stream};
use super::super::effect::{Effect, What};
use super::super::traffic::{CLIENTS, Lost, Traffic, part, somewhere};
use super::super::world::{HOUR, MS, Micros, SECOND, Wish, World, log_uniform, uniform, whole};
use super::{Case, Truth, first, plain};

const REPLICATED: Wish = Wish {
    endpoints: (8.0, 150.0),
    services: (1, 1),
    hosts: (3, 6),
    lines: (50_000.0, 100_000.0),
    duration: (HOUR, 6 * HOUR),
    utilisation: (0.15, 0.3),
};

/// One replica takes 2.5 to 4 times as long as its peers, from some time on.
pub fn slow_replica(seed: u64) -> Case {
    let world = World::draw(seed, &REPLICATED);
    let draw = &mut Draw::new(seed, Stream::Requests);
    let (host, slow) = slow_host(&world, draw);
    let effects = vec![slow];
    let subject = Some(world.services[0].hosts[host].clone());
    let mut traffic = Traffic::new(&world, seed);
    traffic.ordinary();
    let requests = traffic.finish();
    let truth = Truth {
        must: vec!["slow_upstream"],

        subject,
        ..Truth::default()
    };
    plain(world, requests, effects, truth)
}

/// One replica of those of a world, and its slowness.
fn slow_host(world: &World, draw: &mut Draw) -> (usize, Effect) {
    let host = draw.below(world.services[0].hosts.len() as u64) as usize;
    let factor = uniform(draw, (2.5, 4.0))
        .min(0.85 / world.services[0].utilisation)
        .max(2.5);
    let from = if draw.chance(500) {
        0
    } else {
        draw.below(world.duration / 2)
    };
    let what = What::Host {
        service: 0,
        host,
        factor,
    };
    let until = Micros::MAX;
    (host, Effect { from, until, what })
}

/// One replica is as slow, and at another time one endpoint steps up by 50 to 150 % at all of them and stays there, with
/// 1,000 requests before and after.
pub fn shift_beside_slow_replica(seed: u64) -> Case {
    first(seed, |seed| {
        let world = World::draw(seed, &REPLICATED);
        let draw = &mut Draw::new(seed, Stream::Requests);
        let (_, slow) = slow_host(&world, draw);
        let from = (world.duration as f64 * uniform(draw, (0.35, 0.65))) as Micros;
        let requests =
            |e: usize| world.rate * world.endpoints[e].share * 0.35 * world.duration as f64 / 1e6;
        let busy: Vec<usize> = (0..world.endpoints.len())
            .filter(|e| requests(*e) >= 1_000.0)
            .collect();
        let culprit = *busy.get(draw.below(busy.len().max(1) as u64) as usize)?;
        let mut factors = vec![1.0; world.endpoints.len()];
        factors[culprit] = uniform(draw, (1.5, 2.5));
        let mut traffic = Traffic::new(&world, seed);
        traffic.ordinary();
        let requests = traffic.finish();
        let step = Effect {
            from,
            until: Micros::MAX,
            what: What::Slow { factors },
        };
        let truth = Truth {
            culprits: vec![culprit],
            must: vec!["shift", "slow_endpoint"],
            may: vec!["slow_upstream"],
            windows: vec![(from, world.duration)],
            ..Truth::default()
        };
        Some(plain(world, requests, vec![slow, step], truth))
    })
}

/// One replica is sent the endpoints that take long: it is as fast as its peers at each of them.
pub fn uneven_replicas(seed: u64) -> Case {
    let world = World::draw(seed, &REPLICATED);
    let draw = &mut Draw::new(seed, Stream::Requests);
    let mut by_time: Vec<usize> = (0..world.endpoints.len()).collect();
    by_time.sort_by(|a, b| {
        world.endpoints[*b]
            .mean_us
            .total_cmp(&world.endpoints[*a].mean_us)
    });
    let heavy: Vec<usize> = by_time
        .into_iter()
        .take(world.endpoints.len() / 3)
        .collect();
    let mut traffic = Traffic::new(&world, seed);
    traffic.ordinary();
    let mut requests = traffic.finish();
    for request in requests.iter_mut().filter(|r| heavy.contains(&r.endpoint)) {
        if draw.chance(500) {
            request.host = 0;
        }
    }
    // More for one to do than for the others: it may fill up.
    let truth = Truth { ..Truth::default() };
    plain(world, requests, Vec::new(), truth)
}

/// For a while a part of the attempts at one replica fails, and nginx goes on to the next.
pub fn failing_replica(seed: u64) -> Case {
    retried(seed, (0.1, 0.8), (0.05, 0.3))
}

/// An attempt fails now and then, as it does everywhere.
pub fn rare_failures(seed: u64) -> Case {
    retried(seed, (0.000_2, 0.000_4), (0.7, 0.7))
}

fn retried(seed: u64, rate: (f64, f64), length: (f64, f64)) -> Case {
    let world = World::draw(seed, &REPLICATED);
    let draw = &mut Draw::new(seed, Stream::Requests);
    let hosts = world.services[0].hosts.len();
    let bad = draw.below(hosts as u64) as usize;
    let rate = log_uniform(draw, rate);
    let length = part(draw, world.duration, length);
    let (from, until) = somewhere(draw, world.duration, length);
    // Refused at once, or silent until nginx gives up.
    let (status, time) = if draw.chance(400) {
        (502, MS)
    } else {
        (504, whole(draw, (1, 5)) * SECOND)
    };
    let mut traffic = Traffic::new(&world, seed);
    traffic.ordinary();
    let mut requests = traffic.finish();
    for request in requests
        .iter_mut()
        .filter(|r| r.host == bad && (from..until).contains(&r.at))
    {
        if draw.unit() < rate {
            request.lost = Some(Lost {
                host: bad,
                time: time + draw.below(900),
                status,
            });
            request.host = (bad + 1 + draw.below(hosts as u64 - 1) as usize) % hosts;
        }
    }
    let matters = rate > 0.01;
    let truth = Truth {
        must: if matters {
            vec!["upstream_retries"]
        } else {
            Vec::new()
        },
        windows: vec![(from, until)],
        ..Truth::default()
    };
    plain(world, requests, Vec::new(), truth)
}

const SMALL: Wish = Wish {
    hosts: (1, 2),
    ..REPLICATED
};

/// A client sends the same request again whenever it fails, until its endpoint's traffic has doubled and more.
pub fn retry_storm(seed: u64) -> Case {
    repeats(seed, true)
}

/// A client asks the same again and again, and is answered.
pub fn polling(seed: u64) -> Case {
    repeats(seed, false)
}

fn repeats(seed: u64, fails: bool) -> Case {
    let world = World::draw(seed, &SMALL);
    let draw = &mut Draw::new(seed, Stream::Requests);
    let endpoint = draw.below(world.endpoints.len() as u64) as usize;
    let length = part(draw, world.duration, (0.1, 0.4));
    let (from, until) = somewhere(draw, world.duration, length);
    let cadence = log_uniform(draw, (5e6, 60e6)) as Micros;
    let usual = world.rate * world.endpoints[endpoint].share;
    // As many senders as double the endpoint's traffic, each with one request of its own.
    let senders = (usual * cadence as f64 / 1e6 * uniform(draw, (1.0, 3.0)))
        .ceil()
        .max(3.0) as u64;
    let mut traffic = Traffic::new(&world, seed);
    traffic.ordinary();
    for sender in 0..senders {
        let mut at = from + draw.below(cadence);
        let first = traffic.request(at, endpoint);
        while at < until {
            let mut request = first.clone();
            request.at = at;
            request.client = CLIENTS as u32 + (sender % 5) as u32;
            request.id = 3_500 + sender as u32;
            request.plain = traffic.world.endpoints[endpoint].own_time(&mut traffic.draw);
            request.status = if fails && !draw.chance(20) { 503 } else { 200 };
            traffic.requests.push(request);
            at += cadence + draw.below(cadence / 10);
        }
    }
    let requests = traffic.finish();
    let truth = Truth {
        must: if fails {
            vec!["retry_storm"]
        } else {
            Vec::new()
        },
        windows: vec![(from, until)],
        // It is more traffic, and regular.
        may: vec!["traffic_surge", "health_check_load"],
        ..Truth::default()
    };
    Case {
        agent: "hr-sync/2.4",
        ..plain(world, requests, Vec::new(), truth)
    }
}

/// Probes, each as regular as a clock, that take a tenth to a third of the busy time.
pub fn probes(seed: u64) -> Case {
    regular(seed, (0.1, 0.33))
}

/// Probes as regular, of next to no work.
pub fn light_probes(seed: u64) -> Case {
    regular(seed, (0.000_1, 0.001))
}

fn regular(seed: u64, share: (f64, f64)) -> Case {
    let mut world = World::draw(seed, &SMALL);
    let draw = &mut Draw::new(seed, Stream::Requests);
    let share = log_uniform(draw, share);
    let probes = whole(draw, (2, 60));
    let period = log_uniform(draw, (2e6, 30e6)) as Micros;
    // No more probes than the log has other lines.
    let period = period.max((probes as f64 / world.rate * 2e6) as Micros);
    let workers = world.services[0].all_workers() as f64;
    let busy = world.services[0].utilisation * workers * share / (1.0 - share);
    let mut probe = world.endpoints[0].clone();
    probe.method = "GET";
    probe.path = "/health".into();
    probe.share = 0.0;
    probe.ids = 0;
    probe.cv = 0.3;
    probe.mean_us = busy * period as f64 / probes as f64;
    world.endpoints.push(probe);
    let endpoint = world.endpoints.len() - 1;
    let together = draw.chance(500);
    let mut traffic = Traffic::new(&world, seed);
    traffic.ordinary();
    for n in 0..probes {
        let mut at = if together { 0 } else { draw.below(period) };
        while at < world.duration {
            let mut request = traffic.request(at + draw.below(40 * MS), endpoint);
            request.client = (CLIENTS + n) as u32;
            request.status = 200;
            traffic.requests.push(request);
            at += period;
        }
    }
    let requests = traffic.finish();
    let matters = share > 0.01;
    let truth = Truth {
        must: if matters {
            vec!["health_check_load"]
        } else {
            Vec::new()
        },

        ..Truth::default()
    };
    Case {
        agent: "kube-probe/1.33",
        ..plain(world, requests, Vec::new(), truth)
    }
}

/// A tenth of the traffic comes from a network that takes a second more for each answer.
pub fn slow_clients(seed: u64) -> Case {
    let world = World::draw(seed, &SMALL);
    let draw = &mut Draw::new(seed, Stream::Requests);
    let slower = uniform(draw, (0.8e6, 2.0e6));
    let mut traffic = Traffic::new(&world, seed);
    traffic.ordinary();
    let mut requests = traffic.finish();
    for request in &mut requests {
        if draw.chance(100) {
            request.client = (CLIENTS + draw.below(120)) as u32;
            request.client_time += draw.exponential(slower);
        }
    }
    let truth = Truth {
        must: vec!["slow_clients"],
        ..Truth::default()
    };
    Case {
        agent: "MobileApp/7.2 (Android)",
        ..plain(world, requests, Vec::new(), truth)
    }
}

/// A few endpoints send much, which takes everybody long.
pub fn large_answers(seed: u64) -> Case {
    let world = World::draw(seed, &SMALL);
    let draw = &mut Draw::new(seed, Stream::Requests);
    let large: Vec<bool> = world.endpoints.iter().map(|_| draw.chance(150)).collect();
    let mut traffic = Traffic::new(&world, seed);
    traffic.ordinary();
    let mut requests = traffic.finish();
    for request in requests.iter_mut().filter(|r| large[r.endpoint]) {
        request.answer_bytes += 4_000_000;
        request.client_time += 300 * MS + draw.exponential(700_000.0);
    }
    plain(world, requests, Vec::new(), Truth::default())
}
