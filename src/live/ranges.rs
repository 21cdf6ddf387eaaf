//! Sliding ranges of time: four rings of tallies, each of whose steps divides the next.
//!
//! A record is tallied once, in the open slot of the finest ring. When time passes the end of a slot it
//! is closed: it stays in its ring until the ring has gone round, and is added to the open slot of the
//! next ring. What leaves the coarsest ring has become part of "all" long before. A range is its ring's
//! closed slots and all open ones together, so it covers up to one slot more than its name says.
//!
//! Time is that of the log, which goes on by the clock on the wall where the log is silent: an old log
//! piped in is shown as it was, and a log that falls silent runs empty.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::phases::Phases;
use crate::record::{Record, Reject};
use crate::stamp::Stamp;
use crate::summary::{Question, Tallies};
use crate::unit::Micros;

/// A sliding range of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Range {
    /// The last minute, in slots of 5 s.
    Minute,
    /// The last five minutes, in slots of 15 s.
    FiveMinutes,
    /// The last quarter of an hour, in slots of a minute.
    Quarter,
    /// The last hour, in slots of five minutes.
    Hour,
    /// Since the beginning.
    All,
}

impl Range {
    /// All of them, the shortest first.
    pub const ALL: [Range; 5] = [
        Range::Minute,
        Range::FiveMinutes,
        Range::Quarter,
        Range::Hour,
        Range::All,
    ];

    /// The name in flags and on the screen.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Range::Minute => "1m",
            Range::FiveMinutes => "5m",
            Range::Quarter => "15m",
            Range::Hour => "1h",
            Range::All => "all",
        }
    }

    /// The range of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Range> {
        Range::ALL.into_iter().find(|range| range.name() == name)
    }

    /// The ring whose slots show it over time.
    const fn ring(self) -> usize {
        match self {
            Range::Minute => 0,
            Range::FiveMinutes => 1,
            Range::Quarter => 2,
            Range::Hour | Range::All => 3,
        }
    }
}

const SECOND: i64 = 1_000_000;

/// Of each ring: the length of a slot in µs, and how many closed slots are kept.
const RINGS: [(i64, usize); 4] = [
    (5 * SECOND, 12),
    (15 * SECOND, 20),
    (60 * SECOND, 15),
    (300 * SECOND, 12),
];

/// A time stamp so far ahead of the others is a mistake of the log, unless more come.
const LEAP: i64 = 3_600 * SECOND;
/// So many in a row are no mistake.
const LEAPS: u32 = 3;

/// Of the memory of all tallies, a slot may take one part of so many; all slots together half of it.
const SLOT: usize = 16;
const WHOLE: usize = 4;

/// Tallies of sliding ranges.
#[derive(Debug)]
pub struct Ranges<'q> {
    question: &'q Question,
    rings: Vec<Ring>,
    all: Tallies,
    clock: Clock,
    /// The time of the first record.
    began: Option<Stamp>,
}

/// Slots of equal length.
#[derive(Debug)]
struct Ring {
    step: i64,
    kept: usize,
    closed: VecDeque<Slot>,
    open: Tallies,
    /// The number of the open slot.
    at: i64,
    /// Earlier slots were dropped for want of memory.
    whole_from: i64,
    /// The closed slots added up, until they change.
    sum: Option<Tallies>,
}

#[derive(Debug)]
struct Slot {
    at: i64,
    tallies: Tallies,
}

/// The time of the log.
#[derive(Debug, Default)]
struct Clock {
    /// The latest time stamp, and when it was seen.
    latest: Option<(Stamp, Instant)>,
    /// Records in a row that were far ahead of it.
    leaps: u32,
    /// Nothing will come any more.
    stopped: bool,
}

impl Clock {
    fn see(&mut self, stamp: Stamp, when: Instant) {
        if let Some((latest, _)) = self.latest {
            if stamp.0.saturating_sub(latest.0) > LEAP && self.leaps < LEAPS {
                self.leaps += 1;
                return;
            }
            self.leaps = 0;
            if stamp <= latest {
                return;
            }
        }
        self.latest = Some((stamp, when));
    }

