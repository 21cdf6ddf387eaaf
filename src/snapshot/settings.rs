//! The settings on which tallies depend: two snapshots can be merged where these are the same.

use serde::{Deserialize, Serialize};

use crate::endpoint::{Dimension, Naming, Pattern};
use crate::filter::Filter;
use crate::phases::AppClock;
use crate::summary::{Question, WaitModel};

/// As a person gave them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Route patterns.
    pub matches: Vec<String>,
    /// Routes that are event streams.
    pub streams: Vec<String>,
    /// Dimensions of an endpoint besides method and route.
    pub group_by: Vec<String>,
    /// The Server-Timing metric that is app time.
    pub app_metric: Option<String>,
    /// Which records count.
    pub filter: Option<String>,
    /// The width of a window in seconds.
    pub window_seconds: Option<u32>,
}

/// The slowest requests that a snapshot keeps, of the log and of each endpoint.
pub const SLOWEST: usize = 10;

impl Settings {
    /// The question that a snapshot answers: everything that any report may ask later.
    ///
    /// # Errors
    /// A setting cannot be read, in words.
    pub fn question(&self) -> Result<Question, String> {
        let patterns = |texts: &[String]| {
            let patterns = texts.iter().map(|text| Pattern::new(text));
            patterns
                .collect::<Result<Vec<_>, _>>()
                .map_err(|e| e.to_string())
        };
        let dimension = |name: &String| {
            Dimension::named(name.trim()).ok_or_else(|| {
                let names = Dimension::ALL.map(Dimension::name).join(", ");
                format!("unknown dimension {name:?}: there are {names}")
            })
        };
        let filter = self.filter.as_deref().map(Filter::new).transpose();
        Ok(Question {
            naming: Naming {
                patterns: patterns(&self.matches)?,
                streams: patterns(&self.streams)?,
                dimensions: self
                    .group_by
                    .iter()
                    .map(dimension)
                    .collect::<Result<_, _>>()?,
            },
            clock: AppClock {
                metric: self.app_metric.clone().map(String::into_bytes),
            },
            filter: filter.map_err(|e| format!("--where: {e}"))?,
            since: None,
            until: None,
            window_seconds: self.window_seconds,
            memory: Question::MEMORY,
            slowest: SLOWEST,
            examples: SLOWEST,
            runs: true,
            shown: None,
            wait_model: WaitModel::CommonMode,
        })
    }

    /// What is different, as a flag with both values; `None` where nothing is.
    #[must_use]
    pub fn difference(&self, other: &Settings) -> Option<String> {
        let list = |texts: &[String]| {
            if texts.is_empty() {
                "nothing".to_owned()
            } else {
                texts.join(", ")
            }
        };
        let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "nothing".to_owned());
        let width =
            |width: Option<u32>| width.map_or_else(|| "auto".to_owned(), |s| format!("{s}s"));
        let rows = [
            ("--match", list(&self.matches), list(&other.matches)),
            ("--stream", list(&self.streams), list(&other.streams)),
            ("--group-by", list(&self.group_by), list(&other.group_by)),
            (
                "--app-metric",
                text(&self.app_metric),
                text(&other.app_metric),
            ),
            ("--where", text(&self.filter), text(&other.filter)),
            (
                "--window",
                width(self.window_seconds),
                width(other.window_seconds),
            ),
        ];
        rows.into_iter()
            .find(|(_, mine, theirs)| mine != theirs)
            .map(|(flag, mine, theirs)| format!("{flag} {mine} and {flag} {theirs}"))
    }
}
