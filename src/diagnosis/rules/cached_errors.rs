//! `cached_errors`: answers with a status of 500 and over that came from a cache.

use super::cache_collapse::NO_LOOKUPS;
use super::{Verdict, endpoints, named};
use crate::diagnosis::case::Case;
use crate::diagnosis::{Finding, Grounds, Kind, Prose, Role, Severity, Value, limits};
use crate::unit::{self, Micros};

pub fn look(case: &Case<'_>) -> Verdict {
    let cells = || {
        case.summary
            .endpoints
            .iter()
            .flat_map(|endpoint| &endpoint.history.cells)
    };
    if cells().all(|cell| cell.cell.lookups == 0) {
        return Err(NO_LOOKUPS.to_owned());
    }
    Ok(finding(case).into_iter().collect())
}

/// What an endpoint's cache gave out.
struct Kept {
    endpoint: usize,
    errors: u64,
    /// The first window with one and the one behind the last, in widths of cells since 1970.
    from: i64,
    until: i64,
}

fn finding(case: &Case<'_>) -> Option<Finding> {
    let width = case.summary.cell_width;
    let mut kept: Vec<Kept> = Vec::new();
    for (at, endpoint) in case.summary.endpoints.iter().enumerate() {
        let with = || {
            endpoint
                .history
                .cells
                .iter()
                .filter(|cell| cell.cell.cached_errors > 0)
        };
        if let (Some(first), Some(last)) = (with().next(), with().next_back()) {
            kept.push(Kept {
                endpoint: at,
                errors: with().map(|cell| u64::from(cell.cell.cached_errors)).sum(),
                from: first.window,
                until: last.window + 1,
            });
        }
    }
    kept.retain(|kept| kept.errors >= limits::CACHED_ERRORS);
    let errors: u64 = kept.iter().map(|kept| kept.errors).sum();
    let longest = kept
        .iter()
        .map(|kept| (kept.until - kept.from).unsigned_abs() * width.0)
        .max()?;
    let from = kept.iter().map(|kept| kept.from).min()?;
    let until = kept.iter().map(|kept| kept.until).max()?;
    kept.sort_by_key(|kept| (std::cmp::Reverse(kept.errors), kept.endpoint));
    let affected: Vec<usize> = kept.iter().map(|kept| kept.endpoint).collect();
    let start = |window: i64| crate::stamp::Stamp(window.saturating_mul(width.0 as i64));
    let example = affected.iter().find_map(|at| {
        let endpoint = case.summary.endpoints.get(*at)?;
        let (_, line) = endpoint.history.sample.iter().find(|(_, line)| {
            line.status.is_some_and(|status| status >= 500) && line.own.is_none()
        })?;
        Some(line.example())
    });
    Some(Finding {
        kind: Kind::CachedErrors,
        severity: Severity::Critical,
        grounds: Grounds::Measured,
        title: Prose::new(format!(
            "The cache answered {} requests of {} with an error that it had kept",
            unit::count(errors),
            endpoints(affected.len())
        )),
        detail: vec![
            Prose::new(format!(
                "From {} to {}, for {} on one endpoint at the longest: ",
                start(from).rfc3339(),
                start(until).rfc3339(),
                Micros(longest)
            ))
            .and(case.names(&affected))
            .words("."),
        ],
        from: Some(start(from)),
        until: Some(start(until)),
        endpoints: named(affected, Role::Affected),
        subject: None,
        evidence: vec![
            ("requests", Value::Count(errors)),
            ("longest_us", Value::Duration(Micros(longest))),
        ],
        examples: example.into_iter().collect(),
        advice: Prose::new(
            "Keep errors for seconds at most (proxy_cache_valid for 5xx), and serve stale answers instead (proxy_cache_use_stale).",
        ),
        // No time was lost: people were.
        explains: Micros(0),
    })
}