    fn now(&self, when: Instant) -> Option<Stamp> {
        let (latest, seen) = self.latest?;
        let since = if self.stopped {
            Duration::ZERO
        } else {
            when.saturating_duration_since(seen)
        };
        Some(latest.after(Micros(u64::try_from(since.as_micros()).unwrap_or(u64::MAX))))
    }
}

impl<'q> Ranges<'q> {
    /// Empty ranges for a question.
    #[must_use]
    pub fn new(question: &'q Question) -> Self {
        let ring = |(step, kept): (i64, usize)| Ring {
            step,
            kept,
            closed: VecDeque::new(),
            open: empty(question, SLOT),
            at: i64::MIN,
            whole_from: i64::MIN,
            sum: None,
        };
        Ranges {
            question,
            rings: RINGS.into_iter().map(ring).collect(),
            all: empty(question, WHOLE),
            clock: Clock::default(),
            began: None,
        }
    }

    /// Counts a record that came at a moment; `wall` is the time then, for logs without time stamps.
    pub fn record(
        &mut self,
        record: &Record<'_>,
        phases: &Phases,
        key: &[u8],
        when: Instant,
        wall: Stamp,
    ) {
        let stamp = record.stamp.unwrap_or(wall);
        self.clock.see(stamp, when);
        self.began.get_or_insert(stamp);
        // The wall's part of the clock moves on between blocks, not within one.
        if let Some((latest, _)) = self.clock.latest {
            self.pass(latest);
        }
        let open = self.open();
        open.files[0].lines += 1;
        open.files[0].records += 1;
        let question = self.question;
        self.open().record(question, 0, record, phases, key);
    }

    /// Counts a record that the filter leaves out.
    pub fn filtered(&mut self) {
        let file = &mut self.open().files[0];
        file.lines += 1;
        file.records += 1;
        file.filtered += 1;
    }

    /// Counts a record for the plan that took it.
    pub fn format(&mut self, which: usize) {
        if let (1.., Some(others)) = (which, self.open().other_formats.first_mut()) {
            others.resize(others.len().max(which), 0);
            others[which - 1] += 1;
        }
    }

    /// Counts a line that is no record.
    pub fn reject(&mut self, reject: Reject) {
        let file = &mut self.open().files[0];
        file.lines += 1;
        file.rejects[reject as usize] += 1;
    }

    fn open(&mut self) -> &mut Tallies {
        &mut self.rings[0].open
    }

    /// The time of the log; `None` before the first record.
    #[must_use]
    pub fn now(&self, when: Instant) -> Option<Stamp> {
        self.clock.now(when)
    }

    /// The log has ended: its time stands still.
    pub fn stop(&mut self) {
        self.clock.stopped = true;
    }

    /// Lets time pass.
    pub fn tick(&mut self, when: Instant) {
        if let Some(now) = self.now(when) {
            self.pass(now);
        }
    }

    /// Closes the slots that end before `now`, and drops what has gone round.
    fn pass(&mut self, now: Stamp) {
        if now.0.div_euclid(self.rings[0].step) <= self.rings[0].at {
            return;
        }
        for number in 0..self.rings.len() {
            let ring = &mut self.rings[number];
            let at = now.0.div_euclid(ring.step);
            if at <= ring.at {
                continue;
            }
            let mut full = std::mem::replace(&mut ring.open, empty(self.question, SLOT));
            let was = std::mem::replace(&mut ring.at, at);
            if full.files[0].lines > 0 {
                full.shrink();
                match self.rings.get_mut(number + 1) {
                    Some(next) => add(&mut next.open, &full, self.question, SLOT),
                    None => add(&mut self.all, &full, self.question, WHOLE),
                }
                // What came before the first time stamp is in the slot of that.
                let was = if was == i64::MIN { at } else { was };
                self.rings[number].closed.push_back(Slot {
                    at: was,
                    tallies: full,
                });
            }
            let ring = &mut self.rings[number];
            ring.sum = None;
            let first = at.saturating_sub(ring.kept as i64);
            while ring.closed.front().is_some_and(|slot| slot.at < first) {
                ring.closed.pop_front();
            }
        }
        self.keep_to_memory();
    }

