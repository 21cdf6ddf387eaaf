//! Lines of several formats in one log, and lines in wrappers.
//!
//! Candidates are tried in a fixed order and the first that takes a line has it, so that what
//! becomes of a line depends on the line alone: not on the lines before it, nor on the block or the
//! thread that it comes to.

use std::sync::Arc;

use super::wrapper::{self, Peeled};
use super::{LineReader, Record, Reject, w3c};
use crate::grammar::{Layout, Plan};
use crate::input::LONGEST_LINE;

/// The plans that the lines of a source are read with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plans {
    /// The format of nearly all lines.
    pub first: Plan,
    /// Formats of lines that the first does not take, in the order in which they are tried.
    pub others: Vec<Plan>,
    /// Lines may come in wrappers.
    pub wrapped: bool,
}

impl Plans {
    /// The plans of a source of one format, whose lines stand by themselves.
    #[must_use]
    pub fn only(plan: Plan) -> Plans {
        Plans {
            first: plan,
            others: Vec::new(),
            wrapped: false,
        }
    }

    /// How a line begins that says something of the lines after it; `None` where none does.
    #[must_use]
    pub fn directive(self: &Arc<Self>) -> Option<&'static [u8]> {
        matches!(self.first.layout, Layout::W3c(..)).then_some(w3c::FIELDS)
    }

    /// All plans, the first one first.
    pub fn iter(&self) -> impl Iterator<Item = &Plan> {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// How many plans there are.
    #[must_use]
    pub fn len(&self) -> usize {
        1 + self.others.len()
    }

    /// There is always one.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        false
    }
}

/// Runs several plans over one line after the other.
#[derive(Debug)]
pub struct Reader<'p> {
    plans: &'p Plans,
    first: LineReader<'p>,
    /// Made for the first line that needs them.
    others: Vec<LineReader<'p>>,
    /// A line that was escaped in its wrapper.
    scratch: Vec<u8>,
}

impl<'p> Reader<'p> {
    /// A reader for lines of these plans.
    #[must_use]
    pub fn new(plans: &'p Plans) -> Self {
        Reader {
            plans,
            first: LineReader::new(&plans.first),
            others: Vec::new(),
            scratch: Vec::new(),
        }
    }

    /// Reads what stands before the first line and is needed to understand it: the `#Fields` line of
    /// an earlier block.
    pub fn begin(&mut self, directive: &[u8]) {
        if !directive.is_empty() {
            let _ = self.first.read(directive);
        }
    }

    /// Reads a line, given without its end.
    ///
    /// # Errors
    /// The reason why the line is no record of the first plan, nor of any other.
    #[inline(always)]
    pub fn read<'a>(&'a mut self, line: &'a [u8]) -> Result<Record<'a>, Reject> {
        if line.len() > LONGEST_LINE {
            return Err(Reject::TooLong);
        }
        if self.plans.wrapped {
            return self.read_wrapped(line);
        }
        match self.first.read(line) {
            Err(reject) => by_another(&mut self.others, self.plans, line).ok_or(reject),
            read => read,
        }
    }

    #[inline(never)]
    fn read_wrapped<'a>(&'a mut self, line: &'a [u8]) -> Result<Record<'a>, Reject> {
        let Peeled { line, stamp } =
            wrapper::peel(line, &mut self.scratch).unwrap_or(Peeled { line, stamp: None });
        let mut record = match self.first.read(line) {
            Ok(record) => record,
            Err(reject) => by_another(&mut self.others, self.plans, line).ok_or(reject)?,
        };
        record.stamp = record.stamp.or(stamp);
        Ok(record)
    }
}

/// The record of the first of the other plans that takes the line.
#[cold]
fn by_another<'a, 'p: 'a>(
    readers: &'a mut Vec<LineReader<'p>>,
    plans: &'p Plans,
    line: &'a [u8],
) -> Option<Record<'a>> {
    if line.is_empty() || plans.others.is_empty() {
        return None;
    }
    if readers.is_empty() {
        readers.extend(plans.others.iter().map(LineReader::new));
    }
    let takes = |reader: &mut LineReader<'p>| {
        reader
            .read(line)
            .is_ok_and(|record| record.is_plausible() && record.is_well_spelt())
    };
    let at = readers.iter_mut().position(takes)?;
    let record = readers.get_mut(at)?.read(line).ok()?;
    Some(Record {
        format: 1 + at,
        ..record
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grammar::{Escape, Fields, Names, compile};

    fn plan(definition: &str) -> Plan {
        compile(definition, definition, Escape::Default, Names::Checked)
            .unwrap()
            .plan(Fields::ALL)
    }

    #[test]
    fn the_first_that_takes_a_line_has_it() {
        let plans = Plans {
            first: plan("$method $path $total_s"),
            others: vec![plan("$method $path"), plan("$path $method $status x")],
            wrapped: false,
        };
        let mut reader = Reader::new(&plans);
        let mut which =
            |line: &'static str| reader.read(line.as_bytes()).map(|record| record.format);
        assert_eq!(which("GET /a 1.5"), Ok(0));
        assert_eq!(which("GET /a"), Ok(1));
        assert_eq!(which("/a GET 200 x"), Ok(2));
        assert_eq!(which("nothing"), Err(Reject::Shape));
        assert_eq!(which(""), Err(Reject::Empty));
        assert_eq!(which("GET /a 1.5"), Ok(0));
    }

    #[test]
    fn a_wrapper_gives_the_stamp_that_the_line_lacks() {
        let plans = Plans {
            wrapped: true,
            ..Plans::only(plan("$method $path $total_s"))
        };
        let mut reader = Reader::new(&plans);
        for line in [
            "2024-10-10T12:00:00.5Z stdout F GET /a 1.5",
            r#"{"log":"GET /a 1.5\n","time":"2024-10-10T12:00:00.5Z"}"#,
        ] {
            let record = reader.read(line.as_bytes()).unwrap();
            assert_eq!(record.line, b"GET /a 1.5");
            assert_eq!(
                record.stamp.map(crate::stamp::Stamp::rfc3339).as_deref(),
                Some("2024-10-10T12:00:00.5Z")
            );
        }
        assert!(reader.read(b"GET /a 1.5").unwrap().stamp.is_none());
    }
}
