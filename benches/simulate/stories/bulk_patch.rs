//! Post-mortem 5: a PATCH of 80,000 users kills the database, and its sender repeats it.
//!
//! Bulk updates take time in proportion to their users. The giant one runs for minutes, slows everybody, and
//! ends with the database killed for want of memory: all that runs breaks off, the application is gone for a
//! while and then says 503 until the database is back. The sender tries again a minute after each failure.

use super::{PROXY, pool};
use crate::conditions::{Conditions, Effect, Outage, Resource};
use crate::draw::{Draw, Stream};
use crate::functions::Function;
use crate::queue::{Micros, Proxy, Scenario};
use crate::traffic::{Audience, Client, Endpoint, HOUR, MINUTE, Rate, SECOND, Traffic};

const TOKEN: Function = Function::db("check_token", 3_000);
const LOAD: Function = Function::db("load_user", 20_000);
const LIST: Function = Function::db("list_users", 80_000);
const GROUPS: Function = Function::db("load_groups", 35_000);
const SAVE: Function = Function::db("save_user", 40_000);
/// 5 ms per user.
const UPDATE: Function = Function::per_item("update_users", 5_000_000);

static ENDPOINTS: [Endpoint; 10] = [
    Endpoint::new("GET", "/api/users", 80)
        .calls(&[TOKEN, LIST])
        .answers(200, 24_000),
    Endpoint::new("GET", "/api/users/{}", 260)
        .ids(600, 8)
        .calls(&[TOKEN, LOAD])
        .answers(200, 900),
    Endpoint::new("POST", "/api/users", 40)
        .calls(&[TOKEN, SAVE])
        .body(600)
        .answers(201, 900),
    Endpoint::new("PATCH", "/api/users/{}", 70)
        .ids(600, 0)
        .calls(&[TOKEN, LOAD, SAVE])
        .body(250)
        .answers(200, 900),
    Endpoint::new("DELETE", "/api/users/{}", 12)
        .ids(600, 0)
        .calls(&[TOKEN, SAVE])
        .answers(204, 0),
    Endpoint::new("GET", "/api/groups", 90)
        .calls(&[TOKEN, GROUPS])
        .answers(200, 7_000),
    Endpoint::new("GET", "/api/groups/{}/members", 110)
        .ids(80, 0)
        .calls(&[TOKEN, GROUPS, LIST])
        .answers(200, 12_000),
    Endpoint::new("PUT", "/api/groups/{}/members", 24)
        .ids(80, 0)
        .calls(&[TOKEN, GROUPS, SAVE])
        .body(2_000)
        .answers(204, 0),
    Endpoint::new("POST", "/api/tokens", 60)
        .calls(&[LOAD])
        .body(110)
        .answers(201, 240),
    BULK,
];
const BULK: Endpoint = Endpoint::new("PATCH", "/api/users/bulk", 42)
    .calls(&[TOKEN, UPDATE])
    .body(1)
    .answers(200, 130);
static GIANT: Endpoint = BULK;

const BYTES_PER_USER: u64 = 300;
const GIANT_USERS: u64 = 80_000;
const FIRST: Micros = 150 * MINUTE;
const LAST: Micros = 7 * HOUR;
const END: Micros = 9 * HOUR;
/// How long the giant request runs before the database is killed.
const UNTIL_KILLED: Micros = 215 * SECOND;
const PROCESS_AWAY: Micros = 20 * SECOND;
const DATABASE_AWAY: Micros = 150 * SECOND;
const RETRY_AFTER: Micros = 60 * SECOND;

pub fn scenario(seed: u64) -> Scenario {
    let mut draw = Draw::new(seed, Stream::Story);
    let mut traffic = Traffic::new(
        seed,
        "directory.example.com",
        &ENDPOINTS,
        Audience::Machines,
        90,
    );
    traffic.flow(0, END, Rate::Steady(0.55));
    for request in traffic
        .requests_mut()
        .filter(|request| *request.endpoint == BULK)
    {
        // Ordinary bulk updates: a handful of users, a thousand at most.
        request.items = draw.lognormal(28, 1.3).clamp(1, 1_500);
        request.body_bytes = request.items * BYTES_PER_USER;
    }
    let sender = Client {
        address: "198.51.100.240".into(),
        agent: "hr-sync/1.4",
        user: 9,
        bytes_per_second: 9_000_000,
    };
    let mut send = |at| {
        let request = traffic.scripted(at, &GIANT, 0, sender.clone());
        request.items = GIANT_USERS;
        request.body_bytes = GIANT_USERS * BYTES_PER_USER;
        request.answer_bytes = 130;
    };
    let mut conditions = Conditions::default();
    let mut at = FIRST;
    while at < LAST {
        send(at);
        let killed = at + UNTIL_KILLED + draw.below(20 * SECOND);
        let back = killed + DATABASE_AWAY;
        let database = Some(Resource::Database);
        conditions.add(
            at,
            killed,
            Effect::Slow {
                on: database,
                pool: None,
                at_start: 100,
                at_end: 500,
            },
        );
        conditions.add(
            killed,
            killed + PROCESS_AWAY,
            Effect::Away {
                pool: 0,
                replica: 0,
                how: Outage::Gone,
            },
        );
        conditions.add(
            killed,
            back,
            Effect::Failing {
                pool: 0,
                status: 503,
                per_mille: 1_000,
            },
        );
        // Its retries fail at once while the database is away; the first one after that is the next giant.
        at = killed + RETRY_AFTER;
        while at < back {
            send(at);
            // The upload of 24 MB takes some three seconds, then the answer comes at once.
            at += RETRY_AFTER + 3 * SECOND + draw.below(SECOND);
        }
    }
    Scenario {
        host: "directory.example.com",
        epoch: 1_772_848_800, // 2026-03-07 02:00
        pools: vec![pool("directory", &["10.0.6.2:8080"], 16)],
        proxy: Proxy {
            read_timeout: 600 * SECOND,
            ..PROXY
        },
        cache: None,
        conditions,
        requests: traffic.finish(),
    }
}
