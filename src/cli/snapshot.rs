//! `slowpath snapshot`, `merge` and `inspect`: tallies to disk, put together, and told about.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};

use clap::{Args, ValueHint};
use slowpath::input::{self, Source};
use slowpath::snapshot::{Covered, Identity, Settings, Snapshot, frame};
use slowpath::summary::FileSummary;
use slowpath::unit;
use slowpath::untrusted::Untrusted;

use super::flags::ReadingFlags;
use super::output::{self, OutputFile};
use super::report::{self, Run, Tallied};
use super::{Exit, config, say, signals, sources};

/// Said where the bytes of a snapshot come as those of a log.
pub const NOT_HERE: &str = "is a snapshot, not a log: name the file itself, not compressed and not through a pipe (slowpath merge reads a stream of them)";

/// The flags of `snapshot`.
#[derive(Debug, Args)]
pub struct SnapshotFlags {
    /// Logs, plain or compressed; `-` or none: standard input
    #[arg(value_hint = ValueHint::FilePath)]
    files: Vec<PathBuf>,

    /// The snapshot to write, complete or untouched
    #[arg(short = 'o', long, value_name = "FILE", required_unless_present = "update", value_hint = ValueHint::FilePath)]
    output: Option<PathBuf>,

    /// Only the lines that begin in these bytes of the one log; pieces that touch hold each line once
    #[arg(long, value_name = "START:END", value_parser = read_range, conflicts_with_all = ["shard", "stdin_range", "update"])]
    range: Option<Range<u64>>,

    /// Only the I-th of N pieces of the one log, I from 1
    #[arg(long, value_name = "I/N", value_parser = read_shard, conflicts_with_all = ["stdin_range", "update"])]
    shard: Option<(u64, u64)>,

    /// The lines that begin in these bytes of a log that standard input gives from byte START-1 on
    /// (from 0 where START is 0), to the end of the line of byte END-1 at least
    #[arg(long, value_name = "START:END", value_parser = read_range, requires = "name", conflicts_with_all = ["files", "update"])]
    stdin_range: Option<Range<u64>>,

    /// The name of the log behind --stdin-range: pieces of the same name are of the same log
    #[arg(long, value_name = "NAME", requires = "stdin_range")]
    name: Option<String>,

    /// Add to this snapshot what was not read before, of logs that grew, were rotated or are new
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "output")]
    update: Option<PathBuf>,

    #[command(flatten)]
    pub(super) reading: ReadingFlags,
}

fn read_range(text: &str) -> Result<Range<u64>, String> {
    let range = text.split_once(':').and_then(|(start, end)| {
        let range = start.parse().ok()?..end.parse().ok()?;
        (range.start <= range.end).then_some(range)
    });
    range.ok_or_else(|| "give two counts of bytes, as in 0:1000000".to_owned())
}

fn read_shard(text: &str) -> Result<(u64, u64), String> {
    let shard = text.split_once('/').and_then(|(i, n)| {
        let (i, n) = (i.parse().ok()?, n.parse().ok()?);
        (1..=n).contains(&i).then_some((i, n))
    });
    shard.ok_or_else(|| "give the piece and the count of pieces, as in 1/4".to_owned())
}

