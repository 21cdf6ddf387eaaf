//! `drift`: own time that climbs and falls back, over and over: memory that leaks until a restart.

use super::{Verdict, micros};
use crate::diagnosis::case::Case;
use crate::diagnosis::panel::Panel;
use crate::diagnosis::stretch::percentile;
use crate::diagnosis::{Finding, Kind, Prose, Severity, Subject, Topic, Value, limits};
use crate::stamp::Stamp;
use crate::summary::Load;
use crate::unit;

pub fn look(case: &Case<'_>) -> Verdict {
    let panel = case.windows()?;
    if panel.windows < limits::DRIFT_WINDOWS {
        return Err(format!(
            "it takes {} windows of time to tell a climb from a step: give a longer log",
            limits::DRIFT_WINDOWS
        ));
    }
    let found = limits::DRIFT_BINS
        .iter()
        .filter_map(|bins| saw(&course(panel, *bins)))
        .max_by_key(|saw| saw.drops.len());
    Ok(found
        .and_then(|saw| finding(case, panel, &saw))
        .into_iter()
        .collect())
}

/// The level of all own times over so many bins of equal length: natural logarithms against what each
/// endpoint usually takes, so that neither its traffic nor the mix counts. Each with its first window.
fn course(panel: &Panel, bins: usize) -> Vec<(usize, f64)> {
    let width = panel.windows.div_ceil(bins).max(1);
    let mut sums = vec![(0.0, 0.0); panel.windows.div_ceil(width)];
    for series in &panel.series {
        let whole = series.sum(|_| true);
        if whole.served < limits::LEAST_JUDGED {
            continue;
        }
        let usual = whole.logs / whole.served;
        for point in &series.points {
            if let Some(bin) = sums.get_mut(point.window / width) {
                bin.0 += point.served;
                bin.1 += (point.logs - point.served * usual) * std::f64::consts::LN_2;
            }
        }
    }
    sums.iter()
        .enumerate()
        .filter(|(_, (served, _))| *served >= limits::REQUESTS_A_WINDOW)
        .map(|(at, (served, logs))| (at * width, logs / served))
        .collect()
}

/// A course of climbs and falls.
#[derive(Debug)]
struct Saw {
    /// Where it falls: the first window of each climb but the first.
    drops: Vec<usize>,
    /// Levels over the windows.
    course: Vec<(usize, f64)>,
    /// The mean climb, in natural logarithms.
    climb: f64,
}

/// Reads a course as climbs that end in falls; `None` where it is none.
///
/// Falls are where the two bins behind are lower than the two before, by 15 % at least and by four standard
/// errors of such a difference, which has the variance of one bin. Three are needed, hardly any jumps up
/// (sign test), and a climb in three of four stretches between them.
fn saw(course: &[(usize, f64)]) -> Option<Saw> {
    let values: Vec<f64> = course.iter().map(|(_, value)| *value).collect();
    let differences = values.windows(2).map(|pair| (pair[1] - pair[0]).abs());
    // The deviation of a bin: neighbours differ by the square root of two of it.
    let scatter = 1.4826 * percentile(differences, 50)? / std::f64::consts::SQRT_2;
    let needed = limits::DRIFT_FALL.max(4.0 * scatter);
    let fall = |at: usize| {
        let part = values.get(at.checked_sub(2)?..at + 2)?;
        Some((part[0] + part[1] - part[2] - part[3]) / 2.0)
    };
    let falls: Vec<f64> = (0..values.len())
        .map(|at| fall(at).unwrap_or(0.0))
        .collect();
    let peak = |at: usize, sign: f64| {
        let near = falls.get(at.saturating_sub(2)..(at + 3).min(falls.len()));
        near.is_some_and(|near| near.iter().all(|value| sign * value <= sign * falls[at]))
    };
    let drops: Vec<usize> = (0..falls.len())
        .filter(|at| falls[*at] > needed && peak(*at, 1.0))
        .collect();
    let depth = percentile(drops.iter().map(|at| falls[*at]), 50)?;
    let jumps = (0..falls.len())
        .filter(|at| -falls[*at] > needed.max(depth / 2.0) && peak(*at, -1.0))
        .count();
    if drops.len() < limits::DRIFT_FALLS || sign_test(drops.len(), jumps) >= 0.07 {
        return None;
    }
    let mut climbs = Vec::new();
    let ends = drops.iter().copied().skip(1);
    for (from, until) in drops.iter().copied().zip(ends) {
        let part = values.get(from + 1..until)?;
        if part.len() >= 3 {
            climbs.push(rise(part));
        }
    }
    let rising = climbs
        .iter()
        .filter(|(slope, ends)| *slope > 0.5 * needed && *ends > 0.4 * needed)
        .count();
    if climbs.len() < 2 || (rising as f64) < 0.75 * climbs.len() as f64 {
        return None;
    }
    let climb = percentile(climbs.iter().map(|(slope, _)| *slope), 50)?;
    Some(Saw {
        drops: drops
            .iter()
            .filter_map(|at| Some(course.get(*at)?.0))
            .collect(),
        course: course.to_vec(),
        climb,
    })
}

