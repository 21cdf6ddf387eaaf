//! A log of an incident: the two workers of a pool are not enough while two endpoints of a dozen are slow,
//! so that there is something to find. The requests are random, what happens is not.

use crate::entry::Bytes;
use crate::queue::{self, Request, chance};

/// Requests, and the time between two, in ms: twenty minutes.
const REQUESTS: u64 = 4_000;
const APART: u64 = 300;
/// When the two are slow, in ms from the beginning.
const SLOW: std::ops::Range<u64> = 480_000..780_000;
/// How much slower, in ms: with a sixth of the requests, more work than two workers do.
const ADDED: u64 = 3_500;

const NAMES: [&str; 12] = [
    "users", "orders", "items", "carts", "notes", "files", "groups", "rooms", "events", "alerts",
    "labels", "quotes",
];

/// The lines in the order of arrival.
pub fn lines(seed: u64, has_clock: bool) -> Vec<Bytes> {
    let mut below = chance(seed);
    // When each worker is free again.
    let mut free = [0_u64; 2];
    let line = |n: u64| {
        let arrival = n * APART;
        let endpoint = below(NAMES.len() as u64);
        let mut own = (20 + 15 * endpoint) * (50 + below(100)) / 100;
        if SLOW.contains(&arrival) && endpoint < 2 {
            own += ADDED + below(200);
        }
        free.sort_unstable();
        let wait = free[0].saturating_sub(arrival);
        free[0] = arrival + wait + own;
        let request = Request {
            endpoint: endpoint as usize,
            arrival,
            wait,
            own,
        };
        let target = format!("/api/{}/{}", NAMES[endpoint as usize], below(10_000));
        let asked = (below(200), target.as_str());
        Bytes(queue::line(n as usize, &request, asked, "10.0.0.1:80", has_clock).into_bytes())
    };
    (0..REQUESTS).map(line).collect()
}
