//! `upstream_retries`: attempts at an upstream that failed, so that the proxy asked the next one, and the
//! time that clients lost to them.

use std::collections::BTreeMap;

use super::{Verdict, micros, severity, share};
use crate::diagnosis::case::Case;
use crate::diagnosis::panel::Panel;
use crate::diagnosis::{Finding, Grounds, Kind, Named, Prose, Role, Subject, Topic, Value, limits};
use crate::phases::Phase;
use crate::summary::{SlowRequest, Text};
use crate::unit;

pub fn look(case: &Case<'_>) -> Verdict {
    let Some(panel) = &case.panel else {
        return Err(case.blind().unwrap_or_default());
    };
    if case.summary.totals.phase(Phase::Upstream).is_none() {
        return Err(
            "the log does not tell attempts: log $upstream_addr, $upstream_status and $upstream_response_time"
                .to_owned(),
        );
    }
    Ok(finding(case, panel).into_iter().collect())
}

/// The windows in which more than a sliver of the requests were repeated: of all stretches the one with
/// the most beyond that.
fn stretch(panel: &Panel) -> Option<(usize, usize, f64, f64)> {
    let mut windows = vec![(0.0, 0.0); panel.windows];
    for point in panel.series.iter().flat_map(|series| &series.points) {
        if let Some(window) = windows.get_mut(point.window) {
            window.0 += point.requests;
            window.1 += point.retried;
        }
    }
    let (mut best, mut start, mut sum) = ((0, 0, 0.0), 0, 0.0);
    for (at, (requests, retried)) in windows.iter().enumerate() {
        sum += retried - limits::RETRIED_PART / 2.0 * requests;
        if sum <= 0.0 {
            (sum, start) = (0.0, at + 1);
        } else if sum > best.2 {
            best = (start, at + 1, sum);
        }
    }
    let within = windows.get(best.0..best.1)?;
    let requests: f64 = within.iter().map(|window| window.0).sum();
    let retried: f64 = within.iter().map(|window| window.1).sum();
    (retried >= limits::RETRIED_LEAST && retried >= limits::RETRIED_PART * requests)
        .then_some((best.0, best.1, requests, retried))
}

fn finding(case: &Case<'_>, panel: &Panel) -> Option<Finding> {
    let (from, until, requests, retried) = stretch(panel)?;
    // By the upstream that was asked first and failed.
    let mut lost: BTreeMap<&[u8], (f64, f64)> = BTreeMap::new();
    let mut example = None;
    let mut affected: Vec<Named> = Vec::new();
    for (at, endpoint) in case.summary.endpoints.iter().enumerate() {
        let mut any = false;
        for (weight, line) in &endpoint.history.sample {
            let Some(retry) = line.retry else { continue };
            any = true;
            let entry = lost.entry(line.text(Text::First)).or_default();
            entry.0 += weight;
            entry.1 += weight * retry.0 as f64;
            example.get_or_insert_with(|| SlowRequest {
                total: line.total,
                stamp: line.arrival,
                line: line.text(Text::Line).into(),
            });
        }
        if any || endpoint.phase(Phase::Retry).is_some() {
            affected.push(Named {
                role: Role::Affected,
                endpoint: at,
            });
        }
    }
    let all = case.summary.totals.phase(Phase::Retry)?;
    let sampled: f64 = lost.values().map(|(count, _)| count).sum();
    let failing = lost
        .iter()
        .max_by(|a, b| a.1.0.total_cmp(&b.1.0))
        .filter(|(address, (count, _))| !address.is_empty() && *count >= 0.6 * sampled);
    let time = all.sum.0 as f64;
    let length = (until - from) as f64 * panel.width.0 as f64;
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
        endpoints: affected,
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
