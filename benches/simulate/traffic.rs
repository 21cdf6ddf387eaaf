//! Who asks for what, and when.
//!
//! Endpoints as a story declares them, clients, and the requests they send: Poisson arrivals over the
//! weighted endpoints with Zipf ids, regular probes, and single requests at a scripted time. How long a
//! request takes is no matter of this file.

use crate::draw::{Draw, Stream};
use crate::functions::Function;
use crate::queue::Micros;

/// A second in simulated time.
pub const SECOND: Micros = 1_000_000;
pub const MINUTE: Micros = 60 * SECOND;
pub const HOUR: Micros = 60 * MINUTE;

/// Where an answer comes from.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Place {
    /// nginx itself: a file, or an error that needs no application.
    Nginx,
    Pool(usize),
    /// The pool answers with X-Accel-Redirect, and the second pool sends the body.
    Handed {
        from: usize,
        to: usize,
    },
}

/// How long nginx may keep an answer, and whether it differs by user.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct CacheRule {
    pub valid: Micros,
    pub personal: bool,
}

/// One endpoint of a story. `{}` in the path is a number, `{hex}` 32 hex digits.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Endpoint {
    pub method: &'static str,
    pub path: &'static str,
    pub weight: u64,
    pub ids: u64,
    pub place: Place,
    pub calls: &'static [Function],
    pub status: u16,
    pub missing_per_mille: u64,
    pub body_bytes: u64,
    pub answer_bytes: u64,
    pub cache: Option<CacheRule>,
}

impl Endpoint {
    pub const fn new(method: &'static str, path: &'static str, weight: u64) -> Self {
        Self {
            method,
            path,
            weight,
            ids: 1,
            place: Place::Pool(0),
            calls: &[],
            status: 200,
            missing_per_mille: 0,
            body_bytes: 0,
            answer_bytes: 1_800,
            cache: None,
        }
    }

    /// A file that nginx serves itself.
    pub const fn file(path: &'static str, weight: u64, bytes: u64) -> Self {
        Self {
            place: Place::Nginx,
            answer_bytes: bytes,
            ..Self::new("GET", path, weight)
        }
    }

    pub const fn calls(self, calls: &'static [Function]) -> Self {
        Self { calls, ..self }
    }

    /// How many distinct ids, and how many requests in a thousand ask for one that does not exist.
    pub const fn ids(self, ids: u64, missing_per_mille: u64) -> Self {
        Self {
            ids,
            missing_per_mille,
            ..self
        }
    }

    pub const fn body(self, body_bytes: u64) -> Self {
        Self { body_bytes, ..self }
    }

    pub const fn answers(self, status: u16, answer_bytes: u64) -> Self {
        Self {
            status,
            answer_bytes,
            ..self
        }
    }

    pub const fn at(self, place: Place) -> Self {
        Self { place, ..self }
    }

    pub const fn cached(self, valid: Micros) -> Self {
        Self {
            cache: Some(CacheRule {
                valid,
                personal: false,
            }),
            ..self
        }
    }

    /// Cached, and its key is one of those that a user id can get into.
    pub const fn cached_by_user(self, valid: Micros) -> Self {
        Self {
            cache: Some(CacheRule {
                valid,
                personal: true,
            }),
            ..self
        }
    }
}

/// The endpoint of request lines that are none.
pub static NO_REQUEST: Endpoint = Endpoint::file("", 0, 150).answers(400, 150);

#[derive(Clone, Debug)]
pub struct Client {
    pub address: String,
    pub agent: &'static str,
    pub user: u64,
    pub bytes_per_second: u64,
}

/// One request as the client sends it.
#[derive(Clone, Debug)]
pub struct Request {
    pub start: Micros,
    pub endpoint: &'static Endpoint,
    pub path: String,
    /// The request line, raw: it need not be a valid one.
    pub line: Vec<u8>,
    pub client: Client,
    pub referer: &'static str,
    /// What loops run over: interfaces of a server, users in a body.
    pub items: u64,
    pub head_bytes: u64,
    pub body_bytes: u64,
    pub answer_bytes: u64,
    /// What the application answers when nothing is wrong.
    pub status: u16,
    /// The client gives up after that long.
    pub patience: Option<Micros>,
    pub id: u128,
}

