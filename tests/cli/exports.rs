//! Reports for other programs: OpenMetrics text, and the logs and distributions of HdrHistogram.

use std::fmt::Write as _;
use std::io::Read as _;

use base64::Engine as _;

use crate::program::slowpath;
use crate::scratch::Scratch;

const FORMAT: &str = "$msec $method $path $status $total_s";

/// Ten minutes, a request each second: 1 ms to 600 ms, every tenth fails.
fn scratch(path: &str) -> Scratch {
    let mut log = String::new();
    for n in 0..600 {
        let status = if n % 10 == 0 { 503 } else { 200 };
        let _ = writeln!(
            log,
            "{}.000 GET {path} {status} 0.{:03}000",
            1_790_000_000 + n,
            n + 1
        );
    }
    let scratch = Scratch::new();
    scratch.write("a.log", log);
    scratch
}

fn export(scratch: &Scratch, form: &str, more: &[&str]) -> String {
    slowpath(["--log-format", FORMAT, "a.log", "-f", form])
        .args(more)
        .within(scratch)
        .run()
        .exits(0)
        .stdout
}

#[test]
fn openmetrics_has_exact_counts_and_an_end() {
    let text = export(&scratch("/x"), "openmetrics", &[]);
    for line in [
        "# TYPE slowpath_requests counter",
        "slowpath_requests_total{method=\"GET\",route=\"/x\"} 600",
        "slowpath_errors_5xx_total{method=\"GET\",route=\"/x\"} 60",
        // 1 + 2 + … + 600 ms.
        "slowpath_busy_seconds_total{method=\"GET\",route=\"/x\"} 180.300000",
        "slowpath_phase_seconds_sum{method=\"GET\",route=\"/x\",phase=\"total\"} 180.300000",
        "slowpath_phase_seconds_count{method=\"GET\",route=\"/x\",phase=\"total\"} 600",
        "slowpath_lines_total{fits=\"yes\"} 600",
    ] {
        assert!(
            text.lines().any(|found| found == line),
            "no {line} in\n{text}"
        );
    }
    let median = text
        .lines()
        .find(|line| line.contains("quantile=\"0.5\""))
        .and_then(|line| line.rsplit_once(' '))
        .and_then(|(_, value)| value.parse::<f64>().ok())
        .expect("a median");
    assert!((0.298..0.302).contains(&median), "{median}");
    assert!(text.ends_with("# EOF\n"));
    // Each family is told of once, before its samples, and every sample belongs to one.
    let mut family = String::new();
    for line in text.lines().filter(|line| *line != "# EOF") {
        if let Some(typed) = line.strip_prefix("# TYPE ") {
            family = typed.split(' ').next().unwrap_or_default().to_owned();
        } else {
            let name = line
                .trim_start_matches("# UNIT ")
                .trim_start_matches("# HELP ");
            assert!(name.starts_with(&family), "{line} is none of {family}");
        }
    }
}

#[test]
fn a_label_cannot_end_early() {
    // A path of this format ends at a blank; quotes and backslashes are part of it.
    let text = export(&scratch("/x\"}\\y"), "openmetrics", &[]);
    assert!(text.contains("route=\"/x\\\"}\\\\y\"} 600"), "{text}");
}

/// The histogram of a line of the log: the counts of its buckets, as HdrHistogram's V2 encoding has them.
fn counts(line: &str) -> Vec<i64> {
    let text = line.rsplit(',').next().expect("a histogram");
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(text)
        .expect("base64");
    assert_eq!(bytes[..4], 0x1c84_9314_u32.to_be_bytes());
    let mut plain = Vec::new();
    flate2::read::ZlibDecoder::new(&bytes[8..])
        .read_to_end(&mut plain)
        .expect("zlib");
    assert_eq!(plain[..4], 0x1c84_9313_u32.to_be_bytes());
    let (mut numbers, mut number, mut shift) = (Vec::new(), 0_u64, 0);
    for byte in &plain[40..] {
        number |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            numbers.push((number >> 1).cast_signed() ^ -((number & 1).cast_signed()));
            (number, shift) = (0, 0);
        }
    }
    numbers
}

#[test]
fn an_interval_log_holds_every_request_in_windows_and_by_endpoint() {
    let text = export(&scratch("/x,y"), "hlog", &["--window", "1m"]);
    assert!(text.contains("#[Histogram log format version 1.3]\n"));
    assert!(
        text.contains("#[StartTime: 1789999980.000 (seconds since epoch), 2026-"),
        "{text}"
    );
    let rows: Vec<&str> = text
        .lines()
        .filter(|line| !line.starts_with(['#', '"']))
        .collect();
    let (tagged, windows): (Vec<&str>, Vec<&str>) =
        rows.iter().partition(|row| row.starts_with("Tag="));
    let sum = |rows: &[&str]| -> i64 {
        let positive = |row: &&str| counts(row).into_iter().filter(|n| *n > 0).sum::<i64>();
        rows.iter().map(positive).sum()
    };
    assert_eq!(windows.len(), 11, "{text}");
    assert_eq!(sum(&windows), 600);
    assert_eq!(sum(&tagged), 600);
    for (at, window) in windows.iter().enumerate() {
        let fields: Vec<&str> = window.split(',').collect();
        assert_eq!(fields[0], format!("{}.000", at * 60));
        assert_eq!(fields[1], "60.000");
        assert_eq!(fields.len(), 4);
    }
    let fields: Vec<&str> = tagged[0].split(',').collect();
    assert_eq!(fields.len(), 5, "{}", tagged[0]);
    assert!(fields[0].starts_with("Tag=GET:/x"), "{}", fields[0]);
    // The longest took 600 ms.
    assert_eq!(fields[3], "600.000");
}

#[test]
fn a_percentile_distribution_rises_to_the_whole() {
    let scratch = scratch("/x");
    let text = export(&scratch, "hgrm", &[]);
    let rows: Vec<Vec<f64>> = text
        .lines()
        .skip(2)
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            line.split_whitespace()
                .filter_map(|n| n.parse().ok())
                .collect()
        })
        .collect();
    let (first, last) = (&rows[0], &rows[rows.len() - 1]);
    assert_eq!(first[..3], [1.003, 0.0, 1.0], "{text}");
    assert_eq!(last[..3], [600.0, 1.0, 600.0], "{text}");
    assert!(
        rows.is_sorted_by(|a, b| a[0] <= b[0] && a[1] <= b[1] && a[2] <= b[2]),
        "{text}"
    );
    let half = rows.iter().find(|row| row[1] >= 0.5).expect("a median");
    assert!((299.0..303.0).contains(&half[0]), "{half:?}");
    assert!(
        text.contains("#[Max     =      600.000, Total count    =          600]"),
        "{text}"
    );
    assert_eq!(text, export(&scratch, "hgrm", &["--show", "/x"]));
}

#[test]
fn the_extension_chooses_them() {
    let scratch = scratch("/x");
    for (name, begins) in [
        ("a.prom", "# TYPE slowpath_requests counter\n"),
        ("a.hlog", "#[slowpath"),
        ("a.hgrm", "       Value"),
    ] {
        slowpath(["--log-format", FORMAT, "a.log", "-o", name])
            .within(&scratch)
            .run()
            .exits(0);
        let text = std::fs::read_to_string(scratch.path(name)).expect("a file");
        assert!(text.starts_with(begins), "{text}");
    }
}
