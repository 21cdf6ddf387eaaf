//! Law 2: a report is the same to the byte for any number of threads, size of blocks, compression,
//! order of files, and division of a log into files or passes. Only the list of the files may
//! differ, because it lists what was given.

use std::io::Write as _;
use std::ops::Range;
use std::slice;
use std::time::Duration;

use flate2::write::GzEncoder;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use slowpath::diagnosis::{Kind, diagnose};
use slowpath::endpoint::{Dimension, Naming};
use slowpath::report::Choice;
use slowpath::summary::{Question, Shown, Summary};
use slowpath::unit::Micros;

use crate::entry::{Bytes, Form, Paths, broken_line, entry, form, joined};
use crate::fifo;
use crate::queue::Pool;
use crate::reading::{
    File, Folder, Rendered, Way, choice, frozen, grammar, plan, rendered, summarise, tally,
};

const THREADS: [usize; 3] = [1, 2, 7];
const BLOCKS: [usize; 5] = [1, 7, 100, 4_096, 256 << 10];

fn log(
    paths: Paths,
    spread: Duration,
    length: Range<usize>,
) -> impl Strategy<Value = (Form, Vec<Bytes>)> {
    form().prop_flat_map(move |form| {
        let line = prop_oneof![
            20 => entry(paths, spread).prop_map(move |entry| entry.line(form)),
            1 => broken_line(),
        ];
        (Just(form), vec(line, length.clone()))
    })
}

fn question(dimensions: Vec<Dimension>) -> Question {
    Question {
        naming: Naming {
            dimensions,
            ..Naming::default()
        },
        memory: Question::MEMORY,
        slowest: 3,
        examples: 2,
        shown: Some(Shown::new("/api/orders")),
        ..Question::default()
    }
}

fn some_dimensions() -> impl Strategy<Value = Vec<Dimension>> {
    prop_oneof![
        2 => Just(vec![]),
        1 => prop::sample::subsequence(Dimension::ALL.to_vec(), 1..3),
    ]
}

/// The log in pieces that a cut may end anywhere, each compressed on its own: nginx writes a member
/// for each flush of its buffer.
fn compressed(
    text: &[u8],
    cuts: &[prop::sample::Index],
    compress: fn(&[u8]) -> Vec<u8>,
) -> Vec<u8> {
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
    ends.push(text.len());
    ends.sort_unstable();
    let mut from = 0;
    let mut out = Vec::new();
    for end in ends {
        out.extend(compress(&text[from..end]));
        from = end;
    }
    out
}

pub fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn zstd(text: &[u8]) -> Vec<u8> {
    zstd::encode_all(text, 1).unwrap()
}

/// Fails where two reports differ, and shows the first line that does.
fn same(one: &Rendered, another: &Rendered, what: &str) -> Result<(), TestCaseError> {
    for (one, another) in one.texts().into_iter().zip(another.texts()) {
        let lines = || one.lines().zip(another.lines());
        let differs = lines().find(|(one, another)| one != another);
        prop_assert!(one == another, "{what} changes the answer: {differs:?}");
    }
    Ok(())
}

/// Reads a log in these ways, whole and in two parts, and compares with the plain way.
fn every_way(
    form: Form,
    lines: &[Bytes],
    cuts: &[prop::sample::Index],
    question: &Question,
    choice: &Choice,
    ways: &[Way],
) -> Result<Summary, TestCaseError> {
    let folder = Folder::new();
    let text = joined(lines);
    let plan = plan(&grammar(form.grammar()), question);
    let written = |name: &str, bytes: &[u8]| File {
        name: "access.log".to_owned(),
        ..folder.write(name, bytes)
    };
    let plain = written("log", &text);
    let answer = summarise(slice::from_ref(&plain), &plan, question, Way::PLAIN);
    let want = rendered(&answer, choice);

    let gz = written("log.gz", &compressed(&text, cuts, gzip));
    let zst = written("log.zst", &compressed(&text, cuts, zstd));
    for file in [&plain, &gz, &zst] {
        for way in ways {
            let summary = summarise(slice::from_ref(file), &plan, question, *way);
            let what = format!("{way:?} of {}", file.path.display());
            same(&want, &rendered(&summary, choice), &what)?;
        }
    }

    let (head, tail) = lines.split_at(cuts[0].index(lines.len() + 1));
    let parts = [
        folder.write("one", &joined(head)),
        folder.write("two", &joined(tail)),
    ];
    let [one, two] = parts.clone();
    let nothing = folder.write("nothing", b"");
    // Which files there were is what may differ.
    let renamed = |summary: Summary| {
        let files = answer.files.clone();
        rendered(&Summary { files, ..summary }, choice)
    };
    for (at, way) in ways.iter().enumerate() {
        let (mut files, mut passes) = ([one.clone(), two.clone()], [0, 1]);
        if at % 2 == 1 {
            files.reverse();
            passes.reverse();
        }
        let summary = summarise(&files, &plan, question, *way);
        same(&want, &renamed(summary), &format!("{way:?} of two files"))?;
        // Each file in a pass of its own, the tallies put together afterwards.
        let [first, second] = passes.map(|number| {
            // The file that a pass does not read is empty in it.
            let mut files = [nothing.clone(), nothing.clone()];
            files[number] = parts[number].clone();
            tally(&files, &plan, question, *way)
        });
        let summary = frozen(first.merge(second, question), &parts, question);
        same(&want, &renamed(summary), &format!("{way:?} of two passes"))?;
    }
    Ok(answer)
}

