//! Every threshold of the diagnosis, each with its reason. "Chosen" means that a person would call the
//! case on one side of it obvious and on the other doubtful; "simulated" that the value was compared with
//! others on seeded simulations (`benches/evaluate`, seeds below 10,000). How often the whole is right is
//! in `docs/evaluation.md`.

use crate::unit::Micros;

/// Requests in an average window of the panel: fewer, and a window's mean says nothing. Chosen.
pub const REQUESTS_A_WINDOW: f64 = 30.0;
/// Windows of a panel at most: what a matrix of them and some hundred endpoints may cost. Chosen.
pub const MOST_WINDOWS: usize = 2_048;
/// Windows of a panel at least, so that before and after can be told apart. Chosen.
pub const LEAST_WINDOWS: usize = 12;
/// Requests at least of which anything is said: below this nothing is beyond chance. Chosen.
pub const LEAST_REQUESTS: u64 = 200;

/// Requests in a block of one endpoint's course: the mean of eight is no longer one request's whim,
/// and an incident with two dozen requests still has three blocks. Simulated.
pub const REQUESTS_A_BLOCK: f64 = 8.0;
/// Blocks of one course at most. Chosen.
pub const MOST_BLOCKS: f64 = 400.0;
/// The level of a course is this percentile of its blocks: an incident may cover two thirds of a log
/// (post-mortem 1), and the median would lie in it. Simulated.
pub const LEVEL_PERCENTILE: usize = 30;
/// A block counts as raised above this part beyond the level, or beyond so many scatters. Chosen as
/// half of what makes a culprit.
pub const RAISED: f64 = 0.25;
/// The same in scatters: the drift of a CUSUM that reacts to shifts of three. Simulated.
pub const RAISED_SCATTERS: f64 = 1.5;
/// No block counts more than so many scatters: one request that took a hundred times as long must not
/// make an incident. Simulated.
pub const BLOCK_CLIP: f64 = 3.0;
/// The sum of the scatters at which a stretch is an incident: a false alarm in some 10^7 blocks of
/// Gaussian noise. Simulated.
pub const STRETCH: f64 = 8.0;

/// Standard errors beyond which an endpoint's own time has grown: 300 endpoints are tested at once.
pub const GROWN_Z: f64 = 4.0;
/// The same on the scale of logarithms, where one long request weighs little. Simulated.
pub const GROWN_LOG_Z: f64 = 3.0;
/// The same for the endpoint that stands out most: an incident that was looked for in all courses is
/// found by chance more often than one at a time that is given. Simulated.
pub const LEAD_Z: f64 = 7.0;
/// The same for the logarithms. Simulated.
pub const LEAD_LOG_Z: f64 = 5.0;
/// An inferred wait of so small a part of the usual own time leaves the logarithms of whole times what they
/// are: a thirtieth of an octave at most, less than their standard error. Chosen.
pub const LITTLE_WAIT: f64 = 0.05;
/// Part of a growth that is left without its largest tenth of windows: less, and it was one moment's.
/// Of a growth that is even over an incident at least two thirds are left. Chosen.
pub const LASTING: f64 = 0.3;
/// Growth of a culprit's own time per request, within two standard errors.
pub const CULPRIT_GROWTH: f64 = 0.5;
/// Growth of it as it was seen: of 30 % and less nobody would call an endpoint slow, nor all of them together.
pub const LEAST_GROWTH: f64 = 0.3;
/// Share of all added work that a culprit has at least: of four that share a path, one may have a fiftieth of
/// the requests; 3 % lost three of 250. Simulated.
pub const CULPRIT_SHARE: f64 = 0.01;
/// Share of all added work that the culprits have together at least: who explains less is one of many.
/// Chosen.
pub const CULPRITS_EXPLAIN: f64 = 0.4;
/// Time added to a culprit's request at least, in µs: servers write milliseconds, and a few of them
/// more are nobody's slowness. Chosen.
pub const CULPRIT_STEP: f64 = 5_000.0;
/// How far the culprits' growth must stand out of that of the others (their 85th percentile, and 20 %
/// at least): an uneven slowdown of all makes no culprits. Simulated.
pub const CULPRIT_GAP: f64 = 2.0;
/// The least growth of others in the gap.
pub const GAP_FLOOR: f64 = 0.2;
/// The culprits' share of busy time in quiet times must be below one in so many: what is most of the
/// work is not the exception. 4 lost 4 of 18 real ones.
pub const CULPRIT_LIFT: f64 = 2.0;
/// Growth of own time that half of the endpoints exceed, from which nobody is blamed where wait is inferred:
/// what all have alike is then told from wait badly, and from who stands out worse. Simulated.
pub const INFERRED_COMMON: f64 = 0.5;
/// Endpoints of which more than this part has grown suffer from something common.
pub const WIDE: f64 = 0.2;
/// The same by their share of busy time.
pub const WIDE_BUSY: f64 = 0.3;
/// So few may be culprits whatever part they are of a small site.
pub const FEW: usize = 4;
/// Growth that counts in the breadth of a slowdown: smaller than a culprit's.
pub const WIDE_GROWTH: f64 = 0.2;

