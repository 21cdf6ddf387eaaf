//! Law 3: counts and sums are those of a reader that keeps every value and sorts; quantiles are the
//! nearest rank within the histogram's relative error. With no data there is no number.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::Index;
use slowpath::phases::Phase;
use slowpath::summary::{Distribution, Endpoint, Knowledge, Question, Summary};
use slowpath::unit::Quantile;

use crate::brute_force::{self, Counts, Durations, Log, PHASES, Server};
use crate::entry::{Bytes, Form, Paths, broken_line, entry, form, joined};
use crate::reading::{Folder, Way, grammar, plan, summarise};

/// A bucket is 1/128 of its lowest value wide and its middle stands for it, so a quantile is off by
/// 1/256 at most; below 256 µs it is exact.
const ERROR: u64 = 256;

/// In thousandths: a rank computed in floating point would be off by one now and then.
const QUANTILES: [(u64, &str); 5] = [
    (500, "50"),
    (900, "90"),
    (950, "95"),
    (990, "99"),
    (999, "99.9"),
];

fn log() -> impl Strategy<Value = (Form, Vec<Bytes>)> {
    let spread = prop_oneof![
        Just(std::time::Duration::from_secs(2)),
        Just(std::time::Duration::from_secs(600)),
    ];
    (form(), spread).prop_flat_map(|(form, spread)| {
        let line = prop_oneof![
            30 => entry(Paths::Plain, spread).prop_map(move |entry| entry.line(form)),
            1 => broken_line(),
            // A line that was torn.
            1 => (entry(Paths::Plain, spread), any::<Index>()).prop_map(move |(entry, at)| {
                let mut line = entry.line(form);
                let torn = at.index(line.0.len());
                // Labelled values that are torn behind the first label still are labelled values.
                let most = if form.grammar() == "ltsv" { 4 } else { torn };
                line.0.truncate(torn.min(most));
                line
            }),
        ];
        (Just(form), vec(line, 1..200))
    })
}

proptest! {
    #![proptest_config(crate::cases(crate::CASES))]

    #[test]
    fn a_reader_that_sorts_every_value_finds_the_same(
        (form, lines) in log(),
        window in option::of(1..600_u32),
    ) {
        let folder = Folder::new();
        let file = folder.write("log", &joined(&lines));
        let question = Question {
            memory: Question::MEMORY,
            window_seconds: window,
            ..Question::default()
        };
        let plan = plan(&grammar(form.grammar()), &question);
        let summary = summarise(&[file], &plan, &question, Way::PLAIN);
        // With fewer lines than a grid holds windows, the grid of itself is seconds.
        let width = i64::from(window.unwrap_or(1));
        let log = brute_force::read(&lines, form, width);
        same(&summary, &log, width)?;
    }
}

fn same(summary: &Summary, log: &Log, width: i64) -> Result<(), TestCaseError> {
    prop_assert_eq!(summary.lines.lines, log.lines);
    prop_assert_eq!(summary.lines.rejected(), log.rejects);
    prop_assert_eq!(summary.lines.records, log.totals.requests);
    prop_assert_eq!(summary.split.busy.name(), log.basis);
    prop_assert_eq!(summary.split.window.0, width.unsigned_abs() * 1_000_000);
    prop_assert_eq!(
        summary.range.map(|(first, last)| (first.0, last.0)),
        log.range
    );
    prop_assert_eq!(summary.split.covered, log.covered);
    prop_assert_eq!(summary.split.wait == Knowledge::Measured, log.covered.0 > 0);
    same_numbers("totals", &summary.totals, &log.totals)?;

    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let mut rows: Vec<_> = summary.endpoints.iter().collect();
    rows.sort_by_key(|row| (text(&row.route), text(&row.method)));
    prop_assert_eq!(rows.len(), log.endpoints.len());
    for (row, (name, counts)) in rows.iter().zip(&log.endpoints) {
        prop_assert_eq!((&text(&row.route), &text(&row.method)), (&name.0, &name.1));
        same_numbers(&name.0, row, counts)?;
    }

    prop_assert_eq!(summary.timeline.len(), log.windows.len());
    for (window, (number, counts)) in summary.timeline.iter().zip(&log.windows) {
        let sum = |phase| {
            counts
                .phases
                .get(phase)
                .map_or(0, |durations: &Durations| durations.all.iter().sum::<u64>())
        };
        prop_assert_eq!(window.from.0, number * width * 1_000_000);
        prop_assert_eq!(window.requests, counts.requests);
        prop_assert_eq!(window.errors_5xx, counts.errors_5xx);
        prop_assert_eq!(window.busy.0, counts.busy);
        prop_assert_eq!(window.wait.0, sum("wait"));
        same_durations("window", window.total.as_ref(), counts.phases.get("total"))?;
    }

    let servers = summary.upstreams.iter().map(|upstream| {
        let server = Server {
            requests: upstream.requests,
            errors_5xx: upstream.errors_5xx,
            busy: upstream.busy.0,
        };
        (text(&upstream.address), server)
    });
    prop_assert_eq!(
        servers.collect::<std::collections::BTreeMap<_, _>>(),
        log.servers.clone()
    );
    Ok(())
}

