//! What is to be seen at one moment: the summary of a range, what was found in it, and how it went.

use std::collections::HashMap;
use std::time::Instant;

use super::{Heat, Intake, Range};
use crate::diagnosis::{Diagnosis, diagnose};
use crate::input::Followed;
use crate::phases::Phase;
use crate::stamp::Stamp;
use crate::summary::{Endpoint, Question, Shown, Summary, Tally, UpstreamTally, freeze};
use crate::unit::Micros;

/// A moment of the log.
#[derive(Debug)]
pub struct Picture {
    /// The range in numbers.
    pub summary: Summary,
    /// What was found in it.
    pub diagnosis: Diagnosis,
    /// Which range it is.
    pub range: Range,
    /// The time that it covers.
    pub span: Micros,
    /// The time of the log; `None` before the first record.
    pub now: Option<Stamp>,
    /// By endpoint of the summary: the mean whole duration in µs of each cell of time, `None` where
    /// nothing came.
    pub trends: Vec<Vec<Option<u64>>>,
    /// The endpoint that is looked at.
    pub detail: Option<Detail>,
    /// What has happened to the file.
    pub followed: Followed,
    /// Why nothing comes, where that is known.
    pub trouble: Option<String>,
    /// Nothing more will come.
    pub ended: bool,
}

/// An endpoint that is looked at.
#[derive(Debug)]
pub struct Detail {
    /// Its place in the summary.
    pub endpoint: usize,
    /// Its durations over time.
    pub heat: Heat,
    /// The upstreams that answered it since the beginning, busiest first.
    pub upstreams: Vec<(Vec<u8>, UpstreamTally)>,
}

/// How the source is.
#[derive(Debug, Clone, Default)]
pub struct Condition {
    /// What has happened to the file.
    pub followed: Followed,
    /// Why it cannot be read just now.
    pub trouble: Option<String>,
    /// Nothing more will come.
    pub ended: bool,
}

impl Picture {
    /// The picture of a range; of the endpoint that is looked at, in full.
    pub fn of(
        intake: &mut Intake<'_>,
        question: &Question,
        (name, condition): (&[u8], &Condition),
        range: Range,
        shown: Option<&Shown>,
        when: Instant,
    ) -> Picture {
        let (tallies, span) = intake.ranges.tallies(range, when);
        let summary = freeze(tallies, question, vec![intake.file(name)]);
        let trends = trends(intake, question, &summary, range);
        let detail = shown.and_then(|shown| detail(intake, question, &summary, range, shown));
        let misfit = intake.misfit().map(str::to_owned);
        Picture {
            diagnosis: diagnose(&summary),
            range,
            span,
            now: intake.ranges.now(when),
            trends,
            detail,
            followed: condition.followed,
            trouble: misfit.or_else(|| condition.trouble.clone()),
            ended: condition.ended,
            summary,
        }
    }

    /// `part` a second of the range; 0 where it covers no time.
    #[must_use]
    pub fn per_second(&self, part: u64) -> f64 {
        if self.span.0 == 0 {
            return 0.0;
        }
        part as f64 * 1e6 / self.span.0 as f64
    }
}

/// The places of a summary's endpoints by name. Names fold when everything was seen, so the tallies of
/// a part of the time may have longer ones.
struct Places<'s> {
    exact: HashMap<(&'s [u8], &'s [u8]), usize>,
    folded: Vec<(Shown, usize)>,
}

impl<'s> Places<'s> {
    fn of(endpoints: &'s [Endpoint]) -> Places<'s> {
        let is_folded = |endpoint: &&Endpoint| {
            let slug = crate::endpoint::fold::SLUG;
            endpoint
                .route
                .split(|byte| *byte == b'/')
                .any(|s| s == slug)
        };
        let places = || endpoints.iter().enumerate();
        Places {
            exact: places()
                .map(|(at, e)| ((e.method.as_slice(), e.route.as_slice()), at))
                .collect(),
            folded: places()
                .filter(|(_, endpoint)| is_folded(endpoint))
                .map(|(at, endpoint)| (Shown::of(endpoint), at))
                .collect(),
        }
    }

    fn find(&self, method: &[u8], route: &[u8]) -> Option<usize> {
        let folded = || {
            let named = |(shown, _): &&(Shown, usize)| shown.is(method, route);
            self.folded.iter().find(named).map(|(_, at)| *at)
        };
        self.exact.get(&(method, route)).copied().or_else(folded)
    }
}

fn trends(
    intake: &Intake<'_>,
    question: &Question,
    summary: &Summary,
    range: Range,
) -> Vec<Vec<Option<u64>>> {
    let (cells, _) = intake.ranges.cells(range);
    let places = Places::of(&summary.endpoints);
    // Sum and count of whole durations.
    let mut sums = vec![vec![(0_u64, 0_u64); cells]; summary.endpoints.len()];
    intake.ranges.over_time(range, |cell, tallies| {
        for (key, tally) in tallies.endpoints() {
            let parts = question.naming.parts(key);
            let total = &tally.phases[Phase::Total as usize];
            let place = places.find(parts.method, parts.route);
            if let Some((sum, count)) = place.and_then(|at| sums.get_mut(at)?.get_mut(cell)) {
                *sum = sum.saturating_add(total.sum);
                *count += total.count;
            }
        }
    });
    let mean = |(sum, count): (u64, u64)| sum.checked_div(count);
    sums.into_iter()
        .map(|cells| cells.into_iter().map(mean).collect())
        .collect()
}

fn detail(
    intake: &Intake<'_>,
    question: &Question,
    summary: &Summary,
    range: Range,
    shown: &Shown,
) -> Option<Detail> {
    let endpoint = summary
        .endpoints
        .iter()
        .position(|endpoint| shown.is(&endpoint.method, &endpoint.route))?;
    let is = |key: &[u8]| {
        let parts = question.naming.parts(key);
        shown.is(parts.method, parts.route)
    };
    let (cells, width) = intake.ranges.cells(range);
    let mut heat = Heat::new(cells, width);
    intake.ranges.over_time(range, |cell, tallies| {
        let mine = |(key, _): &(&[u8], &Tally)| is(key);
        tallies
            .endpoints()
            .filter(mine)
            .for_each(|(_, tally)| heat.add(cell, tally));
    });
    Some(Detail {
        endpoint,
        heat,
        upstreams: intake.upstreams.of(is),
    })
}
