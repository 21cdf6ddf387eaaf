//! Post-mortem 4: one service slows down until it is restarted, again and again.
//!
//! `shop` leaks: all its functions take ever more of the CPU, three times as much after some three hours. Then
//! the instance is killed and is away for half a minute. `accounts`, behind the same nginx, is well.

use super::{PROXY, pool};
use crate::conditions::{Conditions, Effect, Outage};
use crate::functions::Function;
use crate::queue::{Micros, Scenario};
use crate::traffic::{Audience, Endpoint, HOUR, MINUTE, Place, Rate, SECOND, Traffic};

const LOAD: Function = Function::db("load", 18_000);
const LIST: Function = Function::db("list", 42_000);
const FILTER: Function = Function::cpu("filter", 30_000);
const RENDER: Function = Function::cpu("render", 26_000);
const HASH: Function = Function::cpu("hash", 60_000);
const SAVE: Function = Function::db("save", 22_000);

const SHOP: Place = Place::Pool(0);
const ACCOUNTS: Place = Place::Pool(1);

static ENDPOINTS: [Endpoint; 13] = [
    Endpoint::new("GET", "/shop/items", 110)
        .at(SHOP)
        .calls(&[LIST, FILTER, RENDER])
        .answers(200, 30_000),
    Endpoint::new("GET", "/shop/items/{}", 220)
        .at(SHOP)
        .ids(300, 5)
        .calls(&[LOAD, RENDER])
        .answers(200, 17_000),
    Endpoint::new("GET", "/shop/items/{}/similar", 90)
        .at(SHOP)
        .ids(300, 0)
        .calls(&[LIST, FILTER])
        .answers(200, 6_000),
    Endpoint::new("GET", "/shop/search?term={}", 70)
        .at(SHOP)
        .ids(400, 0)
        .calls(&[LIST, FILTER, FILTER, RENDER])
        .answers(200, 22_000),
    Endpoint::new("POST", "/shop/basket", 40)
        .at(SHOP)
        .calls(&[LOAD, SAVE])
        .body(140)
        .answers(303, 0),
    Endpoint::new("GET", "/shop/basket", 60)
        .at(SHOP)
        .calls(&[LOAD, RENDER])
        .answers(200, 6_000),
    Endpoint::new("POST", "/shop/orders", 12)
        .at(SHOP)
        .calls(&[LOAD, SAVE, SAVE])
        .body(800)
        .answers(303, 0),
    Endpoint::new("GET", "/accounts/me", 140)
        .at(ACCOUNTS)
        .calls(&[LOAD])
        .answers(200, 600),
    Endpoint::new("PUT", "/accounts/me", 14)
        .at(ACCOUNTS)
        .calls(&[LOAD, SAVE])
        .body(500)
        .answers(200, 600),
    Endpoint::new("POST", "/accounts/login", 40)
        .at(ACCOUNTS)
        .calls(&[HASH, SAVE])
        .body(80)
        .answers(200, 300),
    Endpoint::new("GET", "/accounts/{}/orders", 50)
        .at(ACCOUNTS)
        .ids(300, 0)
        .calls(&[LIST, RENDER])
        .answers(200, 8_000),
    Endpoint::new("GET", "/accounts/{}/addresses", 60)
        .at(ACCOUNTS)
        .ids(300, 0)
        .calls(&[LOAD])
        .answers(200, 900),
    Endpoint::new("POST", "/accounts/password", 5)
        .at(ACCOUNTS)
        .calls(&[HASH, HASH, SAVE])
        .body(90)
        .answers(204, 0),
];

/// Minutes at which `shop` is killed; the first life began before the log.
const KILLS: [u64; 6] = [148, 341, 526, 722, 908, 1_101];
const AWAY: Micros = 35 * SECOND;
const END: Micros = 20 * HOUR;

pub fn scenario(seed: u64) -> Scenario {
    let mut traffic = Traffic::new(seed, "www.example.net", &ENDPOINTS, Audience::Browsers, 200);
    traffic.flow(0, END, Rate::Steady(0.25));
    let mut conditions = Conditions::default();
    let grows = |at_start, at_end| Effect::Slow {
        on: None,
        pool: Some(0),
        at_start,
        at_end,
    };
    let (mut born, mut at_start) = (0, 145);
    for kill in KILLS {
        let kill = kill * MINUTE;
        conditions.add(born, kill, grows(at_start, 310));
        conditions.add(
            kill,
            kill + AWAY,
            Effect::Away {
                pool: 0,
                replica: 0,
                how: Outage::Gone,
            },
        );
        (born, at_start) = (kill, 100);
    }
    conditions.add(born, END + HOUR, grows(100, 300));
    Scenario {
        host: "www.example.net",
        epoch: 1_772_755_200, // 2026-03-06
        pools: vec![
            pool("shop", &["10.0.5.11:8000"], 8),
            pool("accounts", &["10.0.5.21:8000"], 8),
        ],
        proxy: PROXY,
        cache: None,
        conditions,
        requests: traffic.finish(),
    }
}
