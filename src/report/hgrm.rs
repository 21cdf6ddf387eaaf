//! A percentile distribution as HdrHistogram's plotter takes it,
//! <https://github.com/HdrHistogram/HdrHistogram>, `outputPercentileDistribution`: the whole durations in
//! ms of all requests, or of the one endpoint that is shown.

use std::fmt::Write as _;

use super::View;
use crate::phases::Phase;
use crate::summary::{Bucket, Distribution};

/// Steps on the way from one percentile to half of what is left to 100.
const STEPS: f64 = 5.0;

/// Renders the view; `one` says that it is of one endpoint.
#[must_use]
pub fn render(view: &View<'_>, one: bool) -> String {
    let endpoint = match view.rows.first() {
        Some(endpoint) if one => endpoint,
        _ => &view.summary.totals,
    };
    let mut out = format!(
        "{:>12} {:>14} {:>10} {:>14}\n\n",
        "Value", "Percentile", "TotalCount", "1/(1-Percentile)"
    );
    if let Some(total) = endpoint.phase(Phase::Total) {
        rows(&mut out, total);
    }
    let none = Distribution {
        count: 0,
        sum: Default::default(),
        min: Default::default(),
        max: Default::default(),
        buckets: Vec::new(),
        censored: Vec::new(),
    };
    let of = endpoint.phase(Phase::Total).unwrap_or(&none);
    let n = of.count.max(1) as f64;
    let mean = of.sum.0 as f64 / n;
    let square = |bucket: &Bucket| bucket.count as f64 * (bucket.middle() as f64 - mean).powi(2);
    let deviation = (of.buckets.iter().map(square).sum::<f64>() / n).sqrt();
    // OK because write! to a String cannot fail, here and below.
    let _ = writeln!(
        out,
        "#[Mean    = {:12.3}, StdDeviation   = {:12.3}]",
        mean / 1_000.0,
        deviation / 1_000.0
    );
    let _ = writeln!(
        out,
        "#[Max     = {:12.3}, Total count    = {:12}]",
        of.max.0 as f64 / 1_000.0,
        of.count
    );
    let _ = writeln!(out, "#[Buckets = {:12}, SubBuckets     = {:12}]", 57, 256);
    out
}

/// A row for each level of the percentiles, at which the highest value of its bucket stands.
fn rows(out: &mut String, of: &Distribution) {
    let mut level = 0.0_f64;
    let mut below = 0;
    for bucket in &of.buckets {
        let count = below + bucket.count;
        let reached = 100.0 * count as f64 / of.count as f64;
        let value = bucket.high.min(of.max.0) as f64 / 1_000.0;
        while level <= reached {
            let share = level / 100.0;
            let _ = writeln!(
                out,
                "{value:12.3} {share:14.12} {count:10} {:14.2}",
                1.0 / (1.0 - share)
            );
            let halves = (100.0 / (100.0 - level)).log2().floor() + 1.0;
            level += 100.0 / (STEPS * halves.exp2());
            // The last bucket holds all further levels: 100 % stands for them.
            if count == of.count {
                break;
            }
        }
        below = count;
    }
    let _ = writeln!(
        out,
        "{:12.3} {:14.12} {:10}",
        of.max.0 as f64 / 1_000.0,
        1.0,
        of.count
    );
}
