//! Verdicts counted up into tables: one row a measure, with its 95 % interval.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::judge::{Sets, Verdict};
use super::reading::Reading;

/// Successes among trials.
#[derive(Clone, Copy, Default, Debug)]
pub struct Count {
    pub yes: usize,
    pub all: usize,
}

impl Count {
    pub fn of(list: impl IntoIterator<Item = bool>) -> Self {
        list.into_iter().fold(Self::default(), |count, yes| Self {
            yes: count.yes + usize::from(yes),
            all: count.all + 1,
        })
    }

    /// Wilson's score interval at 95 %; 0 to 1 where there is no trial.
    pub fn interval(self) -> (f64, f64) {
        const Z: f64 = 1.959_964;
        let n = self.all as f64;
        if self.all == 0 {
            return (0.0, 1.0);
        }
        let p = self.yes as f64 / n;
        let middle = p + Z * Z / (2.0 * n);
        let half = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
        let scale = 1.0 + Z * Z / n;
        (
            ((middle - half) / scale).max(0.0),
            ((middle + half) / scale).min(1.0),
        )
    }

    pub fn shown(self) -> String {
        if self.all == 0 {
            return "-".to_string();
        }
        let (low, high) = self.interval();
        let share = self.yes as f64 / self.all as f64;
        format!("{share:.3} [{low:.3}, {high:.3}] {}/{}", self.yes, self.all)
    }
}

/// All rows, story by story.
pub fn rows(verdicts: &[Verdict]) -> String {
    let mut groups: BTreeMap<(usize, Reading), Vec<&Verdict>> = BTreeMap::new();
    for verdict in verdicts {
        let place = super::stories::STORIES
            .iter()
            .position(|s| s.name == verdict.story)
            .unwrap_or(0);
        groups
            .entry((place, verdict.reading))
            .or_default()
            .push(verdict);
    }
    let mut out = String::new();
    for ((place, reading), list) in &groups {
        let story = &super::stories::STORIES[*place];
        // Writing to a String cannot fail.
        let _ = writeln!(
            out,
            "\n## {} ({}), {} seeds of {} lines on average: {}",
            story.name,
            reading.name(),
            list.len(),
            list.iter().map(|v| v.facts.lines).sum::<usize>() / list.len().max(1),
            story.about
        );
        story_rows(&mut out, list);
    }
    out
}