/// Requests of an endpoint in an incident of which its growth is judged at all.
pub const LEAST_JUDGED: f64 = 8.0;
/// Part of the requests that must be in quiet times, or nothing is known of what is usual.
pub const LEAST_QUIET: f64 = 0.1;

/// Growth of latency from which an endpoint is a victim, in parts of what it was…
pub const VICTIM_GROWTH: f64 = 0.5;
/// …or in µs: a tenth of a second is what people notice (Nielsen, "Response Times", 1993).
pub const VICTIM_US: f64 = 100_000.0;

/// Rate in a surge as a multiple of the rate before and after. Chosen.
pub const SURGE_RATE: f64 = 1.25;
/// Part of the growth of busy time that more requests explain in a surge.
pub const SURGE_SHARE: f64 = 0.7;

/// Mean wait, in parts of mean own time, from which a pool is full: then requests wait longer than they
/// run. Half of that also comes by chance for some seconds.
pub const FULL_WAIT: f64 = 1.0;
/// An incident in which requests wait so many times as long as in the rest of the log stands out of it, however
/// long they wait there. Chosen.
pub const OUTAGE_WAIT: f64 = 5.0;
/// From this part of requests cut off on, busy workers are not told by those that were answered. Chosen.
pub const CUT_PART: f64 = 0.01;
/// How long a pool is full at least, in µs: queues of some seconds come and go in any pool. Simulated.
pub const FULL_LASTS: f64 = 30e6;
/// How long all workers are busy on end in it at least, in µs, where the log tells. Chosen.
pub const FULL_ON_END: f64 = 10e6;
/// Requests in a surge at least: fewer come together by chance. Chosen.
pub const SURGE_REQUESTS: f64 = 500.0;
/// Of a surge that comes or goes at once the rate changes by [`SURGE_RATE`] within one in so many parts of it on both
/// sides of its beginning or its end. Chosen.
pub const SURGE_EDGES: usize = 16;
/// So many times the rate around it no day makes, however slowly it comes. Chosen.
pub const SURGE_OF_NO_DAY: f64 = 4.0;
/// Who sends this part of what is more than usual, or is asked for it, is named. Chosen.
pub const SURGE_SENDER: f64 = 0.5;
/// A surge is an exception: it takes this part of the log at most, or it is how the day goes.
pub const SURGE_PART: f64 = 0.4;

/// Share of slow time of a hot key at least, and how much larger than its share of requests.
pub const HOT_SHARE: f64 = 0.2;
/// The lift of a hot key.
pub const HOT_LIFT: f64 = 3.0;
/// Sampled slow requests that a hot key must have: below 20 a share of a fifth is four requests.
pub const HOT_LINES: usize = 8;

/// Incident windows from which they recur.
pub const RECURRING: usize = 3;
/// A trigger begins so long before an onset at most, and so long after what is taken for it, in seconds.
pub const TRIGGER_BEFORE: i64 = 30;
/// Seconds by which an onset may be dated late.
pub const TRIGGER_AFTER: i64 = 5;
/// Calls of a rare endpoint for each outage at most: of more, most would have done no harm. Chosen before
/// hits are counted, so that only these are tested.
pub const TRIGGER_CALLS: u64 = 10;
/// Part of a trigger's calls that are followed by an outage.
pub const TRIGGER_PART: f64 = 0.4;
/// Outages that a trigger must precede: one proves nothing.
pub const TRIGGER_HITS: u64 = 2;
/// The chance of a false trigger among all that were tested.
pub const TRIGGER_P: f64 = 0.01;