/// The chance that of so many steps as many or more go down, if up and down were alike.
fn sign_test(down: usize, up: usize) -> f64 {
    let n = down + up;
    let mut term = 0.5_f64.powi(n as i32);
    let mut sum = 0.0;
    // C(n, k) for k from 0 to `up` is also the number of ways to have `n - k` steps down.
    for k in 0..=up {
        sum += term;
        term *= (n - k) as f64 / (k + 1) as f64;
    }
    sum
}

/// How far a stretch climbs: by its median slope (Theil-Sen), and from its first quarter to its last.
fn rise(part: &[f64]) -> (f64, f64) {
    let mut slopes = Vec::new();
    for (a, first) in part.iter().enumerate() {
        for (b, second) in part.iter().enumerate().skip(a + 1) {
            slopes.push((second - first) / (b - a) as f64);
        }
    }
    let slope = percentile(slopes.into_iter(), 50).unwrap_or(0.0);
    let quarter = (part.len() / 4).max(1);
    let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len() as f64;
    (
        slope * part.len() as f64,
        mean(&part[part.len() - quarter..]) - mean(&part[..quarter]),
    )
}

fn finding(case: &Case<'_>, panel: &Panel, saw: &Saw) -> Option<Finding> {
    let (first, last) = (*saw.drops.first()?, *saw.drops.last()?);
    let gaps = saw.drops.windows(2).map(|pair| (pair[1] - pair[0]) as f64);
    let period = percentile(gaps, 50)? * panel.width.0 as f64;
    let host = host(case, saw);
    let climb = host.as_ref().map_or(saw.climb.exp(), |(_, factor)| *factor);
    // What requests take beyond the level right behind a fall.
    let floor = percentile(saw.course.iter().map(|(_, level)| *level), 10)?;
    let busy = case.summary.totals.busy.0 as f64;
    let mean = saw
        .course
        .iter()
        .map(|(_, level)| (level - floor).exp())
        .sum::<f64>()
        / saw.course.len() as f64;
    let explains = busy * (1.0 - 1.0 / mean.max(1.0));
    let where_it_is = match &host {
        Some((address, _)) => Prose::new("The own time on ").log(address),
        None => Prose::new("The own time of all endpoints"),
    };
    let resets: Vec<Value> = saw
        .drops
        .iter()
        .map(|window| Value::Time(panel.start(*window)))
        .collect();
    Some(Finding {
        kind: Kind::Drift,
        severity: Severity::Warning,
        grounds: case.grounds(),
        title: where_it_is.words(format!(
            " climbs to {climb:.1} times what it was and falls back, {} times",
            saw.drops.len()
        )),
        detail: vec![Prose::new(format!(
            "It fell back {} times between {} and {}, every {} in the middle. The log does not show why: memory that is not given back and a restart look like this.",
            unit::count(saw.drops.len() as u64),
            panel.start(first).rfc3339(),
            panel.start(last).rfc3339(),
            micros(period)
        ))],
        from: Some(panel.start(first)),
        until: Some(panel.start(last)),
        endpoints: Vec::new(),
        subject: host.map(|(address, _)| Subject {
            topic: Topic::Upstream,
            value: address,
        }),
        evidence: vec![
            ("falls", Value::Count(saw.drops.len() as u64)),
            ("period_us", Value::Duration(micros(period))),
            ("factor", Value::Number(climb)),
            ("resets", Value::List(resets)),
        ],
        examples: Vec::new(),
        advice: Prose::new(
            "Compare the falls with restarts (`--mark`), and watch the memory of that process between them.",
        ),
        explains: micros(explains),
    })
}