    /// Drops the oldest slots of the largest ring where all slots together take too much.
    fn keep_to_memory(&mut self) {
        let bytes = |ring: &Ring| {
            ring.closed
                .iter()
                .map(|slot| slot.tallies.bytes_in_all())
                .sum::<usize>()
        };
        while self.rings.iter().map(bytes).sum::<usize>() > self.question.memory / 2 {
            let Some(largest) = self.rings.iter_mut().max_by_key(|ring| bytes(ring)) else {
                return;
            };
            largest.sum = None;
            match largest.closed.pop_front() {
                Some(slot) => largest.whole_from = slot.at + 1,
                None => return,
            }
        }
    }

    /// Everything in a range, and the time that it covers.
    #[must_use]
    pub fn tallies(&mut self, range: Range, when: Instant) -> (Tallies, Micros) {
        self.tick(when);
        let question = self.question;
        let number = range.ring();
        let mut whole = match range {
            Range::All => self.all.clone(),
            _ => self.rings[number].closed_sum(question),
        };
        whole.limit(question.memory / WHOLE);
        for ring in &self.rings[..=number] {
            add(&mut whole, &ring.open, question, WHOLE);
        }
        (whole, self.span(range, when))
    }

    fn span(&self, range: Range, when: Instant) -> Micros {
        let (Some(now), Some(began)) = (self.now(when), self.began) else {
            return Micros(0);
        };
        let ring = &self.rings[range.ring()];
        let begins = match range {
            Range::All => i64::MIN,
            _ => ring
                .at
                .saturating_sub(ring.kept as i64)
                .max(ring.whole_from)
                .saturating_mul(ring.step),
        };
        Micros(
            now.0
                .saturating_sub(begins.max(began.0))
                .max(0)
                .unsigned_abs(),
        )
    }

    /// How many cells a range has over time, and the length of each. "All" shows its last hour.
    #[must_use]
    pub fn cells(&self, range: Range) -> (usize, Micros) {
        let ring = &self.rings[range.ring()];
        (ring.kept + 1, Micros(ring.step.unsigned_abs()))
    }

    /// Calls `each` with the tallies of every cell of a range, the oldest first. The last cell is the
    /// one that is open; it may come in several parts.
    pub fn over_time(&self, range: Range, mut each: impl FnMut(usize, &Tallies)) {
        let number = range.ring();
        let ring = &self.rings[number];
        for slot in &ring.closed {
            let cell = slot.at.saturating_sub(ring.at) + ring.kept as i64;
            if let Ok(cell) = usize::try_from(cell) {
                each(cell, &slot.tallies);
            }
        }
        for part in &self.rings[..=number] {
            each(ring.kept, &part.open);
        }
    }
}

impl Ring {
    /// The closed slots added up.
    fn closed_sum(&mut self, question: &Question) -> Tallies {
        let sum = self.sum.get_or_insert_with(|| {
            let mut sum = empty(question, WHOLE);
            for slot in &self.closed {
                add(&mut sum, &slot.tallies, question, WHOLE);
            }
            sum
        });
        sum.clone()
    }
}

fn empty(question: &Question, part: usize) -> Tallies {
    let mut empty = Tallies::new(question, 1, 0);
    empty.limit(question.memory / part);
    empty
}

