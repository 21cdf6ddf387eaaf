//! Criterion benches of the parts that every line goes through: the parser, masking, histograms, and
//! the whole way from a file to its summary.
//!
//! `cargo bench --bench throughput [-- FILTER]`
//!
//! Each bench asserts what it counted, so that none can be fast by doing nothing. They are for
//! comparing two versions of a part on one quiet machine; figures that stand by themselves are taken by
//! `benches/instructions` and `benches/measure`.

// A bench that panics says where and why.
#![allow(clippy::unwrap_used)]

use std::hint::black_box;
use std::io::Read;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use flate2::read::MultiGzDecoder;
use slowpath::endpoint::mask;
use slowpath::grammar::builtin;
use slowpath::input::{BLOCK, Feed, FeedOptions, Interrupt, Progress, Source, lines};
use slowpath::record::{LineReader, Plans, Request};
use slowpath::summary::histogram::{Growth, Histogram};
use slowpath::summary::{Ends, FileSummary, Question, RejectSink, freeze, reduce};

/// A sample of the repository, decompressed, and how many lines it has.
fn sample(name: &str) -> (Vec<u8>, usize) {
    let path = format!("{}/samples/{name}", env!("CARGO_MANIFEST_DIR"));
    let mut log = std::fs::read(path).unwrap();
    if name.ends_with(".gz") {
        let packed = std::mem::take(&mut log);
        MultiGzDecoder::new(packed.as_slice())
            .read_to_end(&mut log)
            .unwrap();
    }
    let count = lines(&log).count();
    (log, count)
}

/// The plan of a built-in format, for what a report needs.
fn plans(format: &str) -> Plans {
    let grammar = &builtin::find(format).unwrap().grammars[0];
    Plans::only(grammar.plan(Question::default().needs()))
}

/// Lines to records, in the three layouts.
fn parser(c: &mut Criterion) {
    let mut group = c.benchmark_group("parser");
    for (format, name) in [
        ("slowpath", "healthy-day.log.gz"),
        ("json", "healthy-json.log.gz"),
        ("ltsv", "healthy-ltsv.log"),
    ] {
        let (log, count) = sample(name);
        let plans = plans(format);
        let plan = plans.iter().next().unwrap();
        group.throughput(Throughput::Bytes(log.len() as u64));
        group.bench_function(format, |b| {
            b.iter(|| {
                let mut reader = LineReader::new(plan);
                let records = lines(black_box(&log))
                    .filter(|line| reader.read(line).is_ok())
                    .count();
                assert_eq!(records, count);
            });
        });
    }
}

/// Paths to routes.
fn masking(c: &mut Criterion) {
    let (log, count) = sample("healthy-day.log.gz");
    let plans = plans("slowpath");
    let mut reader = LineReader::new(plans.iter().next().unwrap());
    let targets: Vec<Vec<u8>> = lines(&log)
        .filter_map(|line| match reader.read(line).unwrap().request {
            Request::Line { target, .. } => Some(target.to_vec()),
            Request::Malformed => None,
        })
        .collect();
    assert_eq!(targets.len(), count);
    let mut group = c.benchmark_group("masking");
    group.throughput(Throughput::Elements(count as u64));
    group.bench_function("targets", |b| {
        let mut route = Vec::new();
        b.iter(|| {
            let mut bytes = 0;
            for target in black_box(&targets) {
                route.clear();
                mask(target, &mut route);
                bytes += route.len();
            }
            assert!(bytes >= count);
        });
    });
}

/// Durations to buckets, in both forms of growth.
fn histogram(c: &mut Criterion) {
    // Spread over five orders of magnitude, without a generator of chance.
    let durations: Vec<u64> = (0..10_000_u64).map(|n| n * n % 99_991 * 1_000).collect();
    let mut group = c.benchmark_group("histogram");
    group.throughput(Throughput::Elements(durations.len() as u64));
    for (name, growth) in [("fast", Growth::Fast), ("small", Growth::Small)] {
        group.bench_function(name, |b| {
            b.iter(|| {
                let mut histogram = Histogram::default();
                for us in black_box(&durations) {
                    histogram.record(*us, growth);
                }
                let counted: u64 = histogram.buckets().iter().map(|b| b.count).sum();
                assert_eq!(counted, durations.len() as u64);
            });
        });
    }
}

/// A file to its summary, with one thread.
fn pipeline(c: &mut Criterion) {
    let (log, count) = sample("healthy-day.log.gz");
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &log).unwrap();
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .unwrap();
    let question = Question {
        memory: Question::MEMORY,
        ..Question::default()
    };
    let plans = Arc::new(plans("slowpath"));
    let mut group = c.benchmark_group("pipeline");
    group.throughput(Throughput::Bytes(log.len() as u64));
    group.bench_function("file", |b| {
        b.iter(|| {
            let open = |_: usize, _: &[u8]| Ok(Arc::clone(&plans));
            let options = FeedOptions {
                block: BLOCK,
                at_once: 1,
            };
            let sources = vec![Source::File(file.path().to_owned())];
            let progress = Arc::new(Progress::default());
            let interrupt = Arc::new(Interrupt::never());
            let feed = Feed::new(sources, options, interrupt, Arc::clone(&progress), &open);
            let sink: Option<&RejectSink<Vec<u8>>> = None;
            let tallies =
                pool.install(|| reduce(&feed, 1, &question, &Ends::default(), &progress, sink));
            let summary = freeze(tallies, &question, vec![FileSummary::default()]);
            assert_eq!(summary.totals.requests, count as u64);
        });
    });
}

criterion_group!(benches, parser, masking, histogram, pipeline);
criterion_main!(benches);