/// Writes a snapshot.
pub fn run(flags: SnapshotFlags) -> Result<Exit, String> {
    let reading = config::apply(flags.reading.of_report())?;
    report::start_threads(&reading)?;
    let target = flags
        .update
        .as_ref()
        .or(flags.output.as_ref())
        .ok_or("name the snapshot to write with -o")?;
    let old = match &flags.update {
        Some(path) if path.exists() => Some(read(path)?),
        _ => None,
    };
    let settings = agreed(report::settings(&reading)?, &Vec::from_iter(&old))?;
    let question = settings.question()?;
    let whole = match (&flags.stdin_range, &flags.range, flags.shard) {
        (Some(range), ..) => vec![Source::StdinPiece(range.clone())],
        (None, None, None) => sources::sources(&flags.files)?,
        (None, range, shard) => vec![piece(&flags.files, range.clone(), shard)?],
    };
    let pieces: Vec<Piece> = if flags.update.is_some() {
        unread(whole, old.as_ref())?
    } else {
        let piece = |source: Source| Piece {
            range: range_of(&source),
            length: length(&source),
            known: None,
            source,
        };
        whole.into_iter().map(piece).collect()
    };
    let sources: Vec<Source> = pieces.iter().map(|piece| piece.source.clone()).collect();
    output::check(&[target], &sources)?;
    let file = OutputFile::create(target)?;
    let run = Run::start(&reading, report::log_format(&reading)?)?;
    let Tallied {
        tallies,
        files,
        heads,
        bytes,
    } = run.tallies(sources, 0, &question, None)?;
    let covered = files
        .iter()
        .zip(heads)
        .zip(bytes)
        .zip(pieces)
        .map(|(((file, head), bytes), piece)| {
            let identity = match (&flags.name, piece.known) {
                (Some(name), _) => Identity {
                    length: 0,
                    hash: Identity::of(name.as_bytes()).hash,
                },
                (None, Some(known)) => known,
                (None, None) => Identity::of(&head.unwrap_or_default()),
            };
            (identity, covered(file, piece.range, bytes, piece.length))
        })
        .collect();
    let exit = report::file_trouble(&files).and(signals::exit(&run.interrupt));
    let mut snapshot = Snapshot::new(settings, covered, tallies).map_err(|e| e.to_string())?;
    if let Some(old) = old {
        snapshot = old.merge(snapshot).map_err(|e| e.to_string())?;
    }
    if run.interrupt.is_set() {
        say(&format!("interrupted: {} is left as it was", shown(target)));
        return Ok(exit);
    }
    write(&snapshot, file, target)?;
    Ok(exit)
}

/// The settings of the snapshots where nothing else was asked for; without any, those that are given.
pub fn agreed(given: Settings, snapshots: &[&Snapshot]) -> Result<Settings, String> {
    let Some((first, rest)) = snapshots.split_first() else {
        return Ok(given);
    };
    let stored = &first.settings;
    let differ = |other: &&Snapshot| stored.difference(&other.settings);
    if let Some(difference) = rest.iter().find_map(differ) {
        return Err(format!("the snapshots differ, {difference}"));
    }
    match given.difference(stored) {
        Some(difference) if given != Settings::default() => Err(format!(
            "the flags and the snapshot differ, {difference}: give none, or make the snapshot with the same"
        )),
        _ => Ok(stored.clone()),
    }
}

/// The piece of the one log that is asked for.
fn piece(
    files: &[PathBuf],
    range: Option<Range<u64>>,
    shard: Option<(u64, u64)>,
) -> Result<Source, String> {
    let [file] = files else {
        return Err("a piece is of one log: name one file".to_owned());
    };
    let range = match (range, shard) {
        (Some(range), _) => range,
        (None, Some((i, n))) => {
            let length = length(&Source::File(file.clone())).ok_or_else(|| {
                format!(
                    "{}: to be cut into shards a log must be a file that is not compressed",
                    shown(file)
                )
            })?;
            let cut = |i: u64| (u128::from(length) * u128::from(i) / u128::from(n)) as u64;
            cut(i - 1)..cut(i)
        }
        (None, None) => 0..u64::MAX,
    };
    Ok(Source::Piece(file.clone(), range))
}

/// The bytes of a file that is not compressed.
fn length(source: &Source) -> Option<u64> {
    let (_, length) = input::uncompressed(source.path()?).ok()??;
    Some(length)
}

fn range_of(source: &Source) -> Option<Range<u64>> {
    match source {
        Source::Piece(_, range) | Source::StdinPiece(range) => Some(range.clone()),
        _ => None,
    }
}

