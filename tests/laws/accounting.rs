//! Law 1: every line is a record or a reject, per file, in total and after a merge, whatever stands
//! in the files. How many lines there are is counted here by a rule of one sentence: a line ends at
//! LF, and the last need not.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use slowpath::filter::Filter;
use slowpath::input::Compression;
use slowpath::record::Reject;
use slowpath::summary::{FileTally, Question, Summary};

use crate::entry::{Bytes, Paths, entry, form, joined};
use crate::reading::{File, Folder, Way, frozen, grammar, plan, tally};

/// The longest line that is read; one byte more is a reject.
const LONGEST: usize = 1 << 20;

/// What happens to a log between the server and the reader.
#[derive(Debug, Clone)]
enum Damage {
    /// The end is missing.
    Cut(Index),
    /// A stretch is missing, line ends too: lines are glued.
    Remove(Index, Index),
    /// Something stands in between.
    Insert(Index, Bytes),
    /// A stretch was never written to the disk.
    Zero(Index, Index),
    /// The log went through another system.
    CarriageReturns,
    /// A line of so many bytes.
    LongLine(Index, usize),
}

fn damage() -> impl Strategy<Value = Damage> {
    let index = any::<Index>;
    prop_oneof![
        40 => index().prop_map(Damage::Cut),
        40 => (index(), index()).prop_map(|(one, another)| Damage::Remove(one, another)),
        40 => (index(), noise(40)).prop_map(|(at, noise)| Damage::Insert(at, noise)),
        40 => (index(), index()).prop_map(|(one, another)| Damage::Zero(one, another)),
        20 => Just(Damage::CarriageReturns),
        // Each costs as much as a hundred of the others.
        1 => (index(), LONGEST - 2..LONGEST + 4).prop_map(|(at, length)| Damage::LongLine(at, length)),
        1 => (index(), LONGEST..3 * LONGEST).prop_map(|(at, length)| Damage::LongLine(at, length)),
    ]
}

impl Damage {
    fn to(&self, text: &mut Vec<u8>) {
        let stretch = |one: &Index, another: &Index| {
            let (one, another) = (one.index(text.len() + 1), another.index(text.len() + 1));
            one.min(another)..one.max(another)
        };
        match self {
            Damage::Cut(at) => text.truncate(at.index(text.len() + 1)),
            Damage::Remove(one, another) => {
                let stretch = stretch(one, another);
                text.drain(stretch);
            }
            Damage::Zero(one, another) => {
                let stretch = stretch(one, another);
                text[stretch].fill(0);
            }
            Damage::Insert(at, noise) => {
                let at = at.index(text.len() + 1);
                text.splice(at..at, noise.0.iter().copied());
            }
            Damage::CarriageReturns => {
                *text = text
                    .split_inclusive(|byte| *byte == b'\n')
                    .flat_map(|line| match line.strip_suffix(b"\n") {
                        Some(line) => [line, b"\r\n"].concat(),
                        None => line.to_vec(),
                    })
                    .collect();
            }
            Damage::LongLine(at, length) => {
                let at = at.index(text.len() + 1);
                let line = [b"\n".to_vec(), vec![b'x'; *length], b"\n".to_vec()];
                text.splice(at..at, line.concat());
            }
        }
    }
}

/// Bytes of any kind, those that mean something to a reader of lines more often than others.
fn noise(most: usize) -> impl Strategy<Value = Bytes> {
    let byte = prop_oneof![
        4 => any::<u8>(),
        3 => select(b"\n\n\r\0 \t\"{}:,-\\\x1b".to_vec()),
    ];
    vec(byte, 0..most).prop_map(Bytes)
}

/// A log that was damaged, or that never was one.
fn text() -> impl Strategy<Value = Bytes> {
    let line = form().prop_flat_map(|form| {
        let spread = std::time::Duration::from_secs(5);
        entry(Paths::WithIds, spread).prop_map(move |entry| entry.line(form))
    });
    let damaged = (vec(line, 0..12), vec(damage(), 0..4)).prop_map(|(lines, damages)| {
        let mut text = joined(&lines);
        damages.iter().for_each(|damage| damage.to(&mut text));
        Bytes(text)
    });
    let mark = select(vec![
        &b""[..],
        b"",
        b"",
        b"\xef\xbb\xbf",
        b"\xff\xfe",
        b"\xfe\xff",
    ]);
    let any = (mark, noise(400)).prop_map(|(mark, noise)| Bytes([mark, &noise.0].concat()));
    prop_oneof![3 => damaged, 1 => any]
}

/// The lines of a file; none where it is not read as text of bytes at all.
fn lines(text: &[u8]) -> Vec<&[u8]> {
    if is_utf16(text) {
        return Vec::new();
    }
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let mut lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
    // Behind the last line end there is no line.
    if lines.last().is_some_and(|line| line.is_empty()) {
        lines.pop();
    }
    lines
}

