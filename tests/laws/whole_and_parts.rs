//! Law 4: the rows that are shown and `(other)` are the totals, for any order and number of rows,
//! and where the memory cap was reached too; the timeline is the totals in another division. And the
//! totals under a cap are those without one.

use std::time::Duration;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use slowpath::diagnosis::diagnose;
use slowpath::phases::Phase;
use slowpath::report::{self, Choice, Column, View};
use slowpath::summary::{Bucket, Distribution, Endpoint, Question, Summary};
use slowpath::unit::{Micros, Quantile};

use crate::entry::{Bytes, Form, Paths, entry, form, joined};
use crate::reading::{Folder, Way, grammar, plan, summarise};

fn log() -> impl Strategy<Value = (Form, Vec<Bytes>)> {
    form().prop_flat_map(|form| {
        let entry = entry(Paths::Many, Duration::from_secs(30));
        (
            Just(form),
            vec(entry.prop_map(move |entry| entry.line(form)), 1..60),
        )
    })
}

/// Orders of every kind of column.
const SORTS: &[&str] = &[
    "endpoint",
    "requests",
    "busy",
    "busy_share",
    "errors",
    "bytes",
    "censored",
    "bar",
    "total.p95",
    "wait.max",
    "app.mean",
    "retry.sum",
    "server.count",
    "transfer.min",
];

/// The numbers of an endpoint that are sums.
fn sums(row: &Endpoint) -> [u64; 9] {
    [
        row.requests,
        row.errors_4xx,
        row.errors_5xx,
        row.censored,
        row.upgraded,
        row.clamped,
        row.without_duration,
        row.bytes,
        row.busy.0,
    ]
}

/// All values of several distributions in one; `None` of none.
fn together<'d>(parts: impl Iterator<Item = &'d Distribution> + Clone) -> Option<Distribution> {
    let buckets = |of: fn(&Distribution) -> &Vec<Bucket>| {
        let mut all: Vec<Bucket> = parts.clone().flat_map(of).copied().collect();
        all.sort_by_key(|bucket| bucket.low);
        let mut sums: Vec<Bucket> = Vec::new();
        for bucket in all {
            match sums.last_mut() {
                Some(last) if last.low == bucket.low => last.count += bucket.count,
                _ => sums.push(bucket),
            }
        }
        sums
    };
    Some(Distribution {
        count: parts.clone().map(|part| part.count).sum(),
        sum: Micros(parts.clone().map(|part| part.sum.0).sum()),
        min: parts.clone().map(|part| part.min).min()?,
        max: parts.clone().map(|part| part.max).max()?,
        buckets: buckets(|part| &part.buckets),
        censored: buckets(|part| &part.censored),
    })
}

/// Fails unless the parts are the whole, in every number.
fn are_the_whole(parts: &[&Endpoint], whole: &Endpoint) -> Result<(), TestCaseError> {
    let mut sum = [0; 9];
    for part in parts {
        sum.iter_mut()
            .zip(sums(part))
            .for_each(|(sum, part)| *sum += part);
    }
    prop_assert_eq!(sum, sums(whole));
    for phase in Phase::ALL {
        let of_parts = together(parts.iter().filter_map(|part| part.phase(phase)));
        prop_assert_eq!(of_parts.as_ref(), whole.phase(phase), "{}", phase.name());
    }
    Ok(())
}

/// Fails unless the windows are the whole, in every number that they have.
fn windows_are_the_whole(summary: &Summary) -> Result<(), TestCaseError> {
    let sum = |number: fn(&slowpath::summary::Window) -> u64| {
        summary.timeline.iter().map(number).sum::<u64>()
    };
    let totals = &summary.totals;
    prop_assert_eq!(sum(|window| window.requests), totals.requests);
    prop_assert_eq!(sum(|window| window.errors_5xx), totals.errors_5xx);
    prop_assert_eq!(sum(|window| window.busy.0), totals.busy.0);
    prop_assert_eq!(
        sum(|window| window.wait.0),
        totals.phase(Phase::Wait).map_or(0, |wait| wait.sum.0)
    );
    let of_windows = together(
        summary
            .timeline
            .iter()
            .filter_map(|window| window.total.as_ref()),
    );
    prop_assert_eq!(of_windows.as_ref(), totals.phase(Phase::Total));
    Ok(())
}

