//! One run of everything: applications, nginx, clients, and then slowpath over the logs.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};
use std::{env, fs};

use crate::app::{Answer, App, Endpoint, Spent};
use crate::client::{Client, Key, Sent};
use crate::log::{Line, read_lines};
use crate::report::Report;
use crate::server::{Nginx, READ_TIMEOUT, Upstreams, conf_path};

/// What a run left behind.
pub struct Run {
    /// What the clients sent, for each endpoint.
    pub sent: BTreeMap<Key, Sent>,
    /// What the applications said.
    pub said: Said,
    /// The lines of the log in the recommended format.
    pub lines: Vec<Line>,
    /// The report of `slowpath --nginx-conf CONF LOG`.
    pub with_conf: Report,
    /// The report of `slowpath LOG`.
    pub detected: Report,
    /// The report of `slowpath --nginx-conf CONF LOG` over the log in the other format.
    pub timed: Report,
}

/// What each kind of application said.
pub struct Said {
    /// Those whose answers reach the clients.
    pub answering: Vec<Spent>,
    /// The one that nginx gives up on because it fails.
    pub failing: Vec<Spent>,
    /// The one that nginx gives up on because it takes too long.
    pub stalled: Vec<Spent>,
}

impl Said {
    /// The app times of an endpoint, in µs: what its answers said, retries and hand-overs aside.
    pub fn app_us(&self, (method, route): Key) -> Vec<u64> {
        self.answering
            .iter()
            .filter(|spent| spent.counts && (spent.method, spent.route) == (method, route))
            .map(|spent| spent.ran_us)
            .collect()
    }
}

/// The one run that all tests look at.
pub fn run() -> &'static Run {
    static RUN: OnceLock<Run> = OnceLock::new();
    RUN.get_or_init(perform)
}

/// Workers of the application that queues: few, so that they are all busy.
const NARROW_WORKERS: usize = 2;

/// Clients that come to it at once.
const CROWD: usize = 9;

fn perform() -> Run {
    let directory = tempfile::tempdir().expect("a directory for the run");
    let directory = directory.path();
    let shop = [App::start(4, shop()), App::start(4, shop())];
    let narrow = App::start(NARROW_WORKERS, narrow());
    let render = App::start(2, render());
    let failing = App::start(2, failing());
    let stalled = App::start(8, stalled());
    let upstreams = Upstreams {
        shop: [shop[0].address, shop[1].address],
        narrow: narrow.address,
        render: render.address,
        failing: failing.address,
        stalled: stalled.address,
    };
    let nginx = Nginx::start(directory, &upstreams);
    let client = Client::new(nginx.address);

    let recorded = env::var_os("SLOWPATH_RECORD");
    let rounds = if recorded.is_some() { 40 } else { 6 };
    thread::scope(|scope| {
        scope.spawn(|| {
            queue(&client);
            leave(&client, &narrow);
        });
        scope.spawn(|| go_stale(&client, &render));
        scope.spawn(|| retry_and_give_up(&client));
        scope.spawn(|| everything_else(&client));
        for visitor in 0..2 {
            let client = &client;
            scope.spawn(move || (0..rounds).for_each(|round| shopping(client, visitor, round)));
        }
    });
    nginx.finish();

    let log = directory.join("access.log");
    if let Some(file) = recorded {
        fs::copy(&log, file).expect("a copy of the log where SLOWPATH_RECORD says");
    }
    let text = fs::read_to_string(&log).expect("the access log");
    let conf = conf_path(directory);
    let with_conf = |log: &Path| Report::of([Path::new("--nginx-conf"), &conf, log], directory);
    let answering = shop.iter().chain([&narrow, &render]);
    Run {
        lines: read_lines(&text, &client.request_lines()),
        sent: client.sent(),
        said: Said {
            answering: answering.flat_map(App::spent).collect(),
            failing: failing.spent(),
            stalled: stalled.spent(),
        },
        with_conf: with_conf(&log),
        detected: Report::of([log.as_path()], directory),
        timed: with_conf(&directory.join("timed.log")),
    }
}

fn get(route: &'static str, work_ms: u64, answer: Answer) -> Endpoint {
    Endpoint::new("GET", route, Duration::from_millis(work_ms), answer)
}

fn post(route: &'static str, work_ms: u64, answer: Answer) -> Endpoint {
    Endpoint::new("POST", route, Duration::from_millis(work_ms), answer)
}

/// The application itself.
fn shop() -> Vec<Endpoint> {
    use Answer::{HandOver, Send, SendFile, Trickle, Tunnel};
    let pause = Duration::from_millis(40);
    let avatar = Duration::from_millis(5);
    vec![
        get("/api/users/:id", 6, Send(200, 900)),
        get("/api/orders/:id/items", 11, Send(200, 2_400)),
        post("/api/orders", 17, Send(201, 60)),
        Endpoint::new("PUT", "/api/avatars/:id", avatar, Send(204, 0)),
        get("/api/coupons/:id", 1, Send(404, 20)),
        post("/checkout", 24, Send(500, 30)),
        get("/search", 13, Send(200, 5_000)),
        get("/export", 9, Trickle { parts: 4, pause }),
        get("/pages/terms", 21, Send(200, 7_000)),
        get("/manual", 4, SendFile("/internal/files/manual.txt")),
        get("/download", 35, HandOver("/internal/render")),
        get("/slides", 14, HandOver("/internal/slides")),
        get("/reports/daily", 10, Send(200, 300)),
        get("/invoices/latest", 7, Send(200, 300)),
        get("/live", 2, Tunnel(Duration::from_millis(250))),
    ]
}

