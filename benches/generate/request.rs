//! The model of the traffic: what line number n says.
//!
//! Times are kept in µs and cut to nginx's ms only when written, as nginx cuts
//! them. An attempt's times count from its own start, each including the one
//! before it: connect ≤ header ≤ response. How a request is spelt is the
//! business of `form`.

use crate::random::{Lognormal, Random, scramble};
use crate::routes::{self, Route, Routes};

/// One request, as the log will tell of it. `'t` is the traffic that made it.
pub struct Request<'t> {
    /// When it ended.
    pub clock: &'t Clock,
    /// The last 17 bits of the client's address.
    pub client: u32,
    pub method: &'static str,
    /// Path and query.
    pub uri: &'t [u8],
    pub status: u16,
    pub bytes: u64,
    /// Empty where there was none.
    pub referer: &'static str,
    pub agent: &'static str,
    pub total_us: u64,
    /// The attempt that failed before the last one.
    pub failed: Option<Attempt>,
    /// `None` where nginx answered alone.
    pub last: Option<Attempt>,
    /// The X-Runtime header; on a cache hit that of the kept answer.
    pub app_us: Option<u64>,
    /// Empty where the endpoint is not cached.
    pub cache: &'static str,
    /// The request id, 128 bits.
    pub id: [u64; 2],
}

/// One try at an upstream.
pub struct Attempt {
    /// Which of the upstream's servers.
    pub server: u8,
    /// Absent where no connection came about.
    pub connect_us: Option<u64>,
    /// Absent where no answer came.
    pub header_us: Option<u64>,
    pub response_us: u64,
}

/// How many servers the upstream has.
pub const SERVERS: u32 = 4;
/// How many clients there are; fewer than addresses.
const CLIENTS: u32 = 60_000;
/// Addresses have 17 bits of their own: the network that RFC 2544 keeps for benchmarks.
const CLIENT_BITS: u64 = 0x1_FFFF;
/// Ids of orders, users and products: so many that hardly one comes twice.
const IDS: u32 = 900_000_000;
/// nginx's usual `proxy_read_timeout`.
const TIMEOUT_US: u64 = 60_000_000;

/// What the scan asks for: nothing that exists, answered fast.
static SCANNED: Route = Route {
    method: "GET",
    path: std::borrow::Cow::Borrowed(""),
    weight: 0,
    own_us: 2_500,
    bytes: 548,
    cached: false,
};

/// Makes the requests of one log, one after the other.
pub struct Traffic<'r> {
    routes: &'r Routes,
    seed: u64,
    /// From the end of one request to the end of the next.
    gap_us: u64,
    scan: bool,
    own: Lognormal,
    wait: Lognormal,
    patience: Lognormal,
    size: Lognormal,
    clock: Clock,
    uri: Vec<u8>,
}

impl<'r> Traffic<'r> {
    /// Traffic over `routes` with `rate` requests in a second; with `scan`,
    /// nine of ten requests ask for a path that no other one asks for.
    pub fn new(routes: &'r Routes, seed: u64, rate: u64, scan: bool) -> Self {
        Self {
            routes,
            seed,
            gap_us: 1_000_000 / rate,
            scan,
            own: Lognormal::new(0.55, 5.0),
            wait: Lognormal::new(1.2, 4.0),
            patience: Lognormal::new(0.8, 3.0),
            size: Lognormal::new(0.35, 4.0),
            clock: Clock::new(),
            uri: Vec::with_capacity(128),
        }
    }

    /// The request of line `number`, counted from 0.
    pub fn request(&mut self, number: u64) -> Request<'_> {
        let mut random = Random::of_line(self.seed, number);
        self.clock.set(number * self.gap_us / 1_000_000);
        let scans = self.scan && random.below(10) != 0;
        let route = if scans {
            &SCANNED
        } else {
            self.routes.drawn(random.below(self.routes.chances()))
        };
        self.uri.clear();
        if scans {
            routes::push_scan_path(&mut self.uri, scramble(number ^ scramble(self.seed)));
        } else {
            push_uri(&mut self.uri, &route.path, &mut random);
        }

