//! nginx in front of replicas of sync workers, event by event.
//!
//! A replica has W workers and one FIFO backlog; a worker has one request from its first byte to its last.
//! nginx picks replicas in turn, gives up after its timeouts, tries the next one, serves from its cache, and
//! follows X-Accel-Redirect. What it would log is in `Served`, and beside it the truth about wait and own
//! time. The backlog is unbounded: a story must not rely on overflow of the listen queue.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use crate::cache::{Cache, CacheSettings, CacheStatus, Stored};
use crate::conditions::{Conditions, Effect, Outage};
use crate::draw::{Draw, Stream};
use crate::functions::{Function, Work};
use crate::traffic::{Place, Request};

/// Simulated time and spans of it.
pub type Micros = u64;

/// One upstream group.
#[derive(Clone)]
pub struct Pool {
    /// Its name in nginx.conf, which is logged where no server is left to try.
    pub name: &'static str,
    pub replicas: Vec<&'static str>,
    pub workers: usize,
    /// Whether it sends X-Runtime and Server-Timing.
    pub times_itself: bool,
}

/// `proxy_*` settings.
#[derive(Clone, Copy)]
pub struct Proxy {
    pub connect_timeout: Micros,
    pub read_timeout: Micros,
    /// `proxy_next_upstream error timeout`, or only `error` where false.
    pub retry_on_timeout: bool,
}

/// Everything that a run needs besides the seed.
pub struct Scenario {
    pub host: &'static str,
    /// Seconds since 1970 at simulated time 0.
    pub epoch: u64,
    pub pools: Vec<Pool>,
    pub proxy: Proxy,
    pub cache: Option<CacheSettings>,
    pub conditions: Conditions,
    pub requests: Vec<Request>,
}

/// One try at an upstream, as nginx keeps it: points in time where it logs spans.
#[derive(Clone, Debug)]
pub struct Attempt {
    pub address: &'static str,
    pub start: Micros,
    pub connected: Option<Micros>,
    pub header: Option<Micros>,
    pub end: Micros,
    pub status: Option<u16>,
    /// X-Accel-Redirect led here: ` : ` is written before it.
    pub redirected: bool,
}

/// A request that was answered, and all that nginx knows of it.
#[derive(Debug)]
pub struct Served {
    pub request: Request,
    pub end: Micros,
    pub status: u16,
    pub bytes: u64,
    pub attempts: Vec<Attempt>,
    pub cache: Option<CacheStatus>,
    /// What the last upstream, or the cache, said about the application's work.
    pub work: Option<Work>,
    /// The truth: time in the backlog and own time, of the last attempt that a worker took up.
    pub wait: Micros,
    pub own: Micros,
}

