//! What the rules look at: the summary, and what is worked out of it once for all of them.

use super::baseline::{Baseline, Usual};
use super::change::{Change, changes};
use super::common_mode::{self, Inferred};
use super::incident::{Incident, Sign, incidents, quiet};
use super::limits;
use super::panel::{Panel, Point};
use super::pool::{Pool, pools};
use super::verdict::{Cause, Verdict, verdict};
use super::{Context, Grounds, Prose};
use crate::stamp::Stamp;
use crate::summary::{Endpoint, Knowledge, Sampled, Summary};
use crate::unit::Micros;

/// A log under examination.
#[derive(Debug)]
pub struct Case<'s> {
    /// The log in numbers.
    pub summary: &'s Summary,
    /// Endpoints over windows; `None` where the log is too short or has no times.
    pub panel: Option<Panel>,
    /// Windows outside of incidents.
    pub quiet: Vec<bool>,
    /// What happened, in the order of time.
    pub incidents: Vec<Examined>,
    /// The pools, in the order of the summary's upstreams.
    pub pools: Vec<Option<Pool>>,
    /// How wait was told from own time where the log does not.
    pub inferred: Option<Inferred>,
    /// Whether a person said what is usual.
    pub has_baseline: bool,
}

/// An incident, and what is known of its cause.
#[derive(Debug)]
pub struct Examined {
    /// When.
    pub incident: Incident,
    /// What changed, endpoint by endpoint.
    pub changes: Vec<Change>,
    /// Whose fault it is.
    pub verdict: Verdict,
}

impl<'s> Case<'s> {
    /// Works out what the rules share.
    #[must_use]
    pub fn new(summary: &'s Summary, context: &Context<'_>) -> Case<'s> {
        let mut panel = Panel::of(summary);
        let inferred = panel
            .as_mut()
            .filter(|panel| !panel.measured)
            .and_then(|panel| common_mode::split(summary, panel));
        let mut case = Case {
            summary,
            inferred,
            has_baseline: !matches!(context.baseline, Baseline::Quiet),
            quiet: Vec::new(),
            incidents: Vec::new(),
            pools: pools(summary),
            panel,
        };
        if let Some(panel) = &case.panel {
            let waiting = case
                .inferred
                .as_ref()
                .map(|inferred| inferred.waiting.as_slice());
            let usual = context.baseline.usual(summary, panel);
            let incidents = incidents(panel, waiting.unwrap_or_default(), &usual);
            case.quiet = match context.baseline.windows(panel) {
                Some(windows) => windows,
                None => quiet(&incidents, panel.windows),
            };
            case.incidents = incidents
                .into_iter()
                .map(|incident| examine(summary, panel, incident, &case.quiet, &usual))
                .collect();
        }
        case
    }

    /// Why nothing that needs windows can be looked for; `None` where it can.
    pub fn blind(&self) -> Option<String> {
        let Some(panel) = &self.panel else {
            return Some(match self.summary.range {
                None => "the log has no times of day".to_owned(),
                Some(_) if self.summary.totals.busy == Micros(0) => {
                    "the log has no durations".to_owned()
                }
                Some(_) => format!(
                    "it takes {} requests with a duration and {} windows of time: give a longer log",
                    limits::LEAST_REQUESTS,
                    limits::LEAST_WINDOWS
                ),
            });
        };
        if !panel.measured && self.inferred.is_none() {
            return Some("the log does not tell wait from own time, and has too few endpoints at a time to infer it: have the application send X-Runtime and log it".to_owned());
        }
        if self.has_baseline {
            return None;
        }
        let quiet = panel.sum(|window| self.quiet.get(window).copied().unwrap_or(false));
        if quiet.served < limits::LEAST_QUIET * panel.requests {
            return Some("there is no quiet time in this log to compare with: give a longer log, or a quiet one with --baseline".to_owned());
        }
        let is_full = quiet.wait >= limits::FULL_WAIT * quiet.own && panel.measured;
        let stands_out = |examined: &Examined| {
            let mut effect = Point::default();
            for change in &examined.changes {
                effect.add(&change.effect);
            }
            effect.wait * quiet.served >= limits::OUTAGE_WAIT * quiet.wait * effect.served
        };
        let is_told =
            |examined: &Examined| examined.verdict.cause != Cause::Unknown || stands_out(examined);
        (is_full && !self.slow().any(is_told)).then(|| {
            format!(
                "requests wait {} on average throughout this log, so that it has no quiet time to compare with: give a longer log, or a quiet one with --baseline",
                Micros((quiet.wait / quiet.served) as u64)
            )
        })
    }

    /// The incidents that were seen by times, not by traffic alone.
    pub fn slow(&self) -> impl Iterator<Item = &Examined> {
        self.incidents
            .iter()
            .filter(|examined| examined.incident.sign != Sign::Traffic)
    }

    /// When an incident began and ended: the windows of its cause.
    pub fn span(&self, incident: &Incident) -> (Option<Stamp>, Option<Stamp>) {
        let start = |window| self.panel.as_ref().map(|panel| panel.start(window));
        (start(incident.from), start(incident.until))
    }

    /// The own time of a sampled request of an endpoint, in µs, and its window; `None` where it is not
    /// known, as of one that was cut off. Where wait is inferred, the mean wait of its window is taken off.
    pub fn own(&self, endpoint: usize, line: &Sampled) -> Option<(f64, usize)> {
        let window = self.window(line.arrival?)?;
        if self.inferred.is_none() {
            return Some((line.own?.0 as f64, window));
        }
        let panel = self.panel.as_ref()?;
        let series = panel.series.iter().find(|s| s.endpoint == endpoint)?;
        let at = series.points.binary_search_by_key(&window, |p| p.window);
        let point = series.points.get(at.ok()?)?;
        let wait = point.wait / point.served.max(1.0);
        Some((line.whole?.0 as f64 - wait, window))
    }

    /// The window of a point in time; `None` outside of the panel.
    pub fn window(&self, stamp: Stamp) -> Option<usize> {
        self.panel.as_ref()?.window(stamp)
    }

    /// The windows of the log.
    ///
    /// # Errors
    /// There are none; why.
    pub fn windows(&self) -> Result<&Panel, String> {
        self.panel
            .as_ref()
            .ok_or_else(|| self.blind().unwrap_or_default())
    }

    /// On what statements rest that take times as the log has them: without a clock of the application they
    /// hold waiting too, so what goes together is no proof.
    pub fn grounds_as_logged(&self) -> Grounds {
        match self.grounds() {
            Grounds::Measured => Grounds::Measured,
            Grounds::Inferred | Grounds::Associated => Grounds::Associated,
        }
    }

    /// On what statements about own time rest.
    pub fn grounds(&self) -> Grounds {
        match self.summary.split.wait {
            Knowledge::Measured => Grounds::Measured,
            Knowledge::Inferred | Knowledge::Unknown => Grounds::Inferred,
        }
    }

    /// The name of an endpoint in a sentence.
    pub fn name(&self, endpoint: usize) -> Prose {
        match self.summary.endpoints.get(endpoint) {
            None => Prose::default(),
            Some(Endpoint { method, route, .. }) if method.is_empty() => Prose::new("").log(route),
            Some(Endpoint { method, route, .. }) => {
                Prose::new("").log(method).words(" ").log(route)
            }
        }
    }

    /// The names of endpoints in a sentence: the first few, and how many more.
    pub fn names(&self, endpoints: &[usize]) -> Prose {
        const SHOWN: usize = 6;
        let mut names: Vec<Prose> = endpoints
            .iter()
            .take(SHOWN)
            .map(|at| self.name(*at))
            .collect();
        let more = endpoints.len().saturating_sub(SHOWN);
        if more > 0 {
            names.push(Prose::new(format!("{more} more")));
        }
        Prose::list(names)
    }
}

