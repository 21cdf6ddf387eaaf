//! The stories: what each sample is about, one file per story.
//!
//! A story is a function from a seed to a `Scenario`; it draws nothing but what its requests need. What a
//! reader should find in the log is told in samples/README.md, not here.

mod bulk_patch;
mod cache_collapse;
mod common_load;
mod healthy_day;
mod leak;
mod rare_lockers;
mod retries;
mod saturated_pool;
mod surge;

use crate::queue::{Pool, Proxy, Scenario};
use crate::traffic::SECOND;

pub struct Story {
    pub name: &'static str,
    pub about: &'static str,
    pub scenario: fn(u64) -> Scenario,
}

pub static STORIES: [Story; 10] = [
    Story {
        name: "healthy-day",
        about: "a small site on a day without trouble",
        scenario: healthy_day::scenario,
    },
    Story {
        name: "saturated-pool",
        about: "post-mortem 1: three endpoints with one slow path fill the pool, all others wait",
        scenario: saturated_pool::scenario,
    },
    Story {
        name: "rare-lockers",
        about: "post-mortem 2: two rare queries lock the database for minutes",
        scenario: rare_lockers::scenario,
    },
    Story {
        name: "cache-collapse",
        about: "post-mortem 3: a user id in the cache key, cached errors, eager health checks",
        scenario: cache_collapse::scenario,
    },
    Story {
        name: "leak",
        about: "post-mortem 4: one of two services slows until it restarts, again and again",
        scenario: leak::scenario,
    },
    Story {
        name: "bulk-patch",
        about: "post-mortem 5: one giant PATCH kills the database, its sender repeats it",
        scenario: bulk_patch::scenario,
    },
    Story {
        name: "retries",
        about: "one of three replicas dies, hangs, disappears; X-Accel-Redirect; clients that leave",
        scenario: retries::scenario,
    },
    Story {
        name: "surge",
        about: "decoy of post-mortem 1: everybody waits, but only because more people came",
        scenario: surge::scenario,
    },
    Story {
        name: "outages-outside",
        about: "decoy of post-mortem 2: the same outages, and nobody on the site starts them",
        scenario: rare_lockers::from_outside,
    },
    Story {
        name: "common-load",
        about: "decoy: all own times rise and fall with the load, so that any two endpoints correlate",
        scenario: common_load::scenario,
    },
];

impl Story {
    pub fn named(name: &str) -> Option<&'static Self> {
        STORIES.iter().find(|story| story.name == name)
    }
}

/// A group of replicas that time themselves.
fn pool(name: &'static str, replicas: &[&'static str], workers: usize) -> Pool {
    Pool {
        name,
        replicas: replicas.to_vec(),
        workers,
        times_itself: true,
    }
}

/// nginx's defaults.
const PROXY: Proxy = Proxy {
    connect_timeout: 60 * SECOND,
    read_timeout: 60 * SECOND,
    retry_on_timeout: true,
};