/// What is read of a source.
struct Piece {
    source: Source,
    /// Of its bytes; all where `None`.
    range: Option<Range<u64>>,
    /// How long it is, where that is known.
    length: Option<u64>,
    /// Under which identity the snapshot knows it already.
    known: Option<Identity>,
}

/// Of each source what the snapshot does not hold yet; a source of which it holds all is left out.
fn unread(whole: Vec<Source>, old: Option<&Snapshot>) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    for source in whole {
        let Some(path) = source.path() else {
            return Err("--update reads files: standard input cannot be known again".to_owned());
        };
        let head = input::head(&source).map_err(|e| format!("{}: {e}", source.shown()))?;
        let known = old
            .iter()
            .flat_map(|old| old.coverage.sources())
            .find(|(identity, _)| identity.began(&head));
        let read = known.map_or(0, |(_, covered)| {
            covered.ranges.last().map_or(0, |range| range.end)
        });
        let range = match length(&source) {
            // A line that is being written is left for the next time.
            Some(length) => read..end_of_lines(path, length).map_err(|e| e.to_string())?,
            // An archive; how long it is shows when it was read.
            None => read..u64::MAX,
        };
        if range.start < range.end {
            pieces.push(Piece {
                source: Source::Piece(path.to_owned(), range.clone()),
                range: Some(range),
                length: None,
                known: known.map(|(identity, _)| identity.clone()),
            });
        }
    }
    Ok(pieces)
}

/// Where the last line of a file ends.
fn end_of_lines(path: &Path, length: u64) -> std::io::Result<u64> {
    const STEP: u64 = 64 << 10;
    let mut file = File::open(path)?;
    let mut end = length;
    while end > 0 {
        let begin = end.saturating_sub(STEP);
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(begin))?;
        file.by_ref().take(end - begin).read_to_end(&mut bytes)?;
        if let Some(at) = memchr::memrchr(b'\n', &bytes) {
            return Ok(begin + at as u64 + 1);
        }
        end = begin;
    }
    Ok(0)
}

/// What was read of a source.
fn covered(
    file: &FileSummary,
    piece: Option<Range<u64>>,
    bytes: u64,
    length: Option<u64>,
) -> Covered {
    let range = match piece {
        None => 0..bytes,
        // A piece that reaches over the end ends with the log.
        Some(range) => {
            let end = match length {
                Some(length) => range.end.min(length.max(range.start)),
                None if range.end == u64::MAX => range.start + bytes,
                None => range.end,
            };
            range.start..end
        }
    };
    let formats: Vec<String> = file.formats.iter().map(|(name, _)| name.clone()).collect();
    Covered {
        name: file.name.clone(),
        format: file.definition.clone().map(|text| (formats, text)),
        error: file.error.clone(),
        ranges: if range.is_empty() {
            Vec::new()
        } else {
            vec![range]
        },
        length,
    }
}

fn write(snapshot: &Snapshot, mut file: OutputFile, path: &Path) -> Result<Exit, String> {
    snapshot
        .write(&mut file)
        .map_err(|e| format!("cannot write {}: {e}", shown(path)))?;
    file.finish()
}

/// The flags of `merge`.
#[derive(Debug, Args)]
pub struct MergeFlags {
    /// Snapshots, or files of several behind each other; `-` or none: standard input
    #[arg(value_hint = ValueHint::FilePath)]
    files: Vec<PathBuf>,

    /// The snapshot to write, complete or untouched
    #[arg(short = 'o', long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    output: PathBuf,
}

/// Merges snapshots.
pub fn merge(flags: MergeFlags) -> Result<Exit, String> {
    let file = OutputFile::create(&flags.output)?;
    let merged = read_all(&flags.files)?;
    write(&merged, file, &flags.output)
}

/// The flags of `inspect`.
#[derive(Debug, Args)]
pub struct InspectFlags {
    /// Snapshots; `-` or none: standard input
    #[arg(value_hint = ValueHint::FilePath)]
    files: Vec<PathBuf>,
}

