//! `shift`: an endpoint's own time steps up and stays there to the end of the log.

use std::borrow::Cow;
use std::cell::LazyCell;

use super::slow_upstream::{against_peers, slow, worked};
use super::{Verdict, micros, named};
use crate::diagnosis::case::Case;
use crate::diagnosis::common_mode::LEAST_ENDPOINTS;
use crate::diagnosis::panel::{Panel, Series};
use crate::diagnosis::stretch::{blocks, percentile};
use crate::diagnosis::verdict::Cause;
use crate::diagnosis::weighted::{Contrast, Weighted};
use crate::diagnosis::{Finding, Kind, Prose, Role, Severity, Value, limits};
use crate::median::weighted_median;
use crate::stamp::Stamp;
use crate::summary::{Endpoint, Sampled, Text};

pub fn look(case: &Case<'_>) -> Verdict {
    if let Some(why) = case.blind()
        && case.panel.as_ref().is_none_or(|panel| !panel.measured)
    {
        return Err(why);
    }
    let Some(panel) = &case.panel else {
        return Ok(Vec::new());
    };
    let panel = &of_told_windows(case, panel);
    // Who is blamed for an incident, or suffers from something common, has been told of.
    let told: Vec<usize> = case
        .slow()
        .flat_map(|examined| match &examined.verdict.cause {
            Cause::Culprits(places) | Cause::Common(places) => places
                .iter()
                .filter_map(|at| examined.changes.get(*at))
                .map(|change| change.endpoint)
                .collect(),
            _ => Vec::new(),
        })
        .collect();
    let common = common(panel);
    let host = LazyCell::new(|| slow(case).map(|(upstream, _)| upstream.address.as_slice()));
    // A host that is slow makes the endpoints that it serves longer: what that does not explain is theirs.
    let is_theirs = |step: &Step, least: f64, is_apart: bool| {
        host.is_none_or(|host| {
            let since = panel.start(step.window);
            explained(case, host, step.endpoint, since, is_apart)
                .is_some_and(|explained| exceeds(step.change, &explained, least))
        })
    };
    let mut steps: Vec<Step> = panel
        .series
        .iter()
        .filter(|series| !told.contains(&series.endpoint))
        .filter_map(|series| {
            let whole = step(series, &Common::default(), limits::STEP)
                .filter(|step| is_theirs(step, limits::STEP, false));
            whole.or_else(|| {
                step(series, common.as_ref()?, limits::STEP_APART)
                    .filter(|step| is_theirs(step, limits::STEP_APART, true))
            })
        })
        .collect();
    steps.sort_by_key(|step| (step.window, step.endpoint));
    // Steps of the same moment are one: a deploy, a migration.
    let near = (panel.windows / 20).max(2);
    let mut groups: Vec<Vec<Step>> = Vec::new();
    for step in steps {
        match groups.last_mut() {
            Some(group)
                if group
                    .first()
                    .is_some_and(|first| step.window <= first.window + near) =>
            {
                group.push(step);
            }
            _ => groups.push(vec![step]),
        }
    }
    Ok(groups
        .iter()
        .filter_map(|group| finding(case, group))
        .collect())
}

/// Where wait is inferred, a window in which somebody waited does not tell how long single requests worked.
fn of_told_windows<'p>(case: &Case<'_>, panel: &'p Panel) -> Cow<'p, Panel> {
    let Some(inferred) = &case.inferred else {
        return Cow::Borrowed(panel);
    };
    let waited = |window: usize| inferred.waiting.get(window).copied().unwrap_or(false);
    let mut told = panel.clone();
    for series in &mut told.series {
        series.points.retain(|point| !waited(point.window));
    }
    Cow::Owned(told)
}