/// The upstream that climbs, and how far: the one whose share of all busy time is most larger late in the
/// climbs than early in them, if it is so in climb after climb (a t-test over them).
fn host(case: &Case<'_>, saw: &Saw) -> Option<(Vec<u8>, f64)> {
    let upstreams = &case.summary.upstreams;
    let busy = |load: &Load| {
        // Without a clock of the application all time at the upstream is what there is.
        (if load.busy > 0 {
            load.busy
        } else {
            load.flight
        }) as f64
    };
    // By climb: busy time early and late, of each upstream.
    let climbs = saw.drops.len().checked_sub(1)?;
    let mut early = vec![vec![0.0; upstreams.len()]; climbs];
    let mut late = early.clone();
    for (at, upstream) in upstreams.iter().enumerate() {
        for load in &upstream.loads {
            let start = Stamp(load.window.saturating_mul(case.summary.load_width.0 as i64));
            let Some(window) = case.window(start) else {
                continue;
            };
            let next = saw.drops.partition_point(|drop| *drop <= window);
            let (Some(climb), Some(until)) = (next.checked_sub(1), saw.drops.get(next)) else {
                continue;
            };
            let from = saw.drops[climb];
            let phase = (window - from) as f64 / (until - from).max(1) as f64;
            if phase >= 0.6 {
                late[climb][at] += busy(load);
            } else if phase < 0.4 {
                early[climb][at] += busy(load);
            }
        }
    }
    let share = |times: &[f64], at: usize| times[at] / times.iter().sum::<f64>();
    let growth = |at: usize| {
        let growths: Vec<f64> = early
            .iter()
            .zip(&late)
            .map(|(early, late)| (share(late, at) / share(early, at)).ln())
            .filter(|growth| growth.is_finite())
            .collect();
        let count = growths.len() as f64;
        let mean = growths.iter().sum::<f64>() / count;
        let squares: f64 = growths.iter().map(|growth| (growth - mean).powi(2)).sum();
        let t = mean / (squares / (count - 1.0) / count).sqrt();
        (growths.len() >= 2).then_some((mean, t))
    };
    let (at, (_, t)) = (0..upstreams.len())
        .filter_map(|at| Some((at, growth(at)?)))
        .max_by(|(_, a), (_, b)| a.0.total_cmp(&b.0))?;
    if t < limits::DRIFT_T {
        return None;
    }
    let sum = |climbs: &[Vec<f64>]| climbs.iter().map(|times| times[at]).sum::<f64>();
    // The middles of both parts are three fifths of a climb apart.
    let factor = 1.0 + (sum(&late) / sum(&early) - 1.0) / 0.6;
    Some((upstreams[at].address.clone(), factor.max(1.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn course_of(value: impl Fn(usize) -> f64) -> Vec<(usize, f64)> {
        (0..120).map(|at| (at, value(at))).collect()
    }

    fn noise(at: usize) -> f64 {
        // OK because it is a test: a fixed sequence without any period in sight.
        ((at * at * 2_654_435_761 + at * 40_503) % 1_000) as f64 / 1_000.0 - 0.5
    }

    #[test]
    fn a_saw_is_found_and_waves_and_steps_are_not() {
        let found = saw(&course_of(|at| {
            0.6 * (at % 20) as f64 / 20.0 + 0.05 * noise(at)
        }))
        .unwrap();
        assert_eq!(found.drops, [20, 40, 60, 80, 100]);
        assert!((0.45..0.7).contains(&found.climb), "{}", found.climb);
        assert!(saw(&course_of(|at| 0.05 * noise(at))).is_none());
        assert!(
            saw(&course_of(
                |at| (at as f64 / 10.0).sin() * 0.5 + 0.05 * noise(at)
            ))
            .is_none()
        );
        let blips = |at: usize| if at % 20 < 3 { 0.8 } else { 0.0 };
        assert!(saw(&course_of(|at| blips(at) + 0.05 * noise(at))).is_none());
        assert!(saw(&[]).is_none());
    }

    #[test]
    fn the_sign_test_is_binomial() {
        assert_eq!(sign_test(3, 0), 0.125);
        assert_eq!(sign_test(4, 0), 0.0625);
        assert!((sign_test(5, 1) - 7.0 / 64.0).abs() < 1e-12);
    }
}
