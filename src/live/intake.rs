//! From blocks of lines to ranges: the format is found out from the first lines, then every line is a
//! record or a reject.

use std::sync::Arc;
use std::time::Instant;

use super::{Ranges, Upstreams};
use crate::detection::Format;
use crate::grammar::Fields;
use crate::input::{Block, Source, lines};
use crate::record::{Plans, Reader, Reject};
use crate::stamp::Stamp;
use crate::summary::{FileSummary, Lens, Question};

/// So many lines decide on the format: where most of them do not fit, the next are looked at anew.
const DECIDED: u64 = 1_000;

/// Takes in what comes.
#[derive(Debug)]
pub struct Intake<'q> {
    /// Everything that was counted.
    pub ranges: Ranges<'q>,
    /// Which upstreams answered which endpoint.
    pub upstreams: Upstreams,
    lens: Lens<'q>,
    needs: Fields,
    format: &'q Format,
    /// The file, by which a configuration tells its format.
    source: Option<&'q Source>,
    plans: Option<Arc<Plans>>,
    /// The last directive that was read, which says something of the lines after it.
    before: Vec<u8>,
    misfit: Option<String>,
    lines: u64,
    records: u64,
}

impl<'q> Intake<'q> {
    /// An intake for a question; `format` says how to read the lines of `source`.
    #[must_use]
    pub fn new(question: &'q Question, format: &'q Format, source: Option<&'q Source>) -> Self {
        Intake {
            ranges: Ranges::new(question),
            upstreams: Upstreams::default(),
            lens: Lens::new(question),
            needs: question.needs(),
            format,
            source,
            plans: None,
            before: Vec::new(),
            misfit: None,
            lines: 0,
            records: 0,
        }
    }

    /// Takes in a block that came at a moment.
    pub fn block(&mut self, block: &Block, when: Instant, wall: Stamp) {
        self.lines(block.bytes(), when, wall);
        for _ in &block.too_long {
            self.reject(Reject::TooLong);
        }
    }

    /// Takes in whole lines.
    pub fn lines(&mut self, bytes: &[u8], when: Instant, wall: Stamp) {
        if !bytes.is_empty() && self.is_undecided() {
            self.decide(bytes);
        }
        let Some(plans) = self.plans.clone() else {
            for _ in lines(bytes) {
                self.reject(Reject::Shape);
            }
            return;
        };
        let mut reader = Reader::new(&plans);
        reader.begin(&self.before);
        for line in lines(bytes) {
            if plans
                .directive()
                .is_some_and(|begin| line.starts_with(begin))
            {
                self.before = line.to_vec();
            }
            let read = reader
                .read(line)
                .and_then(|record| Ok((self.lens.look(&record)?, record)));
            let (counts, record) = match read {
                Ok(read) => read,
                Err(reject) => {
                    self.reject(reject);
                    continue;
                }
            };
            if counts {
                let (phases, key) = (self.lens.phases(), self.lens.key());
                self.ranges.record(&record, phases, key, when, wall);
                self.upstreams.record(&record, phases, key);
            } else {
                self.ranges.filtered();
            }
            self.ranges.format(record.format);
            self.lines += 1;
            self.records += 1;
        }
    }

    fn reject(&mut self, reject: Reject) {
        self.lines += 1;
        self.ranges.reject(reject);
    }

    /// Whether the format is not known yet, or most of the first lines do not fit what was taken for it.
    fn is_undecided(&self) -> bool {
        self.plans.is_none() || (self.lines < DECIDED && self.records * 2 <= self.lines)
    }

    fn decide(&mut self, bytes: &[u8]) {
        let path = match self.source {
            Some(Source::File(path)) => Some(path.as_path()),
            _ => None,
        };
        match self.format.candidates(path, bytes) {
            Ok(Some(candidates)) => {
                self.misfit = None;
                self.plans = Some(Arc::new(candidates.plans(self.needs)));
            }
            Ok(None) => {}
            Err(why) => self.misfit = Some(why),
        }
    }

    /// The source of this name with its formats; its lines are not filled in.
    #[must_use]
    pub fn file(&self, name: &[u8]) -> FileSummary {
        let plans = self.plans.as_deref();
        let first = plans.map(|plans| &plans.first.grammar);
        let all = plans.into_iter().flat_map(Plans::iter);
        FileSummary {
            name: name.to_vec(),
            format: first.map(|grammar| grammar.name.clone()),
            definition: first.map(|grammar| grammar.definition.clone()),
            formats: all.map(|plan| (plan.grammar.name.clone(), 0)).collect(),
            ..FileSummary::default()
        }
    }

    /// Why no format fits.
    #[must_use]
    pub fn misfit(&self) -> Option<&str> {
        self.misfit.as_deref()
    }
}