/// Tells what a snapshot holds, and what is missing of its sources.
pub fn inspect(flags: InspectFlags) -> Result<Exit, String> {
    let snapshot = read_all(&flags.files)?;
    let mut out = String::new();
    let difference = snapshot.settings.difference(&Settings::default());
    // OK because write! to a String cannot fail, here and below.
    let _ = writeln!(
        out,
        "settings: {}",
        match &difference {
            None => "the usual".to_owned(),
            Some(difference) => Untrusted::new(difference.as_bytes()).for_terminal(),
        }
    );
    let mut exit = Exit::Fine;
    for ((_, covered), (lines, records)) in snapshot.coverage.sources().zip(snapshot.lines()) {
        let _ = writeln!(
            out,
            "{}: {} lines, {} records, {}",
            input::shown_name(&covered.name),
            unit::count(lines),
            unit::count(records),
            covered
                .format
                .as_ref()
                .and_then(|(names, _)| names.first())
                .map_or("no format", String::as_str)
        );
        let list = |ranges: &[Range<u64>]| {
            let texts = ranges
                .iter()
                .map(|range| format!("{}:{}", range.start, range.end));
            texts.collect::<Vec<_>>().join(" ")
        };
        let _ = writeln!(out, "  bytes {}", list(&covered.ranges));
        let gaps = covered.gaps();
        if !gaps.is_empty() {
            let _ = writeln!(out, "  MISSING bytes {}", list(&gaps));
            exit = Exit::Trouble;
        }
        if let Some(error) = &covered.error {
            let error = Untrusted::new(error.as_bytes()).for_terminal();
            let _ = writeln!(out, "  not read to its end: {error}");
            exit = Exit::Trouble;
        }
    }
    Ok(output::to_stdout(out.as_bytes())?.and(exit))
}

/// All snapshots merged.
fn read_all(files: &[PathBuf]) -> Result<Snapshot, String> {
    if files.is_empty() || files.iter().any(|file| file.as_os_str() == "-") {
        if files.len() > 1 {
            return Err("standard input holds all snapshots, or is not named".to_owned());
        }
        return Snapshot::read(std::io::stdin().lock()).map_err(|e| format!("stdin: {e}"));
    }
    merged(files)?.ok_or_else(|| "no snapshot".to_owned())
}

/// The snapshots of these files together; `None` where there is no file.
fn merged(files: &[PathBuf]) -> Result<Option<Snapshot>, String> {
    let mut merged: Option<Snapshot> = None;
    for file in files {
        let next = read(file)?;
        merged = Some(match merged {
            None => next,
            Some(merged) => merged
                .merge(next)
                .map_err(|e| format!("{}: {e}", shown(file)))?,
        });
    }
    Ok(merged)
}

/// Reads a snapshot.
pub fn read(path: &Path) -> Result<Snapshot, String> {
    let name = shown(path);
    let file = File::open(path).map_err(|e| format!("{name}: {e}"))?;
    Snapshot::read(std::io::BufReader::new(file)).map_err(|e| format!("{name}: {e}"))
}

/// Takes the snapshots out of the files, and merges them: those that begin as one.
pub fn take_from(files: &mut Vec<PathBuf>) -> Result<Option<Snapshot>, String> {
    let snapshots: Vec<PathBuf> = files.extract_if(.., |path| is_snapshot(path)).collect();
    merged(&snapshots)
}

/// Only a regular file is looked into: what is read of a pipe is gone.
pub fn is_snapshot(path: &Path) -> bool {
    let mut magic = Vec::new();
    path.metadata().is_ok_and(|meta| meta.is_file())
        && File::open(path)
            .and_then(|file| file.take(frame::MAGIC.len() as u64).read_to_end(&mut magic))
            .is_ok()
        && magic == frame::MAGIC
}

fn shown(path: &Path) -> String {
    Untrusted::new(path.as_os_str().as_encoded_bytes()).for_terminal()
}