proptest! {
    #![proptest_config(crate::cases(crate::CASES))]

    #[test]
    fn how_a_log_is_read_does_not_show(
        (form, lines) in log(Paths::WithIds, Duration::from_secs(60), 1..20),
        cuts in vec(any::<prop::sample::Index>(), 1..4),
        dimensions in some_dimensions(),
        blocks in [select(&BLOCKS), select(&BLOCKS), select(&BLOCKS)],
        limit in option::of(0..5_usize),
    ) {
        // Every pair of threads and block size comes up in some two hundred of the cases.
        let ways = [0, 1, 2].map(|at| Way { threads: THREADS[at], block: blocks[at] });
        every_way(form, &lines, &cuts, &question(dimensions), &choice(limit), &ways)?;
    }
}

proptest! {
    // Each of these is as much work as a hundred of the others.
    #![proptest_config(crate::cases(4))]

    /// Large enough that windows are put together, histograms grow dense and names fold.
    #[test]
    fn how_a_large_log_is_read_does_not_show(
        (form, lines) in log(Paths::Many, Duration::from_secs(86_400), 2_000..2_500),
        cuts in vec(any::<prop::sample::Index>(), 1..4),
    ) {
        let ways = THREADS.map(|threads| BLOCKS.map(|block| Way { threads, block }));
        let (question, choice) = (question(vec![]), choice(Some(20)));
        let answer = every_way(form, &lines, &cuts, &question, &choice, &ways.concat())?;
        prop_assert!(answer.split.window > Micros(1_000_000));
        prop_assert!(answer.endpoints.iter().any(|row| row.route.ends_with(b"/:slug")));
    }

    /// The requests themselves in an order of their own: of queues in order and of one in none.
    #[test]
    fn how_queues_are_read_does_not_show(
        lines in (any::<u64>(), any::<bool>()).prop_flat_map(|(seed, in_order)| {
            let pool = Pool { seed, workers: 3, in_order, requests: 1_500 };
            let other = Pool { workers: 5, in_order: true, ..pool };
            let log = [fifo::lines(&pool.serve(), "10.0.0.1:80"), fifo::lines(&other.serve(), "10.0.0.2:80")];
            (Just(in_order), Just(log.concat()).prop_shuffle())
        }),
        cuts in vec(any::<prop::sample::Index>(), 1..4),
    ) {
        let (in_order, lines) = lines;
        let ways = THREADS.map(|threads| [100, 4_096].map(|block| Way { threads, block }));
        let choice = choice(Some(20));
        let answer = every_way(Form::Slowpath, &lines, &cuts, &fifo::question(), &choice, &ways.concat())?;
        prop_assert_eq!(answer.fifo.unwrap().refusal.is_none(), in_order);
    }

    /// A log with something to find: what is found is the same too, measured and inferred. Without a clock who
    /// is to blame is not told of every such log.
    #[test]
    fn how_the_log_of_an_incident_is_read_does_not_show(
        (has_clock, lines) in (any::<u64>(), any::<bool>()).prop_flat_map(|(seed, has_clock)| {
            (Just(has_clock), Just(crate::incident::lines(seed, has_clock)).prop_shuffle())
        }),
        cuts in vec(any::<prop::sample::Index>(), 1..4),
    ) {
        let ways = THREADS.map(|threads| [100, 4_096].map(|block| Way { threads, block }));
        let (question, choice) = (question(vec![]), choice(Some(20)));
        let answer = every_way(Form::Slowpath, &lines, &cuts, &question, &choice, &ways.concat())?;
        let kinds: Vec<Kind> = diagnose(&answer).findings.iter().map(|finding| finding.kind).collect();
        prop_assert!(kinds.contains(&Kind::Saturation), "{kinds:?}");
        prop_assert!(!has_clock || kinds.contains(&Kind::SharedSlowPath), "{kinds:?}");
    }
}
