//! The access log that nginx would write of requests that were served, in the recommended format.

use std::io::Write;

use super::draw::{Draw, Stream};
use super::queue::Service;
use super::traffic::{CLIENTS, Cached, Request};
use super::world::{Endpoint, MS, Micros, SECOND, World};

/// What the application says about its own time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord)]
pub enum Clock {
    /// X-Runtime, and a Server-Timing metric for each function.
    Timing,
    /// X-Runtime alone.
    Runtime,
    Neither,
}

/// What nginx's log leaves out.
#[derive(Clone, Copy, Debug, Default)]
pub struct Flaws {
    /// Replicas hide behind one address.
    pub hides_hosts: bool,
    /// No `$msec`: whole seconds only.
    pub whole_seconds: bool,
    /// Lines lost, of a thousand.
    pub lost_per_mille: u64,
}

/// nginx gives up on an upstream after that long.
const READ_TIMEOUT: Micros = 300 * SECOND;

/// 2026-03-03 09:00:00 UTC, and some microseconds: nothing is aligned.
pub const EPOCH_US: u64 = 1_772_528_400_000_000 + 137_291;

/// The phase of the monotonic clock within a millisecond, against the wall clock's.
const LEAD: Micros = 637;

/// `log_format` without `ts=$msec`, for `--log-format`.
pub const WHOLE_SECONDS: &str = r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" rt=$request_time uct="$upstream_connect_time" uht="$upstream_header_time" urt="$upstream_response_time" us="$upstream_status" ua="$upstream_addr" cs=$upstream_cache_status rl=$request_length rid=$request_id host="$host" app="$upstream_http_x_runtime" st="$upstream_http_server_timing""#;

/// A log, and what is true of its lines.
pub struct Log {
    pub text: Vec<u8>,
    /// The request of each line, in the order of the lines.
    pub lines: Vec<Logged>,
}

#[derive(Clone, Copy, Debug)]
pub struct Logged {
    pub request: usize,
    /// Whether an application answered, so that it has a wait and an own time.
    pub answered: bool,
}

/// What happened to a request between nginx and its host.
struct Course {
    connected: Micros,
    header: Micros,
    upstream_end: Micros,
    end: Micros,
    status: u16,
    answered: bool,
}

/// Writes the log.
pub fn write(
    world: &World,
    requests: &[Request],
    served: &[Service],
    clock: Clock,
    flaws: Flaws,
    agent: &str,
    seed: u64,
) -> Log {
    let draw = &mut Draw::new(seed, Stream::Clients);
    let courses: Vec<Course> = requests
        .iter()
        .zip(served)
        .map(|(r, s)| course(r, s, draw))
        .collect();
    let mut order: Vec<usize> = (0..requests.len()).collect();
    order.sort_by_key(|n| courses[*n].end);
    let mut log = Log {
        text: Vec::with_capacity(requests.len() * 340),
        lines: Vec::with_capacity(requests.len()),
    };
    let mut time = LocalTime::default();
    for n in order {
        if draw.chance(flaws.lost_per_mille) {
            continue;
        }
        let answered = courses[n].answered;
        log.lines.push(Logged {
            request: n,
            answered,
        });
        let endpoint = &world.endpoints[requests[n].endpoint];
        let hosts = &world.services[endpoint.service].hosts;
        let line = Line {
            endpoint,
            hosts,
            request: &requests[n],
            served: &served[n],
            course: &courses[n],
            clock,
            flaws,
            agent,
        };
        line.write(&mut log.text, &mut time, draw);
    }
    log
}

