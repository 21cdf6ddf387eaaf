//! The interval log of HdrHistogram, <https://github.com/HdrHistogram/HdrHistogram>, `HistogramLogWriter`:
//! the whole durations of all requests, window by window; then those of each shown endpoint over the
//! whole log, tagged with its name. In µs, the column of maxima in ms.

use std::fmt::Write as _;
use std::io::Write as _;

use base64::Engine as _;
use flate2::Compression;
use flate2::write::ZlibEncoder;

use super::View;
use crate::phases::Phase;
use crate::stamp::Stamp;
use crate::summary::Distribution;

/// The cookie of a V2 histogram that is compressed.
const COMPRESSED: u32 = 0x1c84_9314;

/// Renders the view.
#[must_use]
pub fn render(view: &View<'_>) -> String {
    let summary = view.summary;
    let start = summary
        .timeline
        .first()
        .map(|window| window.from)
        .or(summary.range.map(|(first, _)| first))
        .unwrap_or(Stamp(0));
    let mut out = String::from("#[slowpath: whole durations in microseconds]\n");
    out.push_str("#[Histogram log format version 1.3]\n");
    // OK because write! to a String cannot fail, here and below.
    let _ = writeln!(
        out,
        "#[StartTime: {} (seconds since epoch), {}]",
        since_1970(start),
        start.rfc3339()
    );
    let _ = writeln!(
        out,
        "#[BaseTime: {} (seconds since epoch)]",
        since_1970(start)
    );
    out.push_str("#[MaxValueDivisor: 1000.000]\n");
    out.push_str("\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"\n");
    for window in &summary.timeline {
        if let Some(total) = &window.total {
            let from = window.from.0.abs_diff(start.0);
            line(&mut out, "", from, summary.split.window.0, total);
        }
    }
    let (from, length) = summary.range.map_or((0, 0), |(first, last)| {
        (
            first.0.max(start.0).abs_diff(start.0),
            last.0.abs_diff(first.0),
        )
    });
    for endpoint in &view.rows {
        if let Some(total) = endpoint.phase(Phase::Total) {
            let name = super::endpoint_name(endpoint, |text| text.for_tag()).replace(' ', ":");
            line(&mut out, &format!("Tag={name},"), from, length, total);
        }
    }
    out
}

fn line(out: &mut String, tag: &str, from_us: u64, length_us: u64, of: &Distribution) {
    let v2 = of.hdr();
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    // OK because writing to memory cannot fail.
    let packed = encoder
        .write_all(&v2)
        .and_then(|()| encoder.finish())
        .unwrap_or_else(|e| unreachable!("{e}"));
    let mut bytes = COMPRESSED.to_be_bytes().to_vec();
    // OK because a histogram is far below 4 GiB.
    bytes.extend((packed.len() as u32).to_be_bytes());
    bytes.extend(packed);
    let text = base64::engine::general_purpose::STANDARD.encode(bytes);
    let _ = writeln!(
        out,
        "{tag}{},{},{},{text}",
        thousandths(from_us),
        thousandths(length_us),
        thousandths(of.max.0.saturating_mul(1_000))
    );
}

/// Microseconds as seconds with three decimals.
fn thousandths(us: u64) -> String {
    format!("{}.{:03}", us / 1_000_000, us / 1_000 % 1_000)
}

fn since_1970(stamp: Stamp) -> String {
    let sign = if stamp.0 < 0 { "-" } else { "" };
    format!("{sign}{}", thousandths(stamp.0.unsigned_abs()))
}
