//! `slow_clients`: a network or a kind of clients to which answers take long, whatever they ask for.

use std::collections::BTreeMap;

use super::{Verdict, micros, share};
use crate::diagnosis::case::Case;
use crate::diagnosis::weighted::{Weighted, contrast};
use crate::diagnosis::{Finding, Grounds, Kind, Prose, Severity, Subject, Topic, Value, limits};
use crate::endpoint::user_agent_family;
use crate::phases::Phase;
use crate::summary::{Endpoint, Sampled, Text};

/// By what clients are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Grouping {
    Agent,
    Network,
}

type Group = (Grouping, Vec<u8>);

pub fn look(case: &Case<'_>) -> Verdict {
    if case.summary.totals.phase(Phase::Client).is_none() {
        return Err(
            "the log does not tell time towards the client: log $request_time and $upstream_response_time"
                .to_owned(),
        );
    }
    Ok(finding(case).into_iter().collect())
}

/// The groups that a client belongs to.
fn groups(line: &Sampled) -> impl Iterator<Item = Group> {
    let agent = user_agent_family(line.text(Text::Agent));
    let network = network(line.text(Text::Client));
    [
        (Grouping::Agent, agent.to_vec()),
        (Grouping::Network, network),
    ]
    .into_iter()
    .filter(|(_, value)| !value.is_empty())
}

/// The network of an address: 24 bits of IPv4, 48 of IPv6, which is what a site is given.
fn network(address: &[u8]) -> Vec<u8> {
    let text = std::str::from_utf8(address).unwrap_or_default();
    match text.parse() {
        Ok(std::net::IpAddr::V4(ip)) => {
            let [a, b, c, _] = ip.octets();
            format!("{a}.{b}.{c}.0/24").into_bytes()
        }
        Ok(std::net::IpAddr::V6(ip)) => {
            let [a, b, c, ..] = ip.segments();
            format!("{a:x}:{b:x}:{c:x}::/48").into_bytes()
        }
        Err(_) => Vec::new(),
    }
}

/// A group against all other clients.
#[derive(Debug, Default)]
struct Sums {
    /// Requests of the group.
    requests: f64,
    /// Their time towards the client, in µs.
    time: f64,
    /// What they took beyond others that asked for the same, in µs.
    excess: f64,
    /// The longest of them, with those that it stands for, in µs.
    longest: f64,
}

fn finding(case: &Case<'_>) -> Option<Finding> {
    let endpoints = &case.summary.endpoints;
    let mut candidates: BTreeMap<Group, Sums> = BTreeMap::new();
    let (mut requests, mut time) = (0.0, 0.0);
    for endpoint in endpoints {
        let (all, by_group) = of_endpoint(endpoint);
        requests += all.weight();
        time += all.weight() * all.mean();
        for (group, (mine, longest)) in by_group {
            let others = all.weight() - mine.weight();
            let sums = candidates.entry(group).or_default();
            sums.requests += mine.weight();
            sums.time += mine.weight() * mine.mean();
            sums.longest = sums.longest.max(longest);
            if others >= 1.0 {
                let mean = (all.weight() * all.mean() - mine.weight() * mine.mean()) / others;
                sums.excess += mine.weight() * (mine.mean() - mean);
            }
        }
    }
    let total = case.summary.totals.phase(Phase::Total)?.sum.0 as f64;
    let is_worth_it = |sums: &Sums| {
        // One that takes a giant answer is not slow for it.
        let excess = sums.excess - sums.longest;
        excess / sums.requests.max(1.0) >= limits::SLOW_CLIENT_US
            && excess >= limits::SLOW_CLIENT_PART * total
            && sums.requests <= 0.5 * requests
    };
    let (group, sums) = candidates
        .iter()
        .filter(|(_, sums)| is_worth_it(sums))
        .max_by(|a, b| a.1.excess.total_cmp(&b.1.excess))?;
    let found = contrast(endpoints.iter().map(|endpoint| pair(endpoint, group)))?;
    if found.difference < limits::SLOW_CLIENT_OCTAVES || found.z() < limits::SLOW_CLIENT_Z {
        return None;
    }
    let excess = sums.excess / sums.requests;
    let (from, until) = case.summary.range.unzip();
    let kind = match group.0 {
        Grouping::Agent => "of the user agent ",
        Grouping::Network => "in the network ",
    };
    Some(Finding {
        kind: Kind::SlowClients,
        severity: Severity::Warning,
        grounds: Grounds::Measured,
        title: Prose::new(format!("Clients {kind}"))
            .log(&group.1)
            .words(format!(
                " take in their answers {} slower than others: that time is not the application's",
                micros(excess)
            )),
        detail: vec![Prose::new(format!(
            "They send {} of the requests and take {} of the time towards clients, {} in all (from sampled lines).",
            share(sums.requests, requests),
            share(sums.time, time),
            micros(sums.excess)
        ))],
        from,
        until,
        endpoints: Vec::new(),
        subject: Some(Subject {
            topic: Topic::Client,
            value: group.1.clone(),
        }),
        evidence: vec![
            ("excess_us", Value::Duration(micros(excess))),
            ("share_of_requests", Value::Number(sums.requests / requests)),
            ("share_of_time", Value::Number(sums.time / time.max(1.0))),
            ("lost_us", Value::Duration(micros(sums.excess))),
        ],
        examples: Vec::new(),
        advice: Prose::new(
            "Nothing in the application makes this faster: send less (compression, smaller images), from nearer (a CDN), and buffer answers so that no worker waits for a client.",
        ),
        explains: micros(sums.excess),
    })
}

/// The time that a request took towards its client; `None` where it is not known, or sending so much takes
/// anybody long.
fn towards(line: &Sampled) -> Option<f64> {
    let sends_little = line
        .received
        .is_none_or(|bytes| bytes <= limits::SMALL_BODY);
    let client = line.client.filter(|_| sends_little)?;
    Some(client.0 as f64)
}

/// Time towards clients of one endpoint: of all, and by group, with the longest of it.
fn of_endpoint(endpoint: &Endpoint) -> (Weighted, BTreeMap<Group, (Weighted, f64)>) {
    let mut all = Weighted::default();
    let mut by_group: BTreeMap<Group, (Weighted, f64)> = BTreeMap::new();
    for (weight, line) in &endpoint.history.sample {
        let Some(client) = towards(line) else {
            continue;
        };
        all.add(*weight, client);
        for group in groups(line) {
            let (mine, longest) = by_group.entry(group).or_default();
            mine.add(*weight, client);
            *longest = longest.max(weight * client);
        }
    }
    (all, by_group)
}

/// Octaves of the time towards the client, in the group and outside.
fn pair(endpoint: &Endpoint, group: &Group) -> (Weighted, Weighted) {
    let mut pair = (Weighted::default(), Weighted::default());
    for (weight, line) in &endpoint.history.sample {
        let Some(client) = towards(line) else {
            continue;
        };
        // Servers write milliseconds: below that nothing differs.
        let octaves = (client / 1_000.0).max(1.0).log2();
        if groups(line).any(|of| of == *group) {
            pair.0.add(*weight, octaves);
        } else {
            pair.1.add(*weight, octaves);
        }
    }
    pair
}