fn course(request: &Request, served: &Service, draw: &mut Draw) -> Course {
    if request.cached == Cached::Hit {
        let end = request.at + 40 + request.client_time;
        return Course {
            connected: request.at,
            header: request.at,
            upstream_end: request.at,
            end,
            status: request.status,
            answered: false,
        };
    }
    if request.refused {
        let end = request.asks() + draw.below(MS);
        return Course {
            connected: end,
            header: end,
            upstream_end: end,
            end: end + 30,
            status: 502,
            answered: false,
        };
    }
    let connected = request.joins() + draw.below(400);
    let header = served.done.max(connected) + 60 + draw.below(200);
    let upstream_end = header + request.answer_bytes / 100 + draw.below(80);
    let leaves = request.at.saturating_add(request.patience);
    let gives_up = connected + READ_TIMEOUT;
    let cut = leaves.min(gives_up);
    if cut < header {
        let status = if leaves < gives_up { 499 } else { 504 };
        return Course {
            connected: connected.min(cut),
            header: cut,
            upstream_end: cut,
            end: cut + 30,
            status,
            answered: false,
        };
    }
    let end = upstream_end + 20 + request.client_time;
    Course {
        connected,
        header,
        upstream_end,
        end,
        status: request.status,
        answered: true,
    }
}

struct Line<'l> {
    endpoint: &'l Endpoint,
    hosts: &'l [String],
    request: &'l Request,
    served: &'l Service,
    course: &'l Course,
    clock: Clock,
    flaws: Flaws,
    agent: &'l str,
}

impl Line<'_> {
    fn write(&self, out: &mut Vec<u8>, time: &mut LocalTime, draw: &mut Draw) {
        // Writing to a Vec cannot fail.
        let _ = self.try_write(out, time, draw);
    }

    fn try_write(
        &self,
        out: &mut Vec<u8>,
        time: &mut LocalTime,
        draw: &mut Draw,
    ) -> std::io::Result<()> {
        let (request, course) = (self.request, self.course);
        let end_ms = (EPOCH_US + course.end) / MS;
        let client = u64::from(request.client);
        let net = ["203.0.113", "198.51.100", "192.0.2"][(client / 200 % 3) as usize];
        write!(out, "{net}.{} - - [", 1 + client % 200)?;
        out.extend_from_slice(time.at(end_ms / 1_000));
        write!(out, " +0000] \"{} ", self.endpoint.method)?;
        let (before, after) = self
            .endpoint
            .path
            .split_once("{}")
            .unwrap_or((&self.endpoint.path, ""));
        out.extend_from_slice(before.as_bytes());
        if self.endpoint.path.contains("{}") {
            write!(out, "{}{after}", id(request.id))?;
        }
        let agent = if client >= CLIENTS {
            self.agent
        } else {
            AGENTS[(client % 4) as usize]
        };
        let bytes = if course.answered || request.cached == Cached::Hit {
            request.answer_bytes
        } else {
            0
        };
        write!(
            out,
            " HTTP/1.1\" {} {bytes} \"-\" \"{agent}\" rt=",
            course.status
        )?;
        seconds(out, end_ms - (EPOCH_US + request.at) / MS)?;
        let hit = request.cached == Cached::Hit;
        let cut = !course.answered;
        let connected = (!request.refused).then_some(course.connected);
        self.list(out, " uct=\"", hit, |_| None, connected)?;
        self.list(
            out,
            "\" uht=\"",
            hit,
            |_| None,
            (!cut).then_some(course.header),
        )?;
        self.list(out, "\" urt=\"", hit, Some, Some(course.upstream_end))?;
        out.extend_from_slice(b"\" us=\"");
        if hit {
            out.push(b'-');
        } else {
            if let Some(lost) = request.lost {
                write!(out, "{}, ", lost.status)?;
            }
            match course.status {
                499 => out.push(b'-'),
                status => write!(out, "{status}")?,
            }
        }
        out.extend_from_slice(b"\" ua=\"");
        let shown = |host: usize| {
            if self.flaws.hides_hosts {
                self.hosts[0].as_str()
            } else {
                self.hosts[host].as_str()
            }
        };
        if hit {
            out.push(b'-');
        } else {
            if let Some(lost) = request.lost {
                write!(out, "{}, ", shown(lost.host))?;
            }
            out.extend_from_slice(shown(request.host).as_bytes());
        }
        let cache = match request.cached {
            Cached::Uncached => "-",
            Cached::Hit => "HIT",
            Cached::Miss => "MISS",
        };
        write!(out, "\" cs={cache}")?;
        if !self.flaws.whole_seconds {
            write!(out, " ts={}.{:03}", end_ms / 1_000, end_ms % 1_000)?;
        }
        write!(
            out,
            " rl={} rid={:032x} host=\"www.example.com\" app=\"",
            request.request_bytes,
            draw.bits()
        )?;
        self.app(out)?;
        out.extend_from_slice(b"\"\n");
        Ok(())
    }

    /// An element for each attempt: a time since the attempt began, cut to the clock's milliseconds.
    fn list(
        &self,
        out: &mut Vec<u8>,
        name: &str,
        hit: bool,
        lost: impl Fn(Micros) -> Option<Micros>,
        until: Option<Micros>,
    ) -> std::io::Result<()> {
        out.extend_from_slice(name.as_bytes());
        if hit {
            out.push(b'-');
            return Ok(());
        }
        if let Some(first) = self.request.lost {
            match lost(first.time) {
                Some(time) => seconds(out, time / MS)?,
                None => out.push(b'-'),
            }
            out.extend_from_slice(b", ");
        }
        match until {
            Some(until) => seconds(out, (until + LEAD) / MS - (self.request.asks() + LEAD) / MS),
            None => {
                out.push(b'-');
                Ok(())
            }
        }
    }

    /// From after `app="` to before the last quote: X-Runtime, and Server-Timing.
    fn app(&self, out: &mut Vec<u8>) -> std::io::Result<()> {
        let hit = self.request.cached == Cached::Hit;
        if self.clock == Clock::Neither || !(self.course.answered || hit) {
            out.extend_from_slice(b"-\" st=\"-");
            return Ok(());
        }
        // With an answer from the cache comes the header that was stored with it.
        let ran = if hit {
            self.request.plain
        } else {
            self.served.ran()
        };
        write!(out, "{}.{:06}\" st=\"", ran / SECOND, ran % SECOND)?;
        if self.clock == Clock::Runtime {
            out.push(b'-');
            return Ok(());
        }
        let (name, slowed) = self.served.own.function.unwrap_or(("", 0));
        // A shared core stretches all parts alike.
        let slowed = slowed as f64 * ran as f64 / self.served.own.total.max(1) as f64;
        let rest = (ran as f64 - slowed).max(0.0);
        let mut metric = |name: &str, us: f64, first: bool| {
            let comma = if first { "" } else { ", " };
            write!(out, "{comma}{name};dur={:.3}", us / 1_000.0)
        };
        metric("db", rest * 0.55, true)?;
        let function = self.endpoint.function;
        if let Some(function) = function {
            let step = if function == name { slowed } else { 0.0 };
            metric(function, rest * 0.15 + step, false)?;
        }
        if !name.is_empty() && function != Some(name) {
            metric(name, slowed, false)?;
        }
        metric("render", rest * 0.2, false)
    }
}

