//! What happens on a site, and what a report should say of it. One entry of [`STORIES`] for each.

mod caches;
mod culprits;
mod cut_off;
mod decoys;
mod lasting;
mod outages;
mod proxies;

use super::effect::Effect;
use super::nginx::Flaws;
use super::queue::Discipline;
use super::traffic::Request;
use super::world::{Micros, World};

/// A story of one seed: all that is needed to make its log, and the truth about it.
pub struct Case {
    pub world: World,
    pub requests: Vec<Request>,
    pub effects: Vec<Effect>,
    pub discipline: Discipline,
    pub flaws: Flaws,
    /// The user agent of clients that are none of the usual.
    pub agent: &'static str,
    pub truth: Truth,
}

/// What a reader should find.
#[derive(Clone, Debug, Default)]
pub struct Truth {
    /// Endpoints whose own work grew, and are the cause.
    pub culprits: Vec<usize>,
    /// Those of them that share a slow function, and its name.
    pub shared: Vec<usize>,
    pub function: Option<&'static str>,
    /// The id that has most of the slow time.
    pub hot: Option<u32>,
    /// Endpoints that start before the outages, and cause them.
    pub triggers: Vec<usize>,
    /// When something was wrong.
    pub windows: Vec<(Micros, Micros)>,
    /// Kinds of findings of which at least one must be there.
    pub must: Vec<&'static str>,
    /// Kinds that are true side effects.
    pub may: Vec<&'static str>,
    /// What the subject of the finding is, where it has one.
    pub subject: Option<String>,
}

pub struct Story {
    pub name: &'static str,
    pub about: &'static str,
    pub case: fn(u64) -> Case,
}