fn is_utf16(text: &[u8]) -> bool {
    text.starts_with(b"\xff\xfe") || text.starts_with(b"\xfe\xff")
}

/// Lines that are too long, without their ends.
fn too_long(text: &[u8]) -> u64 {
    let is_too_long = |line: &&&[u8]| line.strip_suffix(b"\r").unwrap_or(line).len() > LONGEST;
    lines(text).iter().filter(is_too_long).count() as u64
}

/// Lines that the library rejects before it looks at what stands in them.
fn is_empty(text: &[u8]) -> u64 {
    let is_empty = |line: &&&[u8]| {
        line.strip_suffix(b"\r")
            .unwrap_or(line)
            .trim_ascii()
            .is_empty()
    };
    lines(text).iter().filter(is_empty).count() as u64
}

/// Every line of a file is in its tally once.
fn balanced(tally: &FileTally, text: &[u8]) -> Result<(), TestCaseError> {
    let of = |reject: Reject| tally.rejects[reject as usize];
    prop_assert_eq!(tally.lines, lines(text).len() as u64);
    prop_assert_eq!(tally.records + tally.rejected(), tally.lines);
    prop_assert_eq!(of(Reject::TooLong), too_long(text));
    prop_assert_eq!(of(Reject::Empty), is_empty(text));
    Ok(())
}

fn accounted(
    summary: &Summary,
    files: &[File],
    texts: &[Bytes],
    rejected: &[u8],
) -> Result<(), TestCaseError> {
    let mut total = FileTally::default();
    for (file, text) in files.iter().zip(texts) {
        let listed = summary
            .files
            .iter()
            .find(|listed| listed.name == file.name.as_bytes());
        let listed = listed.unwrap();
        balanced(&listed.lines, &text.0)?;
        prop_assert_eq!(listed.error.is_some(), is_utf16(&text.0));
        total.merge(&listed.lines);
    }
    prop_assert_eq!(summary.files.len(), files.len());
    prop_assert_eq!(&summary.lines, &total);
    let all: usize = texts.iter().map(|text| lines(&text.0).len()).sum();
    prop_assert_eq!(summary.lines.lines, all as u64);
    // Each record is a request of one endpoint, or the filter left it out.
    prop_assert_eq!(
        summary.totals.requests + summary.lines.filtered,
        summary.lines.records
    );
    let of_rows: u64 = summary.endpoints.iter().map(|row| row.requests).sum();
    prop_assert_eq!(of_rows, summary.totals.requests);
    // Every reject is kept where somebody wants it, as a line.
    let kept = rejected.iter().filter(|byte| **byte == b'\n').count();
    prop_assert_eq!(kept as u64, summary.lines.rejected());
    Ok(())
}

proptest! {
    #![proptest_config(crate::cases(crate::CASES))]

    #[test]
    fn every_line_is_a_record_or_a_reject(
        texts in vec(text(), 1..4),
        form in form(),
        threads in select(vec![1_usize, 2, 7]),
        block in select(vec![1_usize, 7, 100, 4_096, 256 << 10]),
        filtered in any::<bool>(),
        cut in any::<Index>(),
    ) {
        // What begins like an archive is read as one, and its bytes are not its lines.
        prop_assume!(texts.iter().all(|text| Compression::of(&text.0) == Compression::None));
        let folder = Folder::new();
        let names = ["a.log", "b.log", "c.log"];
        let named = names.iter().zip(&texts);
        let files: Vec<File> = named.map(|(name, text)| folder.write(name, &text.0)).collect();
        let filter = filtered.then(|| Filter::new("status < 400").unwrap());
        let question = Question { memory: Question::MEMORY, filter, ..Question::default() };
        let plan = plan(&grammar(form.grammar()), &question);
        let way = Way { threads, block };

        let mut one = tally(&files, &plan, &question, way);
        let rejected = std::mem::take(&mut one.rejected);
        accounted(&frozen(one, &files, &question), &files, &texts, &rejected)?;

        // The first files in one pass, the others in another, and the two put together.
        let cut = cut.index(files.len() + 1);
        let nothing = folder.write("nothing", b"");
        let pass = |is_read: &dyn Fn(usize) -> bool| {
            let read: Vec<File> = (0..files.len())
                .map(|at| if is_read(at) { files[at].clone() } else { nothing.clone() })
                .collect();
            tally(&read, &plan, &question, way)
        };
        let mut merged = pass(&|at| at < cut).merge(pass(&|at| at >= cut), &question);
        let rejected = std::mem::take(&mut merged.rejected);
        accounted(&frozen(merged, &files, &question), &files, &texts, &rejected)?;
    }
}