/// From accept to the timer's start and after its end: reading the request, routing, writing the header.
const OUTSIDE_TIMER: Micros = 220;
/// nginx keeps a failed server out for `fail_timeout=10s` (with `max_fails=1`), if there are others.
const FAIL_TIMEOUT: Micros = 10_000_000;
/// What the kernel takes of a response before the client must drain it.
const SOCKET_BUFFER: u64 = 131_072;
/// The network between nginx and the application, bytes per microsecond.
const INNER_BANDWIDTH: u64 = 400;
/// All that the second pool of an X-Accel-Redirect does.
const SEND_FILE: Function = Function::cpu("send_file", 3_000);
/// Sizes of nginx's own error pages.
const TIMEOUT_PAGE: u64 = 167;
const BAD_GATEWAY_PAGE: u64 = 157;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Event {
    /// A replica's process ends; what it holds breaks off.
    Crash {
        pool: usize,
        replica: usize,
    },
    /// The first byte of a request.
    Arrive(usize),
    /// Its body is read: look into the cache, choose an upstream.
    Forward(usize),
    /// Connected: into the backlog.
    Enter(usize),
    ConnectFailed(usize, u16),
    HeaderSent(usize),
    BodySent(usize),
    ReadTimeout(usize),
    ClientLeaves(usize),
    Log(usize),
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum State {
    Connecting,
    Queued,
    Running,
    Over,
}

/// An attempt from the upstream's side. It outlives nginx's interest: a worker also runs what nobody awaits.
struct Job {
    request: usize,
    pool: usize,
    replica: usize,
    entered: Micros,
    state: State,
    /// nginx closed the connection, by timeout or because the client left.
    abandoned: bool,
    work: Work,
    wait: Micros,
    status: u16,
}

struct Replica {
    backlog: VecDeque<usize>,
    running: Vec<usize>,
    out_until: Micros,
}

/// What nginx knows of a request under way.
struct Pending {
    attempts: Vec<Attempt>,
    tried: Vec<usize>,
    job: Option<usize>,
    cache: Option<CacheStatus>,
    key: Option<String>,
    work: Option<Work>,
    status: u16,
    bytes: u64,
    wait: Micros,
    own: Micros,
    answered: bool,
}

struct Simulation {
    scenario: Scenario,
    pending: Vec<Pending>,
    jobs: Vec<Job>,
    replicas: Vec<Vec<Replica>>,
    /// Whose turn it is, per pool.
    turn: Vec<usize>,
    cache: Cache,
    heap: BinaryHeap<Reverse<(Micros, u64, Event)>>,
    scheduled: u64,
    now: Micros,
    app_time: Draw,
    network: Draw,
    served: Vec<usize>,
    ends: Vec<Micros>,
}

/// Runs a scenario to its last answer. The result is in the order in which nginx logs.
pub fn run(scenario: Scenario, seed: u64) -> Vec<Served> {
    let mut simulation = Simulation::new(scenario, seed);
    while let Some(Reverse((now, _, event))) = simulation.heap.pop() {
        simulation.now = now;
        simulation.handle(event);
    }
    simulation.finish()
}

impl Simulation {
    fn new(scenario: Scenario, seed: u64) -> Self {
        let count = scenario.requests.len();
        let replicas = scenario.pools.iter().map(|pool| {
            let idle = || Replica {
                backlog: VecDeque::new(),
                running: Vec::new(),
                out_until: 0,
            };
            pool.replicas.iter().map(|_| idle()).collect()
        });
        let mut simulation = Self {
            replicas: replicas.collect(),
            turn: vec![0; scenario.pools.len()],
            pending: (0..count).map(|_| Pending::new()).collect(),
            jobs: Vec::new(),
            cache: Cache::default(),
            heap: BinaryHeap::new(),
            scheduled: 0,
            now: 0,
            app_time: Draw::new(seed, Stream::AppTime),
            network: Draw::new(seed, Stream::Network),
            served: Vec::with_capacity(count),
            ends: vec![0; count],
            scenario,
        };
        for index in 0..simulation.scenario.conditions.0.len() {
            let condition = simulation.scenario.conditions.0[index];
            if let Effect::Away {
                pool,
                replica,
                how: Outage::Gone,
            } = condition.effect
            {
                simulation.schedule(condition.from, Event::Crash { pool, replica });
            }
        }
        for index in 0..count {
            simulation.schedule(
                simulation.scenario.requests[index].start,
                Event::Arrive(index),
            );
        }
        simulation
    }

    fn schedule(&mut self, at: Micros, event: Event) {
        // The running number makes events of one instant happen in the order of their scheduling.
        self.scheduled += 1;
        self.heap.push(Reverse((at, self.scheduled, event)));
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Crash { pool, replica } => self.crash(pool, replica),
            Event::Arrive(request) => self.arrive(request),
            Event::Forward(request) => self.forward(request),
            Event::Enter(job) => self.enter(job),
            Event::ConnectFailed(job, status) => self.connect_failed(job, status),
            Event::HeaderSent(job) => self.header_sent(job),
            Event::BodySent(job) => self.body_sent(job),
            Event::ReadTimeout(job) => self.read_timeout(job),
            Event::ClientLeaves(request) => self.client_leaves(request),
            Event::Log(request) => {
                self.ends[request] = self.now;
                self.served.push(request);
            }
        }
    }

    fn arrive(&mut self, index: usize) {
        let request = &self.scenario.requests[index];
        if request.endpoint.place == Place::Nginx {
            let (status, bytes) = (request.status, request.answer_bytes);
            return self.answer(index, status, bytes);
        }
        // proxy_request_buffering is on: the upstream sees the request when its body is here.
        let upload =
            request.body_bytes.saturating_sub(8_192) * 1_000_000 / request.client.bytes_per_second;
        if let Some(patience) = request.patience
            && request.endpoint.cache.is_none()
        {
            // nginx goes on for the cache's sake when a client leaves, so only others can end as 499.
            self.schedule(self.now + upload + patience, Event::ClientLeaves(index));
        }
        let parse = 40 + self.network.below(120);
        self.schedule(self.now + upload + parse, Event::Forward(index));
    }

    fn forward(&mut self, index: usize) {
        let request = &self.scenario.requests[index];
        let pool = match request.endpoint.place {
            Place::Pool(pool) | Place::Handed { from: pool, .. } => pool,
            Place::Nginx => return,
        };
        if let (Some(settings), Some(rule)) = (self.scenario.cache, request.endpoint.cache) {
            let personal = rule.personal
                && settings
                    .user_in_key_from
                    .is_some_and(|from| from <= self.now);
            let mut key = request.path.clone();
            if personal {
                key.push_str(&format!("#{}", request.client.user));
            }
            let (status, stored) = self.cache.look_up(&key, self.now);
            self.pending[index].cache = Some(status);
            self.pending[index].key = Some(key);
            if let Some(stored) = stored {
                self.pending[index].work = stored.work;
                return self.answer(index, stored.status, stored.bytes);
            }
        }
        self.try_upstream(index, pool, false);
    }

    /// Starts an attempt at the next replica in turn; with none left nginx answers 502.
    fn try_upstream(&mut self, index: usize, pool: usize, redirected: bool) {
        let now = self.now;
        let Some(replica) = self.choose(index, pool) else {
            self.pending[index].attempts.push(Attempt {
                address: self.scenario.pools[pool].name,
                start: now,
                connected: None,
                header: None,
                end: now,
                status: Some(502),
                redirected,
            });
            return self.give_up(index, 502);
        };
        self.pending[index].tried.push(replica);
        self.pending[index].attempts.push(Attempt {
            address: self.scenario.pools[pool].replicas[replica],
            start: now,
            connected: None,
            header: None,
            end: now,
            status: None,
            redirected,
        });
        let job = self.jobs.len();
        self.jobs.push(Job {
            request: index,
            pool,
            replica,
            entered: now,
            state: State::Connecting,
            abandoned: false,
            work: Work::default(),
            wait: 0,
            status: 0,
        });
        self.pending[index].job = Some(job);
        match self.scenario.conditions.away(pool, replica, now) {
            Some(Outage::Gone) => {
                let refused = 60 + self.network.below(200);
                self.schedule(now + refused, Event::ConnectFailed(job, 502));
            }
            Some(Outage::Unreachable) => {
                self.schedule(
                    now + self.scenario.proxy.connect_timeout,
                    Event::ConnectFailed(job, 504),
                );
            }
            Some(Outage::Silent) | None => {
                // Three of four find a kept-alive connection.
                let connect = if self.network.chance(750) {
                    0
                } else {
                    150 + self.network.below(700)
                };
                self.schedule(now + connect, Event::Enter(job));
            }
        }
    }

    /// Round robin over the replicas that were not tried for this request and did not fail lately.
    fn choose(&mut self, index: usize, pool: usize) -> Option<usize> {
        let replicas = &self.replicas[pool];
        let count = replicas.len();
        let first = self.turn[pool];
        let tried = &self.pending[index].tried;
        let chosen = (0..count)
            .map(|step| (first + step) % count)
            .find(|replica| {
                !tried.contains(replica) && (count == 1 || replicas[*replica].out_until <= self.now)
            })?;
        self.turn[pool] = (chosen + 1) % count;
        Some(chosen)
    }

    fn connect_failed(&mut self, job: usize, status: u16) {
        if self.jobs[job].state == State::Connecting && !self.jobs[job].abandoned {
            self.jobs[job].state = State::Over;
            self.attempt_failed(job, status);
        }
    }

    fn enter(&mut self, job: usize) {
        let (request, pool, replica) = self.place_of(job);
        if self.jobs[job].state != State::Connecting || self.jobs[job].abandoned {
            return;
        }
        let now = self.now;
        self.attempt(request).connected = Some(now);
        self.schedule(
            now + self.scenario.proxy.read_timeout,
            Event::ReadTimeout(job),
        );
        self.jobs[job].entered = now;
        self.jobs[job].state = State::Queued;
        if self.scenario.conditions.away(pool, replica, now).is_none() {
            self.replicas[pool][replica].backlog.push_back(job);
            self.take_up(pool, replica);
        }
        // Else the replica is silent: the request lies there until nginx has had enough.
    }

    /// Idle workers take the oldest of the backlog.
    fn take_up(&mut self, pool: usize, replica: usize) {
        while self.replicas[pool][replica].running.len() < self.scenario.pools[pool].workers {
            let Some(job) = self.replicas[pool][replica].backlog.pop_front() else {
                return;
            };
            self.replicas[pool][replica].running.push(job);
            self.start(job);
        }
    }

    fn start(&mut self, job: usize) {
        let now = self.now;
        let (index, pool, _) = self.place_of(job);
        let request = &self.scenario.requests[index];
        let (mut status, mut work) = (request.status, Work::default());
        let conditions = &self.scenario.conditions;
        let failing = conditions
            .failing(pool, now)
            .filter(|(_, often)| self.app_time.chance(*often));
        if let Some((failed, _)) = failing {
            status = failed;
            work = Work::failing(&mut self.app_time);
        } else {
            // After a redirect the second pool sends a file; the work was done by the first.
            let calls = match request.endpoint.place {
                Place::Handed { to, .. } if to == pool => &[SEND_FILE],
                _ => request.endpoint.calls,
            };
            let draw = &mut self.app_time;
            work.parts = Work::of(calls, request.items, pool, now, conditions, draw).parts;
        }
        let own = work.total();
        let job_mut = &mut self.jobs[job];
        job_mut.state = State::Running;
        job_mut.wait = now - job_mut.entered;
        job_mut.work = work;
        job_mut.status = status;
        if !job_mut.abandoned {
            self.pending[index].wait = self.jobs[job].wait;
            self.pending[index].own = own;
        }
        let outside = OUTSIDE_TIMER + self.network.below(160);
        self.schedule(now + outside + own, Event::HeaderSent(job));
    }

    fn header_sent(&mut self, job: usize) {
        if self.jobs[job].state != State::Running {
            return;
        }
        let index = self.jobs[job].request;
        let mut transfer = 30;
        if !self.jobs[job].abandoned {
            let now = self.now;
            let status = self.jobs[job].status;
            let attempt = self.attempt(index);
            attempt.header = Some(now);
            attempt.status = Some(status);
            transfer += self.scenario.requests[index].answer_bytes / INNER_BANDWIDTH;
            transfer += self.network.below(90);
        }
        self.schedule(self.now + transfer, Event::BodySent(job));
    }

    fn body_sent(&mut self, job: usize) {
        if self.jobs[job].state != State::Running {
            return;
        }
        self.jobs[job].state = State::Over;
        let (index, pool, replica) = self.place_of(job);
        if !self.jobs[job].abandoned {
            self.upstream_done(job, index, pool);
        }
        // What was served last starts the next: the worker is free only now.
        self.replicas[pool][replica]
            .running
            .retain(|running| *running != job);
        self.take_up(pool, replica);
    }

    /// The whole response is here: on to the second pool, into the cache, to the client.
    fn upstream_done(&mut self, job: usize, index: usize, pool: usize) {
        let now = self.now;
        self.attempt(index).end = now;
        let status = self.jobs[job].status;
        let request = &self.scenario.requests[index];
        let work = self.scenario.pools[pool]
            .times_itself
            .then(|| self.jobs[job].work.clone());
        let failed = status >= 500;
        let bytes = if failed { 93 } else { request.answer_bytes };
        if let Place::Handed { to, .. } = request.endpoint.place
            && to != pool
            && status == 200
        {
            self.pending[index].tried.clear();
            return self.try_upstream(index, to, true);
        }
        if let (Some(settings), Some(rule)) = (self.scenario.cache, request.endpoint.cache) {
            let valid = if failed {
                settings.errors_valid
            } else {
                Some(rule.valid)
            };
            if let (Some(valid), Some(key)) = (valid, self.pending[index].key.clone()) {
                let stored = Stored {
                    status,
                    bytes,
                    work: work.clone(),
                };
                self.cache.store(key, stored, now, valid);
            }
        }
        self.pending[index].work = work;
        self.answer(index, status, bytes);
    }

    fn read_timeout(&mut self, job: usize) {
        // The header is what nginx waits for; bodies here are too short to time out.
        let waiting = matches!(self.jobs[job].state, State::Queued | State::Running);
        let index = self.jobs[job].request;
        if waiting && !self.jobs[job].abandoned && self.attempt(index).header.is_none() {
            self.jobs[job].abandoned = true;
            self.attempt_failed(job, 504);
        }
    }

    fn client_leaves(&mut self, index: usize) {
        let Some(job) = self.pending[index].job else {
            return;
        };
        if self.pending[index].answered
            || self.jobs[job].abandoned
            || self.attempt(index).header.is_some()
        {
            return;
        }
        self.jobs[job].abandoned = true;
        let now = self.now;
        self.attempt(index).end = now;
        self.answer(index, 499, 0);
    }

    fn crash(&mut self, pool: usize, replica: usize) {
        let gone = &mut self.replicas[pool][replica];
        let mut held = std::mem::take(&mut gone.running);
        held.extend(gone.backlog.drain(..));
        for job in held {
            self.jobs[job].state = State::Over;
            let index = self.jobs[job].request;
            if !self.jobs[job].abandoned {
                if self.attempt(index).header.is_some() {
                    // Cut off in the body: nginx has promised a 200 already.
                    self.upstream_done(job, index, pool);
                } else {
                    self.attempt_failed(job, 502);
                }
            }
        }
    }

    /// An attempt brought no response: try the next server if the rules allow, else answer for it.
    fn attempt_failed(&mut self, job: usize, status: u16) {
        let now = self.now;
        let (index, pool, replica) = self.place_of(job);
        let attempt = self.attempt(index);
        attempt.end = now;
        attempt.status = Some(status);
        let sent = attempt.connected.is_some();
        self.replicas[pool][replica].out_until = now + FAIL_TIMEOUT;
        // What was sent and may have had effects is not sent twice: `non_idempotent` is off.
        let repeatable = !sent
            || !matches!(
                self.scenario.requests[index].endpoint.method,
                "POST" | "PATCH" | "LOCK"
            );
        let allowed = status == 502 || self.scenario.proxy.retry_on_timeout;
        let tries_left = self.pending[index].tried.len() < self.replicas[pool].len();
        if repeatable && allowed && tries_left {
            self.try_upstream(index, pool, false);
        } else {
            self.give_up(index, status);
        }
    }

    /// No upstream answered: a stale copy if there is one, else an error page.
    fn give_up(&mut self, index: usize, status: u16) {
        let stale = self.pending[index]
            .key
            .as_ref()
            .and_then(|key| self.cache.stale(key));
        if let Some(stored) = stale {
            self.pending[index].cache = Some(CacheStatus::Stale);
            self.pending[index].work = stored.work;
            return self.answer(index, stored.status, stored.bytes);
        }
        let page = if status == 504 {
            TIMEOUT_PAGE
        } else {
            BAD_GATEWAY_PAGE
        };
        self.answer(index, status, page);
    }

    /// Sends the response to the client; nginx logs when the last byte is handed over.
    fn answer(&mut self, index: usize, status: u16, bytes: u64) {
        let pending = &mut self.pending[index];
        pending.status = status;
        pending.bytes = bytes;
        pending.answered = true;
        let client = &self.scenario.requests[index].client;
        let sending = bytes.saturating_sub(SOCKET_BUFFER) * 1_000_000 / client.bytes_per_second;
        let handling = 20 + self.network.below(60);
        self.schedule(self.now + handling + sending, Event::Log(index));
    }

    fn place_of(&self, job: usize) -> (usize, usize, usize) {
        let job = &self.jobs[job];
        (job.request, job.pool, job.replica)
    }

    /// The attempt under way.
    fn attempt(&mut self, index: usize) -> &mut Attempt {
        let attempts = &mut self.pending[index].attempts;
        let last = attempts.len() - 1; // OK because a job exists only after its attempt was pushed.
        &mut attempts[last]
    }

    fn finish(self) -> Vec<Served> {
        let mut parts: Vec<Option<(Request, Pending)>> = self
            .scenario
            .requests
            .into_iter()
            .zip(self.pending)
            .map(Some)
            .collect();
        let served = self.served.iter().filter_map(|index| {
            let (request, pending) = parts[*index].take()?;
            Some(Served {
                request,
                end: self.ends[*index],
                status: pending.status,
                bytes: pending.bytes,
                attempts: pending.attempts,
                cache: pending.cache,
                work: pending.work,
                wait: pending.wait,
                own: pending.own,
            })
        });
        served.collect()
    }
}

