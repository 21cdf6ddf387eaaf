//! How well a grammar fits the first lines of a log.

use crate::grammar::{Field, Fields, Grammar, Language, Piece, Reading, Syntax};
use crate::input::lines;
use crate::phases::{AppClock, Phase, Phases};
use crate::record::{LineReader, Record, peel};
use crate::unit::{Micros, Unit};

/// Lines of the sample.
const SAMPLE: usize = 200;

/// The first lines that hold something, as they stand and out of their wrappers.
#[derive(Debug)]
pub(super) struct Sample {
    bare: Vec<Vec<u8>>,
    peeled: Vec<Vec<u8>>,
    /// Wrappers that say a time.
    stamps: usize,
}

impl Sample {
    /// Of the first bytes of a log. The last line of a head may be cut, so it is left out where there
    /// are others.
    pub(super) fn of(head: &[u8]) -> Sample {
        let whole = match memchr::memrchr(b'\n', head) {
            Some(end) if head.len() >= crate::input::HEAD => &head[..end],
            _ => head,
        };
        let bare: Vec<Vec<u8>> = lines(whole)
            .filter(|line| !line.trim_ascii().is_empty())
            .take(SAMPLE)
            .map(<[u8]>::to_vec)
            .collect();
        let mut stamps = 0;
        let mut scratch = Vec::new();
        let mut out_of_wrapper = |line: &Vec<u8>| match peel(line, &mut scratch) {
            Some(peeled) => {
                stamps += usize::from(peeled.stamp.is_some());
                peeled.line.to_vec()
            }
            None => line.clone(),
        };
        let peeled = bare.iter().map(&mut out_of_wrapper).collect();
        Sample {
            bare,
            peeled,
            stamps,
        }
    }

    /// The lines out of their wrappers, or as they stand.
    pub(super) fn lines(&self, out_of_wrappers: bool) -> &[Vec<u8>] {
        if out_of_wrappers {
            self.peeled()
        } else {
            self.bare()
        }
    }

    /// The lines as they stand.
    pub(super) fn bare(&self) -> &[Vec<u8>] {
        &self.bare
    }

    /// The lines out of their wrappers; those without one as they stand.
    pub(super) fn peeled(&self) -> &[Vec<u8>] {
        &self.peeled
    }

    /// Whether the lines are better read out of their wrappers: more of them fit, or as many and
    /// the wrappers say the times that the lines do not. A line that fits as it stands has no wrapper.
    pub(super) fn is_better_peeled(&self, bare: Score, peeled: Score) -> bool {
        peeled.fits > bare.fits || (peeled.fits == bare.fits && self.stamps > bare.stamps)
    }

    /// Lines that are no requests and are not meant to be: those before the first request of a W3C log, and what
    /// journald's export says of each entry beside its message.
    pub(super) fn directives(&self) -> usize {
        let is_export = self.bare.iter().any(|line| line.starts_with(b"MESSAGE="));
        let is_field = |line: &[u8]| {
            let name = line.split(|byte| *byte == b'=').next().unwrap_or_default();
            let is_of_name = |byte: &u8| matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b'_');
            name != b"MESSAGE" && name.len() < line.len() && name.iter().all(is_of_name)
        };
        let is_directive = |line: &&Vec<u8>| line.starts_with(b"#") || is_export && is_field(line);
        self.peeled.iter().filter(is_directive).count()
    }

    pub(super) fn has_wrappers(&self) -> bool {
        self.bare != self.peeled
    }

    pub(super) fn len(&self) -> usize {
        self.bare.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bare.is_empty()
    }
}

/// Better is larger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Score {
    /// Lines that it takes.
    pub(super) fits: usize,
    /// Those whose durations are spelt as its server spells them.
    well_spelt: usize,
    /// Durations that it reads from them.
    durations: usize,
    /// Values that it reads from them.
    values: usize,
    /// Lines whose time it reads.
    stamps: usize,
    /// It says more of its lines than another of the same shape: when it went out of use.
    is_dated: bool,
}

