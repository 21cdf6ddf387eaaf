//! Whose fault an incident is: a few endpoints whose own work grew, something that slows all, more
//! traffic, or nobody that the log knows.

use super::change::{Change, common_growth};
use super::limits;
use super::stretch::percentile;

/// Who or what is the cause of an incident. Places are those in the list of changes.
#[derive(Debug, Clone, PartialEq)]
pub enum Cause {
    /// These endpoints, most added work first.
    Culprits(Vec<usize>),
    /// Something that these endpoints have in common with most others.
    Common(Vec<usize>),
    /// More requests, each as cheap as ever.
    Traffic {
        /// Requests per second before and after.
        before: f64,
        /// And in the incident.
        during: f64,
    },
    /// Nothing that can be told.
    Unknown,
}

/// A cause, and the growth of own time that all endpoints share.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// Who or what.
    pub cause: Cause,
    /// Growth of own time that half of the endpoints exceed, in parts of the usual; not below 0.
    pub common: f64,
    /// Own time beyond the usual of all endpoints, in µs.
    pub added: f64,
}

/// Decides. `is_told` is whether the log tells own time from wait; `rates` are requests per second around
/// the incident and in it.
pub fn verdict(changes: &[Change], is_told: bool, rates: (f64, f64)) -> Verdict {
    let common = common_growth(changes);
    let added: f64 = changes
        .iter()
        .map(|change| change.added(common).max(0.0))
        .sum();
    let culprits = culprits(changes, common, added);
    let (grown, telling) = breadth(changes);
    let busy = |among: &[usize]| share_of_busy(changes, among);
    // Where wait is inferred, many culprits are a wait that was not seen, and few that have it alike prove
    // nothing.
    let part = limits::WIDE * telling as f64;
    let is_wide = (grown.len() > limits::FEW && grown.len() as f64 >= part
        || grown.len() > 1 && busy(&grown) >= limits::WIDE_BUSY)
        && (is_told || telling > limits::FEW);
    let leads = |at: &usize| changes[*at].is_sure(common, limits::LEAD_Z, limits::LEAD_LOG_Z);
    let theirs: f64 = culprits.iter().map(|at| changes[*at].added(common)).sum();
    let blamed = culprits.iter().any(leads)
        && theirs >= limits::CULPRITS_EXPLAIN * added
        && stand_out(changes, &culprits, is_told)
        // What is most of the work is no exception, unless the log itself tells that the rest is as ever.
        && (is_told && culprits.len() <= limits::FEW
            || busy(&culprits) * limits::CULPRIT_LIFT <= 1.0)
        && (is_told || culprits.len() <= limits::FEW || culprits.len() as f64 <= part)
        && (is_told || common < limits::INFERRED_COMMON)
        && !(grown.len() as f64 >= limits::WIDE * telling as f64
            && grow_by_a_factor(changes, &culprits));
    let cause = if blamed {
        Cause::Culprits(culprits)
    } else if is_wide {
        Cause::Common(grown)
    } else if is_surge(changes, rates) {
        Cause::Traffic {
            before: rates.0,
            during: rates.1,
        }
    } else {
        Cause::Unknown
    };
    Verdict {
        cause,
        common,
        added,
    }
}

/// The endpoints whose own time grew beyond that of all, and that matter; most added work first.
fn culprits(changes: &[Change], common: f64, added: f64) -> Vec<usize> {
    let mut found: Vec<usize> = (0..changes.len())
        .filter(|at| {
            let change = &changes[*at];
            change.is_slow(common)
                && change.growth * change.usual >= limits::CULPRIT_STEP
                && change.added(common) >= limits::CULPRIT_SHARE * added
        })
        .collect();
    found.sort_by(|a, b| {
        changes[*b]
            .added(common)
            .total_cmp(&changes[*a].added(common))
            .then(a.cmp(b))
    });
    found
}

/// The endpoints that have grown at all, and how many would have shown it.
fn breadth(changes: &[Change]) -> (Vec<usize>, usize) {
    let grown = |at: &usize| changes[*at].has_grown(limits::WIDE_GROWTH, 0.0);
    let grown: Vec<usize> = (0..changes.len()).filter(grown).collect();
    let telling = changes.iter().filter(|change| change.is_telling()).count();
    let telling = telling.max(grown.len());
    (grown, telling)
}

/// Their part of all busy time in quiet times.
fn share_of_busy(changes: &[Change], among: &[usize]) -> f64 {
    let all: f64 = changes
        .iter()
        .map(|change| change.before.own.max(0.0))
        .sum();
    let part: f64 = among
        .iter()
        .map(|at| changes[*at].before.own.max(0.0))
        .sum();
    if all > 0.0 { part / all } else { 0.0 }
}

