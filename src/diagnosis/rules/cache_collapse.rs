//! `cache_collapse`: endpoints whose hit ratio fell, each against itself, so that another mix of what is
//! asked for is none.

use super::{Verdict, endpoints, micros, named, percent};
use crate::diagnosis::case::Case;
use crate::diagnosis::panel::Series;
use crate::diagnosis::stretch::{largest_sum, percentile};
use crate::diagnosis::{Finding, Grounds, Kind, Prose, Role, Severity, Value, limits};

/// Why nothing can be said of a cache.
pub const NO_LOOKUPS: &str = "the log does not tell hits from misses: log $upstream_cache_status";

pub fn look(case: &Case<'_>) -> Verdict {
    let panel = case.windows()?;
    if panel.sum(|_| true).lookups == 0.0 {
        return Err(NO_LOOKUPS.to_owned());
    }
    let falls: Vec<Fall> = panel.series.iter().filter_map(fall).collect();
    Ok(finding(case, &falls).into_iter().collect())
}

/// An endpoint whose hit ratio fell.
#[derive(Debug)]
struct Fall {
    endpoint: usize,
    /// The first window of it, and the one behind the last.
    from: usize,
    until: usize,
    /// Hit ratio outside and in it.
    before: f64,
    during: f64,
    /// Look-ups in it.
    lookups: f64,
    /// Mean time of what a miss keeps busy, in µs.
    miss: f64,
}

/// Hits of some windows.
#[derive(Debug, Clone, Copy, Default)]
struct Hits {
    lookups: f64,
    hits: f64,
}

impl Hits {
    fn ratio(self) -> f64 {
        self.hits / self.lookups.max(1.0)
    }
}

/// Blocks of so many look-ups at least, with the windows that they cover.
fn blocks(series: &Series) -> Vec<(usize, usize, Hits)> {
    let mut blocks = Vec::new();
    let (mut from, mut sum) = (None, Hits::default());
    for point in series.points.iter().filter(|point| point.lookups > 0.0) {
        let start = *from.get_or_insert(point.window);
        sum.lookups += point.lookups;
        sum.hits += point.hits;
        if sum.lookups >= limits::LOOKUPS_A_BLOCK {
            blocks.push((start, point.window + 1, sum));
            (from, sum) = (None, Hits::default());
        }
    }
    blocks
}

/// The stretch over which an endpoint's hit ratio is most below its usual one, if it is far enough.
fn fall(series: &Series) -> Option<Fall> {
    let blocks = blocks(series);
    if blocks.len() < limits::LEAST_BLOCKS {
        return None;
    }
    // A fall may cover most of a log.
    let usual = percentile(blocks.iter().map(|block| block.2.ratio()), 80)?;
    let needed = limits::HIT_RATIO_FALL / 2.0;
    // The stretch with the largest sum of what is missing beyond half of a fall.
    let missing = |hits: &Hits| (usual - needed - hits.ratio()) * hits.lookups;
    let lower = largest_sum(blocks.iter().map(|(_, _, hits)| missing(hits)));
    if lower.len() < limits::FALL_BLOCKS || blocks.len() - lower.len() < limits::FALL_BLOCKS {
        return None;
    }
    let within = |at: usize| lower.contains(&at);
    let sum = |inside: bool| {
        let mut sum = Hits::default();
        for (_, (_, _, hits)) in blocks
            .iter()
            .enumerate()
            .filter(|(at, _)| within(*at) == inside)
        {
            sum.lookups += hits.lookups;
            sum.hits += hits.hits;
        }
        sum
    };
    let (before, during) = (sum(false), sum(true));
    let drop = before.ratio() - during.ratio();
    // Hits come in crowds: by how much more the quiet blocks scatter than chance alone would make them.
    let p = before.ratio().clamp(0.01, 0.99);
    let quiet: Vec<f64> = blocks
        .iter()
        .enumerate()
        .filter(|(at, _)| !within(*at))
        .map(|(_, (_, _, hits))| (hits.ratio() - p).powi(2) * hits.lookups / (p * (1.0 - p)))
        .collect();
    let crowded = (quiet.iter().sum::<f64>() / quiet.len() as f64).max(1.0);
    let pooled = (before.hits + during.hits) / (before.lookups + during.lookups);
    let error = (pooled * (1.0 - pooled) * crowded * (1.0 / before.lookups + 1.0 / during.lookups))
        .sqrt()
        .max(1e-9);
    if drop < limits::HIT_RATIO_FALL || drop / error < limits::FALL_Z {
        return None;
    }
    let served = series.sum(|_| true);
    Some(Fall {
        endpoint: series.endpoint,
        from: blocks.get(lower.start)?.0,
        until: blocks.get(lower.end - 1)?.1,
        before: before.ratio(),
        during: during.ratio(),
        lookups: during.lookups,
        miss: served.mean(),
    })
}

fn finding(case: &Case<'_>, falls: &[Fall]) -> Option<Finding> {
    let panel = case.panel.as_ref()?;
    let lookups: f64 = falls.iter().map(|fall| fall.lookups).sum();
    let misses: f64 = falls
        .iter()
        .map(|fall| (fall.before - fall.during) * fall.lookups)
        .sum();
    let added: f64 = falls
        .iter()
        .map(|fall| (fall.before - fall.during) * fall.lookups * fall.miss)
        .sum();
    let first = falls.iter().map(|fall| fall.from).min()?;
    let last = falls.iter().map(|fall| fall.until).max()?;
    let ratio = |of: fn(&Fall) -> f64| {
        falls
            .iter()
            .map(|fall| of(fall) * fall.lookups)
            .sum::<f64>()
            / lookups.max(1.0)
    };
    let (before, during) = (ratio(|fall| fall.before), ratio(|fall| fall.during));
    let mut affected: Vec<usize> = falls.iter().map(|fall| fall.endpoint).collect();
    affected.sort_unstable();
    let lasts = last == panel.windows;
    Some(Finding {
        kind: Kind::CacheCollapse,
        severity: Severity::Warning,
        grounds: Grounds::Measured,
        title: Prose::new(format!(
            "The cache answers less: the hit ratio of {} fell from {} to {}",
            endpoints(affected.len()),
            percent(before),
            percent(during)
        )),
        detail: vec![
            Prose::new(format!(
                "Since {}{}: {:.0} requests more than usual went to the application, {} of work.",
                panel.start(first).rfc3339(),
                if lasts {
                    ", to the end of the log".to_owned()
                } else {
                    format!(" until {}", panel.start(last).rfc3339())
                },
                misses,
                micros(added)
            )),
            Prose::new("Each is compared with itself: ").and(case.names(&affected)),
        ],
        from: Some(panel.start(first)),
        until: Some(panel.start(last)),
        endpoints: named(affected, Role::Affected),
        subject: None,
        evidence: vec![
            ("hit_ratio_usual", Value::Number(before)),
            ("hit_ratio", Value::Number(during)),
            ("lookups", Value::Count(lookups as u64)),
            ("added_misses", Value::Number(misses)),
            ("added_us", Value::Duration(micros(added))),
        ],
        examples: Vec::new(),
        advice: Prose::new(
            "See what changed in the cache or its keys then: a smaller cache, a shorter lifetime, a parameter or header that made each request its own.",
        ),
        explains: micros(added),
    })
}
