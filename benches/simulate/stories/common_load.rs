//! A decoy of every story in which endpoints grow together: a processor that is shared by all.
//!
//! The load rises and falls by the quarter of an hour, and own times with it, up to twice as long. Any two
//! endpoints correlate. Nobody waits, none is guilty, and no two share more than the machine.

use super::{PROXY, pool};
use crate::conditions::{Conditions, Effect};
use crate::draw::{Draw, Stream};
use crate::functions::Function;
use crate::queue::{Micros, Scenario};
use crate::traffic::{Audience, Endpoint, HOUR, MINUTE, Rate, Traffic};

const READ: Function = Function::cpu("read", 45_000);
const LIST: Function = Function::cpu("list", 130_000);
const WRITE: Function = Function::cpu("write", 80_000);
const INDEX: Function = Function::cpu("index", 60_000);
const RENDER: Function = Function::cpu("render", 20_000);

static ENDPOINTS: [Endpoint; 12] = [
    Endpoint::new("GET", "/notes", 120)
        .calls(&[LIST, RENDER])
        .answers(200, 9_000),
    Endpoint::new("GET", "/notes/{}", 220)
        .ids(500, 5)
        .calls(&[READ, RENDER])
        .answers(200, 3_000),
    Endpoint::new("POST", "/notes", 60)
        .calls(&[WRITE, INDEX])
        .body(1_200)
        .answers(201, 300),
    Endpoint::new("PUT", "/notes/{}", 50)
        .ids(500, 0)
        .calls(&[READ, WRITE, INDEX])
        .body(1_500)
        .answers(200, 300),
    Endpoint::new("DELETE", "/notes/{}", 12)
        .ids(500, 0)
        .calls(&[WRITE])
        .answers(204, 0),
    Endpoint::new("GET", "/tags", 70)
        .calls(&[LIST])
        .answers(200, 2_000),
    Endpoint::new("GET", "/tags/{}/notes", 80)
        .ids(60, 0)
        .calls(&[LIST, RENDER])
        .answers(200, 7_000),
    Endpoint::new("GET", "/search?q={}", 90)
        .ids(300, 0)
        .calls(&[INDEX, LIST, RENDER])
        .answers(200, 6_000),
    Endpoint::new("GET", "/notes/{}/history", 30)
        .ids(500, 0)
        .calls(&[READ, LIST])
        .answers(200, 11_000),
    Endpoint::new("POST", "/notes/{}/share", 24)
        .ids(500, 0)
        .calls(&[READ, WRITE])
        .body(120)
        .answers(201, 120),
    Endpoint::new("GET", "/account", 60)
        .calls(&[READ, RENDER])
        .answers(200, 1_500),
    Endpoint::new("POST", "/login", 20)
        .calls(&[WRITE])
        .body(90)
        .answers(303, 0),
];

const STEP: Micros = 15 * MINUTE;
const END: Micros = 6 * HOUR;

pub fn scenario(seed: u64) -> Scenario {
    let mut draw = Draw::new(seed, Stream::Story);
    let mut traffic = Traffic::new(
        seed,
        "notes.example.com",
        &ENDPOINTS,
        Audience::Browsers,
        260,
    );
    let mut conditions = Conditions::default();
    // Per cent of the usual load: a walk between two walls.
    let mut load = 100;
    for step in 0..END / STEP {
        let from = step * STEP;
        let next = (load + draw.below(61)).saturating_sub(30).clamp(60, 160);
        traffic.flow(from, from + STEP, Rate::Steady(0.55 * load as f64 / 100.0));
        // A third less than in proportion to the load.
        let slowed = |load: u64| 100 + (load - 60) * 2 / 3;
        conditions.add(
            from,
            from + STEP,
            Effect::Slow {
                on: None,
                pool: None,
                at_start: slowed(load),
                at_end: slowed(next),
            },
        );
        load = next;
    }
    Scenario {
        host: "notes.example.com",
        epoch: 1_773_212_400, // 2026-03-11 07:00
        pools: vec![pool("notes", &["10.0.11.4:8000"], 12)],
        proxy: PROXY,
        cache: None,
        conditions,
        requests: traffic.finish(),
    }
}
