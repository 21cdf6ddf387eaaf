//! Absolute limits for the candidate: `p99(total) < 300ms where route = /api/:x`.

use std::fmt;

use nom::branch::alt;
use nom::bytes::complete::{tag, take_while1};
use nom::character::complete::{char, multispace0, multispace1};
use nom::combinator::{opt, rest, value};
use nom::sequence::{delimited, preceded};
use nom::{IResult, Parser};

use super::comparison::together;
use super::traffic::{Arm, COMPARED, Endpoint, Traffic};
use crate::endpoint::Pattern;
use crate::summary::Bucket;
use crate::unit::{Micros, Quantile};

/// A limit.
#[derive(Debug, Clone)]
pub struct Budget {
    /// As it was given.
    pub text: String,
    measure: Measure,
    /// µs, or a share.
    limit: f64,
    route: Option<Pattern>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Measure {
    /// A quantile of the phase at this place of [`COMPARED`].
    Quantile(Quantile, usize),
    Mean(usize),
    /// The share of requests with a status of 400 and over, or of 500 and over.
    Errors,
    ServerErrors,
}

/// A budget, and whether the candidate kept it.
#[derive(Debug, Clone)]
pub struct BudgetResult {
    /// The limit.
    pub budget: Budget,
    /// What was measured: µs or a share; `None` where there are too few requests for it.
    pub measured: Option<f64>,
    /// Whether it was kept; `None` likewise.
    pub kept: Option<bool>,
}

/// Why a budget cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetError(String);

impl fmt::Display for BudgetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BudgetError {}

impl Budget {
    /// Reads a limit. Left of `<` stands `p99(total)`, `mean(app)`, `p95(wait)`, `errors` or
    /// `errors_5xx`; right of it a duration with a unit, or a share in percent; then perhaps
    /// `where route = PATTERN`. All requests that match are measured together.
    ///
    /// # Errors
    /// In words, with what would be right.
    pub fn new(text: &str) -> Result<Budget, BudgetError> {
        let error = |what: String| {
            BudgetError(format!(
                "{what}: write it as in 'p99(total) < 300ms where route = /api/:x' or 'errors_5xx < 1%'"
            ))
        };
        let (left, (measure, limit, route)) =
            parts(text.trim()).map_err(|_| error(format!("{text:?} is no budget")))?;
        if !left.is_empty() {
            return Err(error(format!("{left:?} is too much")));
        }
        let limit = match (measure, limit.strip_suffix('%')) {
            (Measure::Errors | Measure::ServerErrors, Some(percent)) => percent
                .trim()
                .parse()
                .ok()
                .filter(|percent: &f64| (0.0..=100.0).contains(percent))
                .map(|percent| percent / 100.0)
                .ok_or_else(|| error(format!("{limit:?} is no share")))?,
            (Measure::Errors | Measure::ServerErrors, None) => {
                return Err(error(format!("{limit:?} is no share in percent")));
            }
            _ => {
                let limit: Micros = limit
                    .parse()
                    .map_err(|e| error(format!("{limit:?} is no duration ({e})")))?;
                limit.0 as f64
            }
        };
        let route = route
            .map(Pattern::new)
            .transpose()
            .map_err(|e| error(e.to_string()))?;
        Ok(Budget {
            text: text.trim().to_owned(),
            measure,
            limit,
            route,
        })
    }

    /// Whether the value is a share, and no duration.
    #[must_use]
    pub fn is_share(&self) -> bool {
        matches!(self.measure, Measure::Errors | Measure::ServerErrors)
    }

