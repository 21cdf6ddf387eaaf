//! The sites of the stories: the same application behind each, what nginx does before it, and who comes.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use crate::app::{Answer, App, Endpoint};
use crate::server::{Nginx, SLOWPATH_FORMAT};
use crate::visitor::{Chance, Planned, Visitor};

/// The agents of those who check the application's health, and of those who are slow.
pub const PROBE: &str = "kube-probe/1.33";
pub const MOBILE: &str = "MobileApp/7.2 (Android)";

/// How much longer the slow upstream works.
pub const SLOWER: f64 = 3.0;

/// Requests per second of ordinary visitors.
const RATE: f64 = 30.0;

/// nginx waits this long for an application.
const READ_TIMEOUT: Duration = Duration::from_secs(1);

/// Method, path before the id, ms of work, bytes of the answer, weight.
const ENDPOINTS: [(&str, &str, u64, usize, u64); 6] = [
    ("GET", "/api/users/", 60, 900, 8),
    ("GET", "/api/orders/", 90, 2_400, 6),
    ("POST", "/api/baskets/", 120, 60, 4),
    ("GET", "/pages/", 70, 7_000, 8),
    ("GET", "/invoices/", 80, 300, 5),
    ("GET", "/photos/", 50, 300_000, 3),
];

/// What happens on a site.
pub struct Story {
    pub name: &'static str,
    /// The kind of finding that must be told.
    pub tells: Option<&'static str>,
    pub plan: Vec<Planned>,
    /// The three applications.
    apps: [Vec<Endpoint>; 3],
    /// What nginx does with requests for pages, and with what mobile clients are sent.
    pages: &'static str,
    mobile_rate: &'static str,
}

/// The application, where all takes so many times as long.
fn application(slower: f64) -> Vec<Endpoint> {
    let endpoints = ENDPOINTS.map(|(method, path, work, bytes, _)| {
        let work = Duration::from_millis(work).mul_f64(slower);
        Endpoint::new(method, path, work, Answer::Send(200, bytes))
    });
    let health = Endpoint::new("GET", "/health", ms(40), Answer::Send(200, 2));
    endpoints.into_iter().chain([health]).collect()
}

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Puts an endpoint before the others, so that it answers instead of the one with its path.
fn but(mut endpoints: Vec<Endpoint>, other: Endpoint) -> Vec<Endpoint> {
    endpoints.insert(0, other);
    endpoints
}

/// Ordinary visitors, and so many of a hundred who are mobile and want photos mostly.
fn visitors(seconds: u64, mobile: u64) -> Vec<Planned> {
    let chance = &mut Chance::new(u128::from(seconds + 1_000 * mobile));
    let weighted = |photos: u64| {
        ENDPOINTS.map(|(method, path, _, bytes, weight)| {
            let weight = if bytes > 100_000 { photos } else { weight };
            ((method, path), weight)
        })
    };
    let (usual, mostly_photos) = (weighted(3), weighted(60));
    let arrivals = chance.arrivals(RATE, Duration::from_secs(seconds));
    let planned = arrivals.into_iter().map(|at| {
        let is_mobile = chance.unit() * 100.0 < mobile as f64;
        let (method, path) = *chance.one_of(if is_mobile { &mostly_photos } else { &usual });
        // Of pages there are few, which a cache keeps.
        let ids = if path == "/pages/" { 4.0 } else { 500.0 };
        let id = (chance.unit() * ids) as u64;
        let host = (chance.unit() * 200.0) as u8;
        // To all of them nginx sends slowly, and half of them also read slowly.
        let reads_slowly = is_mobile && chance.unit() < 0.5;
        let visitor = Visitor {
            address: if is_mobile {
                [203, 0, 113, host]
            } else {
                [198, 51, host % 40, host]
            },
            agent: match (is_mobile, host % 3) {
                (true, _) => MOBILE,
                (false, 0) => {
                    "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0"
                }
                (false, _) => "curl/8.10.1",
            },
            pause: if reads_slowly { ms(120) } else { ms(0) },
        };
        Planned {
            at,
            method,
            path: format!("{path}{id}"),
            visitor,
        }
    });
    planned.collect()
}

