//! OpenMetrics text, <https://prometheus.io/docs/specs/om/open_metrics_spec/>, of the kind that the
//! textfile collector of Prometheus' node_exporter reads too: what each shown endpoint did, the rest as
//! `(other)`, and how many findings there are.
//!
//! The numbers are of the whole log, so they begin anew with a new log.

use std::fmt::Write as _;

use super::View;
use crate::diagnosis::Severity;
use crate::phases::Phase;
use crate::summary::Endpoint;
use crate::untrusted::Untrusted;

/// Renders the view.
#[must_use]
pub fn render(view: &View<'_>) -> String {
    let other = view.other.as_ref().map(|other| Endpoint {
        route: b"(other)".to_vec(),
        ..other.clone()
    });
    let rows: Vec<(String, &Endpoint)> = view
        .rows
        .iter()
        .copied()
        .chain(other.as_ref())
        .map(|endpoint| (labels(view, endpoint), endpoint))
        .collect();
    let mut out = String::new();
    let mut family = |name: &str, kind: &str, help: &str, samples: &[String]| {
        // OK because write! to a String cannot fail.
        let _ = writeln!(out, "# TYPE {name} {kind}");
        if name.ends_with("_seconds") {
            let _ = writeln!(out, "# UNIT {name} seconds");
        }
        let _ = writeln!(out, "# HELP {name} {help}");
        for sample in samples {
            let _ = writeln!(out, "{name}{sample}");
        }
    };
    let counts = |value: fn(&Endpoint) -> u64| -> Vec<String> {
        let sample = |(labels, endpoint): &(String, &Endpoint)| {
            format!("_total{{{labels}}} {}", value(endpoint))
        };
        rows.iter().map(sample).collect()
    };
    family(
        "slowpath_requests",
        "counter",
        "Requests.",
        &counts(|of| of.requests),
    );
    family(
        "slowpath_errors_4xx",
        "counter",
        "Requests with a status of 400 to 499.",
        &counts(|of| of.errors_4xx),
    );
    family(
        "slowpath_errors_5xx",
        "counter",
        "Requests with a status of 500 and over.",
        &counts(|of| of.errors_5xx),
    );
    let busy: Vec<String> = rows
        .iter()
        .map(|(labels, endpoint)| format!("_total{{{labels}}} {}", seconds(endpoint.busy.0)))
        .collect();
    family(
        "slowpath_busy_seconds",
        "counter",
        &format!(
            "Time that requests kept a worker busy: {} time.",
            view.summary.split.busy.name()
        ),
        &busy,
    );
    let mut phases = Vec::new();
    for (labels, endpoint) in &rows {
        for phase in Phase::ALL {
            let Some(distribution) = endpoint.phase(phase) else {
                continue;
            };
            let labels = format!("{labels},phase=\"{}\"", phase.name());
            for quantile in &view.quantiles {
                phases.push(format!(
                    "{{{labels},quantile=\"{}\"}} {}",
                    quantile.fraction(),
                    seconds(distribution.quantile(*quantile).value.0)
                ));
            }
            phases.push(format!("_sum{{{labels}}} {}", seconds(distribution.sum.0)));
            phases.push(format!("_count{{{labels}}} {}", distribution.count));
        }
    }
    family(
        "slowpath_phase_seconds",
        "summary",
        "The phases of a request's time.",
        &phases,
    );
    let findings: Vec<String> = [Severity::Critical, Severity::Warning, Severity::Info]
        .into_iter()
        .map(|severity| {
            let found = view.diagnosis.findings.iter();
            let count = found.filter(|finding| finding.severity == severity).count();
            format!("{{severity=\"{}\"}} {count}", severity.name())
        })
        .collect();
    family("slowpath_findings", "gauge", "Findings.", &findings);
    let lines = &view.summary.lines;
    family(
        "slowpath_lines",
        "counter",
        "Lines of the log, by whether they fit the format.",
        &[
            format!("_total{{fits=\"yes\"}} {}", lines.records),
            format!("_total{{fits=\"no\"}} {}", lines.rejected()),
        ],
    );
    out.push_str("# EOF\n");
    out
}

fn labels(view: &View<'_>, endpoint: &Endpoint) -> String {
    let text = |bytes: &[u8]| Untrusted::new(bytes).for_label();
    let mut labels = format!(
        "method=\"{}\",route=\"{}\"",
        text(&endpoint.method),
        text(&endpoint.route)
    );
    for (dimension, value) in view.summary.dimensions.iter().zip(&endpoint.dimensions) {
        // OK because write! to a String cannot fail.
        let _ = write!(labels, ",{}=\"{}\"", dimension.name(), text(value));
    }
    labels
}

/// Microseconds as seconds, exact.
fn seconds(us: u64) -> String {
    format!("{}.{:06}", us / 1_000_000, us % 1_000_000)
}
