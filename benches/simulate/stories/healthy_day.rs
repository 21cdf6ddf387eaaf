//! A small site on a day without trouble: nothing here should be a finding.

use super::{PROXY, pool};
use crate::cache::CacheSettings;
use crate::conditions::Conditions;
use crate::functions::Function;
use crate::queue::Scenario;
use crate::traffic::{Audience, Endpoint, HOUR, MINUTE, Rate, Traffic};

const SESSION: Function = Function::db("load_session", 2_600);
const ARTICLE: Function = Function::db("load_article", 14_000);
const LIST: Function = Function::db("list_articles", 31_000);
const SEARCH: Function = Function::db("search_index", 88_000);
const COMMENTS: Function = Function::db("load_comments", 11_000);
const SAVE: Function = Function::db("save", 24_000);
const PASSWORD: Function = Function::cpu("check_password", 140_000);
const RENDER: Function = Function::cpu("render", 9_000);
const SERIALISE: Function = Function::cpu("serialise", 1_900);

static ENDPOINTS: [Endpoint; 22] = [
    Endpoint::new("GET", "/", 110)
        .calls(&[SESSION, LIST, RENDER])
        .answers(200, 21_000)
        .cached(MINUTE),
    Endpoint::new("GET", "/articles/{}", 230)
        .ids(300, 12)
        .calls(&[SESSION, ARTICLE, RENDER])
        .answers(200, 26_000),
    Endpoint::new("GET", "/articles/{}/comments", 120)
        .ids(300, 0)
        .calls(&[SESSION, COMMENTS, SERIALISE])
        .answers(200, 4_200),
    Endpoint::new("POST", "/articles/{}/comments", 22)
        .ids(300, 0)
        .calls(&[SESSION, SAVE])
        .body(420)
        .answers(201, 310),
    Endpoint::new("GET", "/search?q={}", 40)
        .ids(900, 0)
        .calls(&[SESSION, SEARCH, RENDER])
        .answers(200, 15_000),
    Endpoint::new("GET", "/tags/{}", 36)
        .ids(40, 5)
        .calls(&[SESSION, LIST, RENDER])
        .answers(200, 18_000)
        .cached(5 * MINUTE),
    Endpoint::new("GET", "/login", 14)
        .calls(&[RENDER])
        .answers(200, 3_900),
    Endpoint::new("POST", "/login", 12)
        .calls(&[PASSWORD, SAVE])
        .body(90)
        .answers(302, 0),
    Endpoint::new("POST", "/logout", 5)
        .calls(&[SESSION])
        .answers(302, 0),
    Endpoint::new("GET", "/api/users/me", 74)
        .calls(&[SESSION, SERIALISE])
        .answers(200, 520),
    Endpoint::new("GET", "/api/users/{}", 60)
        .ids(400, 20)
        .calls(&[SESSION, COMMENTS, SERIALISE])
        .answers(200, 780),
    Endpoint::new("PUT", "/api/users/{}", 6)
        .ids(400, 0)
        .calls(&[SESSION, SAVE])
        .body(900)
        .answers(200, 780),
    Endpoint::new("GET", "/api/notifications", 90)
        .calls(&[SESSION, SERIALISE])
        .answers(200, 340),
    Endpoint::new("POST", "/api/uploads", 6)
        .calls(&[SESSION, SAVE])
        .body(700_000)
        .answers(201, 160),
    Endpoint::new("DELETE", "/api/uploads/{hex}", 2)
        .ids(60, 0)
        .calls(&[SESSION, SAVE])
        .answers(204, 0),
    Endpoint::new("GET", "/feed.xml", 26)
        .calls(&[LIST, SERIALISE])
        .answers(200, 42_000)
        .cached(10 * MINUTE),
    Endpoint::file("/static/app.css", 50, 38_211),
    Endpoint::file("/static/app.js", 50, 187_402),
    Endpoint::file("/static/logo.svg", 40, 2_204),
    Endpoint::file("/media/photo-{}.jpg", 60, 240_117).ids(120, 0),
    Endpoint::file("/favicon.ico", 20, 0).answers(304, 0),
    Endpoint::file("/.env", 3, 153).answers(404, 153),
];

pub fn scenario(seed: u64) -> Scenario {
    let mut traffic = Traffic::new(seed, "www.example.com", &ENDPOINTS, Audience::Browsers, 260);
    traffic.flow(0, 24 * HOUR, Rate::Daily(0.0579));
    traffic.noise(0, 24 * HOUR, 9);
    Scenario {
        host: "www.example.com",
        epoch: 1_772_409_600, // 2026-03-02
        pools: vec![pool("site", &["10.0.0.21:8000", "10.0.0.22:8000"], 4)],
        proxy: PROXY,
        cache: Some(CacheSettings {
            user_in_key_from: None,
            errors_valid: None,
        }),
        conditions: Conditions::default(),
        requests: traffic.finish(),
    }
}
