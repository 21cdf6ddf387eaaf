//! Every format, built in: what it prints it reads, no sample is another format's with other times,
//! and no bytes are too odd.

mod order;
mod printed;

use proptest::prelude::*;
use slowpath::detection::detect;
use slowpath::grammar::{Fields, Grammar, Plan, builtin};
use slowpath::phases::{AppClock, Phases};
use slowpath::record::{LineReader, Reader, peel};

use printed::{Printed, lines_of};

/// All variants of all formats.
fn grammars() -> impl Iterator<Item = &'static Grammar> {
    builtin::all().iter().flat_map(|builtin| &builtin.grammars)
}

/// The phases that a plan reads from a line, where it takes it as one of its own.
fn taken(plan: &Plan, line: &[u8]) -> Option<Vec<(&'static str, u64)>> {
    let mut reader = LineReader::new(plan);
    let record = reader.read(line).ok()?;
    if !(record.is_plausible() && record.is_well_spelt()) {
        return None;
    }
    let phases = Phases::of(&record, &AppClock::default()).ok()?;
    Some(
        phases
            .iter()
            .map(|(phase, us)| (phase.name(), us.0))
            .collect(),
    )
}

/// The pairs of the same shape, of which something else than a line tells: lines before November 2016
/// are taken for the older timers.
const ALIKE: &[[&str; 2]] = &[["haproxy", "haproxy-1.6"]];

#[test]
fn no_sample_is_taken_by_a_wrong_format_with_other_times() {
    let (mut pairs, mut same, mut without) = (0, 0, 0);
    let mut conflicts = Vec::new();
    for builtin in builtin::all() {
        for sample in &builtin.samples {
            let mut scratch = Vec::new();
            let own = detect(sample.line.as_bytes()).unwrap().unwrap();
            assert_eq!(own.first.name, builtin.name, "{}", sample.line);
            let line = match peel(sample.line.as_bytes(), &mut scratch) {
                Some(peeled) if own.wrapped => peeled.line,
                _ => sample.line.as_bytes(),
            };
            let want = taken(&own.first.plan(Fields::ALL), line).unwrap();
            for grammar in grammars().filter(|grammar| grammar.name != builtin.name) {
                pairs += 1;
                let names = [builtin.name.as_str(), grammar.name.as_str()];
                match taken(&grammar.plan(Fields::ALL), line) {
                    None => {}
                    Some(phases) if phases == want => same += 1,
                    // It reads no time out of it: what is unknown is not wrong.
                    Some(phases) if phases.is_empty() => without += 1,
                    Some(_)
                        if ALIKE
                            .iter()
                            .any(|alike| alike.iter().all(|name| names.contains(name))) => {}
                    Some(phases) => conflicts.push((names, phases)),
                }
            }
        }
    }
    println!(
        "{pairs} pairs of a sample and a grammar of another format: taken with the same times {same}, without any time {without}, with other times {}",
        conflicts.len()
    );
    assert_eq!(conflicts, []);
}

proptest! {
    #![proptest_config(crate::cases(crate::CASES / 5))]

    /// A line that is printed from known values gives them back.
    #[test]
    fn what_is_printed_is_read(seed in any::<u64>()) {
        for grammar in grammars() {
            let plan = grammar.plan(Fields::ALL);
            let mut reader = LineReader::new(&plan);
            for Printed { line, fields } in lines_of(grammar, seed) {
                if line.starts_with(b"#") {
                    let _ = reader.read(&line);
                    continue;
                }
                let shown = String::from_utf8_lossy(&line).into_owned();
                let record = match reader.read(&line) {
                    Ok(record) => record,
                    Err(reject) => return Err(TestCaseError::fail(format!("{}: {reject:?}: {shown}", grammar.name))),
                };
                for (field, want) in fields {
                    prop_assert_eq!(
                        record.text(field).map(<[u8]>::to_vec),
                        want.text.clone(),
                        "{}: {:?} of {}", grammar.name, field, shown
                    );
                    if let Some(us) = want.us {
                        prop_assert_eq!(record.duration(field).unwrap().map(|time| time.0), Some(us), "{}: {:?} of {}", grammar.name, field, shown);
                    }
                }
            }
        }
    }

}

proptest! {
    // Every case runs every format over some lines, and detection over all of them.
    #![proptest_config(crate::cases(crate::CASES / 20))]

    /// Bytes of any kind, and lines of any format with some bytes changed, give a record or a
    /// reason.
    #[test]
    fn nothing_is_too_odd(
        seed in any::<u64>(),
        noise in proptest::collection::vec(any::<u8>(), 0..200),
        places in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..8),
    ) {
        for grammar in grammars() {
            let plan = grammar.plan(Fields::ALL);
            let mut reader = LineReader::new(&plan);
            let mut odd: Vec<Vec<u8>> = lines_of(grammar, seed).into_iter().map(|printed| printed.line).collect();
            for line in &mut odd {
                for (place, byte) in &places {
                    if !line.is_empty() {
                        let at = place.index(line.len());
                        line[at] = *byte;
                    }
                }
            }
            odd.push(noise.clone());
            for line in &odd {
                if let Ok(record) = reader.read(line) {
                    let _ = Phases::of(&record, &AppClock::default());
                }
                let _ = reader.misfit(line);
            }
            let head = odd.join(&b'\n');
            if let Ok(Some(candidates)) = detect(&head) {
                let plans = candidates.plans(Fields::ALL);
                let mut reader = Reader::new(&plans);
                for line in &odd {
                    let _ = reader.read(line).is_ok();
                }
            }
        }
    }
}
