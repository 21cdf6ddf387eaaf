//! `traffic_surge`: more requests, each as cheap as ever.

use super::{Verdict, endpoints, hull, micros, named, severity, when, windows};
use crate::diagnosis::case::{Case, Examined};
use crate::diagnosis::change::Change;
use crate::diagnosis::verdict::Cause;
use crate::diagnosis::{Finding, Kind, Prose, Role, Severity, Value, limits};

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
    let hurts = waited >= limits::FULL_WAIT * usual;
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

/// Growth of own time of the whole, with the mix allowed for.
fn own_growth(changes: &[Change]) -> f64 {
    let usual: f64 = changes
        .iter()
        .map(|change| change.during.served * change.usual)
        .sum();
    let added: f64 = changes.iter().map(|change| change.added(0.0)).sum();
    if usual > 0.0 { added / usual } else { 0.0 }
}