fn story_rows(out: &mut String, list: &[&Verdict]) {
    let mut row = |name: &str, count: Count| {
        if count.all > 0 {
            let _ = writeln!(out, "  {name:<44} {}", count.shown());
        }
    };
    let sum = |sets: &dyn Fn(&Verdict) -> &Sets| -> (Count, Count) {
        let total =
            |part: &dyn Fn(&Sets) -> usize| list.iter().map(|v| part(sets(v))).sum::<usize>();
        let right = total(&|s| s.right);
        let (wrong, missed) = (total(&|s| s.wrong), total(&|s| s.missed));
        (
            Count {
                yes: right,
                all: right + wrong,
            },
            Count {
                yes: right,
                all: right + missed,
            },
        )
    };
    let has_culprits = list
        .iter()
        .any(|v| v.culprits.right + v.culprits.missed > 0);
    if has_culprits {
        row(
            "culprit set exact",
            Count::of(list.iter().map(|v| v.culprits.exact())),
        );
        let (precision, recall) = sum(&|v| &v.culprits);
        row("  precision of culprits", precision);
        row("  recall of culprits", recall);
    } else {
        row(
            "runs with a false culprit",
            Count::of(list.iter().map(|v| v.culprits.wrong > 0)),
        );
    }
    let (precision, recall) = sum(&|v| &v.pairs);
    if recall.all > 0 {
        row("sharing: precision of pairs", precision);
        row("  recall of pairs", recall);
    } else {
        row(
            "runs with a false sharing group",
            Count::of(list.iter().map(|v| v.pairs.wrong > 0)),
        );
    }
    row(
        "slow function named",
        Count::of(list.iter().filter_map(|v| v.named)),
    );
    row(
        "hot key named",
        Count::of(list.iter().filter_map(|v| v.hot)),
    );
    let (precision, recall) = sum(&|v| &v.triggers);
    if recall.all > 0 {
        row("trigger: precision", precision);
        row("  recall", recall);
        let with = list
            .iter()
            .filter(|v| v.triggers.right + v.triggers.missed > 0);
        row(
            "  a trigger found",
            Count::of(with.map(|v| v.triggers.right > 0)),
        );
    } else {
        row(
            "runs with a false trigger",
            Count::of(list.iter().map(|v| v.triggers.wrong > 0)),
        );
    }
    row(
        "what must be found is found",
        Count::of(list.iter().filter(|v| v.expected).map(|v| v.found)),
    );
    row(
        "runs with a false finding above info",
        Count::of(list.iter().map(|v| !v.false_kinds.is_empty())),
    );
    let waits: Vec<f64> = list
        .iter()
        .filter_map(|v| v.wait_error)
        .map(f64::abs)
        .collect();
    row(
        "total wait within 2 %",
        Count::of(waits.iter().map(|e| *e <= 0.02)),
    );
    row("  within 5 %", Count::of(waits.iter().map(|e| *e <= 0.05)));
    let owns: Vec<f64> = list
        .iter()
        .flat_map(|v| v.own_errors.iter().map(|e| e.abs()))
        .collect();
    row(
        "own time of an endpoint within 5 %",
        Count::of(owns.iter().map(|e| *e <= 0.05)),
    );
    let pools = list.iter().flat_map(|v| v.pools.iter());
    row(
        "pool within 1",
        Count::of(pools.map(|(said, truth)| said.is_some_and(|said| said.abs_diff(*truth) <= 1))),
    );
    row(
        "split by fifo",
        Count::of(list.iter().map(|v| v.split_by == "fifo")),
    );
    let told: Vec<&&Verdict> = list.iter().filter(|v| v.split_by == "fifo").collect();
    if !told.is_empty() {
        let waits = || told.iter().filter_map(|v| v.wait_error).map(f64::abs);
        row(
            "  by fifo: total wait within 2 %",
            Count::of(waits().map(|e| e <= 0.02)),
        );
        row("    within 5 %", Count::of(waits().map(|e| e <= 0.05)));
        let owns = told.iter().flat_map(|v| &v.own_errors);
        row(
            "    own time of an endpoint within 5 %",
            Count::of(owns.map(|e| e.abs() <= 0.05)),
        );
        let pools = told.iter().flat_map(|v| &v.pools);
        row(
            "    pool within 1",
            Count::of(
                pools.map(|(said, truth)| said.is_some_and(|said| said.abs_diff(*truth) <= 1)),
            ),
        );
        row(
            "    culprit set exact",
            Count::of(told.iter().map(|v| v.culprits.exact())),
        );
    }
    for (name, mut errors) in [("total wait", waits), ("own time of an endpoint", owns)] {
        if !errors.is_empty() {
            errors.sort_by(f64::total_cmp);
            // OK because there is an error at least, and the last place is below the length.
            let at = |q: f64| errors[((errors.len() - 1) as f64 * q) as usize] * 100.0;
            let _ = writeln!(
                out,
                "  error of {name:<35} median {:.1} %, p95 {:.1} %",
                at(0.5),
                at(0.95)
            );
        }
    }
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for kind in list.iter().flat_map(|v| &v.false_kinds) {
        *kinds.entry(kind).or_default() += 1;
    }
    if !kinds.is_empty() {
        let _ = writeln!(out, "  false: {kinds:?}");
    }
}

/// How exact the culprits are by how hard the cases were: what an incident must at least be.
pub fn difficulty(verdicts: &[Verdict]) -> String {
    type Fact = fn(&Verdict) -> f64;
    let facts: [(&str, Fact, &[f64]); 6] = [
        (
            "pool busy in the incident",
            |v| v.facts.busy,
            &[0.0, 0.7, 0.9, 0.98],
        ),
        (
            "added work as share of the pool",
            |v| v.facts.added,
            &[0.0, 0.1, 0.2, 0.4, 0.6],
        ),
        (
            "least requests of a culprit",
            |v| v.facts.requests as f64,
            &[0.0, 30.0, 100.0, 300.0, 1_000.0],
        ),
        (
            "least growth of a culprit, times",
            |v| v.facts.growth,
            &[0.0, 2.0, 3.0, 5.0, 10.0],
        ),
        (
            "mean wait in the incident, s",
            |v| v.facts.wait_s,
            &[0.0, 1.0, 5.0, 15.0],
        ),
        (
            "length of the incident, s",
            |v| v.facts.incident_s,
            &[0.0, 180.0, 300.0, 600.0, 1_800.0],
        ),
    ];
    let mut out = String::new();
    for reading in Reading::ALL {
        let with: Vec<&Verdict> = verdicts
            .iter()
            .filter(|v| v.reading == reading && v.culprits.right + v.culprits.missed > 0)
            .collect();
        if with.is_empty() {
            continue;
        }
        let _ = writeln!(
            out,
            "\n## culprit set exact, by difficulty ({}; all stories with culprits)",
            reading.name()
        );
        for (name, fact, edges) in &facts {
            for (n, low) in edges.iter().enumerate() {
                let high = edges.get(n + 1).copied().unwrap_or(f64::INFINITY);
                let inside = with.iter().filter(|v| (*low..high).contains(&fact(v)));
                let count = Count::of(inside.map(|v| v.culprits.exact()));
                let range = if high.is_finite() {
                    format!("{low} to {high}")
                } else {
                    format!("{low} and more")
                };
                let _ = writeln!(out, "  {name:<34} {range:<18} {}", count.shown());
            }
        }
        // Both together, as a demand is stated.
        for requests in [10, 30, 100, 300] {
            let inside = with
                .iter()
                .filter(|v| v.facts.requests >= requests && v.facts.growth >= 3.0);
            let count = Count::of(inside.map(|v| v.culprits.exact()));
            let name = format!("{requests} requests of each and 3 times");
            let _ = writeln!(out, "  {name:<34} {:<18} {}", "at least", count.shown());
        }
    }
    out
}

