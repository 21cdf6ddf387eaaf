//! What the rules look at: the summary, and what is worked out of it once for all of them.

use crate::summary::Summary;

/// A log under examination.
#[derive(Debug)]
pub struct Case<'s> {
    /// The log in numbers.
    pub summary: &'s Summary,
}

impl<'s> Case<'s> {
    /// Works out what the rules share.
    #[must_use]
    pub fn new(summary: &'s Summary) -> Case<'s> {
        Case { summary }
    }
}