const AGENTS: [&str; 4] = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/143.0.0.0 Safari/537.36",
    "Mozilla/5.0 (X11; Linux x86_64; rv:146.0) Gecko/20100101 Firefox/146.0",
    "okhttp/4.12.0",
    "python-requests/2.32.5",
];

/// The number that stands in a path for the n-th most popular thing: it says nothing of popularity.
pub fn id(n: u32) -> u64 {
    // OK because 89,989 is prime: numbers below it stay distinct.
    10_000 + (u64::from(n) + 1) * 48_271 % 89_989
}

fn seconds(out: &mut Vec<u8>, ms: u64) -> std::io::Result<()> {
    write!(out, "{}.{:03}", ms / 1_000, ms % 1_000)
}

/// `$time_local` in March 2026, kept for the second that it is of.
#[derive(Default)]
struct LocalTime {
    second: u64,
    text: Vec<u8>,
}

impl LocalTime {
    fn at(&mut self, second: u64) -> &[u8] {
        const MARCH: u64 = 1_772_323_200;
        if self.second != second {
            self.second = second;
            let since = second - MARCH;
            let (day, hour) = (1 + since / 86_400, since / 3_600 % 24);
            self.text = format!(
                "{day:02}/Mar/2026:{hour:02}:{:02}:{:02}",
                since / 60 % 60,
                since % 60
            )
            .into_bytes();
        }
        &self.text
    }
}
