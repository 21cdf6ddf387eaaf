//! `slow_upstream`: one host of several takes longer than its peers for the same endpoints.

use std::collections::BTreeMap;

use super::{Verdict, micros};
use crate::diagnosis::case::Case;
use crate::diagnosis::weighted::{Contrast, Weighted, contrast};
use crate::diagnosis::{
    Finding, Grounds, Kind, Named, Prose, Role, Severity, Subject, Topic, Value, limits,
};
use crate::summary::{Endpoint, Sampled, Text};
use crate::unit;

pub fn look(case: &Case<'_>) -> Verdict {
    let hosts = case.summary.upstreams.len();
    if hosts < 2 {
        return Err(
            "it takes the addresses of two upstreams at least: log $upstream_addr".to_owned(),
        );
    }
    Ok(finding(case).into_iter().collect())
}

/// Own time of a sampled line in octaves of µs; `None` where no upstream was at work.
fn own(line: &Sampled) -> Option<f64> {
    let own = line.own.or(line.whole)?;
    (!line.text(Text::Upstream).is_empty()).then(|| (own.0.max(1) as f64).log2())
}

/// How much longer one upstream takes than the others, but for one that is left out.
fn against_peers(case: &Case<'_>, address: &[u8], but: Option<&[u8]>) -> Option<Contrast> {
    let pair = |endpoint: &Endpoint| {
        let mut pair = (Weighted::default(), Weighted::default());
        for (weight, line) in &endpoint.history.sample {
            let upstream = line.text(Text::Upstream);
            if let Some(own) = own(line).filter(|_| Some(upstream) != but) {
                if upstream == address {
                    pair.0.add(*weight, own);
                } else {
                    pair.1.add(*weight, own);
                }
            }
        }
        pair
    };
    contrast(case.summary.endpoints.iter().map(pair))
}

fn finding(case: &Case<'_>) -> Option<Finding> {
    let contrasts: Vec<(&[u8], Contrast)> = case
        .summary
        .upstreams
        .iter()
        .filter_map(|upstream| {
            let address = upstream.address.as_slice();
            Some((address, against_peers(case, address, None)?))
        })
        .collect();
    let (address, found) = contrasts
        .iter()
        .max_by(|a, b| a.1.difference.total_cmp(&b.1.difference))?;
    if found.difference < limits::SLOW_HOST || found.z() < limits::SLOW_HOST_Z {
        return None;
    }
    // Where the others differ as much among themselves, it is not apart from them.
    let apart = contrasts
        .iter()
        .filter(|(peer, _)| peer != address)
        .filter_map(|(peer, _)| against_peers(case, peer, Some(address)))
        .all(|peer| peer.difference.abs() <= found.difference / 2.0 || peer.z().abs() < 3.0);
    if !apart {
        return None;
    }
    let factor = found.difference.exp2();
    let upstream = case
        .summary
        .upstreams
        .iter()
        .find(|upstream| upstream.address == *address)?;
    let lost = upstream.busy.0 as f64 * (1.0 - 1.0 / factor);
    let endpoints: BTreeMap<usize, f64> = case
        .summary
        .endpoints
        .iter()
        .enumerate()
        .map(|(at, endpoint)| (at, busy_at(endpoint, address)))
        .filter(|(_, busy)| *busy > 0.0)
        .collect();
    let (from, until) = case.summary.range.unzip();
    let low = (found.difference - 1.96 * found.error).exp2();
    let high = (found.difference + 1.96 * found.error).exp2();
    Some(Finding {
        kind: Kind::SlowUpstream,
        severity: Severity::Warning,
        grounds: if case.grounds() == Grounds::Measured {
            Grounds::Measured
        } else {
            Grounds::Associated
        },
        title: Prose::new("The upstream ").log(address).words(format!(
            " takes {factor:.1} times as long as its peers for the same endpoints"
        )),
        detail: vec![Prose::new(format!(
            "{} requests went to it; with 95 % certainty they took {low:.1} to {high:.1} times as long (from sampled lines of {} endpoints), {} in all.",
            unit::count(upstream.requests),
            unit::count(endpoints.len() as u64),
            micros(lost)
        ))],
        from,
        until,
        endpoints: endpoints
            .keys()
            .map(|endpoint| Named {
                role: Role::Affected,
                endpoint: *endpoint,
            })
            .collect(),
        subject: Some(Subject {
            topic: Topic::Upstream,
            value: address.to_vec(),
        }),
        evidence: vec![
            ("factor", Value::Number(factor)),
            ("factor_low", Value::Number(low)),
            ("factor_high", Value::Number(high)),
            ("requests", Value::Count(upstream.requests)),
            ("lost_us", Value::Duration(micros(lost))),
        ],
        examples: Vec::new(),
        advice: Prose::new(
            "Compare this host with its peers: its load, its memory, its neighbours; or take it out until you know.",
        ),
        explains: micros(lost),
    })
}

/// Own time of an endpoint at an upstream, in µs, by its sampled lines.
fn busy_at(endpoint: &Endpoint, address: &[u8]) -> f64 {
    endpoint
        .history
        .sample
        .iter()
        .filter(|(_, line)| line.text(Text::Upstream) == address)
        .filter_map(|(weight, line)| Some(weight * line.own.or(line.whole)?.0 as f64))
        .sum()
}
