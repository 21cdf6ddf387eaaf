//! Post-mortem 3: the cache stops carrying the site.
//!
//! After a deploy a user id is part of the cache key of the big pages, so nearly every one of them goes
//! upstream and the database slows under the load. For two minutes it fails; the errors of the pages that
//! all users share are kept for 1800 s. And all the time twelve probes query the database at the same moment.

use super::{PROXY, pool};
use crate::cache::CacheSettings;
use crate::conditions::{Conditions, Effect, Resource};
use crate::functions::Function;
use crate::queue::{Micros, Scenario};
use crate::traffic::{Audience, Endpoint, HOUR, MINUTE, Rate, SECOND, Traffic};

const SESSION: Function = Function::db("load_session", 4_000);
const MENU: Function = Function::db("load_menu", 30_000);
const PRICES: Function = Function::db("load_prices", 45_000);
const PAGE: Function = Function::db("load_page", 70_000);
const STOCK: Function = Function::db("check_stock", 30_000);
const PROBE: Function = Function::db("probe_database", 60_000);
const RENDER: Function = Function::cpu("render", 22_000);

static ENDPOINTS: [Endpoint; 9] = [
    Endpoint::new("GET", "/", 170)
        .calls(&[MENU, PAGE, RENDER])
        .answers(200, 42_000)
        .cached_by_user(5 * MINUTE),
    Endpoint::new("GET", "/categories/{}", 200)
        .ids(16, 0)
        .calls(&[MENU, PAGE, RENDER])
        .answers(200, 55_000)
        .cached_by_user(10 * MINUTE),
    Endpoint::new("GET", "/products/{}", 210)
        .ids(60, 0)
        .calls(&[PAGE, PRICES, RENDER])
        .answers(200, 31_000)
        .cached_by_user(10 * MINUTE),
    Endpoint::new("GET", "/api/menu", 130)
        .calls(&[MENU])
        .answers(200, 5_400)
        .cached(5 * MINUTE),
    Endpoint::new("GET", "/api/prices", 110)
        .calls(&[PRICES])
        .answers(200, 12_000)
        .cached(MINUTE),
    Endpoint::new("GET", "/api/banners", 60)
        .calls(&[MENU])
        .answers(200, 1_500)
        .cached(10 * MINUTE),
    Endpoint::new("GET", "/cart", 50)
        .calls(&[SESSION, STOCK, RENDER])
        .answers(200, 8_000),
    Endpoint::new("POST", "/cart/items", 34)
        .calls(&[SESSION, STOCK])
        .body(110)
        .answers(303, 0),
    Endpoint::new("POST", "/checkout", 12)
        .calls(&[SESSION, STOCK, PRICES])
        .body(800)
        .answers(303, 0),
];
static HEALTH: Endpoint = Endpoint::new("GET", "/health", 0)
    .calls(&[PROBE])
    .answers(200, 17);

const DEPLOY: Micros = 70 * MINUTE;
const DATABASE_FAILS: (Micros, Micros) = (125 * MINUTE, 127 * MINUTE);
const END: Micros = 200 * MINUTE;

pub fn scenario(seed: u64) -> Scenario {
    let mut traffic = Traffic::new(seed, "www.example.org", &ENDPOINTS, Audience::Browsers, 320);
    traffic.flow(0, END, Rate::Steady(1.25));
    traffic.probes(0, END, 30 * SECOND, 12, "health-probe/3.1", &HEALTH);
    let mut conditions = Conditions::default();
    let database = Some(Resource::Database);
    conditions.add(
        DEPLOY,
        END + HOUR,
        Effect::Slow {
            on: database,
            pool: None,
            at_start: 250,
            at_end: 250,
        },
    );
    conditions.add(
        DATABASE_FAILS.0,
        DATABASE_FAILS.1,
        Effect::Failing {
            pool: 0,
            status: 500,
            per_mille: 900,
        },
    );
    Scenario {
        host: "www.example.org",
        epoch: 1_772_726_400, // 2026-03-05 16:00
        pools: vec![pool("web", &["10.0.4.31:9000", "10.0.4.32:9000"], 6)],
        proxy: PROXY,
        cache: Some(CacheSettings {
            user_in_key_from: Some(DEPLOY),
            errors_valid: Some(1_800 * SECOND),
        }),
        conditions,
        requests: traffic.finish(),
    }
}