impl Request {
    fn set_path(&mut self, path: String) {
        self.line = format!("{} {path} HTTP/1.1", self.endpoint.method).into_bytes();
        self.path = path;
    }

    /// The same request, aimed at this id.
    pub fn aim_at(&mut self, id: u64) {
        self.set_path(fill(self.endpoint.path, id));
    }
}

fn fill(pattern: &str, id: u64) -> String {
    let spread = (u128::from(id) + 1).wrapping_mul(0xC6BC_2796_92B5_C323_9E37_79B9_7F4A_7C15);
    pattern
        .replace("{}", &id.to_string())
        .replace("{hex}", &format!("{spread:032x}"))
}

/// The number in a path that the rank-th popular thing has: scattered, so that ids say nothing about rank.
pub fn id_of_rank(rank: u64) -> u64 {
    // OK because 89,989 is prime: ranks below it get distinct ids.
    10_000 + (rank + 1) * 48_271 % 89_989
}

/// Requests per second.
#[derive(Clone, Copy)]
pub enum Rate {
    Steady(f64),
    /// This many on average over a day; little at night, most before noon and in the afternoon.
    Daily(f64),
}

/// Share of the day's traffic per hour, in per mille of an even hour's.
const HOURS: [f64; 24] = [
    280.0, 200.0, 150.0, 140.0, 160.0, 260.0, 520.0, 900.0, 1_400.0, 1_760.0, 1_830.0, 1_700.0,
    1_450.0, 1_620.0, 1_780.0, 1_720.0, 1_560.0, 1_380.0, 1_180.0, 1_060.0, 980.0, 840.0, 640.0,
    490.0,
];

impl Rate {
    fn peak(self) -> f64 {
        match self {
            Self::Steady(rate) => rate,
            Self::Daily(mean) => mean * 1.83,
        }
    }

    fn at(self, now: Micros) -> f64 {
        match self {
            Self::Steady(rate) => rate,
            Self::Daily(mean) => {
                let hour = (now / HOUR % 24) as usize;
                let part = (now % HOUR) as f64 / HOUR as f64;
                mean * (HOURS[hour] * (1.0 - part) + HOURS[(hour + 1) % 24] * part) / 1_000.0
            }
        }
    }
}

const BROWSERS: [&str; 5] = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.1 Safari/605.1.15",
    "Mozilla/5.0 (X11; Linux x86_64; rv:146.0) Gecko/20100101 Firefox/146.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Mobile Safari/537.36",
];
const MACHINES: [&str; 4] = [
    "python-requests/2.32.5",
    "Go-http-client/1.1",
    "okhttp/4.12.0",
    "curl/8.14.1",
];

/// Who the clients are.
#[derive(Clone, Copy)]
pub enum Audience {
    Browsers,
    Machines,
}

/// The source of a story's requests.
pub struct Traffic {
    endpoints: &'static [Endpoint],
    host: &'static str,
    weights: Vec<u64>,
    /// Per endpoint the summed Zipf weights of its ids.
    ids: Vec<Vec<u64>>,
    clients: Vec<Client>,
    client_weights: Vec<u64>,
    /// Of a thousand clients that many wait no longer than about this median.
    impatience: Option<(u64, Micros)>,
    arrivals: Draw,
    draw: Draw,
    requests: Vec<Request>,
}

fn zipf(n: u64) -> Vec<u64> {
    let mut sum = 0;
    (1..=n)
        .map(|rank| {
            sum += 1_000_000 / rank;
            sum
        })
        .collect()
}

