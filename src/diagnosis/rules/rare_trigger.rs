//! `rare_trigger`: a rare endpoint's requests begin just before outages, more often than chance would
//! have it. A coincidence, however unlikely, is no proof.

use super::recurring_outage::outages;
use super::{Verdict, hull, named, windows};
use crate::diagnosis::case::{Case, Examined};
use crate::diagnosis::{Finding, Grounds, Kind, Prose, Role, Severity, Value, limits};
use crate::stamp::Stamp;
use crate::unit::Micros;

pub fn look(case: &Case<'_>) -> Verdict {
    if let Some(why) = case.blind() {
        return Err(why);
    }
    let outages = outages(case);
    let onsets: Vec<Outage> = outages
        .iter()
        .filter_map(|examined| outage(case, examined))
        .collect();
    if onsets.len() < limits::TRIGGER_HITS as usize {
        return Ok(Vec::new());
    }
    let (Some((first, last)), true) = (case.summary.range, !onsets.is_empty()) else {
        return Ok(Vec::new());
    };
    let second = |stamp: Stamp| stamp.0.div_euclid(1_000_000);
    let out: i64 = onsets
        .iter()
        .map(|outage| (outage.end - outage.onset).max(0))
        .sum();
    let free = (second(last) - second(first) - out).max(1) as f64;
    let chance =
        onsets.len() as f64 * (limits::TRIGGER_BEFORE + limits::TRIGGER_AFTER) as f64 / free;
    let rare: Vec<(usize, Hits)> = case
        .summary
        .endpoints
        .iter()
        .enumerate()
        .filter_map(|(at, endpoint)| Some((at, hits(endpoint.history.starts.as_ref()?, &onsets))))
        .filter(|(_, hits)| {
            let most = limits::TRIGGER_CALLS * onsets.len() as u64;
            (limits::TRIGGER_HITS..=most).contains(&hits.calls)
        })
        .collect();
    let tested = rare.len() as f64;
    let findings = rare.into_iter().filter_map(|(at, hits)| {
        let p = binomial_tail(hits.calls, hits.before, chance.min(1.0)) * tested;
        let often = hits.before as f64 >= limits::TRIGGER_PART * hits.calls as f64;
        (p < limits::TRIGGER_P && often && hits.outages.len() as u64 >= limits::TRIGGER_HITS)
            .then(|| finding(case, at, &hits, &onsets, &outages, p))
    });
    Ok(findings.collect())
}

/// When an outage began and ended, in seconds since 1970.
struct Outage {
    onset: i64,
    end: i64,
}

/// The calls of an endpoint against the outages.
struct Hits {
    /// Calls outside of outages.
    calls: u64,
    /// Of these, those just before an onset.
    before: u64,
    /// The outages that were preceded by a call.
    outages: Vec<usize>,
    /// How long before at most, in seconds.
    lead: i64,
}

fn hits(starts: &[u32], outages: &[Outage]) -> Hits {
    let mut hits = Hits {
        calls: 0,
        before: 0,
        outages: Vec::new(),
        lead: 0,
    };
    for start in starts.iter().map(|start| i64::from(*start)) {
        if outages
            .iter()
            .any(|outage| start > outage.onset + limits::TRIGGER_AFTER && start < outage.end)
        {
            continue;
        }
        hits.calls += 1;
        let preceded = outages.iter().position(|outage| {
            (outage.onset - limits::TRIGGER_BEFORE..=outage.onset + limits::TRIGGER_AFTER)
                .contains(&start)
        });
        if let Some(at) = preceded {
            hits.before += 1;
            hits.lead = hits.lead.max(outages[at].onset - start);
            hits.outages.push(at);
        }
    }
    hits.outages.sort_unstable();
    hits.outages.dedup();
    hits
}

/// The chance of `k` and more hits in `n` tries.
fn binomial_tail(n: u64, k: u64, p: f64) -> f64 {
    let mut term = (1.0 - p).powf(n as f64);
    if p >= 1.0 {
        return 1.0;
    }
    let mut below = 0.0;
    for hits in 0..k {
        below += term;
        term *= (n - hits) as f64 / (hits + 1) as f64 * p / (1.0 - p);
    }
    // The tail itself, as long as it can be told from rounding; what is smaller is small enough.
    (1.0 - below).max(term)
}

/// Dates an outage by the work that upstreams have in hand, which is kept on finer windows than what each
/// endpoint did: the point from which it lies above the middle between usual and raised. `None` where the
/// log names no upstream or the work does not show the outage.
fn onset_by_load(case: &Case<'_>, start: i64, end: i64, reach: i64) -> Option<i64> {
    let fine = case.summary.load_width.0.max(1) as i64;
    let window = |us: i64| us.div_euclid(fine);
    let within = |from: i64, until: i64| -> f64 {
        let flight = |upstream: &crate::summary::Upstream| {
            let place = |window: i64| upstream.loads.partition_point(|load| load.window < window);
            let loads = upstream.loads.get(place(from)..place(until.max(from)));
            let flight = loads
                .unwrap_or_default()
                .iter()
                .map(|load| load.flight as f64);
            flight.sum::<f64>()
        };
        let sum: f64 = case.summary.upstreams.iter().map(flight).sum();
        sum / (until - from).max(1) as f64
    };
    let usual = within(window(start - 12 * reach), window(start - 2 * reach));
    let raised = within(
        window(start + reach),
        window(end - reach).max(window(start + reach) + 1),
    );
    if raised < 1.3 * usual || usual <= 0.0 {
        return None;
    }
    let middle = (usual + raised) / 2.0;
    // The windows of an incident may begin long before it by chance.
    let (low, high) = (window(start - 2 * reach), window(end));
    let (mut sum, mut best, mut onset) = (0.0, 0.0, None);
    for at in (low..high).rev() {
        sum += within(at, at + 1) - middle;
        if sum > best {
            (best, onset) = (sum, Some(at));
        }
    }
    onset.map(|onset| onset.saturating_mul(fine).div_euclid(1_000_000))
}