impl Pending {
    fn new() -> Self {
        Self {
            attempts: Vec::new(),
            tried: Vec::new(),
            job: None,
            cache: None,
            key: None,
            work: None,
            status: 0,
            bytes: 0,
            wait: 0,
            own: 0,
            answered: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::{Audience, Client, Endpoint, HOUR, Rate, SECOND, Traffic};

    const WORK: Function = Function::per_item("work", 1_000_000);
    static POST: [Endpoint; 1] = [Endpoint::new("POST", "/work/{}", 1).calls(&[WORK])];
    static GET: [Endpoint; 1] = [Endpoint::new("GET", "/work/{}", 1).calls(&[WORK])];

    fn scenario(replicas: &[&'static str], workers: usize, requests: Vec<Request>) -> Scenario {
        let replicas = replicas.to_vec();
        Scenario {
            host: "example.com",
            epoch: 1_772_000_000,
            pools: vec![Pool {
                name: "app",
                replicas,
                workers,
                times_itself: true,
            }],
            proxy: Proxy {
                connect_timeout: SECOND,
                read_timeout: 60 * SECOND,
                retry_on_timeout: true,
            },
            cache: None,
            conditions: Conditions::default(),
            requests,
        }
    }

    /// One request per given time, each with work of about `items` milliseconds.
    fn at_times(endpoints: &'static [Endpoint], times: &[Micros], items: u64) -> Vec<Request> {
        let mut traffic = Traffic::new(3, "example.com", endpoints, Audience::Machines, 5);
        for at in times {
            let client: Client = traffic.client();
            let id = *at;
            traffic.scripted(*at, &endpoints[0], id, client).items = items;
        }
        traffic.finish()
    }

    #[test]
    fn one_worker_serves_in_order_of_arrival_and_wait_is_the_work_before() {
        let served = run(
            scenario(&["a"], 1, at_times(&GET, &[0, 10_000, 20_000], 1_000)),
            1,
        );
        assert!(served.is_sorted_by_key(|one| one.request.start));
        assert!(served[0].wait < 10, "{}", served[0].wait);
        for pair in served.windows(2) {
            let free = pair[0].attempts[0].end;
            let entered = pair[1].attempts[0].connected.unwrap();
            assert_eq!(pair[1].wait, free - entered);
        }
    }

    #[test]
    fn a_free_worker_never_leaves_anyone_waiting() {
        let served = run(
            scenario(&["a"], 3, at_times(&GET, &[0, 1_000, 2_000, 3_000], 500)),
            1,
        );
        let waited: Vec<bool> = served.iter().map(|one| one.wait > 0).collect();
        assert_eq!(waited, [false, false, false, true]);
    }

    #[test]
    fn the_number_in_the_system_is_rate_times_time() {
        let mut traffic = Traffic::new(5, "example.com", &GET, Audience::Machines, 5);
        traffic.flow(0, HOUR, Rate::Steady(4.0));
        let served = run(scenario(&["a"], 1, traffic.finish()), 5);
        let upstream = |one: &Served| one.attempts[0].end - one.attempts[0].start;
        let time: u64 = served.iter().map(upstream).sum();
        // L, sampled at even points, against lambda W: two ways to the same number.
        let mut starts: Vec<Micros> = served.iter().map(|one| one.attempts[0].start).collect();
        let mut ends: Vec<Micros> = served.iter().map(|one| one.attempts[0].end).collect();
        starts.sort_unstable();
        ends.sort_unstable();
        let until = |times: &[Micros], at| times.partition_point(|time| *time <= at);
        let samples = 360_000;
        let inside: usize = (0..samples)
            .map(|n| n * HOUR / samples)
            .map(|at| until(&starts, at) - until(&ends, at))
            .sum();
        let (l, lambda_w) = (inside as f64 / samples as f64, time as f64 / HOUR as f64);
        assert!((l / lambda_w - 1.0).abs() < 0.01, "{l} {lambda_w}");
        // One worker cannot be busier than all the time.
        assert!(served.iter().map(|one| one.own).sum::<u64>() < HOUR);
    }

    #[test]
    fn a_dead_replica_costs_an_attempt_and_is_left_out_for_a_while() {
        let mut case = scenario(
            &["a", "b"],
            2,
            at_times(&POST, &[0, SECOND, 2 * SECOND, 3 * SECOND], 50),
        );
        case.conditions.add(
            0,
            HOUR,
            Effect::Away {
                pool: 0,
                replica: 0,
                how: Outage::Gone,
            },
        );
        let served = run(case, 1);
        let statuses: Vec<Vec<Option<u16>>> = served
            .iter()
            .map(|one| one.attempts.iter().map(|a| a.status).collect())
            .collect();
        assert_eq!(
            statuses,
            [
                vec![Some(502), Some(200)],
                vec![Some(200)],
                vec![Some(200)],
                vec![Some(200)]
            ]
        );
        assert_eq!(served[0].attempts[0].connected, None);
    }

    #[test]
    fn a_timeout_is_repeated_for_get_and_not_for_post() {
        for (endpoints, attempts) in [(&GET, 2), (&POST, 1)] {
            let mut case = scenario(&["a", "b"], 2, at_times(endpoints, &[0], 50));
            case.conditions.add(
                0,
                HOUR,
                Effect::Away {
                    pool: 0,
                    replica: 0,
                    how: Outage::Silent,
                },
            );
            let served = run(case, 1);
            assert_eq!(served[0].attempts.len(), attempts);
            assert_eq!(served[0].attempts[0].status, Some(504));
            assert_eq!(served[0].attempts[0].header, None);
        }
    }

    #[test]
    fn work_that_nobody_awaits_still_holds_the_worker() {
        let mut requests = at_times(&GET, &[0, 10_000], 2_000);
        requests[0].patience = Some(SECOND);
        let served = run(scenario(&["a"], 1, requests), 1);
        assert_eq!(
            (served[0].status, served[0].attempts[0].status),
            (499, None)
        );
        assert!(served[1].wait > 1_800_000, "{}", served[1].wait);
    }
}
