//! The law of pieces: a log cut anywhere, each piece a snapshot, put together in any order and shape is to
//! the byte the snapshot of the whole, and its report is that of the log. And what is no snapshot, or one
//! that was changed, is refused: nothing panics, nothing takes memory.

use std::ops::Range;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use slowpath::endpoint::Dimension;
use slowpath::grammar::Grammar;
use slowpath::input::Source;
use slowpath::snapshot::{Covered, Identity, Settings, Snapshot, SnapshotError, frame};
use slowpath::summary::{FileSummary, Question, Summary, freeze};

use crate::entry::{Bytes, Form, Paths, broken_line, entry, form, joined};
use crate::reading::{
    File, Folder, Way, choice, grammar, plan, rendered, summarise, tally_sources,
};

fn lines(most: usize) -> impl Strategy<Value = (Form, Vec<Bytes>)> {
    let spread = select(vec![Duration::from_secs(20), Duration::from_secs(86_400)]);
    (form(), spread).prop_flat_map(move |(form, spread)| {
        let line = prop_oneof![
            20 => entry(Paths::WithIds, spread).prop_map(move |entry| entry.line(form)),
            1 => broken_line(),
        ];
        (Just(form), vec(line, 1..most))
    })
}

fn settings() -> impl Strategy<Value = Settings> {
    let dimensions = prop::sample::subsequence(Dimension::ALL.to_vec(), 0..2);
    let window = select(vec![None, None, Some(7)]);
    (dimensions, window).prop_map(|(dimensions, window_seconds)| Settings {
        group_by: dimensions.iter().map(|of| of.name().to_owned()).collect(),
        window_seconds,
        ..Settings::default()
    })
}

/// A log and how it is snapshotted.
struct Log<'l> {
    file: &'l File,
    text: &'l [u8],
    grammar: Grammar,
    settings: &'l Settings,
}

impl Log<'_> {
    fn snapshot(&self, range: Range<u64>) -> Snapshot {
        let question = self.settings.question().unwrap();
        let source = Source::Piece(self.file.path.clone(), range.clone());
        let plan = plan(&self.grammar, &question);
        let tallied = tally_sources(vec![source], &plan, &question, Way::PLAIN);
        let covered = Covered {
            name: self.file.name.clone().into_bytes(),
            format: None,
            error: None,
            ranges: Vec::from_iter((!range.is_empty()).then_some(range)),
            length: Some(self.text.len() as u64),
        };
        let sources = vec![(Identity::of(self.text), covered)];
        Snapshot::new(self.settings.clone(), sources, tallied.tallies).unwrap()
    }
}

fn bytes(snapshot: &Snapshot) -> Vec<u8> {
    let mut bytes = Vec::new();
    snapshot.write(&mut bytes).unwrap();
    bytes
}

/// What a report asks.
fn asked(settings: &Settings) -> Question {
    Question {
        slowest: 3,
        examples: 2,
        runs: false,
        ..settings.question().unwrap()
    }
}

fn summary(snapshot: Snapshot) -> Result<Summary, SnapshotError> {
    let question = asked(&snapshot.settings);
    let files: Vec<FileSummary> = snapshot.files();
    let places: Vec<usize> = (0..files.len()).collect();
    let tallies = snapshot.tallies(&question, &places, files.len())?;
    Ok(freeze(tallies, &question, files))
}