        // Few clients do much: the lesser of two draws.
        let client = random.below(CLIENTS).min(random.below(CLIENTS));
        let client = if scans { client % 16 } else { client };
        let client = scramble(u64::from(client));
        let bits = random.bits();
        let roll = random.below(10_000);
        let mut request = Request {
            clock: &self.clock,
            client: (client & CLIENT_BITS) as u32,
            method: route.method,
            uri: &self.uri,
            status: if scans {
                404
            } else {
                success(route.method, bits)
            },
            bytes: self.size.draw(&mut random, u64::from(route.bytes)),
            referer: REFERERS[(bits >> 8 & 31) as usize],
            // A client keeps its browser.
            agent: AGENTS[(client >> 32 & 15) as usize],
            total_us: to_client(&self.wait, &mut random),
            failed: None,
            last: None,
            app_us: None,
            cache: "",
            id: [random.bits(), random.bits()],
        };
        if route.own_us == 0 {
            request.bytes = u64::from(route.bytes);
            if roll < 3_000 {
                request.not_modified();
            }
            return request;
        }

        let own_us = self.own.draw(&mut random, u64::from(route.own_us));
        request.app_us = Some(own_us);
        if route.cached {
            // A quarter of what may come from the cache does: a tenth of all.
            request.cache = ["HIT", "MISS", "MISS", "EXPIRED"][(bits >> 16 & 3) as usize];
            if request.cache == "HIT" {
                return request;
            }
        }
        let connect_us = if bits >> 18 & 3 == 0 {
            300 + (bits >> 20 & 1023)
        } else {
            0
        };
        let header_us = connect_us + self.wait.draw(&mut random, 900) + own_us;
        let mut last = Attempt {
            server: random.below(SERVERS) as u8,
            connect_us: Some(connect_us),
            header_us: Some(header_us),
            response_us: header_us + self.wait.draw(&mut random, 250),
        };
        match roll {
            0..=1 => {
                request.fails(504, 167);
                last.header_us = None;
                last.response_us = TIMEOUT_US + (bits >> 32 & 1023);
            }
            2..=11 => {
                request.fails(502, 157);
                last.connect_us = None;
                last.header_us = None;
                last.response_us = bits >> 32 & 1023;
            }
            12..=41 => {
                request.fails(499, 0);
                last.header_us = None;
                last.response_us = self.patience.draw(&mut random, 2_000_000);
            }
            42..=101 => request.status = 500,
            102..=351 => request.status = 404,
            352..=411 => request.status = if route.method == "GET" { 403 } else { 422 },
            412..=551 if route.method == "GET" => request.not_modified(),
            _ => {}
        }
        // One in a hundred needed a second server.
        if bits >> 40 & 0xFFFF < 655 && request.status != 502 {
            let busy = bits >> 56 < 50;
            request.failed = Some(Attempt {
                server: (last.server + 1) % SERVERS as u8,
                connect_us: busy.then_some(0),
                header_us: busy.then_some(own_us),
                response_us: if busy { own_us } else { bits & 1023 },
            });
        }
        request.total_us +=
            last.response_us + request.failed.as_ref().map_or(0, |one| one.response_us);
        request.last = Some(last);
        request
    }
}

impl Request<'_> {
    /// The client had it already.
    fn not_modified(&mut self) {
        self.status = 304;
        self.bytes = 0;
    }

    /// No answer came from the application; nginx sends its own page.
    fn fails(&mut self, status: u16, bytes: u64) {
        self.status = status;
        self.bytes = bytes;
        self.app_us = None;
    }
}

/// The status of a request that went well.
fn success(method: &str, bits: u64) -> u16 {
    match method {
        "POST" if bits & 1 == 0 => 201,
        "POST" if bits & 2 == 0 => 302,
        "DELETE" => 204,
        _ => 200,
    }
}

/// What nginx spends beside the upstream: next to nothing, but one client in
/// eight takes its time to read the answer.
fn to_client(spread: &Lognormal, random: &mut Random) -> u64 {
    let bits = random.bits();
    if bits & 7 == 0 {
        spread.draw(random, 20_000)
    } else {
        bits >> 8 & 511
    }
}