/// Dates an outage: the point from which the finest windows there are lie above the middle between usual
/// and raised.
fn outage(case: &Case<'_>, examined: &Examined) -> Option<Outage> {
    let panel = case.panel.as_ref()?;
    let fine = case.summary.cell_width.0.max(1) as i64;
    let width = panel.width.0 as i64;
    let start = panel.start(examined.incident.from).0;
    let end = panel.start(examined.incident.until).0;
    if let Some(onset) = onset_by_load(case, start, end, width) {
        return Some(Outage {
            onset,
            end: end.div_euclid(1_000_000),
        });
    }
    let (low, high) = ((start - 2 * width).div_euclid(fine), end.div_euclid(fine));
    let mut excess = vec![0.0; usize::try_from(high - low).ok()?];
    let usual: f64 = examined
        .changes
        .iter()
        .map(|c| c.during.served * c.usual)
        .sum();
    let added: f64 = examined.changes.iter().map(|c| c.added(0.0)).sum();
    let middle = 1.0 + added / usual.max(1.0) / 2.0;
    for change in &examined.changes {
        let cells = &case.summary.endpoints.get(change.endpoint)?.history.cells;
        let from = cells.partition_point(|cell| cell.window < low);
        for cell in cells
            .get(from..)?
            .iter()
            .take_while(|cell| cell.window < high)
        {
            let served = f64::from(cell.cell.served);
            // OK because the window lies within the bounds that were searched for.
            excess[(cell.window - low) as usize] +=
                cell.cell.time as f64 - served * change.usual * middle;
        }
    }
    let (mut sum, mut best, mut onset) = (0.0, 0.0, high - low);
    for (at, value) in excess.iter().enumerate().rev() {
        sum += value;
        if sum > best {
            (best, onset) = (sum, at as i64);
        }
    }
    Some(Outage {
        onset: (low + onset).saturating_mul(fine).div_euclid(1_000_000),
        end: end.div_euclid(1_000_000),
    })
}

fn finding(
    case: &Case<'_>,
    at: usize,
    hits: &Hits,
    onsets: &[Outage],
    outages: &[&Examined],
    p: f64,
) -> Finding {
    let (from, until) = hull(case, outages);
    Finding {
        kind: Kind::RareTrigger,
        severity: Severity::Warning,
        grounds: Grounds::Associated,
        title: Prose::new("").and(case.name(at)).words(format!(
            " began just before {} of {} outages, which are {} of its {} calls outside of them",
            hits.outages.len(),
            onsets.len(),
            hits.before,
            hits.calls
        )),
        detail: vec![Prose::new(format!(
            "At most {} before; by chance as many would happen in {} of logs like this one.",
            Micros(hits.lead.max(0).unsigned_abs() * 1_000_000),
            one_in(p)
        ))],
        from,
        until,
        endpoints: named([at], Role::Trigger),
        subject: None,
        evidence: vec![
            ("outages", Value::Count(onsets.len() as u64)),
            ("preceded", Value::Count(hits.outages.len() as u64)),
            ("calls", Value::Count(hits.calls)),
            ("calls_before", Value::Count(hits.before)),
            (
                "lead_us",
                Value::Duration(Micros(hits.lead.max(0).unsigned_abs() * 1_000_000)),
            ),
            ("p", Value::Number(p)),
            ("windows", windows(case, outages)),
        ],
        examples: Vec::new(),
        advice: Prose::new(
            "See what it does to what all others need: locks, a full scan, a pool that it empties. It is a coincidence, not a proof.",
        ),
        explains: Micros(0),
    }
}

fn one_in(p: f64) -> String {
    format!("1 in {:.0}", (1.0 / p.max(1e-9)).min(1e9))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tails_are_those_of_the_tables() {
        assert!((binomial_tail(4, 3, 0.5) - 5.0 / 16.0).abs() < 1e-12);
        assert!((binomial_tail(10, 0, 0.2) - 1.0).abs() < 1e-12);
        assert!(binomial_tail(6, 5, 0.01) < 1e-8);
    }

    #[test]
    fn calls_in_an_outage_do_not_count() {
        let outages = [(1_000, 1_300), (5_000, 5_300)].map(|(onset, end)| Outage { onset, end });
        let found = hits(&[100, 990, 1_002, 1_100, 4_995], &outages);
        assert_eq!(
            (found.calls, found.before, found.outages, found.lead),
            (4, 3, vec![0, 1], 10)
        );
    }
}
