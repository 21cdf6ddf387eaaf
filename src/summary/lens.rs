//! A line read for a question: its record, its phases and the key of its endpoint, or that it does not
//! count. Who tallies it where is not known here.

use super::Question;
use crate::filter::Filtered;
use crate::input::LONGEST_LINE;
use crate::phases::Phases;
use crate::record::{Reader, Record, Reject};

/// How a question looks at lines.
#[derive(Debug)]
pub struct Lens<'q> {
    question: &'q Question,
    /// The phases of the last record.
    phases: Phases,
    /// The key of the last record's endpoint; its memory is used again.
    key: Vec<u8>,
}

impl<'q> Lens<'q> {
    /// The lens of this question.
    #[must_use]
    pub fn new(question: &'q Question) -> Self {
        Lens {
            question,
            phases: Phases::default(),
            key: Vec::new(),
        }
    }

    /// Reads a line: the number of the plan that took it, and its record; `None` where the time range or
    /// the filter leaves the record out.
    ///
    /// # Errors
    /// The line is no record.
    #[inline(always)]
    pub fn read<'l>(
        &mut self,
        reader: &'l mut Reader<'_>,
        line: &'l [u8],
    ) -> Result<(usize, Option<Record<'l>>), Reject> {
        if line.len() > LONGEST_LINE {
            return Err(Reject::TooLong);
        }
        let (which, record) = reader.read(line)?;
        self.phases.read(&record, &self.question.clock)?;
        let naming = &self.question.naming;
        if naming.is_stream(&record) {
            self.phases = Phases::upgraded();
        }
        naming.key(&record, &mut self.key);
        let counts = self.counts(&record);
        Ok((which, counts.then_some(record)))
    }

    /// The phases of the last record.
    #[must_use]
    #[inline]
    pub fn phases(&self) -> &Phases {
        &self.phases
    }

    /// The key of the last record's endpoint.
    #[must_use]
    #[inline]
    pub fn key(&self) -> &[u8] {
        &self.key
    }

    /// Whether the time range and the filter let a record count.
    #[inline]
    fn counts(&self, record: &Record<'_>) -> bool {
        let question = self.question;
        let in_range = match (question.since, question.until, record.stamp) {
            (None, None, _) => true,
            (_, _, None) => false,
            (since, until, Some(stamp)) => {
                since.is_none_or(|since| since <= stamp) && until.is_none_or(|until| stamp < until)
            }
        };
        in_range
            && question.filter.as_ref().is_none_or(|filter| {
                let route = question.naming.parts(&self.key).route;
                filter.holds(&Filtered {
                    record,
                    phases: &self.phases,
                    route,
                })
            })
    }
}