/// Whether their growth stands out of that of the others.
fn stand_out(changes: &[Change], culprits: &[usize], is_told: bool) -> bool {
    let others = |least: f64| {
        let growths = changes
            .iter()
            .enumerate()
            .filter(move |(at, change)| !culprits.contains(at) && change.during.served >= least);
        growths.map(move |(_, change)| change.told_growth(is_told))
    };
    let most =
        percentile(others(50.0), 85).or_else(|| percentile(others(limits::LEAST_JUDGED), 85));
    let theirs = percentile(culprits.iter().map(|at| changes[*at].growth), 50);
    theirs.is_some_and(|theirs| {
        theirs >= limits::CULPRIT_GAP * most.unwrap_or(0.0).max(limits::GAP_FLOOR)
    })
}

/// Whether their growth agrees better as a factor than as a time that is added to each request: then
/// what they have in common lies below them, and is not code that they call.
fn grow_by_a_factor(changes: &[Change], culprits: &[usize]) -> bool {
    let spread = |value: fn(&Change) -> f64| {
        let logs: Vec<f64> = culprits
            .iter()
            .map(|at| value(&changes[*at]).max(1e-9).ln())
            .collect();
        let mean = logs.iter().sum::<f64>() / logs.len() as f64;
        logs.iter()
            .map(|log| (log - mean) * (log - mean))
            .sum::<f64>()
    };
    culprits.len() > 1
        && spread(|change| change.growth) < spread(|change| change.growth * change.usual)
}

/// Whether more requests explain the growth of busy time.
fn is_surge(changes: &[Change], (before, during): (f64, f64)) -> bool {
    if before <= 0.0 || during < limits::SURGE_RATE * before {
        return false;
    }
    let served: f64 = changes.iter().map(|change| change.during.served).sum();
    let usual: f64 = changes
        .iter()
        .map(|change| change.during.served * change.usual)
        .sum();
    let grown: f64 = changes.iter().map(|change| change.added(0.0)).sum();
    let traffic = usual * (1.0 - before / during);
    served >= limits::SURGE_REQUESTS && traffic >= limits::SURGE_SHARE * (traffic + grown.max(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::panel::Point;

    /// Endpoints that usually take so many ms and grow to others, with a hundred requests each.
    fn changes(times: &[(f64, f64)]) -> Vec<Change> {
        let point = |ms: f64, served: f64| Point {
            served,
            own: served * ms * 1e3,
            ..Point::default()
        };
        let change = |(endpoint, (usual, now)): (usize, &(f64, f64))| Change {
            endpoint,
            pool: 0,
            before: point(*usual, 1_000.0),
            during: point(*now, 100.0),
            effect: point(*now, 100.0),
            usual: usual * 1e3,
            growth: now / usual - 1.0,
            growth_error: 0.05,
            logs: Some(((now / usual).log2(), 0.05)),
            lasting: 0.9,
            longer: None,
        };
        times.iter().enumerate().map(change).collect()
    }

    #[test]
    fn two_of_ten_that_grow_are_culprits() {
        let mut times = [(10.0, 10.2); 10];
        times[3] = (10.0, 60.0);
        times[7] = (5.0, 60.0);
        assert_eq!(
            verdict(&changes(&times), true, (1.0, 1.0)).cause,
            Cause::Culprits(vec![7, 3])
        );
    }

    #[test]
    fn what_is_most_of_the_work_is_a_culprit_where_the_log_tells() {
        let mut times = [(10.0, 10.1); 10];
        times[4] = (200.0, 600.0);
        let cause = |is_told| verdict(&changes(&times), is_told, (1.0, 1.0)).cause;
        assert_eq!(cause(true), Cause::Culprits(vec![4]));
        assert_ne!(cause(false), Cause::Culprits(vec![4]));
    }

    #[test]
    fn all_that_grow_are_not() {
        let times: Vec<(f64, f64)> = (0..10).map(|n| (10.0, 15.0 + f64::from(n) * 2.0)).collect();
        assert!(
            matches!(verdict(&changes(&times), true, (1.0, 1.0)).cause, Cause::Common(grown) if grown.len() == 10)
        );
    }

    #[test]
    fn traffic_alone_is_a_surge() {
        let times = [(10.0, 10.1); 10];
        assert!(matches!(
            verdict(&changes(&times), true, (1.0, 2.0)).cause,
            Cause::Traffic { .. }
        ));
        assert_eq!(
            verdict(&changes(&times), true, (1.0, 1.1)).cause,
            Cause::Unknown
        );
        assert_eq!(verdict(&[], true, (0.0, 0.0)).cause, Cause::Unknown);
    }
}
