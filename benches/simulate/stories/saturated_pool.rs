//! Post-mortem 1: the API's workers saturate every so often, and everything waits.
//!
//! `objects`, `other` and `another` all call `update_objects`, which loops over the interfaces of one server.
//! Most servers have 30 to 70 interfaces; one has 60,000. Now and then work on that server comes in, and each
//! of its requests holds a worker for some forty seconds. The number of requests stays what it was.

use super::{PROXY, pool};
use crate::conditions::Conditions;
use crate::draw::{Draw, Stream};
use crate::functions::Function;
use crate::queue::{Micros, Proxy, Scenario};
use crate::traffic::{Audience, Client, Endpoint, MINUTE, Rate, SECOND, Traffic, id_of_rank};

const TOKEN: Function = Function::db("check_token", 4_000);
const LOAD_USER: Function = Function::db("load_user", 38_000);
const LOAD_SERVER: Function = Function::db("load_server", 55_000);
const LIST: Function = Function::db("list_page", 120_000);
const METRICS: Function = Function::db("read_metrics", 190_000);
const SAVE: Function = Function::db("save", 70_000);
const AUDIT: Function = Function::db("write_audit", 30_000);
const MAIL: Function = Function::cpu("send_mail", 85_000);
const SERIALISE: Function = Function::cpu("serialise", 16_000);
/// 0.7 ms per interface: 60,000 of them take 42 s.
const UPDATE_OBJECTS: Function = Function::per_item("update_objects", 700_000);

static ENDPOINTS: [Endpoint; 20] = [
    Endpoint::new("POST", "/api/objects/{}", 62)
        .ids(400, 0)
        .calls(&[TOKEN, LOAD_SERVER, UPDATE_OBJECTS])
        .body(800),
    Endpoint::new("POST", "/api/other/{}", 34)
        .ids(400, 0)
        .calls(&[TOKEN, UPDATE_OBJECTS, AUDIT])
        .body(500),
    Endpoint::new("POST", "/api/another/{}", 24)
        .ids(400, 0)
        .calls(&[TOKEN, LOAD_SERVER, UPDATE_OBJECTS, SAVE])
        .body(300),
    Endpoint::new("POST", "/api/users/", 58)
        .calls(&[TOKEN, SAVE, MAIL, SERIALISE])
        .body(600)
        .answers(201, 700),
    Endpoint::new("GET", "/api/users/", 70)
        .calls(&[TOKEN, LIST, SERIALISE])
        .answers(200, 14_000),
    Endpoint::new("GET", "/api/users/{}", 130)
        .ids(700, 8)
        .calls(&[TOKEN, LOAD_USER, SERIALISE])
        .answers(200, 900),
    Endpoint::new("PUT", "/api/users/{}", 30)
        .ids(700, 0)
        .calls(&[TOKEN, LOAD_USER, SAVE])
        .body(700)
        .answers(200, 900),
    Endpoint::new("DELETE", "/api/users/{}", 8)
        .ids(700, 0)
        .calls(&[TOKEN, LOAD_USER, SAVE, AUDIT])
        .answers(204, 0),
    Endpoint::new("GET", "/api/servers/", 60)
        .calls(&[TOKEN, LIST, SERIALISE])
        .answers(200, 22_000),
    Endpoint::new("GET", "/api/servers/{}", 140)
        .ids(400, 6)
        .calls(&[TOKEN, LOAD_SERVER, SERIALISE])
        .answers(200, 2_600),
    Endpoint::new("GET", "/api/servers/{}/metrics", 90)
        .ids(400, 0)
        .calls(&[TOKEN, METRICS, SERIALISE])
        .answers(200, 31_000),
    Endpoint::new("POST", "/api/servers/{}/reboot", 10)
        .ids(400, 0)
        .calls(&[TOKEN, LOAD_SERVER, AUDIT])
        .body(40)
        .answers(202, 80),
    Endpoint::new("GET", "/api/networks/", 40)
        .calls(&[TOKEN, LIST, SERIALISE])
        .answers(200, 9_000),
    Endpoint::new("GET", "/api/networks/{}", 60)
        .ids(90, 5)
        .calls(&[TOKEN, LOAD_SERVER, SERIALISE])
        .answers(200, 1_900),
    Endpoint::new("PATCH", "/api/networks/{}", 16)
        .ids(90, 0)
        .calls(&[TOKEN, LOAD_SERVER, SAVE])
        .body(350)
        .answers(200, 1_900),
    Endpoint::new("GET", "/api/alerts", 64)
        .calls(&[TOKEN, METRICS, SERIALISE])
        .answers(200, 5_000),
    Endpoint::new("POST", "/api/alerts/{}/ack", 18)
        .ids(60, 0)
        .calls(&[TOKEN, SAVE, AUDIT])
        .body(60)
        .answers(200, 60),
    Endpoint::new("GET", "/api/billing/invoices", 24)
        .calls(&[TOKEN, LIST, SERIALISE])
        .answers(200, 7_000),
    Endpoint::new("POST", "/api/tokens", 40)
        .calls(&[LOAD_USER, AUDIT])
        .body(120)
        .answers(201, 240),
    Endpoint::new("GET", "/api/status", 22)
        .calls(&[SERIALISE])
        .answers(200, 90),
];

/// The server with 60,000 interfaces; its id is the third most popular at any time.
const HOT_RANK: u64 = 2;
const HOT_INTERFACES: u64 = 60_000;
const WORK_ON_IT: [(Micros, Micros); 2] = [(9 * MINUTE, 36 * MINUTE), (47 * MINUTE, 74 * MINUTE)];
const END: Micros = 84 * MINUTE;
/// Work on the server opens with an import, which fills the pool at once.
const IMPORT: u64 = 40;

pub fn scenario(seed: u64) -> Scenario {
    let mut draw = Draw::new(seed, Stream::Story);
    let mut traffic = Traffic::new(seed, "api.example.com", &ENDPOINTS, Audience::Machines, 120)
        .with_impatience(60, 90 * SECOND);
    traffic.flow(0, END, Rate::Steady(3.9));
    let hot = id_of_rank(HOT_RANK);
    for request in traffic.requests_mut() {
        let worked_on = WORK_ON_IT
            .iter()
            .any(|(from, until)| (*from..*until).contains(&request.start));
        if request.endpoint.calls.contains(&UPDATE_OBJECTS) {
            if worked_on && draw.chance(840) {
                request.aim_at(hot);
                request.items = HOT_INTERFACES;
            } else if request.path.ends_with(&format!("/{hot}")) {
                // Outside the incidents nobody works on the hot server: its id goes to a neighbour.
                request.aim_at(hot + 1);
            }
        }
    }
    let importer = Client {
        address: "198.51.100.77".into(),
        agent: "inventory-import/2.0",
        user: 17,
        bytes_per_second: 4_000_000,
    };
    for (from, _) in WORK_ON_IT {
        for n in 0..IMPORT {
            let at = from + n * 2 * SECOND + draw.below(SECOND);
            let endpoint = &ENDPOINTS[(n % 3) as usize];
            traffic.scripted(at, endpoint, hot, importer.clone()).items = HOT_INTERFACES;
        }
    }
    Scenario {
        host: "api.example.com",
        epoch: 1_772_529_000, // 2026-03-03 09:10
        pools: vec![pool("api", &["10.0.1.11:8000", "10.0.1.12:8000"], 8)],
        proxy: Proxy {
            read_timeout: 300 * SECOND,
            ..PROXY
        },
        cache: None,
        conditions: Conditions::default(),
        requests: traffic.finish(),
    }
}