fn examine(
    summary: &Summary,
    panel: &Panel,
    incident: Incident,
    quiet: &[bool],
    usual: &Usual,
) -> Examined {
    let changes = changes(summary, panel, &incident, quiet, usual);
    let rates = rates(panel, &incident, quiet);
    let verdict = verdict(&changes, panel.measured, rates);
    Examined {
        incident,
        changes,
        verdict,
    }
}

/// Requests per second in quiet windows around an incident, as near as there are enough, and in it.
fn rates(panel: &Panel, incident: &Incident, quiet: &[bool]) -> (f64, f64) {
    let length = incident.until - incident.from;
    let near = |window: usize| {
        let reach = 2 * length.max(3);
        window + reach >= incident.from && window < incident.until + reach
    };
    let is_quiet =
        |window: usize| quiet.get(window).copied().unwrap_or(false) && !incident.holds(window);
    let count = |within: &dyn Fn(usize) -> bool| {
        let windows = (0..panel.windows).filter(|window| within(*window)).count();
        // Of any kind: what a cache answered came too, and is no surge where the cache ceases to.
        (windows, panel.sum(within).requests)
    };
    let per_second = |(windows, requests): (usize, f64)| {
        requests / (windows.max(1) as f64 * panel.width.0 as f64 / 1e6)
    };
    let around = count(&|window| is_quiet(window) && near(window));
    let around = if around.0 >= 3 {
        around
    } else {
        count(&is_quiet)
    };
    (
        per_second(around),
        per_second(count(&|window| incident.holds(window))),
    )
}

/// The incidents that have culprits, those of the same culprits together.
pub fn blamed<'c>(case: &'c Case<'_>) -> Vec<Vec<&'c Examined>> {
    let blamed: Vec<&Examined> = case
        .slow()
        .filter(|examined| matches!(examined.verdict.cause, Cause::Culprits(_)))
        .collect();
    same_cause(&blamed)
}

/// Puts incidents together that have the same cause: the same culprits mostly, or something common.
pub fn same_cause<'c>(incidents: &[&'c Examined]) -> Vec<Vec<&'c Examined>> {
    let mut groups: Vec<Vec<&Examined>> = Vec::new();
    for examined in incidents {
        let group = groups
            .iter_mut()
            .find(|group| group.first().is_some_and(|first| is_same(first, examined)));
        match group {
            Some(group) => group.push(examined),
            None => groups.push(vec![examined]),
        }
    }
    groups
}

fn is_same(one: &Examined, another: &Examined) -> bool {
    let endpoints = |examined: &Examined, places: &[usize]| -> Vec<usize> {
        places
            .iter()
            .filter_map(|at| examined.changes.get(*at))
            .map(|change| change.endpoint)
            .collect()
    };
    match (&one.verdict.cause, &another.verdict.cause) {
        (Cause::Culprits(a), Cause::Culprits(b)) => {
            let (a, b) = (endpoints(one, a), endpoints(another, b));
            let both = a.iter().filter(|endpoint| b.contains(endpoint)).count();
            2 * both >= a.len().max(b.len())
        }
        (Cause::Common(_), Cause::Common(_)) | (Cause::Unknown, Cause::Unknown) => true,
        _ => false,
    }
}
