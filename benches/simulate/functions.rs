//! What an endpoint calls, and how long that takes.
//!
//! The application's own time of a request is the sum over the functions that its endpoint calls. The
//! same sums are what the application reports: X-Runtime, and Server-Timing with a metric per function.

use crate::conditions::{Conditions, Resource};
use crate::draw::Draw;
use crate::queue::Micros;

/// One function of the application; endpoints that share a slow path call the same one.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Function {
    /// The metric name in Server-Timing.
    pub name: &'static str,
    cost: Cost,
    on: Resource,
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Cost {
    /// Log-normal with this median.
    Median(Micros),
    /// In proportion to the items of the request: interfaces of a server, users in a body.
    PerItem { nanos: u64 },
}

/// How far log-normal times spread: p95 is about twice the median.
const SIGMA: f64 = 0.4;

impl Function {
    /// Work in the application itself.
    pub const fn cpu(name: &'static str, median_us: Micros) -> Self {
        Self {
            name,
            cost: Cost::Median(median_us),
            on: Resource::Cpu,
        }
    }

    /// Work that waits for the database.
    pub const fn db(name: &'static str, median_us: Micros) -> Self {
        Self {
            name,
            cost: Cost::Median(median_us),
            on: Resource::Database,
        }
    }

    /// A loop over the items of the request.
    pub const fn per_item(name: &'static str, nanos: u64) -> Self {
        Self {
            name,
            cost: Cost::PerItem { nanos },
            on: Resource::Cpu,
        }
    }
}

/// What the application says about its own work on one request.
#[derive(Clone, Default, Debug)]
pub struct Work {
    /// Time per function, in order of the calls.
    pub parts: Vec<(&'static str, Micros)>,
}

impl Work {
    /// Does the work of one request at `now`: draws each call and applies what slows it.
    pub fn of(
        calls: &[Function],
        items: u64,
        pool: usize,
        now: Micros,
        conditions: &Conditions,
        draw: &mut Draw,
    ) -> Self {
        let parts = calls.iter().map(|function| {
            let plain = match function.cost {
                Cost::Median(median) => draw.lognormal(median, SIGMA),
                // A loop's time hardly spreads: 2 % around its length.
                Cost::PerItem { nanos } => draw.lognormal(items * nanos / 1_000, 0.02),
            };
            (
                function.name,
                plain * conditions.percent(function.on, pool, now) / 100,
            )
        });
        Self {
            parts: parts.collect(),
        }
    }

    /// A failure that the application answers at once.
    pub fn failing(draw: &mut Draw) -> Self {
        Self {
            parts: vec![("error_page", draw.lognormal(2_500, SIGMA))],
        }
    }

    /// The own time: the sum of the parts.
    pub fn total(&self) -> Micros {
        self.parts.iter().map(|(_, time)| time).sum()
    }

    /// X-Runtime: seconds with six decimals.
    pub fn runtime_header(&self) -> String {
        let total = self.total();
        format!("{}.{:06}", total / 1_000_000, total % 1_000_000)
    }

    /// Server-Timing: milliseconds, a metric per function, then `total`.
    pub fn timing_header(&self) -> String {
        let mut header = String::new();
        for (name, time) in self.parts.iter().chain([&("total", self.total())]) {
            if !header.is_empty() {
                header.push_str(", ");
            }
            header.push_str(&format!("{name};dur={}.{:03}", time / 1_000, time % 1_000));
        }
        header
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_say_the_sum_and_the_parts() {
        let work = Work {
            parts: vec![("load_user", 12_345), ("render", 5)],
        };
        assert_eq!(work.runtime_header(), "0.012350");
        assert_eq!(
            work.timing_header(),
            "load_user;dur=12.345, render;dur=0.005, total;dur=12.350"
        );
    }
}
