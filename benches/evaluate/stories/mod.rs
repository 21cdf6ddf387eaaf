//! What happens on a site, and what a report should say of it. One entry of [`STORIES`] for each.

mod culprits;
mod decoys;
mod outages;
#[cfg(test)]
mod tests;

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
    Story {
        name: "culprits",
        about: "1 to 4 endpoints grow, often through one function; FIFO, one address a queue",
        case: culprits::fifo,
    },
    Story {
        name: "random-order",
        about: "the same, any of the waiting is taken up next",
        case: culprits::random_order,
    },
    Story {
        name: "replicas",
        about: "the same, 2 to 6 replicas with a queue each",
        case: culprits::replicas,
    },
    Story {
        name: "hidden-replicas",
        about: "the same, and the replicas are behind one address",
        case: culprits::hidden_replicas,
    },
    Story {
        name: "sharing",
        about: "the same, the cores are shared by all that run: nobody waits",
        case: culprits::sharing,
    },
    Story {
        name: "bypass",
        about: "the same, a quarter of the endpoints do not queue",
        case: culprits::bypass,
    },
    Story {
        name: "lost-lines",
        about: "the same, 5 % of the lines are lost",
        case: culprits::lost_lines,
    },
    Story {
        name: "whole-seconds",
        about: "the same, times of day in whole seconds",
        case: culprits::whole_seconds,
    },
    Story {
        name: "aborts",
        about: "the same, clients leave after some seconds",
        case: culprits::aborts,
    },
    Story {
        name: "unrelated",
        about: "two or three endpoints grow at different times, for different reasons",
        case: culprits::unrelated,
    },
    Story {
        name: "surge",
        about: "more requests, each as cheap as ever",
        case: decoys::surge,
    },
    Story {
        name: "slow-database",
        about: "something below slows all endpoints alike",
        case: decoys::slow_database,
    },
    Story {
        name: "uneven-database",
        about: "something below slows all endpoints, each by its own factor",
        case: decoys::uneven_database,
    },
    Story {
        name: "partial-database",
        about: "something below slows 40 % of the endpoints",
        case: decoys::partial_database,
    },
    Story {
        name: "common-load",
        about: "all own times rise and fall with the load; two endpoints grow apart from each other",
        case: decoys::common_load,
    },
    Story {
        name: "nothing",
        about: "nothing happens",
        case: decoys::nothing,
    },
    Story {
        name: "rare-lockers",
        about: "rare requests start most of 3 to 8 outages of a database",
        case: outages::rare_lockers,
    },
    Story {
        name: "external-outages",
        about: "the same outages, and nobody of the site starts them",
        case: outages::external,
    },
];

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