/// The path with its values filled in.
fn push_uri(out: &mut Vec<u8>, path: &str, random: &mut Random) {
    for &byte in path.as_bytes() {
        match byte {
            b'#' => push_decimal(out, 1 + u64::from(random.below(IDS))),
            b'%' => push_decimal(out, 1 + u64::from(random.below(40))),
            _ => out.push(byte),
        }
    }
}

/// Appends a number as digits.
pub fn push_decimal(out: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        // OK because a remainder of 10 is a digit.
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// The time of day in both spellings, made anew only when the second changes.
pub struct Clock {
    second: u64,
    /// `10/Mar/2026:06:00:00 +0000`
    pub local: String,
    /// `2026-03-10T06:00:00+00:00`
    pub iso: String,
}

impl Clock {
    /// Stands at the first second of the log.
    fn new() -> Self {
        let mut clock = Self {
            second: u64::MAX,
            local: String::new(),
            iso: String::new(),
        };
        clock.set(0);
        clock
    }

    /// Goes to `second` after the start, 06:00 on 10 March 2026, UTC.
    fn set(&mut self, second: u64) {
        if self.second == second {
            return;
        }
        self.second = second;
        let of_day = 6 * 3_600 + second;
        let (hour, minute, second) = (of_day / 3_600 % 24, of_day / 60 % 60, of_day % 60);
        let mut day = 10 + of_day / 86_400;
        let (mut month, mut year) = (2, 2026);
        while day > days(month, year) {
            day -= days(month, year);
            month = (month + 1) % 12;
            year += u64::from(month == 0);
        }
        let (name, ordinal) = (MONTHS[month], month + 1);
        self.local = format!("{day:02}/{name}/{year}:{hour:02}:{minute:02}:{second:02} +0000");
        self.iso = format!("{year}-{ordinal:02}-{day:02}T{hour:02}:{minute:02}:{second:02}+00:00");
    }
}

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// The days of a month, January being 0. Good until 2099.
fn days(month: usize, year: u64) -> u64 {
    match month {
        1 => 28 + u64::from(year.is_multiple_of(4)),
        3 | 5 | 8 | 10 => 30,
        _ => 31,
    }
}

/// Browsers, an app and programs. Their order is their share: a client takes
/// one of the 16 at random.
static AGENTS: [&str; 16] = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/133.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/133.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/132.0.0.0 Safari/537.36 Edg/132.0.0.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:135.0) Gecko/20100101 Firefox/135.0",
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.2 Safari/605.1.15",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.2 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/133.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "ShopApp/7.14.2 (iPhone15,3; iOS 18.2; Scale/3.00)",
    "ShopApp/7.14.0 (Linux; Android 14; Pixel 8 Build/AP2A.240805.005; wv)",
    "Mozilla/5.0 (Linux; Android 13; SM-S911B; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/132.0.0.0 Mobile Safari/537.36",
    "okhttp/4.12.0",
    "python-requests/2.32.3",
    "curl/8.9.1",
];

/// Where requests came from; three in eight do not say.
static REFERERS: [&str; 32] = [
    "",
    "",
    "",
    "",
    "",
    "",
    "",
    "",
    "",
    "",
    "",
    "",
    "https://www.shop.example/",
    "https://www.shop.example/",
    "https://www.shop.example/",
    "https://www.shop.example/cart",
    "https://www.shop.example/checkout/address",
    "https://www.shop.example/products",
    "https://www.shop.example/products?page=2&sort=price",
    "https://www.shop.example/products?page=3&sort=price",
    "https://www.shop.example/products?page=1&sort=newest&colour=green",
    "https://www.shop.example/categories/garden/furniture",
    "https://www.shop.example/categories/garden/furniture?page=4",
    "https://www.shop.example/categories/kitchen/appliances?brand=acme",
    "https://www.shop.example/categories/outdoor/tents-and-shelters",
    "https://www.shop.example/search?q=rain+coat&size=m",
    "https://www.shop.example/search?q=desk+lamp&sort=price",
    "https://www.shop.example/account/orders",
    "https://www.google.com/",
    "https://www.google.com/",
    "https://duckduckgo.com/",
    "https://news.shop.example/spring-sale?utm_source=newsletter&utm_medium=email",
];
