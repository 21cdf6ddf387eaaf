//! Visitors of a site: they come when they come, whether those before them have been answered or not.
//! What they ask for, and what that shows, is told elsewhere.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use rand_pcg::Pcg64;
use rand_pcg::rand_core::Rng;

/// Longer than anybody waits here.
const PATIENCE: Duration = Duration::from_secs(120);

/// What a visitor who takes the answer slowly reads at a time.
const SIP: usize = 30_000;

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub struct Visitor {
    /// The address that `X-Forwarded-For` gives.
    pub address: [u8; 4],
    pub agent: &'static str,
    /// The pause before each [`SIP`] of the answer.
    pub pause: Duration,
}

/// One request.
#[derive(Clone, Debug)]
pub struct Planned {
    /// Since the beginning.
    pub at: Duration,
    pub method: &'static str,
    pub path: String,
    pub visitor: Visitor,
}

impl Planned {
    /// Sends it and reads the answer to its end; gives the status, 0 where there is none.
    fn ask(&self, nginx: SocketAddr) -> u16 {
        let Planned {
            method,
            path,
            visitor,
            ..
        } = self;
        let [a, b, c, d] = visitor.address;
        let body = if *method == "GET" { 0 } else { 300 };
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: api.example\r\nX-Forwarded-For: {a}.{b}.{c}.{d}\r\n\
             User-Agent: {}\r\nConnection: close\r\nContent-Length: {body}\r\n\r\n",
            visitor.agent
        );
        let exchange = || -> io::Result<Vec<u8>> {
            let mut stream = TcpStream::connect(nginx)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.write_all(&[head.as_bytes(), &vec![b'x'; body]].concat())?;
            let mut answer = Vec::new();
            loop {
                thread::sleep(visitor.pause);
                let mut sip = (&stream).take(SIP as u64);
                if sip.read_to_end(&mut answer)? == 0 {
                    return Ok(answer);
                }
            }
        };
        let answer = exchange().unwrap_or_default();
        let status = answer.get(9..12).and_then(|s| std::str::from_utf8(s).ok());
        status.and_then(|s| s.parse().ok()).unwrap_or(0)
    }
}

/// Sends all requests, each at its time; gives their statuses.
pub fn visit(nginx: SocketAddr, plan: &[Planned]) -> Vec<u16> {
    let begun = Instant::now();
    thread::scope(|scope| {
        let asked: Vec<_> = plan
            .iter()
            .map(|planned| {
                thread::sleep(planned.at.saturating_sub(begun.elapsed()));
                scope.spawn(|| planned.ask(nginx))
            })
            .collect();
        let statuses = asked.into_iter().map(|visitor| visitor.join());
        statuses.map(|status| status.expect("a visit")).collect()
    })
}

/// Numbers by chance that are the same in every run.
pub struct Chance(Pcg64);

impl Chance {
    pub fn new(seed: u128) -> Chance {
        Chance(Pcg64::new(seed, 1))
    }

    /// From 0 to 1, without 1.
    pub fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// When so many come a second on average, each for itself: a Poisson process up to an end.
    pub fn arrivals(&mut self, rate: f64, end: Duration) -> Vec<Duration> {
        let mut now = 0.0;
        let mut arrivals = Vec::new();
        loop {
            now += -(1.0 - self.unit()).ln() / rate;
            let at = Duration::from_secs_f64(now);
            if at >= end {
                return arrivals;
            }
            arrivals.push(at);
        }
    }

    /// One of some, each as often as its weight says.
    pub fn one_of<'t, T>(&mut self, weighted: &'t [(T, u64)]) -> &'t T {
        let total: u64 = weighted.iter().map(|(_, weight)| weight).sum();
        let mut drawn = (self.unit() * total as f64) as u64;
        let chosen = weighted.iter().find(|(_, weight)| {
            let is_here = drawn < *weight;
            drawn = drawn.saturating_sub(*weight);
            is_here
        });
        &chosen.expect("a weight above 0").0
    }
}
