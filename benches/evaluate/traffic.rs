//! Requests as they come to nginx: when, for what, from whom. How long they take is no matter of this file.

use super::draw::{Draw, Stream};
use super::world::{Micros, World, log_uniform};

/// What nginx's cache does with a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cached {
    Uncached,
    Hit,
    Miss,
}

/// A first attempt that failed: nginx went on to another host.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lost {
    pub host: usize,
    pub time: Micros,
    pub status: u16,
}

#[derive(Clone, Debug)]
pub struct Request {
    /// Arrival at nginx.
    pub at: Micros,
    pub endpoint: usize,
    /// The id in its path.
    pub id: u32,
    pub client: u32,
    /// The host that serves it in the end.
    pub host: usize,
    pub lost: Option<Lost>,
    /// Time until the host takes the connection, beyond the network's usual.
    pub connecting: Micros,
    /// Nobody is there to take it.
    pub refused: bool,
    pub cached: Cached,
    pub status: u16,
    /// Own time when nothing is wrong.
    pub plain: Micros,
    pub request_bytes: u64,
    pub answer_bytes: u64,
    /// The client leaves after that long.
    pub patience: Micros,
    /// Time that nginx needs to hand the answer to the client, beyond the network's usual.
    pub client_time: Micros,
}

impl Request {
    /// When nginx asks the host that serves it in the end.
    pub fn asks(&self) -> Micros {
        self.at + self.lost.map_or(0, |lost| lost.time)
    }

    /// When it joins the queue of its host.
    pub fn joins(&self) -> Micros {
        self.asks() + self.connecting
    }

    /// Whether a host has it to serve.
    pub fn is_served(&self) -> bool {
        self.cached != Cached::Hit && !self.refused
    }
}

pub const FOREVER: Micros = Micros::MAX;

/// Clients of a site.
pub const CLIENTS: u64 = 400;

/// Makes the requests of a world.
pub struct Traffic<'w> {
    pub world: &'w World,
    pub draw: Draw,
    turn: Vec<usize>,
    pub requests: Vec<Request>,
}

impl<'w> Traffic<'w> {
    pub fn new(world: &'w World, seed: u64) -> Self {
        Self {
            world,
            draw: Draw::new(seed, Stream::Arrivals),
            turn: vec![0; world.services.len()],
            requests: Vec::with_capacity((world.rate * world.duration as f64 / 1e6 * 1.2) as usize),
        }
    }

    /// The world's ordinary load.
    pub fn ordinary(&mut self) {
        let everything = vec![1.0; self.world.endpoints.len()];
        self.flow(0, self.world.duration, &everything);
    }

    /// Poisson arrivals that follow the world's load; each endpoint's usual rate times its factor.
    pub fn flow(&mut self, from: Micros, until: Micros, factors: &[f64]) {
        let mut sum = 0.0;
        let sums: Vec<f64> = (self.world.endpoints.iter().zip(factors))
            .map(|(endpoint, factor)| {
                sum += endpoint.share * factor;
                sum
            })
            .collect();
        let rate = self.world.rate * sum;
        if rate <= 0.0 {
            return;
        }
        const PEAK: f64 = 2.0;
        let gap_us = 1e6 / (rate * PEAK);
        let mut now = from;
        loop {
            now += self.draw.exponential(gap_us);
            if now >= until {
                return;
            }
            // Thinning: the peak's arrivals, each kept with the probability that the load gives.
            if self.draw.unit() * PEAK < self.load(now) {
                let drawn = self.draw.unit() * sum;
                let endpoint = sums.partition_point(|s| *s <= drawn).min(sums.len() - 1);
                let request = self.request(now, endpoint);
                self.requests.push(request);
            }
        }
    }

    /// The load, kept below what would fill the busiest service: a full pool is for stories to bring.
    fn load(&self, now: Micros) -> f64 {
        let busiest = self
            .world
            .services
            .iter()
            .map(|s| s.utilisation)
            .fold(0.0, f64::max);
        self.world
            .load
            .at(now)
            .min((0.85 / busiest).max(1.0))
            .min(2.0)
    }

    /// One request for an endpoint, as usual.
    pub fn request(&mut self, at: Micros, endpoint: usize) -> Request {
        let what = &self.world.endpoints[endpoint];
        let draw = &mut self.draw;
        // Squared, so that some ids and clients are asked for more than others.
        let popular = |draw: &mut Draw, n: u64| (draw.unit().powi(2) * n as f64) as u32;
        let id = popular(draw, what.ids);
        let client = popular(draw, CLIENTS);
        let plain = what.own_time(draw);
        let answer_bytes = draw.lognormal(what.answer_bytes, 0.4);
        let request_bytes = if what.method == "GET" {
            380
        } else {
            600 + draw.below(1_500)
        };
        // One client of ten is slow to take its answer.
        let client_time = if draw.chance(100) {
            draw.exponential(80_000.0)
        } else {
            draw.below(300)
        };
        Request {
            at,
            endpoint,
            id,
            client,
            host: 0,
            lost: None,
            connecting: 0,
            refused: false,
            cached: Cached::Uncached,
            status: if draw.chance(8) { 404 } else { 200 },
            plain,
            request_bytes,
            answer_bytes,
            patience: FOREVER,
            client_time,
        }
    }

    /// All requests in order of arrival, each at the host whose turn it was.
    pub fn finish(mut self) -> Vec<Request> {
        self.requests.sort_by_key(|request| request.at);
        for request in &mut self.requests {
            let service = self.world.endpoints[request.endpoint].service;
            let hosts = self.world.services[service].hosts.len();
            self.turn[service] = (self.turn[service] + 1) % hosts;
            request.host = self.turn[service];
        }
        self.requests
    }
}

/// When something goes on, not aligned with anything: a span of this length that lies within the log.
pub fn somewhere(draw: &mut Draw, duration: Micros, length: Micros) -> (Micros, Micros) {
    let first = duration / 5;
    let last = duration
        .saturating_sub(length + duration / 20)
        .max(first + 1);
    let from = first + draw.below(last - first);
    (from, from + length)
}

/// Part of the log's length, on a logarithmic scale.
pub fn part(draw: &mut Draw, duration: Micros, range: (f64, f64)) -> Micros {
    (duration as f64 * log_uniform(draw, range)) as Micros
}