/// The counts of a rendered report add up as well.
fn rendered_rows_are_the_whole(view: &View<'_>) -> Result<(), TestCaseError> {
    let report: serde_json::Value = serde_json::from_str(&report::json::render(view)).unwrap();
    for key in [
        "requests",
        "errors_4xx",
        "errors_5xx",
        "censored",
        "upgraded",
        "clamped",
        "bytes",
        "busy_us",
    ] {
        let rows = report["endpoints"]
            .as_array()
            .unwrap()
            .iter()
            .chain(report.get("other").filter(|other| !other.is_null()));
        let sum: u64 = rows.map(|row| row[key].as_u64().unwrap()).sum();
        prop_assert_eq!(Some(sum), report["totals"][key].as_u64(), "{} in JSON", key);
    }
    let text = report::csv::render(view);
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let at = reader
        .headers()
        .unwrap()
        .iter()
        .position(|heading| heading == "requests")
        .unwrap();
    let sum: u64 = reader
        .records()
        .map(|row| row.unwrap()[at].parse::<u64>().unwrap())
        .sum();
    prop_assert_eq!(sum, view.summary.totals.requests, "requests in CSV");
    Ok(())
}

proptest! {
    #![proptest_config(crate::cases(crate::CASES))]

    #[test]
    fn rows_and_the_others_are_the_totals(
        (form, lines) in log(),
        limit in option::of(0..40_usize),
        sort in option::of(select(SORTS)),
        memory in prop_oneof![Just(Question::MEMORY), 0..200_000_usize],
        threads in select(vec![1_usize, 2, 7]),
    ) {
        let folder = Folder::new();
        let files = [folder.write("log", &joined(&lines))];
        let whole = Question { memory: Question::MEMORY, ..Question::default() };
        let capped = Question { memory, ..Question::default() };
        let plan = plan(&grammar(form.grammar()), &whole);
        let uncapped = summarise(&files, &plan, &whole, Way::PLAIN);
        let summary = summarise(&files, &plan, &capped, Way { threads, block: 1_000 });

        let choice = Choice {
            columns: None,
            quantiles: vec![Quantile::percent(95)],
            sort: sort.map(|name| Column::named(name).unwrap()),
            limit,
        };
        let diagnosis = diagnose(&summary);
        let view = View::new(&summary, &diagnosis, &choice, true);
        prop_assert!(limit.is_none_or(|limit| view.rows.len() <= limit));
        let parts: Vec<&Endpoint> = view.rows.iter().copied().chain(view.other.as_ref()).collect();
        are_the_whole(&parts, &summary.totals)?;
        windows_are_the_whole(&summary)?;
        rendered_rows_are_the_whole(&view)?;

        // The cap moves requests between rows; it loses none.
        are_the_whole(&[&uncapped.totals], &summary.totals)?;
        let names = |summary: &Summary| -> Vec<_> {
            let name = |row: &Endpoint| (row.route.clone(), row.method.clone(), row.requests);
            summary.endpoints.iter().map(name).collect()
        };
        let is_exact = summary.other.is_none() && names(&summary) == names(&uncapped);
        prop_assert!(is_exact || summary.approximate.is_some());
        prop_assert!(memory < Question::MEMORY || summary.approximate.is_none());
    }
}

/// With one thread nothing is merged, so the cap is looked at only after many records.
#[test]
fn a_flood_of_endpoints_reaches_the_cap_and_loses_nothing() {
    let names = |n: u64| -> String {
        let letter = |n: u64| char::from(b'a' + (n % 26) as u8);
        (0..5).map(|place| letter(n / 26_u64.pow(place))).collect()
    };
    let line = |n: u64| {
        format!(
            "time:2026-01-31T12:00:00Z\tmethod:GET\turi:/{}/{}/x\tstatus:200\tsize:1\treqtime:0.00{}\n",
            names(n * 7_919),
            names(n * 104_729),
            n % 10
        )
    };
    const LINES: u64 = 40_000;
    let folder = Folder::new();
    let text: String = (0..LINES).map(line).collect();
    let files = [folder.write("log", text.as_bytes())];
    for threads in [1, 2] {
        let question = Question {
            memory: 1 << 20,
            ..Question::default()
        };
        let plan = plan(&grammar("ltsv"), &question);
        let summary = summarise(
            &files,
            &plan,
            &question,
            Way {
                threads,
                block: 10_000,
            },
        );
        assert!(summary.approximate.is_some());
        assert_eq!(summary.totals.requests, LINES);
        assert_eq!(summary.totals.bytes, LINES);
        assert_eq!(
            summary.totals.busy,
            Micros((0..LINES).map(|n| n % 10 * 1_000).sum())
        );
        let parts: Vec<&Endpoint> = summary.endpoints.iter().chain(&summary.other).collect();
        are_the_whole(&parts, &summary.totals).unwrap();
        windows_are_the_whole(&summary).unwrap();
    }
}