impl Traffic {
    pub fn new(
        seed: u64,
        host: &'static str,
        endpoints: &'static [Endpoint],
        audience: Audience,
        clients: u64,
    ) -> Self {
        let mut draw = Draw::new(seed, Stream::Clients);
        let mut sum = 0;
        let weights = endpoints
            .iter()
            .map(|endpoint| {
                sum += endpoint.weight;
                sum
            })
            .collect();
        let clients: Vec<Client> = (0..clients)
            .map(|n| {
                let agents: &[&'static str] = match audience {
                    Audience::Browsers => &BROWSERS,
                    Audience::Machines => &MACHINES,
                };
                let slow = matches!(audience, Audience::Browsers) && draw.chance(80);
                Client {
                    // The ranges that RFC 5737 keeps for documentation.
                    address: match n % 2 {
                        0 => format!("203.0.113.{}", n / 2 % 250 + 1),
                        _ => format!("198.51.100.{}", n / 2 % 250 + 1),
                    },
                    agent: agents[draw.below(agents.len() as u64) as usize],
                    user: 400 + n,
                    bytes_per_second: if slow { 90_000 } else { 4_000_000 },
                }
            })
            .collect();
        Self {
            endpoints,
            host,
            weights,
            ids: endpoints
                .iter()
                .map(|endpoint| zipf(endpoint.ids))
                .collect(),
            // Half as uneven as Zipf: real clients differ, but one does not make the tenth of a site.
            client_weights: zipf(clients.len() as u64)
                .iter()
                .enumerate()
                .map(|(n, sum)| sum + n as u64 * 50_000)
                .collect(),
            clients,
            impatience: None,
            arrivals: Draw::new(seed, Stream::Arrivals),
            draw: Draw::new(seed, Stream::Requests),
            requests: Vec::new(),
        }
    }

    pub fn with_impatience(mut self, per_mille: u64, median: Micros) -> Self {
        self.impatience = Some((per_mille, median));
        self
    }

    /// Poisson arrivals over the weighted endpoints; a rate that varies is thinned from its peak.
    pub fn flow(&mut self, from: Micros, until: Micros, rate: Rate) {
        let mean_gap = SECOND as f64 / rate.peak();
        let mut now = from + self.arrivals.exponential(mean_gap);
        while now < until {
            if self.arrivals.unit() * rate.peak() < rate.at(now) {
                let which = self.draw.weighted(&self.weights);
                let request = self.random_request(now, which);
                self.requests.push(request);
            }
            now += self.arrivals.exponential(mean_gap);
        }
    }

    /// One request per period from each of `clients` machines, all within a few milliseconds.
    pub fn probes(
        &mut self,
        from: Micros,
        until: Micros,
        period: Micros,
        clients: u64,
        agent: &'static str,
        which: &'static Endpoint,
    ) {
        let mut due = from;
        while due < until {
            for n in 0..clients {
                let client = Client {
                    address: format!("192.0.2.{}", n + 10),
                    agent,
                    user: 0,
                    bytes_per_second: 50_000_000,
                };
                let at = due + self.arrivals.below(5_000);
                let request = self.request(at, which, 0, client);
                self.requests.push(request);
            }
            due += period;
        }
    }

    /// One request at this time, for a story to change as it likes.
    pub fn scripted(
        &mut self,
        at: Micros,
        endpoint: &'static Endpoint,
        id: u64,
        client: Client,
    ) -> &mut Request {
        let request = self.request(at, endpoint, id, client);
        self.requests.push(request);
        let last = self.requests.len() - 1;
        &mut self.requests[last]
    }

    /// Bytes that are no request, at random times: scanners, TLS to a plain port.
    pub fn noise(&mut self, from: Micros, until: Micros, count: u64) {
        const LINES: [&[u8]; 3] = [
            b"",
            b"\x16\x03\x01\x00\xEE\x01\x00\x00\xEA\x03\x03\"\\",
            b"GET /cgi-bin/luci/;stok= HTTP/9.9",
        ];
        for n in 0..count {
            let client = Client {
                address: format!("192.0.2.{}", 200 + n % 40),
                agent: "-",
                user: 0,
                bytes_per_second: 1_000_000,
            };
            let at = from + self.arrivals.below(until - from);
            let line = LINES[(n % 3) as usize].to_vec();
            let head_bytes = 4 + line.len() as u64;
            let request = self.scripted(at, &NO_REQUEST, 0, client);
            request.line = line;
            request.head_bytes = head_bytes;
        }
    }

