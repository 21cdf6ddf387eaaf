//! A percentile distribution as HdrHistogram's plotter takes it,
//! <https://github.com/HdrHistogram/HdrHistogram>, `outputPercentileDistribution`: the whole durations in
//! ms of all requests, or of the one endpoint that is shown.

use std::fmt::Write as _;

use super::View;
use crate::phases::Phase;
use crate::summary::Distribution;
use crate::unit::Micros;

/// Steps on the way from one percentile to half of what is left to 100.
const STEPS: u32 = 5;

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
    let total = endpoint.phase(Phase::Total);
    let deviation = total.map_or(0.0, |total| rows(&mut out, total));
    let (mean, max, count) = total.map_or((0.0, Micros(0), 0), |total| {
        (
            total.sum.0 as f64 / total.count as f64,
            total.max,
            total.count,
        )
    });
    // OK because write! to a String cannot fail, here and below.
    let _ = writeln!(
        out,
        "#[Mean    = {:12.3}, StdDeviation   = {:12.3}]",
        mean / 1_000.0,
        deviation / 1_000.0
    );
    let _ = writeln!(
        out,
        "#[Max     = {:12.3}, Total count    = {count:12}]",
        max.0 as f64 / 1_000.0,
    );
    let _ = writeln!(out, "#[Buckets = {:12}, SubBuckets     = {:12}]", 57, 256);
    out
}

/// A row for each level of the percentiles, at which the highest value of its bucket stands. Returns the
/// standard deviation in µs.
fn rows(out: &mut String, of: &Distribution) -> f64 {
    let frozen = of.frozen();
    let mut count = 0;
    for step in frozen.iter_quantiles(STEPS) {
        count += step.count_since_last_iteration();
        let value = step.value_iterated_to().min(of.max.0) as f64 / 1_000.0;
        let share = step.quantile_iterated_to();
        let _ = write!(out, "{value:12.3} {share:14.12} {count:10}");
        if share < 1.0 {
            let _ = write!(out, " {:14.2}", 1.0 / (1.0 - share));
        }
        out.push('\n');
    }
    frozen.stdev()
}