fn narrow() -> Vec<Endpoint> {
    vec![
        post("/tickets", 30, Answer::Send(201, 40)),
        get("/archive", 250, Answer::TooLate).at("/archive?scope=all"),
        get("/archive", 12, Answer::Send(200, 400)),
    ]
}

/// What other applications hand over comes with the address that they named, but it is work for the
/// endpoint that the client asked for.
fn render() -> Vec<Endpoint> {
    vec![
        get("/download", 20, Answer::Send(200, 3_000)).at("/internal/render"),
        get("/slides", 16, Answer::Send(200, 3_000)).at("/internal/slides"),
        get("/news", 8, Answer::SendOnce(700)),
    ]
}

fn failing() -> Vec<Endpoint> {
    vec![
        get("/reports/daily", 45, Answer::Fail(502)),
        get("/slides", 25, Answer::Fail(502)).at("/internal/slides"),
    ]
}

fn stalled() -> Vec<Endpoint> {
    let longer = READ_TIMEOUT.as_millis() as u64 * 2;
    vec![
        get("/invoices/latest", longer, Answer::TooLate),
        get("/statistics", longer, Answer::TooLate),
    ]
}

/// Ordinary traffic: ids in paths, bodies, query strings, errors of the application.
fn shopping(client: &Client, visitor: usize, round: usize) {
    let id = 20 + 7 * round + visitor;
    client.get("/api/users/:id", &format!("/api/users/{id}"));
    client.get(
        "/api/orders/:id/items",
        &format!("/api/orders/{}/items", 1_000_000 + id * 37),
    );
    client.get(
        "/search",
        &format!("/search?q=blue%20shoes&page={}", round % 3),
    );
    if round % 2 == visitor {
        client.post("/api/orders", "/api/orders", 300 + 100 * round);
    }
    if round.is_multiple_of(4) {
        client.get("/api/coupons/:id", &format!("/api/coupons/{id}"));
        client.get("/static/site.css", "/static/site.css");
    }
    if round % 5 == visitor {
        client.post("/checkout", "/checkout", 80);
    }
}

/// More clients at once than there are workers.
fn queue(client: &Client) {
    thread::scope(|scope| {
        for _ in 0..CROWD {
            scope.spawn(|| assert_eq!(client.post("/tickets", "/tickets", 50), 201));
        }
    });
}

/// Clients that leave while the application works, and one that stays.
fn leave(client: &Client, narrow: &App) {
    assert_eq!(client.get("/archive", "/archive?scope=today"), 200);
    for turn in 2..=3 {
        client.get_and_leave("/archive", "/archive?scope=all", || {
            narrow.wait_until_begun("/archive", turn);
            thread::sleep(Duration::from_millis(60));
        });
    }
}

/// A page that is cached, asked for until it is too old and the application has none any more.
fn go_stale(client: &Client, render: &App) {
    let patience = Instant::now() + Duration::from_secs(15);
    let asked = || {
        render
            .spent()
            .iter()
            .filter(|said| said.route == "/news")
            .count()
    };
    while asked() < 2 && Instant::now() < patience {
        assert_eq!(client.get("/news", "/news"), 200);
        thread::sleep(Duration::from_millis(100));
    }
}

/// Servers that fail, that take too long, and that are not there.
fn retry_and_give_up(client: &Client) {
    for _ in 0..4 {
        assert_eq!(client.get("/reports/daily", "/reports/daily"), 200);
    }
    for _ in 0..2 {
        assert_eq!(client.get("/invoices/latest", "/invoices/latest"), 200);
    }
    for _ in 0..2 {
        assert_eq!(client.get("/statistics", "/statistics"), 504);
    }
    for _ in 0..3 {
        assert_eq!(client.get("/payments", "/payments"), 502);
    }
}

/// What is answered from the cache or a file, handed over, upgraded, slow to come or to go.
fn everything_else(client: &Client) {
    for _ in 0..5 {
        assert_eq!(client.get("/pages/terms", "/pages/terms"), 200);
    }
    for _ in 0..3 {
        assert_eq!(client.get("/download", "/download?as=pdf"), 200);
        assert_eq!(client.get("/slides", "/slides"), 200);
        assert_eq!(client.get("/manual", "/manual"), 200);
    }
    for id in 0..2 {
        let path = format!("/api/avatars/{}", 4_000 + id);
        client.put_slowly("/api/avatars/:id", &path, Duration::from_millis(120));
        assert_eq!(client.get("/export", "/export"), 200);
    }
    assert_eq!(client.upgrade("/live", "/live"), 101);
    assert_eq!(
        client.babble("(malformed)", b"\x16\x03\x01\x02\r\n\r\n"),
        400
    );
}
