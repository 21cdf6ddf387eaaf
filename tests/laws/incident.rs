//! A log of an incident: the two workers of a pool are not enough while two endpoints of a dozen are slow,
//! so that there is something to find. The requests are random, what happens is not.

use crate::entry::Bytes;

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

/// The lines in the order of arrival, in the format `slowpath`.
pub fn lines(seed: u64, has_clock: bool) -> Vec<Bytes> {
    let mut state = seed;
    // Knuth, "The Art of Computer Programming", volume 2, 3.3.4, table 1, line 26.
    let mut below = |most: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % most
    };
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
        let seconds = |ms: u64| format!("{}.{:03}", ms / 1_000, ms % 1_000);
        let (server, ended) = (
            seconds(wait + own),
            1_769_860_800_000 + arrival + wait + own,
        );
        let app = if has_clock {
            seconds(own)
        } else {
            "-".to_owned()
        };
        let (name, id, client) = (NAMES[endpoint as usize], below(10_000), below(200));
        let ended = seconds(ended);
        Bytes(format!(
            r#"192.0.2.{client} - - [31/Jan/2026:12:00:00 +0000] "GET /api/{name}/{id} HTTP/1.1" 200 400 "-" "a/1" rt={server} uct="0.000" uht="{server}" urt="{server}" us="200" ua="10.0.0.1:80" cs=- ts={ended} rl=115 rid={n:032x} host="api.example" app="{app}" st="-""#
        ).into_bytes())
    };
    (0..REQUESTS).map(line).collect()
}