fn same_numbers(name: &str, row: &Endpoint, counts: &Counts) -> Result<(), TestCaseError> {
    prop_assert_eq!(row.requests, counts.requests, "requests of {}", name);
    prop_assert_eq!(row.errors_4xx, counts.errors_4xx, "4xx of {}", name);
    prop_assert_eq!(row.errors_5xx, counts.errors_5xx, "5xx of {}", name);
    prop_assert_eq!(row.censored, counts.censored, "cut off of {}", name);
    prop_assert_eq!(row.upgraded, counts.upgraded, "upgraded of {}", name);
    prop_assert_eq!(row.clamped, counts.clamped, "clamped of {}", name);
    prop_assert_eq!(row.bytes, counts.bytes, "bytes of {}", name);
    prop_assert_eq!(row.busy.0, counts.busy, "busy of {}", name);
    prop_assert_eq!(row.without_duration, 0);
    for phase in PHASES {
        let found = row.phase(Phase::named(phase).unwrap());
        same_durations(
            &format!("{phase} of {name}"),
            found,
            counts.phases.get(phase),
        )?;
    }
    Ok(())
}

fn same_durations(
    name: &str,
    found: Option<&Distribution>,
    durations: Option<&Durations>,
) -> Result<(), TestCaseError> {
    let Some(durations) = durations else {
        prop_assert!(found.is_none(), "{} has a number without data", name);
        return Ok(());
    };
    prop_assert!(found.is_some(), "{} is missing", name);
    let found = found.unwrap();
    let mut sorted = durations.all.clone();
    sorted.sort_unstable();
    prop_assert_eq!(found.count, sorted.len() as u64, "count of {}", name);
    prop_assert_eq!(found.sum.0, sorted.iter().sum::<u64>(), "sum of {}", name);
    prop_assert_eq!(found.min.0, sorted[0], "min of {}", name);
    prop_assert_eq!(found.max.0, sorted[sorted.len() - 1], "max of {}", name);
    for (thousandths, label) in QUANTILES {
        let rank = (sorted.len() as u64 * thousandths).div_ceil(1_000) as usize;
        let exact = sorted[rank - 1];
        let quantile = found.quantile(label.parse::<Quantile>().unwrap());
        let off = quantile.value.0.abs_diff(exact);
        prop_assert!(
            off * ERROR <= exact,
            "p{} of {}: {} for {}",
            label,
            name,
            quantile.value.0,
            exact
        );
        prop_assert!((found.min..=found.max).contains(&quantile.value));
        // Marked where the value itself was cut off, and only where one in its bucket was.
        let is_cut_off = durations.censored.contains(&exact);
        let is_near = durations
            .censored
            .iter()
            .any(|cut| cut.abs_diff(exact) * ERROR / 2 <= exact);
        prop_assert!(
            !is_cut_off || quantile.at_least,
            "p{} of {} is no lower bound",
            label,
            name
        );
        prop_assert!(
            !quantile.at_least || is_near,
            "p{} of {} is a lower bound",
            label,
            name
        );
    }
    Ok(())
}