impl Score {
    /// The score of a grammar on these lines.
    pub(super) fn of(grammar: &Grammar, lines: &[Vec<u8>]) -> Score {
        let plan = grammar.plan(Fields::ALL);
        let mut reader = LineReader::new(&plan);
        let mut score = Score {
            is_dated: grammar.until.is_some(),
            ..Score::default()
        };
        let mut doubts = Doubts::default();
        for line in lines {
            let Ok(record) = reader.read(line) else {
                continue;
            };
            if !record.is_plausible() {
                continue;
            }
            if let (Some(until), Some(stamp)) = (grammar.until, record.stamp)
                && stamp >= until
            {
                return Score::default();
            }
            doubts.note(&record);
            score.fits += 1;
            score.stamps += usize::from(record.stamp.is_some());
            score.well_spelt += usize::from(record.is_well_spelt());
            score.values += values(&record);
            score.durations += durations(&record);
        }
        if doubts.contradict(grammar, score) {
            Score::default()
        } else {
            score
        }
    }
}

/// How many durations a line has.
fn durations(record: &Record<'_>) -> usize {
    let is_duration = |field: &&Field| {
        let reading = record.column(**field).map(|column| column.reading);
        matches!(reading, Some(Reading::Duration(_))) && record.text(**field).is_some()
    };
    Field::ALL.iter().filter(is_duration).count()
}

/// How many values a line has that say something. A request counts once, however it is cut up.
fn values(record: &Record<'_>) -> usize {
    Field::ALL
        .iter()
        .filter(|field| !matches!(field, Field::Method | Field::Protocol))
        .filter_map(|field| record.raw(*field))
        .filter(|value| !matches!(*value, b"" | b"-"))
        .count()
}

/// What the numbers of the lines say against a grammar. Columns without a name behind a line look alike in many
/// formats: only their sizes tell.
#[derive(Debug, Default)]
struct Doubts {
    /// Whole numbers behind an Apache line may be `%D`, microseconds, or `%T`, seconds. Requests of a hundred
    /// seconds are as rare as those of less than a hundred microseconds.
    small: usize,
    large: usize,
    /// Lines that say of a part of the request how long it took, and of the whole.
    in_parts: usize,
    /// Those whose part is longer than the whole.
    in_longer_parts: usize,
}

impl Doubts {
    const SMALL: u64 = 100;

    /// The clocks of nginx differ by up to 4 ms; what is further apart was not measured of one request.
    const APART: Micros = Micros(10_000);

    fn note(&mut self, record: &Record<'_>) {
        let digits = record
            .text(Field::Total)
            .and_then(|text| std::str::from_utf8(text).ok()?.parse::<u64>().ok());
        match digits {
            Some(number) if number < Self::SMALL => self.small += 1,
            Some(_) => self.large += 1,
            None => {}
        }
        let Ok(phases) = Phases::of(record, &AppClock::default()) else {
            return;
        };
        let attempts = [Phase::Redirect, Phase::Retry, Phase::Upstream];
        let upstream = attempts
            .into_iter()
            .filter_map(|phase| phases.get(phase))
            .reduce(Micros::plus);
        let part = upstream
            .max(phases.get(Phase::App))
            .max(phases.get(Phase::Server));
        if let (Some(part), Some(total)) = (part, phases.get(Phase::Total)) {
            self.in_parts += 1;
            self.in_longer_parts += usize::from(part > total.plus(Self::APART));
        }
    }

    /// Whether most numbers cannot be what the grammar says that they are; `score` is that of the same lines.
    fn contradict(&self, grammar: &Grammar, score: Score) -> bool {
        let unit = grammar
            .columns()
            .into_iter()
            .filter(|column| column.field == Field::Total && column.decimals == Some(0))
            .min_by_key(|column| column.rank)
            .map(|column| column.reading);
        let is_apache = grammar.language == Some(Language::Apache);
        let of_another_size = match unit {
            Some(Reading::Duration(Unit::Seconds)) if is_apache => self.large > self.small,
            Some(Reading::Duration(Unit::Microseconds)) if is_apache => self.small > self.large,
            _ => false,
        };
        of_another_size
            || self.in_longer_parts * 2 > self.in_parts
            || (has_bare_columns(grammar) && score.well_spelt * 2 < score.fits)
    }
}

/// Whether no value has its name before it, as in `rt=0.021`: then its spelling is all that tells what it is.
fn has_bare_columns(grammar: &Grammar) -> bool {
    let Syntax::Text(pieces, _) = &grammar.syntax else {
        return false;
    };
    pieces.iter().all(|piece| match piece {
        Piece::Literal(bytes) => !bytes.iter().any(|byte| matches!(byte, b'=' | b':')),
        Piece::Value(_) => true,
    })
}
