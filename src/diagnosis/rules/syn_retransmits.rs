//! `syn_retransmits`: connections to upstreams that came about after 1, 3 or 7 s: the first packet of each
//! was lost and sent again, after 1 s and then after twice as long each time (RFC 6298, section 5.7).

use super::{Verdict, named, of_timer, within};
use crate::diagnosis::case::Case;
use crate::diagnosis::{Finding, Grounds, Kind, Prose, Role, Severity, Value, limits};
use crate::phases::Phase;
use crate::summary::{Bucket, Endpoint};
use crate::unit::{self, Micros};

/// Seconds until a connection comes about at the second, third and fourth packet.
const AFTER: [f64; 3] = [1.0, 3.0, 7.0];

pub fn look(case: &Case<'_>) -> Verdict {
    if case.summary.totals.phase(Phase::Connect).is_none() {
        return Err(
            "the log does not tell connecting to upstreams: log $upstream_connect_time".to_owned(),
        );
    }
    Ok(finding(case).into_iter().collect())
}

/// How many connections came about after each of [`AFTER`].
fn repeated(buckets: &[Bucket]) -> [u64; 3] {
    AFTER.map(|seconds| within(buckets, &of_timer(seconds * 1e6, limits::SYN_LATE)))
}

fn connects(endpoint: &Endpoint) -> &[Bucket] {
    let connect = endpoint.phase(Phase::Connect);
    connect.map_or(&[], |connect| connect.buckets.as_slice())
}

fn finding(case: &Case<'_>) -> Option<Finding> {
    let all = connects(&case.summary.totals);
    let counts = repeated(all);
    let sent_again: u64 = counts.iter().sum();
    let slow = within(all, &(limits::SLOW_CONNECT..f64::INFINITY));
    if sent_again < limits::SYN_LEAST || (sent_again as f64) < limits::SYN_PART * slow as f64 {
        return None;
    }
    let affected: Vec<usize> = (0..case.summary.endpoints.len())
        .filter(|at| {
            let endpoint = case.summary.endpoints.get(*at);
            endpoint.is_some_and(|endpoint| repeated(connects(endpoint)).iter().sum::<u64>() > 0)
        })
        .collect();
    let lost = counts
        .iter()
        .zip(AFTER)
        .map(|(count, seconds)| count * (seconds * 1e6) as u64)
        .sum();
    let [one, three, seven] = counts.map(unit::count);
    let (from, until) = case.summary.range.unzip();
    Some(Finding {
        kind: Kind::SynRetransmits,
        severity: Severity::Warning,
        grounds: Grounds::Measured,
        title: Prose::new(format!(
            "{} connections to upstreams took 1, 3 or 7 s: their first packets were lost",
            unit::count(sent_again)
        )),
        detail: vec![
            Prose::new(format!(
                "{one} took 1 s, {three} took 3 s, {seven} took 7 s, of {} that took more than {}; for ",
                unit::count(slow),
                Micros(limits::SLOW_CONNECT as u64)
            ))
            .and(case.names(&affected))
            .words("."),
        ],
        from,
        until,
        endpoints: named(affected, Role::Affected),
        subject: None,
        evidence: vec![
            ("connections", Value::Count(sent_again)),
            ("after_1_s", Value::Count(counts[0])),
            ("after_3_s", Value::Count(counts[1])),
            ("after_7_s", Value::Count(counts[2])),
            ("slow_connections", Value::Count(slow)),
            ("lost_us", Value::Duration(Micros(lost))),
        ],
        examples: Vec::new(),
        advice: Prose::new(
            "See whether the upstream's accept queue overflows (its backlog, net.core.somaxconn; ListenOverflows in nstat), else look for lost packets on the way; keep connections open (keepalive).",
        ),
        explains: Micros(lost),
    })
}