    /// Measures the candidate.
    #[must_use]
    pub fn judge(&self, traffic: &Traffic) -> BudgetResult {
        let matching: Vec<&Endpoint> = traffic
            .endpoints
            .iter()
            .filter(|of| {
                self.route
                    .as_ref()
                    .is_none_or(|pattern| pattern.matches(&of.route))
            })
            .collect();
        let buckets = |phase: usize| -> Vec<Bucket> {
            let blocks = matching
                .iter()
                .flat_map(|of| of.blocks_of(traffic, Arm::Candidate));
            together(blocks.flat_map(|block| block.times[phase].iter().copied()))
        };
        let share = |classes: &[usize]| {
            let requests: u64 = matching
                .iter()
                .map(|of| of.requests(traffic, Arm::Candidate))
                .sum();
            let errors: u64 = matching
                .iter()
                .map(|of| of.errors(traffic, Arm::Candidate))
                .map(|errors| classes.iter().map(|class| errors[*class]).sum::<u64>())
                .sum();
            (requests > 0).then(|| errors as f64 / requests as f64)
        };
        let measured = match self.measure {
            Measure::Quantile(quantile, phase) => quantile_of(&buckets(phase), quantile),
            Measure::Mean(phase) => mean_of(&buckets(phase)),
            Measure::Errors => share(&[0, 1]),
            Measure::ServerErrors => share(&[1]),
        };
        BudgetResult {
            budget: self.clone(),
            measured,
            kept: measured.map(|measured| measured < self.limit),
        }
    }
}

/// `None` where no request lies above the quantile.
fn quantile_of(buckets: &[Bucket], quantile: Quantile) -> Option<f64> {
    let count: u64 = buckets.iter().map(|bucket| bucket.count).sum();
    let rank = quantile.rank(count);
    if count == 0 || rank >= count {
        return None;
    }
    let mut seen = 0;
    let bucket = buckets.iter().find(|bucket| {
        seen += bucket.count;
        seen >= rank
    });
    bucket.map(|bucket| bucket.middle() as f64)
}

fn mean_of(buckets: &[Bucket]) -> Option<f64> {
    let (sum, count) = buckets.iter().fold((0.0, 0.0), |(sum, count), bucket| {
        let n = bucket.count as f64;
        (sum + n * bucket.middle() as f64, count + n)
    });
    (count > 0.0).then(|| sum / count)
}

type Parts<'t> = (Measure, &'t str, Option<&'t str>);

fn parts(text: &str) -> IResult<&str, Parts<'_>> {
    let word = |text| take_while1(|c: char| !c.is_whitespace())(text);
    let limit = take_while1(|c: char| c.is_ascii_alphanumeric() || ".%µ".contains(c));
    let route = preceded(
        (
            multispace1,
            tag("where"),
            multispace1,
            tag("route"),
            multispace0,
            char('='),
            multispace0,
        ),
        word,
    );
    (
        measure,
        preceded(delimited(multispace0, char('<'), multispace0), limit),
        opt(route),
    )
        .parse(text)
}

fn measure(text: &str) -> IResult<&str, Measure> {
    alt((
        value(Measure::ServerErrors, tag("errors_5xx")),
        value(Measure::Errors, tag("errors")),
        of_phase,
    ))
    .parse(text)
}

/// `p99(total)`, `mean(app)`.
fn of_phase(text: &str) -> IResult<&str, Measure> {
    let name = |text| take_while1(|c: char| c.is_ascii_alphanumeric() || c == '.')(text);
    let (left, (statistic, phase)) = (name, delimited(char('('), name, char(')'))).parse(text)?;
    let wrong = || nom::Err::Error(nom::error::Error::new(text, nom::error::ErrorKind::Verify));
    let phase = COMPARED
        .iter()
        .position(|known| known.name() == phase)
        .ok_or_else(wrong)?;
    if statistic == "mean" {
        return Ok((left, Measure::Mean(phase)));
    }
    let (_, quantile) = preceded(char('p'), rest).parse(statistic)?;
    let quantile = quantile.parse().map_err(|_: String| wrong())?;
    Ok((left, Measure::Quantile(quantile, phase)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::traffic::{Block, Run};

    /// A candidate with `n` requests of 1 ms to `n` ms at `/api/users/:id`, each tenth a 503.
    fn traffic(n: u64) -> Traffic {
        let bucket = |ms: u64| Bucket {
            low: ms * 1_000,
            high: ms * 1_000,
            count: 1,
        };
        Traffic {
            runs: vec![Run {
                arm: Arm::Candidate,
                seconds: 1.0,
            }],
            endpoints: vec![Endpoint {
                route: b"/api/users/:id".to_vec(),
                runs: vec![vec![Block {
                    requests: n,
                    errors: [0, n / 10],
                    times: [Vec::new(), Vec::new(), (1..=n).map(bucket).collect()],
                    ..Block::default()
                }]],
                ..Endpoint::default()
            }],
        }
    }

    #[test]
    fn budgets_are_kept_or_not() {
        for (text, kept) in [
            ("p90(total) < 91ms", Some(true)),
            ("p90(total)<90 ms", None),
            ("p90(total) < 90ms", Some(false)),
            (
                "mean(total) < 50.6ms where route = /api/users/:id",
                Some(true),
            ),
            ("p99(total) < 1s where route = /api/:x/*", Some(true)),
            ("p99.9(total) < 1s", None),
            ("p50(app) < 1s", None),
            ("errors < 10%", Some(false)),
            ("errors_5xx < 10.1%", Some(true)),
            ("errors_5xx < 1% where route = /other", None),
        ] {
            let result = Budget::new(text).map(|budget| budget.judge(&traffic(100)).kept);
            match text {
                "p90(total)<90 ms" => assert!(result.is_err(), "{text}"),
                _ => assert_eq!(result, Ok(kept), "{text}"),
            }
        }
    }

    #[test]
    fn what_is_no_budget_is_said() {
        for text in [
            "",
            "p99",
            "p99(total)",
            "p99(total) < 5",
            "p99(nothing) < 5ms",
            "pp(total) < 5ms",
            "errors < 5ms",
            "p99(total) < 5ms where status = 200",
            "errors < 900%",
        ] {
            let error = Budget::new(text).unwrap_err().to_string();
            assert!(error.contains("p99(total) < 300ms"), "{error}");
        }
    }
}
