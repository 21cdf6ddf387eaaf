//! `upstream_retries`: attempts at an upstream that failed, so that the proxy asked the next one, and the
//! time that clients lost to them.

use std::collections::BTreeMap;
use std::ops::Range;

use super::{Verdict, micros, named, severity, share};
use crate::diagnosis::case::Case;
use crate::diagnosis::panel::Panel;
use crate::diagnosis::stretch::largest_sum;
use crate::diagnosis::{Finding, Grounds, Kind, Prose, Role, Subject, Topic, Value, limits};
use crate::phases::Phase;
use crate::summary::Text;
use crate::unit;

pub fn look(case: &Case<'_>) -> Verdict {
    let panel = case.windows()?;
    if case.summary.totals.phase(Phase::Upstream).is_none() {
        return Err(
            "the log does not tell attempts: log $upstream_addr, $upstream_status and $upstream_response_time"
                .to_owned(),
        );
    }
    Ok(finding(case, panel).into_iter().collect())
}

/// The windows in which more than a sliver of the requests were repeated, of all stretches those with the
/// most beyond that; with their requests and those that were repeated.
fn repeated(panel: &Panel) -> Option<(Range<usize>, f64, f64)> {
    let mut windows = vec![(0.0, 0.0); panel.windows];
    for point in panel.series.iter().flat_map(|series| &series.points) {
        if let Some(window) = windows.get_mut(point.window) {
            window.0 += point.requests;
            window.1 += point.retried;
        }
    }
    let beyond = |(requests, retried): &(f64, f64)| retried - limits::RETRIED_PART / 2.0 * requests;
    let stretch = largest_sum(windows.iter().map(beyond));
    let within = windows.get(stretch.clone())?;
    let requests: f64 = within.iter().map(|window| window.0).sum();
    let retried: f64 = within.iter().map(|window| window.1).sum();
    (retried >= limits::RETRIED_LEAST && retried >= limits::RETRIED_PART * requests)
        .then_some((stretch, requests, retried))
}

fn finding(case: &Case<'_>, panel: &Panel) -> Option<Finding> {
    let (stretch, requests, retried) = repeated(panel)?;
    let (from, until) = (stretch.start, stretch.end);
    // Requests by the upstream that was asked first and failed.
    let mut failed: BTreeMap<&[u8], f64> = BTreeMap::new();
    let mut example = None;
    let mut affected: Vec<usize> = Vec::new();
    for (at, endpoint) in case.summary.endpoints.iter().enumerate() {
        if endpoint.phase(Phase::Retry).is_none() {
            continue;
        }
        affected.push(at);
        let sample = endpoint.history.sample.iter();
        for (weight, line) in sample.filter(|(_, line)| line.retry.is_some()) {
            *failed.entry(line.text(Text::First)).or_default() += weight;
            example.get_or_insert_with(|| line.example());
        }
    }
    let all = case.summary.totals.phase(Phase::Retry)?;
    let sampled: f64 = failed.values().sum();
    let failing = failed
        .iter()
        .max_by(|a, b| a.1.total_cmp(b.1))
        .filter(|(address, count)| !address.is_empty() && **count >= 0.6 * sampled);
    let time = all.sum.0 as f64;
    let length = stretch.len() as f64 * panel.width.0 as f64;
    let title = format!(
        "The proxy had to ask again for {} of the requests",
        share(retried, requests)
    );
    Some(Finding {
        kind: Kind::UpstreamRetries,
        severity: severity(time, length),
        grounds: Grounds::Measured,
        title: match failing {
            Some((address, _)) => Prose::new(format!("{title}: attempts at "))
                .log(address)
                .words(" failed"),
            None => Prose::new(format!("{title}: attempts at several upstreams failed")),
        },
        detail: vec![Prose::new(format!(
            "{} to {}: {} of {} requests; failed attempts took {} each on average, {} in all.",
            panel.start(from).rfc3339(),
            panel.start(until).rfc3339(),
            unit::count(retried as u64),
            unit::count(requests as u64),
            all.mean(),
            all.sum
        ))],
        from: Some(panel.start(from)),
        until: Some(panel.start(until)),
        endpoints: named(affected, Role::Affected),
        subject: failing.map(|(address, _)| Subject {
            topic: Topic::Upstream,
            value: address.to_vec(),
        }),
        evidence: vec![
            ("retried", Value::Count(retried as u64)),
            ("requests", Value::Count(requests as u64)),
            ("lost_us", Value::Duration(all.sum)),
            ("lost_mean_us", Value::Duration(all.mean())),
        ],
        examples: example.into_iter().collect(),
        advice: Prose::new(
            "See why this upstream refuses or stays silent; until then shorten proxy_connect_timeout and proxy_next_upstream_timeout, and take the host out sooner (max_fails).",
        ),
        explains: micros(time),
    })
}