/// A lasting step of an endpoint.
#[derive(Debug, Clone, Copy)]
struct Step {
    endpoint: usize,
    /// The first window behind it.
    window: usize,
    /// How much longer it takes, in octaves; where it was told apart, less what all have alike.
    change: f64,
    /// Mean own time before and after, in µs.
    before: f64,
    after: f64,
    /// Requests after it.
    requests: f64,
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// How much longer all endpoints take at a time than they usually do, in octaves: a level for each bin of so
/// many windows.
#[derive(Debug, Default)]
struct Common {
    width: usize,
    levels: Vec<f64>,
}

impl Common {
    fn at(&self, window: usize) -> f64 {
        let bin = window.checked_div(self.width);
        bin.and_then(|bin| self.levels.get(bin))
            .copied()
            .unwrap_or(0.0)
    }
}

/// What all endpoints have alike: of each bin the weighted median, so that none of them decides. `None` where
/// too few occur at a time.
fn common(panel: &Panel) -> Option<Common> {
    let width = panel.windows.div_ceil(limits::COMMON_BINS).max(1);
    let mut bins = vec![Vec::new(); panel.windows.div_ceil(width)];
    for series in &panel.series {
        let whole = series.sum(|_| true);
        if whole.served < limits::LEAST_JUDGED {
            continue;
        }
        let usual = whole.logs / whole.served;
        let mut sums = vec![(0.0, 0.0); bins.len()];
        for point in &series.points {
            if let Some((served, logs)) = sums.get_mut(point.window / width) {
                *served += point.served;
                *logs += point.logs;
            }
        }
        for (bin, (served, logs)) in bins.iter_mut().zip(sums) {
            if served > 0.0 {
                bin.push((logs / served - usual, served.sqrt()));
            }
        }
    }
    let levels = bins.into_iter().map(|bin: Vec<(f64, f64)>| {
        let enough = bin.len() >= LEAST_ENDPOINTS;
        enough.then(|| weighted_median(bin)).flatten()
    });
    let levels = levels.collect::<Option<Vec<f64>>>()?;
    Some(Common { width, levels })
}

/// The step that divides an endpoint's course best, less what all have alike, if it is large enough, beyond
/// chance, and lasts.
fn step(series: &Series, common: &Common, least_change: f64) -> Option<Step> {
    let served = series.sum(|_| true).served;
    let course = series.points.iter().map(|point| {
        let alike = point.served * common.at(point.window);
        (point.window, point.served, point.logs - alike)
    });
    let logs = blocks(
        course,
        limits::REQUESTS_A_STEP_BLOCK.max(served / limits::MOST_STEP_BLOCKS),
    );
    let values: Vec<f64> = logs.iter().map(|block| block.value).collect();
    let count = values.len();
    let least = limits::STEP_BLOCKS;
    if count < 2 * least {
        return None;
    }
    let gain = |at: usize| {
        let (before, after) = values.split_at(at);
        let weight = 1.0 / (1.0 / before.len() as f64 + 1.0 / after.len() as f64);
        (mean(after) - mean(before)) * weight.sqrt()
    };
    let at = (least..=count - least).max_by(|a, b| gain(*a).total_cmp(&gain(*b)))?;
    let (before, after) = values.split_at(at);
    let change = mean(after) - mean(before);
    if change < least_change {
        return None;
    }
    // How much blocks scatter, and how long they remember it: neighbours that are alike tell less.
    let residuals: Vec<f64> = before
        .iter()
        .map(|value| value - mean(before))
        .chain(after.iter().map(|value| value - mean(after)))
        .collect();
    let variance = residuals.iter().map(|r| r * r).sum::<f64>() / (count as f64 - 2.0);
    let together: f64 = residuals.windows(2).map(|pair| pair[0] * pair[1]).sum();
    // The estimate is too low by about a tenth on courses of this length.
    let memory = (together / (count as f64 * variance).max(1e-12) + 0.1).clamp(0.0, 0.9);
    let error = (variance * (1.0 + memory) / (1.0 - memory)
        * (1.0 / before.len() as f64 + 1.0 / after.len() as f64))
        .sqrt()
        .max(1e-6);
    if change / error < limits::STEP_Z {
        return None;
    }
    // It went up at once and stays: neither the end of what was before nor that of what came after is on
    // the other side of the middle.
    let third = |part: &[f64], last: bool| {
        let size = (part.len() / 3).max(2).min(part.len());
        let part = if last {
            part.get(part.len() - size..)
        } else {
            part.get(..size)
        };
        percentile(part.unwrap_or_default().iter().copied(), 50).unwrap_or(0.0)
    };
    let (low, high) = (mean(before) + 0.35 * change, mean(before) + 0.65 * change);
    let lasts = third(before, false) < low
        && third(before, true) < low
        && third(after, false) > high
        && third(after, true) > high;
    if !lasts {
        return None;
    }
    let window = logs.get(at)?.from;
    let old = series.sum(|w| w < window);
    let new = series.sum(|w| w >= window);
    Some(Step {
        endpoint: series.endpoint,
        window,
        change,
        before: old.mean(),
        after: new.mean(),
        requests: new.served,
    })
    .filter(|step| step.after > step.before)
}

/// What one host does to the times of whom it serves, in a part of the log.
#[derive(Debug, Clone, Copy)]
struct Host {
    /// How much longer it takes than its peers for the same endpoints, in octaves.
    slower: Contrast,
    /// Of the endpoint's requests, 1 for each that it served and 0 for each that others did.
    served: Weighted,
}

impl Host {
    /// How much longer the endpoint takes because of it, in octaves.
    fn adds(&self) -> Contrast {
        // One request of each kind more: of a few that all went the same way the next may not.
        let mut served = self.served;
        let one = served.weight() / served.effective().max(1.0);
        served.add(one.max(1.0), 0.0);
        served.add(one.max(1.0), 1.0);
        let share = served.mean();
        let share_error = (share * (1.0 - share) / served.effective()).sqrt();
        Contrast {
            difference: share * self.slower.difference,
            error: (self.slower.difference * share_error).hypot(share * self.slower.error),
        }
    }
}

/// How much longer than before an endpoint takes since then because of a host; where what all have alike was
/// taken off, because it is served by it more often than others are. In octaves; `None` where too few lines
/// tell.
fn explained(
    case: &Case<'_>,
    address: &[u8],
    endpoint: usize,
    since: Stamp,
    is_apart: bool,
) -> Option<Contrast> {
    let part = |is_after: bool| {
        let counts = |line: &Sampled| line.arrival.is_some_and(|at| (at >= since) == is_after);
        let served = |endpoint: &Endpoint, mut served: Weighted| {
            for (weight, _, line) in worked(endpoint).filter(|(_, _, line)| counts(line)) {
                served.add(weight, f64::from(line.text(Text::Upstream) == address));
            }
            served
        };
        let slower = against_peers(case, address, counts)?;
        let own = served(case.summary.endpoints.get(endpoint)?, Weighted::default());
        let adds = Host {
            slower,
            served: own,
        }
        .adds();
        if !is_apart {
            return Some(adds);
        }
        let all = case
            .summary
            .endpoints
            .iter()
            .fold(Weighted::default(), |all, one| served(one, all));
        Some(
            adds.less(
                &Host {
                    slower,
                    served: all,
                }
                .adds(),
            ),
        )
    };
    Some(part(true)?.less(&part(false)?))
}

/// Whether a step is as large as it must be without what is explained, beyond doubt.
fn exceeds(change: f64, explained: &Contrast, least: f64) -> bool {
    change - explained.difference - 2.0 * explained.error >= least
}

fn finding(case: &Case<'_>, group: &[Step]) -> Option<Finding> {
    let panel = case.panel.as_ref()?;
    let first = group.first()?;
    let added: f64 = group
        .iter()
        .map(|step| (step.after - step.before) * step.requests)
        .sum();
    // A few milliseconds more are nobody's slowness, as with culprits.
    let is_felt = group
        .iter()
        .any(|step| step.after - step.before >= limits::CULPRIT_STEP);
    let since = panel.start(first.window);
    // What changes for many at once is below them all.
    let role = if group.len() > limits::FEW {
        Role::Affected
    } else {
        Role::Culprit
    };
    let title = if let [step] = group {
        Prose::new("The own time of ")
            .and(case.name(step.endpoint))
            .words(format!(
                " stepped up from {} to {} and stayed",
                micros(step.before),
                micros(step.after)
            ))
    } else {
        Prose::new(format!(
            "The own time of {} endpoints stepped up together and stayed",
            group.len()
        ))
    };
    let each = group.iter().take(5).map(|step| {
        case.name(step.endpoint).words(format!(
            " from {} to {}",
            micros(step.before),
            micros(step.after)
        ))
    });
    Some(Finding {
        kind: Kind::Shift,
        severity: if added >= limits::STEP_PART * case.summary.totals.busy.0 as f64 && is_felt {
            Severity::Warning
        } else {
            Severity::Info
        },
        grounds: case.grounds(),
        title,
        detail: vec![
            Prose::new(format!(
                "Since {}, to the end of the log: ",
                since.rfc3339()
            ))
            .and(Prose::list(each.collect()))
            .words(format!("; {} more work in all.", micros(added))),
        ],
        from: Some(since),
        until: case.summary.range.map(|(_, last)| last),
        endpoints: named(group.iter().map(|step| step.endpoint), role),
        subject: None,
        evidence: vec![
            ("endpoints", Value::Count(group.len() as u64)),
            ("before_us", Value::Duration(micros(first.before))),
            ("after_us", Value::Duration(micros(first.after))),
            ("factor", Value::Number(first.after / first.before.max(1.0))),
            ("added_us", Value::Duration(micros(added))),
        ],
        examples: Vec::new(),
        advice: Prose::new(
            "See what was deployed or changed then; `--mark TIME=label` puts deploys beside the findings.",
        ),
        explains: micros(added),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of 200 requests so many went to a host that takes four times as long.
    fn host(served: usize) -> Host {
        let mut share = Weighted::default();
        for n in 0..200 {
            share.add(3.0, f64::from(n < served));
        }
        let slower = Contrast {
            difference: 2.0,
            error: 0.05,
        };
        Host {
            slower,
            served: share,
        }
    }

    #[test]
    fn a_step_that_a_slow_host_explains_is_not_the_endpoints() {
        // A quarter of the requests became four times as long: half an octave.
        let adds = host(50).adds();
        assert!((adds.difference - 0.5).abs() < 0.02, "{adds:?}");
        assert!(!exceeds(0.5, &adds, limits::STEP));
        assert!(!exceeds(0.7, &adds, limits::STEP));
        // Twice as long everywhere beside it is.
        assert!(exceeds(1.5, &adds, limits::STEP));
        // Slow before and after, it explains nothing.
        let lasting = adds.less(&host(50).adds());
        assert!(exceeds(0.7, &lasting, limits::STEP));
        // What all of its requests took is no more than it explains, however many they are.
        assert!(!exceeds(2.0, &host(200).adds(), limits::STEP_APART));
        assert!(exceeds(0.5, &host(0).adds(), limits::STEP));
    }

    #[test]
    fn a_share_of_no_lines_is_unknown() {
        let nothing = Host {
            served: Weighted::default(),
            ..host(0)
        };
        assert!(!exceeds(1.5, &nothing.adds(), limits::STEP));
    }
}
