//! `traffic_surge`: more requests, each as cheap as ever.

use std::collections::{BTreeMap, BTreeSet};

use super::{Verdict, endpoints, hull, micros, named, severity, when, windows};
use crate::diagnosis::case::{Case, Examined};
use crate::diagnosis::change::own_growth;
use crate::diagnosis::verdict::Cause;
use crate::diagnosis::{Finding, Kind, Prose, Role, Severity, Value, limits};
use crate::summary::{Sampled, Text};

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
    let part = (examined.incident.until - examined.incident.from) as f64 / panel.windows as f64;
    if part > limits::SURGE_PART {
        return None;
    }
    let affected: Vec<usize> = examined
        .changes
        .iter()
        .filter(|change| change.is_victim())
        .map(|change| change.endpoint)
        .collect();
    let length = (examined.incident.until - examined.incident.from) as f64
        * case.panel.as_ref().map_or(0, |panel| panel.width.0) as f64;
    let growth = own_growth(&examined.changes);
    let (from, until) = hull(case, &group);
    let mut detail = vec![Prose::new(format!(
        "{}: {during:.3} requests per second against {before:.3} around it; own time per request changed by {:+.1} %.",
        when(case, &group),
        growth * 100.0
    ))];
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
            severity(waited, length)
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
        subject: None,
        evidence: vec![
            ("rate_usual", Value::Number(before)),
            ("rate", Value::Number(during)),
            ("own_growth", Value::Number(growth)),
            ("added_wait_us", Value::Duration(micros(waited))),
            ("windows", windows(case, &group)),
        ],
        examples: Vec::new(),
        advice: Prose::new(
            "Find out who sends them; add workers or shed load before it reaches them.",
        ),
        explains: micros(waited),
    })
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
