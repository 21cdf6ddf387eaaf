//! `traffic_surge`: more requests, each as cheap as ever.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::{Verdict, endpoints, hull, micros, named, percent, severity, when, windows};
use crate::diagnosis::case::{Case, Examined};
use crate::diagnosis::change::own_growth;
use crate::diagnosis::panel::Panel;
use crate::diagnosis::verdict::Cause;
use crate::diagnosis::{
    Evidence, Finding, Kind, Prose, Role, Severity, Subject, Topic, Value, limits,
};
use crate::summary::{Endpoint, Sampled, Text};

pub fn look(case: &Case<'_>) -> Verdict {
    if let Some(why) = case.blind() {
        return Err(why);
    }
    Ok(case
        .incidents
        .iter()
        .filter_map(|examined| finding(case, examined))
        .collect())
}

fn finding(case: &Case<'_>, examined: &Examined) -> Option<Finding> {
    let Cause::Traffic { before, during } = examined.verdict.cause else {
        return None;
    };
    let group = [examined];
    let waited: f64 = examined
        .changes
        .iter()
        .map(|change| (change.waits().1 - change.waits().0).max(0.0) * change.effect.served)
        .sum();
    let usual: f64 = examined
        .changes
        .iter()
        .map(|change| change.effect.served * change.usual)
        .sum();
    let hurts = waited >= limits::FULL_WAIT * usual && !had_room(case, examined);
    let panel = case.panel.as_ref()?;
    let length = (examined.incident.until - examined.incident.from) as f64;
    let may_be_the_day =
        !hurts && during < limits::SURGE_OF_NO_DAY * before && !is_sudden(panel, examined);
    if length / panel.windows as f64 > limits::SURGE_PART || may_be_the_day {
        return None;
    }
    let affected: Vec<usize> = examined
        .changes
        .iter()
        .filter(|change| change.is_victim())
        .map(|change| change.endpoint)
        .collect();
    let growth = own_growth(&examined.changes);
    let (from, until) = hull(case, &group);
    let mut detail = vec![Prose::new(format!(
        "{}: {during:.3} requests per second against {before:.3} around it; own time per request changed by {:+.1} %.",
        when(case, &group),
        growth * 100.0
    ))];
    let endpoint = asked_for(case, panel, examined);
    let client = sender(case, examined, before / during);
    let mut evidence: Evidence = vec![
        ("rate_usual", Value::Number(before)),
        ("rate", Value::Number(during)),
        ("own_growth", Value::Number(growth)),
        ("added_wait_us", Value::Duration(micros(waited))),
        ("windows", windows(case, &group)),
    ];
    if let Some((at, part)) = endpoint {
        if let Some(Endpoint { method, route, .. }) = case.summary.endpoints.get(at) {
            evidence.push((
                "asked_of",
                Value::Log([method.as_slice(), b" ", route].concat()),
            ));
            evidence.push(("asked_of_part", Value::Number(part)));
        }
        let most = format!("{} of what is more than usual was asked of ", percent(part));
        detail.push(Prose::new(most).and(case.name(at)).words("."));
    }
    if let Some(client) = &client {
        evidence.push(("client_part", Value::Number(client.during)));
        detail.push(
            Prose::new("The client ")
                .log(&client.address)
                .words(format!(
                    " sent {} of all requests then, {} usually (of {} sampled lines).",
                    percent(client.during),
                    percent(client.usual),
                    client.lines
                )),
        );
    }
    if !affected.is_empty() {
        detail.push(Prose::new(format!(
            "{} waited for a worker, {} in all.",
            endpoints(affected.len()),
            micros(waited)
        )));
    }
    Some(Finding {
        kind: Kind::TrafficSurge,
        // More requests that nobody had to wait for are no trouble.
        severity: if hurts {
            severity(waited, length * panel.width.0 as f64)
        } else {
            Severity::Info
        },
        grounds: case.grounds(),
        title: Prose::new(format!(
            "There were {:.2} times as many requests as usual, each as cheap as ever",
            during / before
        )),
        detail,
        from,
        until,
        endpoints: named(affected, Role::Affected),
        subject: client.map(|client| Subject {
            topic: Topic::Client,
            value: client.address,
        }),
        evidence,
        examples: Vec::new(),
        advice: Prose::new(
            "Find out who sends them; add workers or shed load before it reaches them.",
        ),
        explains: micros(waited),
    })
}