/// Adds tallies, which stay, to others, whose part of the memory stays the same.
fn add(to: &mut Tallies, more: &Tallies, question: &Question, part: usize) {
    let mine = std::mem::replace(to, empty(question, part));
    *to = mine.merge(more.clone(), &question.naming);
    to.limit(question.memory / part);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detection::Format;
    use crate::grammar::{Escape, Names, compile};
    use crate::live::Intake;
    use crate::summary::{FileSummary, freeze};

    fn format() -> Format {
        let definition = "$msec $method $path $status $total_s";
        Format::Given(compile("test", definition, Escape::Default, Names::Checked).unwrap())
    }

    fn question() -> Question {
        Question {
            memory: Question::MEMORY,
            ..Question::default()
        }
    }

    /// Requests in each range, and the seconds that it covers.
    fn counts(intake: &mut Intake<'_>, question: &Question, when: Instant) -> [(u64, u64); 5] {
        Range::ALL.map(|range| {
            let (tallies, span) = intake.ranges.tallies(range, when);
            let summary = freeze(tallies, question, vec![FileSummary::default()]);
            assert_eq!(summary.lines.records, summary.totals.requests);
            (summary.totals.requests, span.0 / 1_000_000)
        })
    }

    #[test]
    fn ranges_slide_and_lose_nothing() {
        let (question, format, when) = (question(), format(), Instant::now());
        let mut intake = Intake::new(&question, &format, None);
        // One request a second for two hours, from a time at which every slot begins.
        let line = |second: u64| format!("{}.000 GET /a 200 0.1\n", 1_700_000_100 + second);
        let log: String = (0..7_200).map(line).collect();
        intake.lines(log.as_bytes(), when, Stamp(0));
        let counts = counts(&mut intake, &question, when);
        // 7,199 s is the last second of a slot of every ring.
        assert_eq!(
            counts,
            [
                (65, 64),
                (315, 314),
                (960, 959),
                (3_900, 3_899),
                (7_200, 7_199)
            ]
        );
    }

    #[test]
    fn silence_empties_a_range_and_an_end_does_not() {
        let (question, format, when) = (question(), format(), Instant::now());
        let mut intake = Intake::new(&question, &format, None);
        intake.lines(b"1700000100.000 GET /a 200 0.1\n", when, Stamp(0));
        let later = when + Duration::from_secs(400);
        assert_eq!(
            counts(&mut intake, &question, later).map(|(requests, _)| requests),
            [0, 0, 1, 1, 1]
        );
        intake.ranges.stop();
        let much_later = when + Duration::from_secs(40_000);
        assert_eq!(counts(&mut intake, &question, much_later)[4], (1, 0));
    }

    #[test]
    fn one_wrong_time_stamp_does_not_move_the_clock() {
        let (question, format, when) = (question(), format(), Instant::now());
        let mut intake = Intake::new(&question, &format, None);
        let log = "1700000100.000 GET /a 200 0.1\n9700000100.000 GET /a 200 0.1\n1700000101.000 GET /a 200 0.1\n";
        intake.lines(log.as_bytes(), when, Stamp(0));
        assert_eq!(counts(&mut intake, &question, when)[0], (3, 1));
    }

    #[test]
    fn memory_shortens_a_range_before_it_grows() {
        let question = Question {
            memory: 4 << 20,
            ..Question::default()
        };
        let (format, when) = (format(), Instant::now());
        let mut intake = Intake::new(&question, &format, None);
        let mut most = 0;
        for second in 0..2_000_u64 {
            let lines: String = (0..40)
                .map(|n| {
                    let name = (second * 40 + n) % 500;
                    format!(
                        "{}.000 GET /a{name}b/c 200 0.{:03}\n",
                        1_700_000_100 + second,
                        n * 17
                    )
                })
                .collect();
            intake.lines(lines.as_bytes(), when, Stamp(0));
            let closed = intake.ranges.rings.iter().flat_map(|ring| &ring.closed);
            most = most.max(
                closed
                    .map(|slot| slot.tallies.bytes_in_all())
                    .sum::<usize>(),
            );
        }
        assert!(most <= question.memory / 2, "{most}");
        let counts = counts(&mut intake, &question, when);
        assert_eq!(counts[4].0, 80_000);
        assert!(counts[3].1 < 2_000 && counts[3].0 < 80_000, "{counts:?}");
    }
}
