//! Post-mortem 2: two rarely used queries without an index lock the database for minutes, hours apart.
//!
//! While the lock is held every database call takes many times as long; nothing else changes. Both queries
//! also run once without harm, on a small account. The decoy has the same outages, and nobody on the site
//! starts them.

use super::{PROXY, pool};
use crate::conditions::{Conditions, Effect, Resource};
use crate::functions::Function;
use crate::queue::{Micros, Proxy, Scenario};
use crate::traffic::{Audience, Endpoint, HOUR, MINUTE, Rate, SECOND, Traffic};

const SESSION: Function = Function::db("load_session", 5_000);
const ORDERS: Function = Function::db("load_orders", 60_000);
const PRODUCT: Function = Function::db("load_product", 24_000);
const STOCK: Function = Function::db("check_stock", 35_000);
const PAY: Function = Function::db("book_payment", 90_000);
const CUSTOMER: Function = Function::db("load_customer", 28_000);
const RENDER: Function = Function::cpu("render", 12_000);
/// Items are milliseconds here: how long the scan takes is the account's size, not chance.
const SCAN: Function = Function::per_item("full_scan", 1_000_000);

static ENDPOINTS: [Endpoint; 16] = [
    Endpoint::new("GET", "/shop/products/{}", 240)
        .ids(500, 6)
        .calls(&[SESSION, PRODUCT, RENDER])
        .answers(200, 19_000),
    Endpoint::new("GET", "/shop/categories/{}", 130)
        .ids(40, 0)
        .calls(&[SESSION, PRODUCT, STOCK, RENDER])
        .answers(200, 30_000),
    Endpoint::new("GET", "/shop/cart", 110)
        .calls(&[SESSION, STOCK, RENDER])
        .answers(200, 7_000),
    Endpoint::new("POST", "/shop/cart/items", 70)
        .calls(&[SESSION, STOCK])
        .body(120)
        .answers(303, 0),
    Endpoint::new("DELETE", "/shop/cart/items/{}", 18)
        .ids(500, 0)
        .calls(&[SESSION, STOCK])
        .answers(303, 0),
    Endpoint::new("POST", "/shop/checkout", 36)
        .calls(&[SESSION, STOCK, PAY])
        .body(900)
        .answers(303, 0),
    Endpoint::new("GET", "/shop/orders", 60)
        .calls(&[SESSION, ORDERS, RENDER])
        .answers(200, 9_000),
    Endpoint::new("GET", "/shop/orders/{}", 70)
        .ids(400, 0)
        .calls(&[SESSION, ORDERS, RENDER])
        .answers(200, 6_000),
    Endpoint::new("GET", "/api/customers/{}", 80)
        .ids(300, 5)
        .calls(&[CUSTOMER])
        .answers(200, 800),
    Endpoint::new("PATCH", "/api/customers/{}", 14)
        .ids(300, 0)
        .calls(&[CUSTOMER, STOCK])
        .body(300)
        .answers(200, 800),
    Endpoint::new("GET", "/api/stock", 60)
        .calls(&[STOCK])
        .answers(200, 3_000),
    Endpoint::new("POST", "/api/stock/{}", 30)
        .ids(500, 0)
        .calls(&[STOCK, PRODUCT])
        .body(80)
        .answers(204, 0),
    Endpoint::new("GET", "/admin/orders", 18)
        .calls(&[SESSION, ORDERS, RENDER])
        .answers(200, 40_000),
    Endpoint::new("GET", "/admin/customers", 12)
        .calls(&[SESSION, CUSTOMER, RENDER])
        .answers(200, 38_000),
    Endpoint::new("POST", "/login", 20)
        .calls(&[SESSION, CUSTOMER])
        .body(90)
        .answers(303, 0),
    Endpoint::file("/assets/shop.js", 90, 141_000),
];

static TURNOVER: Endpoint = Endpoint::new("GET", "/admin/reports/turnover?year={}", 0)
    .calls(&[SESSION, SCAN, RENDER])
    .answers(200, 52_000);
static MERGE: Endpoint = Endpoint::new("POST", "/admin/customers/{}/merge", 0)
    .calls(&[SESSION, SCAN])
    .body(140)
    .answers(303, 0);

/// Start and length of each scan, in seconds, and which query it is. The short ones lock nobody.
const SCANS: [(u64, u64, &Endpoint); 8] = [
    (5_112, 430, &TURNOVER),
    (8_030, 2, &MERGE),
    (10_347, 512, &MERGE),
    (16_725, 365, &TURNOVER),
    (20_541, 588, &MERGE),
    (24_900, 3, &TURNOVER),
    (28_253, 344, &TURNOVER),
    (32_418, 476, &MERGE),
];
const END: Micros = 10 * HOUR;

pub fn scenario(seed: u64) -> Scenario {
    outages(seed, true)
}

/// The decoy: another site's queries lock the same database at the same times, and what few reports this
/// one runs come when they come.
pub fn from_outside(seed: u64) -> Scenario {
    outages(seed, false)
}

fn outages(seed: u64, ours: bool) -> Scenario {
    let mut traffic = Traffic::new(
        seed,
        "shop.example.com",
        &ENDPOINTS,
        Audience::Browsers,
        240,
    )
    .with_impatience(250, 4 * SECOND);
    traffic.flow(0, END, Rate::Steady(0.53));
    let mut conditions = Conditions::default();
    for (n, (start, length, query)) in SCANS.iter().enumerate() {
        let client = traffic.client();
        let at = start * SECOND;
        let id = if **query == TURNOVER {
            2_019 + n as u64
        } else {
            40_000 + 317 * n as u64
        };
        if ours {
            traffic.scripted(at, query, id, client).items = length * 1_000;
        } else {
            // The same queries, as often, on small accounts, at times of no meaning: an hour after.
            let elsewhere = (at + HOUR - 7 * MINUTE) % END;
            traffic.scripted(elsewhere, query, id, client).items = 2_000;
        }
        if *length > 60 {
            // The lock is there at once; the queue behind it grows for a minute and then stays.
            let slow = |at_start, at_end| Effect::Slow {
                on: Some(Resource::Database),
                pool: None,
                at_start,
                at_end,
            };
            conditions.add(at, at + MINUTE, slow(1_200, 4_000));
            conditions.add(at + MINUTE, at + length * SECOND, slow(4_000, 4_000));
        }
    }
    Scenario {
        host: "shop.example.com",
        epoch: 1_772_604_000, // 2026-03-04 06:00
        pools: vec![pool("shop", &["10.0.2.5:8080"], 24)],
        proxy: Proxy {
            retry_on_timeout: false,
            ..PROXY
        },
        cache: None,
        conditions,
        requests: traffic.finish(),
    }
}
