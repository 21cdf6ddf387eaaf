//! What is usual, where a person says so: another log, or a stretch of this one. Without it the quiet
//! windows of the log itself are what is usual.

use super::panel::{Panel, Point};
use crate::stamp::Stamp;
use crate::summary::{Endpoint, Summary};

/// What an incident is compared with.
#[derive(Debug, Clone, Copy, Default)]
pub enum Baseline<'b> {
    /// The quiet windows of the log itself.
    #[default]
    Quiet,
    /// The windows between two points in time, the second left out.
    Range(Stamp, Stamp),
    /// All of another log.
    Log(&'b Summary),
}

/// The usual numbers of each series of a panel; `None` where the log itself must tell.
pub type Usual = Vec<Option<Point>>;

impl Baseline<'_> {
    /// The windows that are known to be usual; `None` where that is not said of this log.
    pub fn windows(&self, panel: &Panel) -> Option<Vec<bool>> {
        let Baseline::Range(from, until) = self else {
            return None;
        };
        // Windows that lie in the range wholly.
        let within = |window| panel.start(window) >= *from && panel.start(window + 1) <= *until;
        Some((0..panel.windows).map(within).collect())
    }

    /// The usual numbers.
    pub fn usual(&self, summary: &Summary, panel: &Panel) -> Usual {
        match self {
            Baseline::Quiet => vec![None; panel.series.len()],
            Baseline::Range(..) => {
                let windows = self.windows(panel).unwrap_or_default();
                let within = |window: usize| windows.get(window).copied().unwrap_or(false);
                let sums = panel.series.iter().map(|series| Some(series.sum(within)));
                sums.collect()
            }
            Baseline::Log(other) => {
                let Some(theirs) =
                    Panel::of(other).filter(|theirs| theirs.measured == panel.measured)
                else {
                    return vec![None; panel.series.len()];
                };
                let sum = |place: usize| -> Option<Point> {
                    let endpoint = summary.endpoints.get(place)?;
                    let is_it = |other: &Endpoint| {
                        (&other.method, &other.route, &other.dimensions)
                            == (&endpoint.method, &endpoint.route, &endpoint.dimensions)
                    };
                    let at = other.endpoints.iter().position(is_it)?;
                    let series = theirs.series.iter().find(|series| series.endpoint == at)?;
                    Some(series.sum(|_| true))
                };
                panel
                    .series
                    .iter()
                    .map(|series| sum(series.endpoint))
                    .collect()
            }
        }
    }
}
