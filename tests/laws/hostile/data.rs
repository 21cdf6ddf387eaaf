//! What a program reads out of CSV and JSON: the bytes that were in the log, and no formula.

use base64::Engine as _;
use proptest::prelude::*;
use serde_json::Value;
use slowpath::report;
use slowpath::summary::Endpoint;

use super::case;
use super::terminal::performed;

/// A spreadsheet takes a cell that begins with one of these for a formula, or trims it and does so.
const FORMULA: &[char] = &[
    '=', '+', '-', '@', '\t', '\r', '\n', '\0', '＝', '＋', '－', '＠',
];

/// The text of a cell without the guard before it.
fn unguarded(cell: &str) -> &str {
    cell.strip_prefix('\'').unwrap_or(cell)
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The bytes of a key: its text, or its base64 where the text has lost some.
fn bytes(object: &Value, key: &str) -> Vec<u8> {
    match object.get(format!("{key}_b64")) {
        Some(base64) => base64::engine::general_purpose::STANDARD
            .decode(base64.as_str().unwrap())
            .unwrap(),
        None => object[key].as_str().unwrap().as_bytes().to_vec(),
    }
}

/// Fails unless a key gives back these bytes, as text too.
fn gives_back(object: &Value, key: &str, want: &[u8]) -> Result<(), TestCaseError> {
    prop_assert_eq!(bytes(object, key), want);
    prop_assert_eq!(object[key].as_str().unwrap(), lossy(want));
    Ok(())
}

proptest! {
    #![proptest_config(crate::cases(crate::CASES))]

    #[test]
    fn csv_gives_back_what_stood_in_the_log(case in case()) {
        let view = case.view();
        let text = report::csv::render(&view);
        // Rows of different lengths are an error of this reader.
        let mut reader = csv::ReaderBuilder::new();
        let mut reader = reader.has_headers(false).flexible(false).from_reader(text.as_bytes());
        let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        let (heads, rows) = rows.split_first().unwrap();
        prop_assert_eq!(rows.len(), view.rows.len() + usize::from(view.other.is_some()));

        let place = |name: &str| heads.iter().position(|head| head == name).unwrap();
        let text_columns: Vec<usize> = ["method", "route"]
            .into_iter()
            .chain(case.summary.dimensions.iter().map(|dimension| dimension.name()))
            .map(place)
            .collect();
        for row in rows {
            for (at, cell) in row.iter().enumerate() {
                if text_columns.contains(&at) {
                    prop_assert!(!cell.starts_with(FORMULA), "{cell:?}");
                } else {
                    prop_assert!(cell.chars().all(|c| c.is_ascii_digit() || c == '.'), "{cell:?}");
                }
            }
        }
        for (row, endpoint) in rows.iter().zip(&view.rows) {
            prop_assert_eq!(unguarded(&row[place("method")]), lossy(&endpoint.method));
            prop_assert_eq!(unguarded(&row[place("route")]), lossy(&endpoint.route));
            for (dimension, value) in case.summary.dimensions.iter().zip(&endpoint.dimensions) {
                prop_assert_eq!(unguarded(&row[place(dimension.name())]), lossy(value));
            }
        }
    }

    #[test]
    fn json_gives_back_what_stood_in_the_log(case in case()) {
        let view = case.view();
        let text = report::json::render(&view);
        let terminal = performed(&text);
        prop_assert!(terminal.orders.is_empty(), "{:?}", terminal.orders);
        let report: Value = serde_json::from_str(&text).unwrap();

        let all = |key: &str| report[key].as_array().unwrap().clone();
        prop_assert_eq!(all("endpoints").len(), view.rows.len());
        for (row, endpoint) in all("endpoints").iter().zip(&view.rows) {
            same_endpoint(row, endpoint, &case.summary.dimensions)?;
        }
        for (slow, request) in all("slowest").iter().zip(&case.summary.slowest) {
            gives_back(slow, "line", &request.line)?;
        }
        prop_assert_eq!(all("upstreams").len(), case.summary.upstreams.len());
        for (upstream, want) in all("upstreams").iter().zip(&case.summary.upstreams) {
            gives_back(upstream, "upstream", &want.address)?;
        }
        let files = report["input"]["files"].as_array().unwrap();
        prop_assert_eq!(files.len(), case.summary.files.len());
        for (file, want) in files.iter().zip(&case.summary.files) {
            gives_back(file, "path", &want.name)?;
        }
    }
}

fn same_endpoint(
    row: &Value,
    endpoint: &Endpoint,
    dimensions: &[slowpath::endpoint::Dimension],
) -> Result<(), TestCaseError> {
    gives_back(row, "method", &endpoint.method)?;
    gives_back(row, "route", &endpoint.route)?;
    for (dimension, value) in dimensions.iter().zip(&endpoint.dimensions) {
        gives_back(&row["dimensions"], dimension.name(), value)?;
    }
    let slowest = row["slowest"].as_array().unwrap();
    prop_assert_eq!(slowest.len(), endpoint.slowest.len());
    for (slow, request) in slowest.iter().zip(&endpoint.slowest) {
        gives_back(slow, "line", &request.line)?;
    }
    Ok(())
}
