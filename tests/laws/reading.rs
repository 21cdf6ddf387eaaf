//! The library run over files: the way that the program goes, with every knob in the hand of a test.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use slowpath::diagnosis::diagnose;
use slowpath::grammar::{Grammar, Plan, builtin};
use slowpath::input::{BLOCK, Feed, FeedOptions, Interrupt, Progress, Source, last_lines};
use slowpath::record::Plans;
use slowpath::report::{Choice, View, csv, json, markdown, show, table};
use slowpath::summary::{
    Ends, FileSummary, Question, RejectSink, Summary, Tallies, freeze, reduce,
};
use slowpath::unit::Quantile;

/// A file and the name under which a report lists it.
#[derive(Debug, Clone)]
pub struct File {
    pub path: PathBuf,
    pub name: String,
}

/// How a log is read; none of it may show in an answer.
#[derive(Debug, Clone, Copy)]
pub struct Way {
    pub threads: usize,
    pub block: usize,
}

impl Way {
    /// One thread, blocks as the program has them.
    pub const PLAIN: Way = Way {
        threads: 1,
        block: BLOCK,
    };
}

/// The grammar of that name, the first of its variants.
pub fn grammar(name: &str) -> Grammar {
    builtin::find(name).unwrap().grammars[0].clone()
}

/// The grammar compiled for a question.
pub fn plan(grammar: &Grammar, question: &Question) -> Arc<Plan> {
    Arc::new(grammar.plan(question.needs()))
}

/// A pool of so many threads. Starting threads for each of some ten thousand runs would take longer
/// than the runs.
fn pool(threads: usize) -> &'static rayon::ThreadPool {
    const MOST: usize = 8;
    static POOLS: [OnceLock<rayon::ThreadPool>; MOST] = [const { OnceLock::new() }; MOST];
    POOLS[threads].get_or_init(|| {
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap()
    })
}

/// The tallies of files, how reading each of them ended, and the rejected lines.
pub struct Tallied {
    pub tallies: Tallies,
    errors: Vec<Option<String>>,
    pub rejected: Vec<u8>,
}

impl Tallied {
    /// Another pass over the same list of files added.
    pub fn merge(self, other: Tallied, question: &Question) -> Tallied {
        let errors = self.errors.into_iter().zip(other.errors);
        Tallied {
            tallies: self.tallies.merge(other.tallies, &question.naming),
            errors: errors.map(|(one, another)| one.or(another)).collect(),
            rejected: [self.rejected, other.rejected].concat(),
        }
    }
}

/// Tallies files.
pub fn tally(files: &[File], plan: &Arc<Plan>, question: &Question, way: Way) -> Tallied {
    let source = |file: &File| Source::File(file.path.clone());
    tally_sources(files.iter().map(source).collect(), plan, question, way)
}

/// Tallies sources.
pub fn tally_sources(
    sources: Vec<Source>,
    plan: &Arc<Plan>,
    question: &Question,
    way: Way,
) -> Tallied {
    let count = sources.len();
    let progress = Arc::new(Progress::default());
    let plans = Arc::new(Plans::only((**plan).clone()));
    let ends = Ends::of(count);
    let tails: Vec<Option<Vec<u8>>> = sources.iter().map(last_lines).collect();
    let open = |at: usize, _: &[u8]| {
        if let Some(lines) = &tails[at] {
            ends.look(at, &plans, question, lines);
        }
        Ok(Arc::clone(&plans))
    };
    let options = FeedOptions {
        block: way.block,
        at_once: way.threads,
    };
    let interrupt = Arc::new(Interrupt::never());
    let feed = Feed::new(sources, options, interrupt, Arc::clone(&progress), &open);
    let sink = RejectSink::new(Vec::new());
    let tallies =
        pool(way.threads).install(|| reduce(&feed, count, question, &ends, &progress, Some(&sink)));
    let errors = feed.ends().into_iter().map(|end| end.error).collect();
    Tallied {
        tallies,
        errors,
        rejected: sink.finish().unwrap(),
    }
}

/// What the report lists of each file, its lines not yet filled in.
fn listed(files: &[File], errors: Vec<Option<String>>) -> Vec<FileSummary> {
    let list = |(file, error): (&File, Option<String>)| FileSummary {
        formats: Vec::new(),
        name: file.name.clone().into_bytes(),
        format: None,
        definition: None,
        lines: Default::default(),
        error,
    };
    files.iter().zip(errors).map(list).collect()
}

/// The summary of tallies.
pub fn frozen(tallied: Tallied, files: &[File], question: &Question) -> Summary {
    freeze(tallied.tallies, question, listed(files, tallied.errors))
}

/// The summary of files.
pub fn summarise(files: &[File], plan: &Arc<Plan>, question: &Question, way: Way) -> Summary {
    frozen(tally(files, plan, question, way), files, question)
}

/// A folder for the logs of one test, gone with it.
pub struct Folder(tempfile::TempDir);

impl Folder {
    pub fn new() -> Folder {
        Folder(tempfile::tempdir().unwrap())
    }

    /// Writes a file, over an older one of that name.
    pub fn write(&self, name: &str, bytes: &[u8]) -> File {
        let path = self.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        File {
            path,
            name: name.to_owned(),
        }
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

/// Everything that a report shows: all rows, a row limit with its `(other)`, and the quantiles that
/// are asked for most.
pub fn choice(limit: Option<usize>) -> Choice {
    let quantiles = ["50", "90", "95", "99", "99.9"].map(|text| text.parse::<Quantile>().unwrap());
    Choice {
        columns: None,
        quantiles: quantiles.to_vec(),
        sort: None,
        limit,
    }
}

/// A summary in every form that a person or program gets.
pub struct Rendered {
    pub json: String,
    pub csv: String,
    pub markdown: String,
    pub table: String,
    /// Every endpoint in full.
    pub show: String,
}

impl Rendered {
    /// All of them.
    pub fn texts(&self) -> [&str; 5] {
        [
            &self.json,
            &self.csv,
            &self.markdown,
            &self.table,
            &self.show,
        ]
    }
}

/// Renders a summary in every form.
pub fn rendered(summary: &Summary, choice: &Choice) -> Rendered {
    let diagnosis = diagnose(summary);
    let view = View::new(summary, &diagnosis, choice, true);
    let style = table::Style {
        width: None,
        color: false,
        quiet: false,
    };
    Rendered {
        json: json::render(&view),
        csv: csv::render(&view),
        markdown: markdown::render(&view),
        table: table::render(&view, style),
        show: show::render(summary, &view.rows, None),
    }
}
