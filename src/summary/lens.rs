//! A record looked at for a question: its phases and the key of its endpoint, and whether it counts. Who
//! tallies it where is not known here.

use super::Question;
use crate::filter::Filtered;
use crate::phases::Phases;
use crate::record::{Record, Reject};

/// How a question looks at records.
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

    /// Looks at a record: whether it counts, or the time range or the filter leaves it out.
    ///
    /// # Errors
    /// Its line is no record after all.
    #[inline(always)]
    pub fn look(&mut self, record: &Record<'_>) -> Result<bool, Reject> {
        self.phases.read(record, &self.question.clock)?;
        let naming = &self.question.naming;
        if naming.is_stream(record) {
            self.phases = Phases::upgraded();
        }
        naming.key(record, &mut self.key);
        Ok(self.counts(record))
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
