//! The decoy of post-mortem 1: every endpoint waits, and none is guilty.
//!
//! For eight minutes two and a half times as many requests come, of the same kinds and each with the work it
//! always has. One sample is logged without the application's clock, and cannot say wait and own time apart;
//! the other with it.

use super::{PROXY, pool};
use crate::conditions::Conditions;
use crate::functions::Function;
use crate::queue::{Proxy, Scenario};
use crate::traffic::{Audience, Endpoint, MINUTE, Rate, SECOND, Traffic};

const LOAD: Function = Function::db("load", 260_000);
const LIST: Function = Function::db("list", 520_000);
const SEATS: Function = Function::db("seats", 700_000);
const SAVE: Function = Function::db("save", 380_000);
const RENDER: Function = Function::cpu("render", 80_000);

static ENDPOINTS: [Endpoint; 11] = [
    Endpoint::new("GET", "/events", 160)
        .calls(&[LIST, RENDER])
        .answers(200, 26_000),
    Endpoint::new("GET", "/events/{}", 260)
        .ids(120, 4)
        .calls(&[LOAD, RENDER])
        .answers(200, 18_000),
    Endpoint::new("GET", "/events/{}/seats", 180)
        .ids(120, 0)
        .calls(&[SEATS])
        .answers(200, 44_000),
    Endpoint::new("POST", "/events/{}/holds", 70)
        .ids(120, 0)
        .calls(&[LOAD, SAVE])
        .body(90)
        .answers(201, 120),
    Endpoint::new("DELETE", "/holds/{hex}", 20)
        .ids(400, 0)
        .calls(&[SAVE])
        .answers(204, 0),
    Endpoint::new("POST", "/orders", 40)
        .calls(&[LOAD, SAVE, SAVE])
        .body(700)
        .answers(201, 300),
    Endpoint::new("GET", "/orders/{}", 50)
        .ids(300, 0)
        .calls(&[LOAD, RENDER])
        .answers(200, 4_000),
    Endpoint::new("GET", "/venues/{}", 60)
        .ids(40, 0)
        .calls(&[LOAD, RENDER])
        .answers(200, 9_000),
    Endpoint::new("GET", "/search?q={}", 90)
        .ids(300, 0)
        .calls(&[LIST, RENDER])
        .answers(200, 12_000),
    Endpoint::new("GET", "/account", 50)
        .calls(&[LOAD, RENDER])
        .answers(200, 5_000),
    Endpoint::new("POST", "/login", 30)
        .calls(&[SAVE])
        .body(80)
        .answers(200, 200),
];

pub fn scenario(seed: u64) -> Scenario {
    let mut traffic = Traffic::new(
        seed,
        "tickets.example.com",
        &ENDPOINTS,
        Audience::Browsers,
        400,
    );
    traffic.flow(0, 42 * MINUTE, Rate::Steady(4.0));
    traffic.flow(20 * MINUTE, 28 * MINUTE, Rate::Steady(6.4));
    Scenario {
        host: "tickets.example.com",
        epoch: 1_773_140_400, // 2026-03-10 11:00
        pools: vec![pool("tickets", &["10.0.9.7:8000"], 5)],
        proxy: Proxy {
            read_timeout: 180 * SECOND,
            ..PROXY
        },
        cache: None,
        conditions: Conditions::default(),
        requests: traffic.finish(),
    }
}