pub static STORIES: &[Story] = &[
    story(
        "culprits",
        "1 to 4 endpoints grow, often through one function; FIFO, one address a queue",
        culprits::fifo,
    ),
    story(
        "random-order",
        "the same, any of the waiting is taken up next",
        culprits::random_order,
    ),
    story(
        "replicas",
        "the same, 2 to 6 replicas with a queue each",
        culprits::replicas,
    ),
    story(
        "hidden-replicas",
        "the same, and the replicas are behind one address",
        culprits::hidden_replicas,
    ),
    story(
        "sharing",
        "the same, the cores are shared by all that run: nobody waits",
        culprits::sharing,
    ),
    story(
        "bypass",
        "the same, a quarter of the endpoints do not queue",
        culprits::bypass,
    ),
    story(
        "lost-lines",
        "the same, 5 % of the lines are lost",
        culprits::lost_lines,
    ),
    story(
        "whole-seconds",
        "the same, times of day in whole seconds",
        culprits::whole_seconds,
    ),
    story(
        "aborts",
        "the same, clients leave after some seconds",
        culprits::aborts,
    ),
    story(
        "unrelated",
        "two or three endpoints grow at different times, for different reasons",
        culprits::unrelated,
    ),
    story(
        "surge",
        "more requests, each as cheap as ever",
        decoys::surge,
    ),
    story(
        "slow-database",
        "something below slows all endpoints alike",
        decoys::slow_database,
    ),
    story(
        "uneven-database",
        "something below slows all endpoints, each by its own factor",
        decoys::uneven_database,
    ),
    story(
        "partial-database",
        "something below slows 40 % of the endpoints",
        decoys::partial_database,
    ),
    story(
        "common-load",
        "all own times rise and fall with the load, ten a little by themselves",
        decoys::common_load,
    ),
    story("nothing", "nothing happens", decoys::nothing),
    story(
        "rare-lockers",
        "rare requests start most of 3 to 8 outages of a database",
        outages::rare_lockers,
    ),
    story(
        "external-outages",
        "the same outages, and nobody of the site starts them",
        outages::external,
    ),
    story(
        "cache-step",
        "hit ratios fall by 20 to 60 points at once",
        caches::step,
    ),
    story(
        "cache-slide",
        "hit ratios fall as far over a quarter of the log",
        caches::slide,
    ),
    story(
        "cache-mix",
        "the same for what is asked for: no endpoint's hit ratio changes, only the mix",
        caches::mix,
    ),
    story(
        "cached-errors",
        "errors of a minute or four are kept by the cache",
        caches::errors,
    ),
    story(
        "uncached-errors",
        "the same errors, and nothing keeps them",
        caches::errors_uncached,
    ),
    story(
        "probes",
        "health checks take a tenth to a third of the busy time",
        proxies::probes,
    ),
    story(
        "light-probes",
        "health checks that take next to none",
        proxies::light_probes,
    ),
    story(
        "leak",
        "one host climbs 1.8 to 3 times and resets, 4 to 9 times",
        lasting::leak,
    ),
    story(
        "wander",
        "own times wander, each for itself and with the load",
        lasting::wander,
    ),
    story(
        "shift",
        "one endpoint steps up by 50 to 150 % and stays",
        lasting::shift,
    ),
    story(
        "small-shift",
        "one endpoint steps up by 20 % and stays; windows of it scatter by 8 %",
        lasting::small_shift,
    ),
    story(
        "size",
        "one endpoint's time grows with the size of what is sent",
        lasting::size,
    ),
    story(
        "size-no-matter",
        "sizes as different, which cost 2 ns a byte",
        lasting::size_of_no_matter,
    ),
    story(
        "retry-storm",
        "clients repeat what failed",
        proxies::retry_storm,
    ),
    story(
        "polling",
        "clients repeat what was answered",
        proxies::polling,
    ),
    story(
        "failing-replica",
        "attempts at one replica fail for a while; nginx goes on to the next",
        proxies::failing_replica,
    ),
    story(
        "rare-failures",
        "an attempt fails now and then",
        proxies::rare_failures,
    ),
    story(
        "slow-replica",
        "one replica of 3 to 6 takes 2.5 to 4 times as long",
        proxies::slow_replica,
    ),
    story(
        "shift-beside-slow-replica",
        "one replica is as slow, and one endpoint steps up by 50 to 150 % at all of them",
        proxies::shift_beside_slow_replica,
    ),
    story(
        "uneven-replicas",
        "one replica is sent the heavy endpoints",
        proxies::uneven_replicas,
    ),
    story(
        "slow-clients",
        "a tenth of the traffic takes a second more to take its answer",
        proxies::slow_clients,
    ),
    story(
        "large-answers",
        "a few endpoints' answers take everybody a second",
        proxies::large_answers,
    ),
    story(
        "timeouts",
        "a few requests hang, and clients give up after the same whole number of seconds",
        cut_off::timeouts,
    ),
    story(
        "impatience",
        "as many hang, and each client leaves when it has had enough",
        cut_off::impatience,
    ),
    story(
        "lost-packets",
        "for a while connections come about after 1, 3 or 7 s",
        cut_off::lost_packets,
    ),
    story(
        "slow-network",
        "for a while connections take some seconds, each its own time",
        cut_off::slow_network,
    ),
    story(
        "restarts",
        "nobody takes connections for 3 to 20 s, one to six times",
        cut_off::restarts,
    ),
    story(
        "failing-database",
        "as long all requests are answered with 500",
        cut_off::failing_database,
    ),
];

const fn story(name: &'static str, about: &'static str, case: fn(u64) -> Case) -> Story {
    Story { name, about, case }
}

impl Story {
    pub fn named(name: &str) -> Option<&'static Story> {
        STORIES.iter().find(|story| story.name == name)
    }
}

/// The first case that fits, of the seed itself and of others that belong to it alone.
fn first(seed: u64, attempt: impl Fn(u64) -> Option<Case>) -> Case {
    let seeds = (0..).map(|n: u64| seed + n * 1_000_003);
    // OK because the seeds never end, and of any few hundred one fits.
    seeds
        .filter_map(attempt)
        .next()
        .unwrap_or_else(|| unreachable!())
}

/// A case of nothing but a world, its requests and what slows them.
fn plain(world: World, requests: Vec<Request>, effects: Vec<Effect>, truth: Truth) -> Case {
    Case {
        world,
        requests,
        effects,
        discipline: Discipline::Fifo,
        flaws: Flaws::default(),
        agent: "-",
        truth,
    }
}
