//! `slow_upstream`: one host of several takes longer than its peers for the same endpoints.

use super::{Verdict, micros, named};
use crate::diagnosis::case::Case;
use crate::diagnosis::weighted::{Contrast, Weighted, contrast};
use crate::diagnosis::{Finding, Kind, Prose, Role, Severity, Subject, Topic, Value, limits};
use crate::summary::{Endpoint, Sampled, Text, Upstream};
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

/// The sampled lines of an endpoint that upstreams worked for, each with the requests that it stands for and its
/// own time in octaves of µs. Where the log tells none of them how long it worked, with all that it took there;
/// where it tells some, the others were cut off, and what they took is not work.
pub fn worked(endpoint: &Endpoint) -> impl Iterator<Item = (f64, f64, &Sampled)> {
    let sample = &endpoint.history.sample;
    let is_told = sample.iter().any(|(_, line)| line.own.is_some());
    sample.iter().filter_map(move |(weight, line)| {
        let octaves = octaves(line, is_told)?;
        (!line.text(Text::Upstream).is_empty()).then_some((*weight, octaves, line))
    })
}

fn octaves(line: &Sampled, is_told: bool) -> Option<f64> {
    let time = if is_told { line.own } else { line.whole }?;
    Some((time.0.max(1) as f64).log2())
}

/// How much longer one upstream takes than the others for the lines that count.
pub fn against_peers(
    case: &Case<'_>,
    address: &[u8],
    counts: impl Fn(&Sampled) -> bool,
) -> Option<Contrast> {
    let pair = |endpoint: &Endpoint| {
        let mut pair = (Weighted::default(), Weighted::default());
        for (weight, own, line) in worked(endpoint).filter(|(_, _, line)| counts(line)) {
            if line.text(Text::Upstream) == address {
                pair.0.add(weight, own);
            } else {
                pair.1.add(weight, own);
            }
        }
        pair
    };
    contrast(case.summary.endpoints.iter().map(pair))
}

/// The upstream that is slower than its peers, where one is, and by how much.
pub fn slow<'s>(case: &Case<'s>) -> Option<(&'s Upstream, Contrast)> {
    let contrasts: Vec<(&Upstream, Contrast)> = case
        .summary
        .upstreams
        .iter()
        .filter_map(|upstream| Some((upstream, against_peers(case, &upstream.address, |_| true)?)))
        .collect();
    let (upstream, found) = contrasts
        .iter()
        .copied()
        .max_by(|a, b| a.1.difference.total_cmp(&b.1.difference))?;
    let address = &upstream.address;
    if found.difference < limits::SLOW_HOST || found.z() < limits::SLOW_HOST_Z {
        return None;
    }
    // Where the others differ as much among themselves, it is not apart from them.
    let apart = contrasts
        .iter()
        .filter(|(peer, _)| peer.address != *address)
        .filter_map(|(peer, _)| {
            against_peers(case, &peer.address, |line| {
                line.text(Text::Upstream) != address
            })
        })
        .all(|peer| peer.difference.abs() <= found.difference / 2.0 || peer.z().abs() < 3.0);
    apart.then_some((upstream, found))
}

fn finding(case: &Case<'_>) -> Option<Finding> {
    let (upstream, found) = slow(case)?;
    let address = &upstream.address;
    let factor = found.difference.exp2();
    let lost = upstream.busy.0 as f64 * (1.0 - 1.0 / factor);
    let affected: Vec<usize> = case
        .summary
        .endpoints
        .iter()
        .enumerate()
        .filter(|(_, endpoint)| works_at(endpoint, address))
        .map(|(at, _)| at)
        .collect();
    let (from, until) = case.summary.range.unzip();
    let low = (found.difference - 1.96 * found.error).exp2();
    let high = (found.difference + 1.96 * found.error).exp2();
    Some(Finding {
        kind: Kind::SlowUpstream,
        severity: Severity::Warning,
        grounds: case.grounds_as_logged(),
        title: Prose::new("The upstream ").log(address).words(format!(
            " takes {factor:.1} times as long as its peers for the same endpoints"
        )),
        detail: vec![Prose::new(format!(
            "{} requests went to it; with 95 % certainty they took {low:.1} to {high:.1} times as long (from sampled lines of {} endpoints), {} in all.",
            unit::count(upstream.requests),
            unit::count(affected.len() as u64),
            micros(lost)
        ))],
        from,
        until,
        endpoints: named(affected, Role::Affected),
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

/// Whether a sampled request of an endpoint took time at an upstream.
fn works_at(endpoint: &Endpoint, address: &[u8]) -> bool {
    endpoint.history.sample.iter().any(|(_, line)| {
        line.text(Text::Upstream) == address && line.own_or_whole().is_some_and(|own| own.0 > 0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unit::Micros;

    #[test]
    fn what_was_cut_off_is_no_work_where_the_log_tells_work() {
        let mut cut_off = Sampled::default();
        cut_off.whole = Some(Micros(300_000_000));
        let mut answered = Sampled::default();
        (answered.own, answered.whole) = (Some(Micros(1_024)), Some(Micros(4_096)));
        assert_eq!(octaves(&cut_off, true), None);
        assert_eq!(octaves(&answered, true), Some(10.0));
        assert_eq!(octaves(&answered, false), Some(12.0));
        assert_eq!(octaves(&Sampled::default(), false), None);
    }
}
