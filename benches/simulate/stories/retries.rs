//! What a broken replica looks like through nginx: lists of attempts, timeouts, clients that leave.
//!
//! The first of three replicas dies; later the second accepts and never answers; later packets to the third
//! are lost; at last all three are away for half a minute. All the time downloads go through
//! X-Accel-Redirect to a second upstream that does not time itself, and two pages have a stale copy to show.

use super::{PROXY, pool};
use crate::cache::CacheSettings;
use crate::conditions::{Conditions, Effect, Outage};
use crate::functions::Function;
use crate::queue::{Pool, Proxy, Scenario};
use crate::traffic::{Audience, Endpoint, MINUTE, Place, Rate, SECOND, Traffic};

const SESSION: Function = Function::db("load_session", 4_000);
const DOCUMENT: Function = Function::db("load_document", 33_000);
const LIST: Function = Function::db("list_documents", 70_000);
const GRANT: Function = Function::db("check_grant", 9_000);
const SAVE: Function = Function::db("save", 45_000);
const RENDER: Function = Function::cpu("render", 14_000);

const STORAGE: Place = Place::Handed { from: 0, to: 1 };

static ENDPOINTS: [Endpoint; 10] = [
    Endpoint::new("GET", "/documents", 100)
        .calls(&[SESSION, LIST, RENDER])
        .answers(200, 19_000),
    Endpoint::new("GET", "/documents/{}", 220)
        .ids(300, 8)
        .calls(&[SESSION, DOCUMENT, RENDER])
        .answers(200, 13_000),
    Endpoint::new("PUT", "/documents/{}", 50)
        .ids(300, 0)
        .calls(&[SESSION, DOCUMENT, SAVE])
        .body(9_000)
        .answers(200, 300),
    Endpoint::new("POST", "/documents", 36)
        .calls(&[SESSION, SAVE])
        .body(7_000)
        .answers(201, 300),
    Endpoint::new("DELETE", "/documents/{}", 9)
        .ids(300, 0)
        .calls(&[SESSION, SAVE])
        .answers(204, 0),
    Endpoint::new("GET", "/documents/{}/file", 90)
        .ids(300, 0)
        .at(STORAGE)
        .calls(&[SESSION, GRANT])
        .answers(200, 160_000),
    Endpoint::new("POST", "/documents/{}/shares", 24)
        .ids(300, 0)
        .calls(&[SESSION, GRANT, SAVE])
        .body(200)
        .answers(201, 150),
    Endpoint::new("GET", "/help", 30)
        .calls(&[RENDER])
        .answers(200, 9_000)
        .cached(20 * SECOND),
    Endpoint::new("GET", "/help/{}", 40)
        .ids(12, 0)
        .calls(&[RENDER])
        .answers(200, 12_000)
        .cached(30 * SECOND),
    Endpoint::file("/assets/app.js", 60, 120_000),
];

pub fn scenario(seed: u64) -> Scenario {
    let mut traffic = Traffic::new(
        seed,
        "docs.example.com",
        &ENDPOINTS,
        Audience::Browsers,
        160,
    )
    .with_impatience(200, 6 * SECOND);
    traffic.flow(0, 45 * MINUTE, Rate::Steady(3.6));
    let mut conditions = Conditions::default();
    let away = |replica, how| Effect::Away {
        pool: 0,
        replica,
        how,
    };
    conditions.add(10 * MINUTE, 17 * MINUTE, away(0, Outage::Gone));
    conditions.add(23 * MINUTE, 31 * MINUTE, away(1, Outage::Silent));
    conditions.add(35 * MINUTE, 39 * MINUTE, away(2, Outage::Unreachable));
    for replica in 0..3 {
        conditions.add(
            41 * MINUTE,
            41 * MINUTE + 30 * SECOND,
            away(replica, Outage::Gone),
        );
    }
    let storage = Pool {
        times_itself: false,
        ..pool("storage", &["10.0.8.40:9000"], 32)
    };
    Scenario {
        host: "docs.example.com",
        epoch: 1_773_062_400, // 2026-03-09 13:20
        pools: vec![
            pool(
                "docs",
                &["10.0.7.1:8000", "10.0.7.2:8000", "10.0.7.3:8000"],
                4,
            ),
            storage,
        ],
        proxy: Proxy {
            connect_timeout: 3 * SECOND,
            read_timeout: 10 * SECOND,
            ..PROXY
        },
        cache: Some(CacheSettings {
            user_in_key_from: None,
            errors_valid: None,
        }),
        conditions,
        requests: traffic.finish(),
    }
}