    pub fn client(&mut self) -> Client {
        let n = self.draw.weighted(&self.client_weights);
        self.clients[n].clone()
    }

    fn random_request(&mut self, at: Micros, which: usize) -> Request {
        let endpoint = &self.endpoints[which];
        let rank = self.draw.weighted(&self.ids[which]) as u64;
        let client = self.client();
        let mut request = self.request(at, endpoint, id_of_rank(rank), client);
        if self.draw.chance(endpoint.missing_per_mille) {
            request.aim_at(id_of_rank(endpoint.ids + rank));
            request.status = 404;
            request.answer_bytes = 121;
        }
        if let Some((per_mille, median)) = self.impatience
            && self.draw.chance(per_mille)
        {
            request.patience = Some(self.draw.lognormal(median, 0.3));
        }
        request
    }

    fn request(
        &mut self,
        start: Micros,
        endpoint: &'static Endpoint,
        id: u64,
        client: Client,
    ) -> Request {
        let mut request = Request {
            start,
            endpoint,
            path: String::new(),
            line: Vec::new(),
            referer: if client.agent.starts_with("Mozilla") && self.draw.chance(600) {
                self.host
            } else {
                ""
            },
            client,
            items: 30 + id % 40,
            head_bytes: 260 + self.draw.below(400),
            body_bytes: if endpoint.body_bytes == 0 {
                0
            } else {
                self.draw.lognormal(endpoint.body_bytes, 0.6)
            },
            answer_bytes: self.draw.lognormal(endpoint.answer_bytes, 0.35),
            status: endpoint.status,
            patience: None,
            id: self.draw.bits(),
        };
        if endpoint.place == Place::Nginx {
            // A file has one size.
            request.answer_bytes = endpoint.answer_bytes + id % 1_000;
        }
        if endpoint.status == 204 || endpoint.status == 304 {
            request.answer_bytes = 0;
        }
        request.set_path(fill(endpoint.path, id));
        request
    }

    /// All requests, in order of their arrival.
    pub fn finish(mut self) -> Vec<Request> {
        self.requests
            .sort_by_key(|request| (request.start, request.id));
        self.requests
    }

    /// The requests made so far, for a story to change.
    pub fn requests_mut(&mut self) -> impl Iterator<Item = &mut Request> {
        self.requests.iter_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static ONE: [Endpoint; 1] = [Endpoint::new("GET", "/api/users/{}", 1).ids(50, 0)];

    #[test]
    fn arrivals_come_at_the_rate_asked_for_and_in_order() {
        let mut traffic = Traffic::new(7, "example.com", &ONE, Audience::Browsers, 20);
        traffic.flow(0, 24 * HOUR, Rate::Daily(0.1));
        let requests = traffic.finish();
        let expected = 0.1 * 86_400.0;
        assert!(
            (requests.len() as f64 / expected - 1.0).abs() < 0.05,
            "{}",
            requests.len()
        );
        assert!(requests.is_sorted_by_key(|request| request.start));
    }

    #[test]
    fn ranks_have_distinct_ids_and_the_first_is_the_most_popular() {
        let mut traffic = Traffic::new(7, "example.com", &ONE, Audience::Machines, 20);
        traffic.flow(0, HOUR, Rate::Steady(1.0));
        let count = |rank| {
            let path = format!("/api/users/{}", id_of_rank(rank));
            traffic
                .requests
                .iter()
                .filter(|request| request.path == path)
                .count()
        };
        assert!(count(0) > count(9) && count(9) > 0);
    }
}
