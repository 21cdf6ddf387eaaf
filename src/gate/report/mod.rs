//! What the gate says, for people and programs; each renderer has a file of its own and returns text.
//!
//! A renderer never sees bytes of a log but as [`Untrusted`].

pub mod annotations;
pub mod json;
pub mod junit;
pub mod markdown;
pub mod table;

use super::comparison::Statistic;
use super::judgement::{Judged, Judgement};
use super::rules::Rules;
use super::traffic::{Arm, Traffic};
use super::verdict::Verdict;
use crate::endpoint::Dimension;
use crate::unit::{self, Micros};
use crate::untrusted::Untrusted;

/// A judgement and what it is about.
#[derive(Debug)]
pub struct Told<'j> {
    /// The judgement.
    pub judgement: &'j Judgement,
    /// What was compared.
    pub traffic: &'j Traffic,
    /// By which rules.
    pub rules: &'j Rules,
    /// The dimensions of an endpoint besides method and route.
    pub dimensions: &'j [Dimension],
    /// Whether the logs were read to their end.
    pub complete: bool,
}

impl Verdict {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Verdict::Fail => "FAIL",
            Verdict::Inconclusive => "INCONCLUSIVE",
            Verdict::Pass => "PASS",
            Verdict::TooLittle => "too little data",
            Verdict::BelowFloor => "below the floor",
        }
    }
}

impl Told<'_> {
    /// The name of an endpoint, `GET /users/:id`, dimensions behind it; with the renderer's escape for
    /// each part.
    fn name(&self, judged: &Judged, escape: impl Fn(Untrusted<'_>) -> String) -> String {
        let endpoint = &self.traffic.endpoints[judged.endpoint];
        let text = |bytes: &[u8]| escape(Untrusted::new(bytes));
        let mut name = text(&endpoint.route);
        if !endpoint.method.is_empty() {
            name = format!("{} {name}", text(&endpoint.method));
        }
        for (dimension, value) in self.dimensions.iter().zip(&endpoint.dimensions) {
            name.push_str(&format!(" {}={}", dimension.name(), text(value)));
        }
        name
    }

    /// One line on the runs: counts, requests, load.
    fn runs(&self) -> String {
        let of_arm = |arm: Arm| {
            let loads = || self.judgement.loads.iter().filter(|load| load.arm == arm);
            let n = loads().count();
            let requests: u64 = loads().map(|load| load.requests).sum();
            let rates: Vec<f64> = loads().filter_map(|load| load.per_second).collect();
            let rate = if rates.is_empty() {
                String::new()
            } else {
                let mean = rates.iter().sum::<f64>() / rates.len() as f64;
                format!(", {mean:.1}/s")
            };
            format!(
                "{} {n} run{}, {} requests{rate}",
                arm.name(),
                if n == 1 { "" } else { "s" },
                unit::count(requests)
            )
        };
        let mut line = Arm::BOTH.map(of_arm).join("; ");
        if !self.complete {
            line.push_str("; PARTIAL: interrupted");
        }
        line
    }

    /// Lines on the noise: the machine, and what runs of one program differ by.
    fn noise(&self) -> Vec<String> {
        let comparison = &self.judgement.comparison;
        let mut lines: Vec<String> = comparison
            .machine
            .iter()
            .filter(|machine| {
                let mut tested = comparison.statistics.iter().flatten();
                tested.any(|statistic| statistic.phase == machine.phase)
            })
            .map(|machine| {
                let interval = machine.interval.map_or_else(String::new, |(low, high)| {
                    format!(" ({} … {})", percent(low), percent(high))
                });
                format!(
                    "all endpoints together: {} {}{interval}, taken out of each",
                    machine.phase.name(),
                    percent(machine.shift)
                )
            })
            .collect();
        if let Some(between) = &comparison.between {
            lines.push(format!(
                "runs of one program differ by {:.1} % at an endpoint ({}); a slowdown by up to {:.0} % is no regression",
                between.usual.sqrt() * 100.0,
                if between.measured {
                    "measured"
                } else if self.rules.noise.is_some() {
                    "given; repeated runs would measure it"
                } else {
                    "assumed; three runs of each would measure it"
                },
                self.judgement.margin * 100.0
            ));
        }
        lines
    }

    /// The statistics to show of an endpoint: those that flag it, else the one that decides.
    fn shown<'s>(&self, judged: &'s Judged) -> Vec<&'s Statistic> {
        let flagged: Vec<&Statistic> = judged
            .statistics
            .iter()
            .filter(|(_, flagged)| *flagged)
            .map(|(statistic, _)| statistic)
            .collect();
        if flagged.is_empty() {
            judged.foremost().into_iter().collect()
        } else {
            flagged
        }
    }

    /// The errors of an endpoint that grew, in words.
    fn errors(&self, judged: &Judged) -> Option<String> {
        let grew: Vec<String> = judged
            .errors
            .iter()
            .filter(|shift| shift.grew)
            .map(|shift| {
                format!(
                    "{} {} → {}",
                    shift.class.name(),
                    unit::share(shift.before.0, shift.before.1),
                    unit::share(shift.after.0, shift.after.1)
                )
            })
            .collect();
        (!grew.is_empty()).then(|| grew.join(", "))
    }

    /// Why an endpoint fails or what is unclear, in one line without a word of the log.
    fn reason(&self, judged: &Judged) -> String {
        let mut parts: Vec<String> = judged.because.map(str::to_owned).into_iter().collect();
        parts.extend(self.errors(judged));
        for statistic in self.shown(judged) {
            let [what, before, after, change, interval, seen] = words(statistic);
            parts.push(format!(
                "{what} {before} → {after}, {change} (95 % interval {interval}); {seen} would have been seen"
            ));
        }
        if parts.is_empty() {
            parts.push(judged.verdict.word().to_owned());
        }
        parts.join("; ")
    }
}

/// A statistic in words: of what it is, the baseline, the candidate, the change, its interval, and the
/// smallest change that would have been seen.
fn words(statistic: &Statistic) -> [String; 6] {
    let [_, low, high] = statistic.ratio();
    [
        format!("{} {}", statistic.phase.name(), statistic.part.name()),
        time(statistic.levels_us[0]).to_string(),
        time(statistic.levels_us[1]).to_string(),
        percent(statistic.shift),
        format!("{} … {}", percent(low.ln()), percent(high.ln())),
        percent(statistic.detectable.ln_1p()),
    ]
}

/// A shift of the logarithm as a change: `+21 %`, `-0.4 %`.
fn percent(shift: f64) -> String {
    let percent = shift.exp_m1() * 100.0;
    if percent.abs() < 9.95 {
        format!("{percent:+.1} %")
    } else {
        format!("{:+.0} %", percent.min(99_999.0))
    }
}

fn time(us: f64) -> Micros {
    Micros(us.max(0.0).round() as u64)
}