/// Octaves by which an upstream takes longer than its peers: by 40 %. Chosen.
pub const SLOW_HOST: f64 = 0.5;
/// The same in standard errors: a few hosts are tested at once. Chosen.
pub const SLOW_HOST_Z: f64 = 6.0;

/// Time that a group of clients takes longer in each answer at least, in µs. Chosen.
pub const SLOW_CLIENT_US: f64 = 200_000.0;
/// What they lose in all, in parts of the whole time of all requests. Chosen.
pub const SLOW_CLIENT_PART: f64 = 0.02;
/// Bytes of a request up to which it takes no time to send that would count. Chosen.
pub const SMALL_BODY: u64 = 65_536;
/// Octaves of time towards the client by which they differ. Chosen.
pub const SLOW_CLIENT_OCTAVES: f64 = 1.0;
/// The same in standard errors: some hundred groups are tested at once. Chosen.
pub const SLOW_CLIENT_Z: f64 = 6.0;

/// Look-ups in a block of which a hit ratio is taken: ten points are then two standard errors. Chosen.
pub const LOOKUPS_A_BLOCK: f64 = 60.0;
/// Blocks that an endpoint must have, and that a fall and the rest must have each. Chosen.
pub const LEAST_BLOCKS: usize = 8;
/// See [`LEAST_BLOCKS`].
pub const FALL_BLOCKS: usize = 3;
/// Fall of a hit ratio: ten points, as a person would call one.
pub const HIT_RATIO_FALL: f64 = 0.1;
/// The same in standard errors: the stretch is looked for in all endpoints. Chosen.
pub const FALL_Z: f64 = 7.0;
/// Errors from cache on one endpoint from which they are told: one or two are a race.
pub const CACHED_ERRORS: u64 = 5;

/// Part of the requests that the proxy repeats from which it is told. Chosen.
pub const RETRIED_PART: f64 = 0.01;
/// Requests that it repeats at least. Chosen.
pub const RETRIED_LEAST: f64 = 20.0;

/// Requests of an endpoint among which one can be a giant.
pub const GIANT_AMONG: u64 = 50;
/// How many times as large as 99 of 100 a giant is at least. Chosen.
pub const GIANT_SIZE: u64 = 16;
/// How many times as long as the others on average it takes at least. Chosen.
pub const GIANT_TIME: u64 = 50;
/// Requests of a size of which a mean time says something.
pub const SIZE_REQUESTS: u32 = 20;
/// Octaves of size at least: over less than a factor of sixteen nothing grows much.
pub const SIZE_OCTAVES: usize = 5;
/// Growth of time with size, less two standard errors: the square root of the size, nearly. Simulated.
pub const ELASTICITY: f64 = 0.4;
/// The same over the three largest octaves. Simulated.
pub const ELASTICITY_TOP: f64 = 0.35;
/// Time of the largest over that of the smallest. Chosen.
pub const SIZE_RATIO: f64 = 4.0;
/// What a bucket's mean logarithm may be off by for other reasons, squared. Chosen.
pub const SIZE_VARIANCE_FLOOR: f64 = 0.02 * 0.02;
/// What size explains, in parts of all busy time, from which it is more than context. Chosen.
pub const SIZE_PART: f64 = 0.01;

/// Requests in a block of which a step is told.
pub const REQUESTS_A_STEP_BLOCK: f64 = 40.0;
/// Blocks of one course at most: noise that lasts for minutes is averaged within them. Simulated.
pub const MOST_STEP_BLOCKS: f64 = 96.0;
/// Blocks on each side of a step at least: so that it lasts.
pub const STEP_BLOCKS: usize = 8;
/// A step in octaves: a quarter more. Chosen.
pub const STEP: f64 = 0.32;
/// The same against what all endpoints have alike, where the day's rise and fall is not in it: a tenth more.
/// Chosen.
pub const STEP_APART: f64 = 0.138;
/// Into so many bins a log is divided to tell what all endpoints have alike.
pub const COMMON_BINS: usize = 48;
/// What is added in parts of all busy time, from which a step is more than context. Chosen.
pub const STEP_PART: f64 = 0.01;
/// The same in standard errors: all places in all courses are tried. Chosen.
pub const STEP_Z: f64 = 8.0;

