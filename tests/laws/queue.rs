//! A log of one pool of workers whose requests queue, and what is true of it: requests come one by one,
//! faster for a third of the time, and wait for a worker. All times are whole milliseconds, as in a log.

/// How a pool is used.
#[derive(Debug, Clone, Copy)]
pub struct Pool {
    pub seed: u64,
    pub workers: usize,
    /// Whether requests are taken up in the order in which they come, or any of those that wait.
    pub in_order: bool,
    pub requests: usize,
}

/// A request, in ms.
#[derive(Debug, Clone, Copy)]
pub struct Request {
    pub endpoint: usize,
    pub arrival: u64,
    pub wait: u64,
    pub own: u64,
}

pub const ENDPOINTS: [&str; 4] = ["users", "orders", "items", "carts"];

/// Mean own time of all endpoints.
const MEAN: u64 = 65;

impl Pool {
    /// Its requests, served.
    pub fn serve(&self) -> Vec<Request> {
        let mut below = chance(self.seed);
        let mut now = 0;
        let coming = (0..self.requests).map(|n| {
            let is_rush = (self.requests / 3..2 * self.requests / 3).contains(&n);
            // Half of the workers are busy, and 1.3 times as many as there are in the rush.
            let busy_percent = if is_rush { 130 } else { 50 };
            let apart = MEAN * 100 / (self.workers as u64 * busy_percent);
            // One at a time, so that there is an order.
            now += 1 + below((2 * apart).max(2) - 1);
            let endpoint = below(ENDPOINTS.len() as u64);
            let own = (20 + 30 * endpoint) * (50 + below(100)) / 100;
            Request {
                endpoint: endpoint as usize,
                arrival: now,
                wait: 0,
                own,
            }
        });
        let coming: Vec<Request> = coming.collect();
        let mut free_at = vec![0; self.workers];
        let (mut waiting, mut served): (Vec<Request>, Vec<Request>) = Default::default();
        let mut next = coming.into_iter().peekable();
        loop {
            let worker = (0..self.workers)
                .min_by_key(|worker| free_at[*worker])
                .expect("a worker");
            if waiting.is_empty() {
                let Some(request) = next.next() else {
                    return served;
                };
                waiting.push(request);
            }
            let start = waiting[0].arrival.max(free_at[worker]);
            while let Some(request) = next.next_if(|request| request.arrival <= start) {
                waiting.push(request);
            }
            let place = if self.in_order {
                0
            } else {
                below(waiting.len() as u64) as usize
            };
            let taken = waiting.remove(place);
            free_at[worker] = start + taken.own;
            served.push(Request {
                wait: start - taken.arrival,
                ..taken
            });
        }
    }
}

/// Numbers by chance, below what is asked for; the same ones from the same seed.
pub fn chance(seed: u64) -> impl FnMut(u64) -> u64 {
    let mut state = seed;
    move |most| {
        // Knuth, "The Art of Computer Programming", volume 2, 3.3.4, table 1, line 26.
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % most
    }
}

/// The lines of an upstream, without any clock of the application.
pub fn lines(requests: &[Request], upstream: &str) -> Vec<String> {
    let line = |(n, request): (usize, &Request)| {
        let target = format!("/api/{}/{n}", ENDPOINTS[request.endpoint]);
        self::line(n, request, (1, &target), upstream, false)
    };
    requests.iter().enumerate().map(line).collect()
}

/// The line of a request in the format `slowpath`: of a client, which is the last part of its address, and
/// what it asked an upstream for.
pub fn line(
    n: usize,
    request: &Request,
    (client, target): (u64, &str),
    upstream: &str,
    has_clock: bool,
) -> String {
    let seconds = |ms: u64| format!("{}.{:03}", ms / 1_000, ms % 1_000);
    let took = request.wait + request.own;
    let ended = seconds(1_769_860_800_000 + request.arrival + took);
    let server = seconds(took);
    let app = if has_clock {
        seconds(request.own)
    } else {
        "-".to_owned()
    };
    format!(
        r#"192.0.2.{client} - - [31/Jan/2026:12:00:00 +0000] "GET {target} HTTP/1.1" 200 400 "-" "a/1" rt={server} uct="0.000" uht="{server}" urt="{server}" us="200" ua="{upstream}" cs=- ts={ended} rl=115 rid={n:032x} host="api.example" app="{app}" st="-""#
    )
}