/// Two who ask whether the application is well, five times a second each.
fn checks(seconds: u64) -> Vec<Planned> {
    let checks = (0..seconds * 10).map(|n| Planned {
        at: ms(100 * n),
        method: "GET",
        path: "/health".to_owned(),
        visitor: Visitor {
            address: [10, 0, 0, (n % 2) as u8 + 1],
            agent: PROBE,
            pause: ms(0),
        },
    });
    checks.collect()
}

impl Story {
    /// All of them.
    pub fn all() -> Vec<Story> {
        let usual = || application(1.0);
        let nothing = || Story {
            name: "nothing",
            tells: None,
            plan: visitors(30, 0),
            apps: [usual(), usual(), usual()],
            pages: "",
            mobile_rate: "0",
        };
        let breaks = || {
            let pages = Answer::Break {
                length: 7_000,
                from: ms(9_000),
                until: ms(11_000),
            };
            but(usual(), Endpoint::new("GET", "/pages/", ms(70), pages))
        };
        let stalled = Endpoint::new("GET", "/invoices/", 2 * READ_TIMEOUT, Answer::TooLate);
        let mut checked = [visitors(45, 0), checks(45)].concat();
        checked.sort_by_key(|planned| planned.at);
        vec![
            nothing(),
            Story {
                name: "cached-errors",
                tells: Some("cached_errors"),
                apps: [breaks(), breaks(), breaks()],
                pages: "proxy_cache pages; proxy_cache_valid 200 2s; proxy_cache_valid 500 8s;",
                ..nothing()
            },
            Story {
                name: "health-checks",
                tells: Some("health_check_load"),
                plan: checked,
                ..nothing()
            },
            Story {
                name: "slow-upstream",
                tells: Some("slow_upstream"),
                apps: [usual(), usual(), application(SLOWER)],
                ..nothing()
            },
            Story {
                name: "slow-clients",
                tells: Some("slow_clients"),
                plan: visitors(30, 15),
                mobile_rate: "200k",
                ..nothing()
            },
            Story {
                name: "upstream-retries",
                tells: Some("upstream_retries"),
                apps: [usual(), usual(), but(usual(), stalled)],
                ..nothing()
            },
        ]
    }
}

/// Three running applications with nginx in front of them.
pub struct Site {
    pub nginx: Nginx,
    apps: Vec<App>,
}

impl Site {
    /// Starts them with their files below `directory`.
    pub fn start(directory: &Path, story: &Story) -> Site {
        // More workers than ever are at work: nobody waits for one.
        let apps = story
            .apps
            .iter()
            .map(|endpoints| App::start(32, endpoints.clone()));
        let apps: Vec<App> = apps.collect();
        fs::write(directory.join("formats.conf"), SLOWPATH_FORMAT).expect("an included file");
        let nginx = Nginx::start_with(directory, |address| {
            configuration(directory, address, &apps, story)
        });
        Site { nginx, apps }
    }

    /// Where the applications listen.
    pub fn apps(&self) -> Vec<String> {
        self.apps
            .iter()
            .map(|app| app.address.to_string())
            .collect()
    }
}

fn configuration(directory: &Path, address: SocketAddr, apps: &[App], story: &Story) -> String {
    let servers: String = apps
        .iter()
        .map(|app| format!("server {} max_fails=0; ", app.address))
        .collect();
    let directory = directory.display();
    let timeout = READ_TIMEOUT.as_millis();
    let Story {
        pages, mobile_rate, ..
    } = story;
    format!(
        r#"
include process.conf;

http {{
  include formats.conf;
  access_log {directory}/access.log slowpath;

  include temporary.conf;
  proxy_cache_path {directory}/cache keys_zone=pages:1m;

  set_real_ip_from 127.0.0.1;
  real_ip_header X-Forwarded-For;

  proxy_http_version 1.1;
  proxy_set_header Host $host;
  proxy_set_header Connection "";
  proxy_read_timeout {timeout}ms;

  upstream shop {{ {servers} keepalive 16; }}

  map $http_user_agent $rate {{ default 0; ~^MobileApp {mobile_rate}; }}
  limit_rate $rate;

  server {{
    # What the kernel does not hold the client has to take.
    listen {address} backlog=1024 sndbuf=32k;
    server_name api.example;
    location / {{ proxy_pass http://shop; }}
    location /pages/ {{ proxy_pass http://shop; {pages} }}
    location = /ready {{ access_log off; return 204; }}
  }}
}}
"#
    )
}