proptest! {
    #![proptest_config(crate::cases(crate::CASES))]

    #[test]
    fn pieces_put_together_are_the_whole(
        (form, lines) in lines(40),
        settings in settings(),
        cuts in vec(any::<Index>(), 0..6),
        order in vec((any::<Index>(), any::<Index>(), any::<bool>()), 6),
        limit in select(vec![None, Some(1)]),
    ) {
        let folder = Folder::new();
        let text = joined(&lines);
        let file = folder.write("access.log", &text);
        let log = Log { file: &file, text: &text, grammar: grammar(form.grammar()), settings: &settings };
        let mut ends: Vec<u64> = cuts.iter().map(|cut| cut.index(text.len() + 1) as u64).collect();
        ends.extend([0, text.len() as u64]);
        ends.sort_unstable();
        let mut pieces: Vec<Vec<u8>> = ends
            .windows(2)
            .map(|ends| bytes(&log.snapshot(ends[0]..ends[1])))
            .collect();
        let whole = bytes(&log.snapshot(0..text.len() as u64));
        // Any two of the pieces become one until one is left: by merge, or one behind the other.
        for (one, other, behind) in order {
            if pieces.len() == 1 {
                break;
            }
            let one = pieces.swap_remove(one.index(pieces.len()));
            let other = pieces.swap_remove(other.index(pieces.len()));
            let both = if behind {
                [one, other].concat()
            } else {
                let read = |bytes: &[u8]| Snapshot::read(bytes).unwrap();
                bytes(&read(&one).merge(read(&other)).unwrap())
            };
            pieces.push(both);
        }
        prop_assert_eq!(pieces.len(), 1);
        let merged = Snapshot::read(pieces[0].as_slice()).unwrap();
        prop_assert!(bytes(&merged) == whole, "the parts together are not the whole");

        let question = asked(&settings);
        let want = summarise(std::slice::from_ref(&file), &plan(&log.grammar, &question), &question, Way::PLAIN);
        let got = summary(merged).unwrap();
        let choice = choice(limit);
        let (want, got) = (rendered(&want, &choice), rendered(&got, &choice));
        for (want, got) in want.texts().into_iter().zip(got.texts()) {
            let differs = want.lines().zip(got.lines()).find(|(want, got)| want != got);
            prop_assert!(want == got, "a report of the snapshot is another: {:?}", differs);
        }
    }

    #[test]
    fn a_damaged_snapshot_is_refused(
        (form, lines) in lines(8),
        at in any::<Index>(),
        bit in 0..8_u32,
    ) {
        let folder = Folder::new();
        let text = joined(&lines);
        let file = folder.write("access.log", &text);
        let settings = Settings::default();
        let log = Log { file: &file, text: &text, grammar: grammar(form.grammar()), settings: &settings };
        let good = bytes(&log.snapshot(0..text.len() as u64));
        prop_assert!(Snapshot::read(good.as_slice()).is_ok());

        let at = at.index(good.len());
        prop_assert!(matches!(Snapshot::read(&good[..at]), Err(SnapshotError::Frame(_))), "cut at {}", at);
        let mut bad = good.clone();
        bad[at] ^= 1 << bit;
        prop_assert!(matches!(Snapshot::read(bad.as_slice()), Err(SnapshotError::Frame(_))), "flipped at {}", at);
        let twice = [good.as_slice(), good.as_slice()].concat();
        prop_assert!(matches!(Snapshot::read(twice.as_slice()), Err(SnapshotError::Clash(_))));
        let other = Settings { app_metric: Some("x".to_owned()), ..Settings::default() };
        let other = bytes(&Log { settings: &other, ..log }.snapshot(0..1));
        let mixed = [good, other].concat();
        prop_assert!(matches!(Snapshot::read(mixed.as_slice()), Err(SnapshotError::Settings(_))));
    }
}

/// The memory of this process at its highest, in bytes.
#[cfg(target_os = "linux")]
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    number.unwrap().parse::<u64>().unwrap() * 1_024
}

/// Somebody's bytes with a checksum that fits: whatever was changed, it is read or refused.
#[cfg(target_os = "linux")]
#[test]
fn bytes_of_a_stranger_cost_nothing() {
    use proptest::strategy::ValueTree as _;
    use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};

    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(crate::cases(1), rng);
    let folder = Folder::new();
    let settings = Settings::default();
    let (mut read, mut refused) = (0, 0);
    let before = peak();
    for case in 0..4 * crate::CASES {
        let (form, lines) = lines(12).new_tree(&mut runner).unwrap().current();
        let text = joined(&lines);
        let file = folder.write("access.log", &text);
        let log = Log {
            file: &file,
            text: &text,
            grammar: grammar(form.grammar()),
            settings: &settings,
        };
        let mut payload = bytes(&log.snapshot(0..text.len() as u64)).split_off(frame::HEADER);
        let changes = vec(
            (
                any::<Index>(),
                select(vec![0, 1, 0x7f, 0x80, 0xff]),
                any::<u8>(),
            ),
            1..4,
        );
        for (at, edge, any) in changes.new_tree(&mut runner).unwrap().current() {
            let at = at.index(payload.len());
            payload[at] = if case % 2 == 0 { edge } else { any };
        }
        let mut bytes = Vec::new();
        frame::write(&[&payload], &mut bytes).unwrap();
        match Snapshot::read(bytes.as_slice()).and_then(summary) {
            Ok(summary) => {
                let _ = rendered(&summary, &choice(None));
                read += 1;
            }
            Err(_) => refused += 1,
        }
    }
    assert!(
        read > 100 && refused > 100,
        "{read} read, {refused} refused"
    );
    assert!(peak() - before < 16 << 20, "{} bytes", peak() - before);
}