/// How near the total wait is by how long requests wait over the whole log, in parts of how long they run.
pub fn waits(verdicts: &[Verdict]) -> String {
    let edges = [0.1, 0.3, 1.0, 3.0, f64::INFINITY];
    let mut out = String::from("\n## total wait, by its part of the own time\n");
    for story in super::stories::STORIES {
        for reading in Reading::ALL {
            for edge in edges.windows(2) {
                let inside = verdicts.iter().filter(|v| {
                    v.story == story.name
                        && v.reading == reading
                        && (edge[0]..edge[1]).contains(&v.wait_part)
                });
                let errors: Vec<f64> = inside.filter_map(|v| v.wait_error).map(f64::abs).collect();
                if errors.is_empty() {
                    continue;
                }
                let within = |most: f64| Count::of(errors.iter().map(|e| *e <= most)).shown();
                let _ = writeln!(
                    out,
                    "  {:<20} {:<8} from {:<4} within 2 %: {:<32} 5 %: {}",
                    story.name,
                    reading.name(),
                    edge[0],
                    within(0.02),
                    within(0.05)
                );
            }
        }
    }
    out
}

/// Every story against every kind of finding: in how many of its runs the kind was there above info.
pub fn cross(verdicts: &[Verdict]) -> String {
    let mut kinds: Vec<&str> = verdicts
        .iter()
        .flat_map(|v| &v.kinds)
        .map(String::as_str)
        .collect();
    kinds.sort_unstable();
    kinds.dedup();
    let mut out = String::from(
        "\n## cross-table: share of runs with a finding of the kind, above info / at all\n",
    );
    for (n, kind) in kinds.iter().enumerate() {
        let _ = writeln!(out, "  {n:>2} {kind}");
    }
    let head: String = (0..kinds.len()).map(|n| format!("{n:>12}")).collect();
    let _ = writeln!(out, "  {:<28}{head}", "");
    for story in super::stories::STORIES {
        for reading in Reading::ALL {
            let runs: Vec<&Verdict> = verdicts
                .iter()
                .filter(|v| v.story == story.name && v.reading == reading)
                .collect();
            if runs.is_empty() {
                continue;
            }
            let cells = kinds.iter().map(|kind| {
                let share = |of: fn(&Verdict) -> &std::collections::BTreeSet<String>| {
                    runs.iter().filter(|v| of(v).contains(*kind)).count() as f64 / runs.len() as f64
                };
                let (loud, all) = (share(|v| &v.loud), share(|v| &v.kinds));
                if all == 0.0 {
                    format!("{:>12}", ".")
                } else {
                    format!("{:>12}", format!("{loud:.3}/{all:.3}"))
                }
            });
            let _ = writeln!(
                out,
                "  {:<28}{}",
                format!("{} {}", story.name, reading.name()),
                cells.collect::<String>()
            );
        }
    }
    out
}

/// The seeds on which something went wrong, and what was said there.
pub fn failures(verdicts: &[Verdict]) -> String {
    let mut out = String::new();
    for v in verdicts {
        let wrong = !v.culprits.exact()
            || !v.triggers.exact()
            || !v.pairs.exact()
            || !v.false_kinds.is_empty()
            || (v.expected && !v.found);
        if wrong {
            let _ = writeln!(
                out,
                "{} {} {}: culprits {:?} pairs {:?} triggers {:?} false {:?} {:?}",
                v.story,
                v.seed,
                v.reading.name(),
                v.culprits,
                v.pairs,
                v.triggers,
                v.false_kinds,
                v.facts
            );
            for title in &v.titles {
                let _ = writeln!(out, "    {title}");
            }
        }
    }
    out
}