/// Whether they came or went at once: what rises and falls slowly is how a day goes.
fn is_sudden(panel: &Panel, examined: &Examined) -> bool {
    let incident = &examined.incident;
    let edge = ((incident.until - incident.from) / limits::SURGE_EDGES).max(1);
    let mean = |windows: Range<usize>| {
        panel.sum(|window| windows.contains(&window)).requests / windows.len() as f64
    };
    let step = |outside: Range<usize>, inside: Range<usize>| mean(inside) - mean(outside);
    let whole = mean(incident.from..incident.until);
    let (from, until) = (incident.from, incident.until);
    let steps = [
        (from >= edge).then(|| step(from - edge..from, from..from + edge)),
        (until + edge <= panel.windows).then(|| step(until..until + edge, until - edge..until)),
    ];
    let rise = whole * (1.0 - 1.0 / limits::SURGE_RATE);
    // Where the log begins and ends with it nothing tells.
    steps.iter().all(Option::is_none) || steps.into_iter().flatten().any(|step| step >= rise)
}

/// The endpoint of which most of what is more than usual was asked, and its part of that.
fn asked_for(case: &Case<'_>, panel: &Panel, examined: &Examined) -> Option<(usize, f64)> {
    let is_quiet = |window: usize| case.quiet.get(window).copied().unwrap_or(false);
    let quiet = (0..panel.windows)
        .filter(|window| is_quiet(*window))
        .count();
    let length = examined.incident.until - examined.incident.from;
    let more = panel.series.iter().map(|series| {
        let during = series
            .sum(|window| examined.incident.holds(window))
            .requests;
        let usual = series.sum(is_quiet).requests * length as f64 / quiet.max(1) as f64;
        (series.endpoint, during - usual)
    });
    let more: Vec<(usize, f64)> = more.collect();
    let all: f64 = more.iter().map(|(_, more)| more).sum();
    let most = more.into_iter().max_by(|a, b| a.1.total_cmp(&b.1))?;
    (all > 0.0 && most.1 >= limits::SURGE_SENDER * all).then_some((most.0, (most.1 / all).min(1.0)))
}

/// A client that sent most of what is more than usual.
struct Sender {
    address: Vec<u8>,
    /// Its part of all requests in the surge, and in the rest of the log.
    during: f64,
    usual: f64,
    /// Sampled lines that were looked at.
    lines: usize,
}

/// The client that sent most of what is more than usual, by sampled lines; `usual` is the usual rate in parts of that
/// in the surge.
fn sender(case: &Case<'_>, examined: &Examined, usual: f64) -> Option<Sender> {
    // By client: requests in the surge and in the rest of the log.
    let mut clients: BTreeMap<&[u8], [f64; 2]> = BTreeMap::new();
    let (mut all, mut lines) = ([0.0; 2], 0);
    let samples = case
        .summary
        .endpoints
        .iter()
        .flat_map(|of| &of.history.sample);
    for (weight, line) in samples {
        let Some(window) = line.arrival.and_then(|arrival| case.window(arrival)) else {
            continue;
        };
        let is_outside = usize::from(!examined.incident.holds(window));
        all[is_outside] += weight;
        lines += 1 - is_outside;
        let client = line.text(Text::Client);
        if !client.is_empty() {
            clients.entry(client).or_default()[is_outside] += weight;
        }
    }
    let most = clients.into_iter().max_by(|a, b| a.1[0].total_cmp(&b.1[0]));
    let (address, weights) = most?;
    let part = |at: usize| {
        if all[at] > 0.0 {
            weights[at] / all[at]
        } else {
            0.0
        }
    };
    let more = part(0) - part(1) * usual;
    (lines as f64 >= limits::LEAST_JUDGED && more >= limits::SURGE_SENDER * (1.0 - usual)).then(
        || Sender {
            address: address.to_vec(),
            during: part(0),
            usual: part(1),
            lines,
        },
    )
}