/// Windows of which a climb is told.
pub const DRIFT_WINDOWS: usize = 60;
/// Into so many bins a log is divided: some ten to twenty a cycle, whether there are three or ten of them.
pub const DRIFT_BINS: [usize; 3] = [48, 96, 192];
/// A fall in natural logarithms at least. Simulated (diagnosis of sawtooth, 2,000 series without one).
pub const DRIFT_FALL: f64 = 0.15;
/// Falls at least.
pub const DRIFT_FALLS: usize = 3;
/// Student's t of the growth of an upstream's share over the climbs, from which it is the one that climbs:
/// three climbs that agree give it. Chosen.
pub const DRIFT_T: f64 = 2.5;

/// Seconds after a failure within which the same request is a repetition.
pub const RETRY_SECONDS: u32 = 120;
/// Repetitions of one client and target from which it is a machine's.
pub const RETRY_LEAST: usize = 3;
/// Repetitions in all from which they are a storm. Chosen.
pub const RETRIES_LEAST: f64 = 50.0;
/// Repetitions of one request that never succeeds, from which its sender is told of. Chosen.
pub const OBSTINATE: usize = 20;
/// The distance of the quartiles of its pauses in parts of the median: 1.6 where they come by chance. Chosen.
pub const OBSTINATE_SPREAD: f64 = 0.5;
/// Requests over those that are no repetition.
pub const AMPLIFICATION: f64 = 1.5;
/// Growth of the endpoint's traffic that goes with it. Chosen.
pub const RETRY_GROWTH: f64 = 1.3;

/// Share of busy time from which probes are visible. Chosen.
pub const PROBE_PART: f64 = 0.05;
/// Windows of which regularity is told: by chance a dispersion of 0.25 in 40 of them comes once in 10^8
/// (chi-squared with 39 degrees of freedom).
pub const PROBE_WINDOWS: usize = 40;
/// The same for heaps, where a fifth of the largest is asked for: by chance once in 10^5.
pub const PROBE_HEAP_WINDOWS: usize = 20;
/// Requests in a window on average: of fewer, none and one say nothing of regularity.
pub const PROBES_A_WINDOW: f64 = 4.0;
/// Dispersion at most.
pub const PROBE_DISPERSION: f64 = 0.25;
/// The same for heaps, in parts of the largest: chance keeps it the same in wide windows.
pub const PROBE_HEAPS: f64 = 0.2;

/// Requests that end at the same round time from which they are a limit's: fewer come together by chance.
/// Chosen.
pub const TIMEOUTS: u64 = 20;
/// A request ends so many times as late as its limit at most: timers of busy servers are late. Chosen.
pub const TIMEOUT_LATE: f64 = 1.03;
/// Requests that were cut off near a limit are those up to so many times as long, and as short.
pub const TIMEOUT_NEAR: f64 = 1.5;
/// The part of them that must be at the limit: where each leaves when it likes it is a twentieth. Chosen.
pub const TIMEOUT_PART: f64 = 0.6;

/// Connections that came about after 1, 3 or 7 s from which they are told. Chosen.
pub const SYN_LEAST: u64 = 20;
/// They take so many times as long at most: the network's own time comes on top, and timers are late. Chosen.
pub const SYN_LATE: f64 = 1.1;
/// Slow connections are those that take longer than this, in µs.
pub const SLOW_CONNECT: f64 = 500_000.0;
/// The part of them that must have taken 1, 3 or 7 s: of any that take some seconds it is a tenth. Chosen.
pub const SYN_PART: f64 = 0.7;

/// Seconds within which failures follow each other that belong together. Chosen.
pub const GONE_PAUSE: u32 = 30;
/// Failures at least: fewer are a race. Chosen.
pub const GONE_LEAST: usize = 20;
/// The part of the requests that must fail: a service of which half is answered is there. Chosen.
pub const GONE_PART: f64 = 0.6;
/// A restart takes seconds, and a slow one minutes; an outage may take hours. Chosen.
pub const GONE_LONGEST: Micros = Micros(300_000_000);

/// Octaves by which requests to other upstreams must have become slower for a slowdown to be that of all.
pub const ELSEWHERE: f64 = 0.26;
