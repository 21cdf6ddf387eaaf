//! What goes wrong, and when: the script of a story.
//!
//! A condition holds for a span of simulated time. The queue asks what holds now; it decides nothing here.

use crate::queue::Micros;

/// What a function's time depends on.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Resource {
    Cpu,
    Database,
}

/// How a replica is away.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Outage {
    /// The process is gone: what it worked on breaks off, new connections are refused.
    Gone,
    /// It accepts connections and never answers.
    Silent,
    /// Packets to it are lost: no connection comes about.
    Unreachable,
}

#[derive(Clone, Copy, Debug)]
pub enum Effect {
    /// Functions take this many percent of their time, rising or falling evenly over the span.
    /// `on: None` is every resource, `pool: None` every pool.
    Slow {
        on: Option<Resource>,
        pool: Option<usize>,
        at_start: u64,
        at_end: u64,
    },
    /// The application answers `status` at once, this often.
    Failing {
        pool: usize,
        status: u16,
        per_mille: u64,
    },
    /// One replica is away.
    Away {
        pool: usize,
        replica: usize,
        how: Outage,
    },
}

#[derive(Clone, Copy, Debug)]
pub struct Condition {
    pub from: Micros,
    pub until: Micros,
    pub effect: Effect,
}

/// The script: conditions in any order; those that overlap all hold.
#[derive(Clone, Default, Debug)]
pub struct Conditions(pub Vec<Condition>);

impl Conditions {
    pub fn add(&mut self, from: Micros, until: Micros, effect: Effect) {
        self.0.push(Condition {
            from,
            until,
            effect,
        });
    }

    fn holding(&self, now: Micros) -> impl Iterator<Item = &Condition> {
        self.0
            .iter()
            .filter(move |c| c.from <= now && now < c.until)
    }

    /// How many percent of its plain time a function takes now.
    pub fn percent(&self, resource: Resource, in_pool: usize, now: Micros) -> u64 {
        let mut percent = 100;
        for condition in self.holding(now) {
            if let Effect::Slow {
                on,
                pool,
                at_start,
                at_end,
            } = condition.effect
                && on.is_none_or(|on| on == resource)
                && pool.is_none_or(|pool| pool == in_pool)
            {
                let (done, span) = (now - condition.from, condition.until - condition.from);
                percent = percent * ((at_start * (span - done) + at_end * done) / span) / 100;
            }
        }
        percent
    }

    /// The status with which the application fails now, and how often.
    pub fn failing(&self, in_pool: usize, now: Micros) -> Option<(u16, u64)> {
        self.holding(now).find_map(|c| match c.effect {
            Effect::Failing {
                pool,
                status,
                per_mille,
            } if pool == in_pool => Some((status, per_mille)),
            _ => None,
        })
    }

    pub fn away(&self, in_pool: usize, which: usize, now: Micros) -> Option<Outage> {
        self.holding(now).find_map(|c| match c.effect {
            Effect::Away { pool, replica, how } if (pool, replica) == (in_pool, which) => Some(how),
            _ => None,
        })
    }
}