/// Whether the requests waited at one host while its peers, which got as many more, had room: then that host is
/// what is wrong, or how requests are spread, and not how many they are. Of sampled lines; `false` where the log does
/// not tell wait from own time.
fn had_room(case: &Case<'_>, examined: &Examined) -> bool {
    let is_in = |line: &Sampled| {
        let window = line.arrival.and_then(|arrival| case.window(arrival));
        window.is_some_and(|window| examined.incident.touches(window))
    };
    let mut stays: Vec<Stay<'_>> = Vec::new();
    for (endpoint, of) in case.summary.endpoints.iter().enumerate() {
        for (weight, line) in of.history.sample.iter().filter(|(_, line)| is_in(line)) {
            let host = line.text(Text::Upstream);
            let (Some(own), Some(whole)) = (line.own, line.whole) else {
                continue;
            };
            if !host.is_empty() {
                stays.push(Stay {
                    endpoint,
                    host,
                    weight: *weight,
                    own: own.0 as f64,
                    wait: whole.0.saturating_sub(own.0) as f64,
                });
            }
        }
    }
    peers_had_room(&stays)
}

/// A sampled request at a host, with the requests that it stands for and its times in µs.
struct Stay<'s> {
    endpoint: usize,
    host: &'s [u8],
    weight: f64,
    own: f64,
    wait: f64,
}

/// Whether requests for the same endpoints waited less than they worked everywhere but at the host where they
/// waited most.
fn peers_had_room(stays: &[Stay<'_>]) -> bool {
    let mut waits: BTreeMap<&[u8], f64> = BTreeMap::new();
    for stay in stays {
        *waits.entry(stay.host).or_default() += stay.weight * stay.wait;
    }
    let worst = waits.into_iter().max_by(|a, b| a.1.total_cmp(&b.1));
    let Some((worst, _)) = worst else {
        return false;
    };
    let served: BTreeSet<usize> = stays
        .iter()
        .filter(|stay| stay.host == worst)
        .map(|stay| stay.endpoint)
        .collect();
    let (mut lines, mut own, mut wait) = (0, 0.0, 0.0);
    for stay in stays {
        if stay.host != worst && served.contains(&stay.endpoint) {
            lines += 1;
            own += stay.weight * stay.own;
            wait += stay.weight * stay.wait;
        }
    }
    // Who waits long is sampled more often: where the peers are full too, most lines are theirs.
    stays.len() as f64 >= limits::LEAST_JUDGED && lines > 1 && wait < limits::FULL_WAIT * own
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten requests for each of two endpoints at three hosts, that work for 10 ms and wait for so many.
    fn stays(waits: [f64; 3]) -> Vec<Stay<'static>> {
        let hosts: [&[u8]; 3] = [b"10.0.0.1:80", b"10.0.0.2:80", b"10.0.0.3:80"];
        let stay = |n: usize| Stay {
            endpoint: n % 2,
            host: hosts[n % 3],
            weight: 5.0,
            own: 10e3,
            wait: waits[n % 3] * 1e3,
        };
        (0..60).map(stay).collect()
    }

    #[test]
    fn who_waits_at_one_host_while_its_peers_have_room_does_not_wait_for_the_traffic() {
        assert!(peers_had_room(&stays([400.0, 2.0, 1.0])));
        // All are full, of which one is the fullest.
        assert!(!peers_had_room(&stays([400.0, 60.0, 80.0])));
        let alone = |mut stays: Vec<Stay<'static>>| {
            stays.retain(|stay| stay.host == b"10.0.0.1:80");
            stays
        };
        assert!(!peers_had_room(&alone(stays([400.0, 0.0, 0.0]))));
        // Other hosts that serve other endpoints are no peers.
        let mut apart = stays([400.0, 2.0, 1.0]);
        for stay in &mut apart {
            stay.endpoint = usize::from(stay.host == b"10.0.0.1:80");
        }
        assert!(!peers_had_room(&apart));
        assert!(!peers_had_room(&[]));
    }
}
