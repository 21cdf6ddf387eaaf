//! One HTML page that holds everything: style, script, and the JSON report as data. It asks for nothing
//! from anywhere, and its policy forbids it to.
//!
//! Log content reaches the page only as JSON text in which nothing can end the script element; the
//! script (`script/`) puts it in as text. The page stays under [`MOST`] bytes: where the report is larger,
//! it is of fewer endpoints and wider windows, and says so.

mod extra;

use base64::Engine as _;
use sha2::{Digest as _, Sha256};

use super::cells::cells;
use super::{View, json};
use crate::summary::{Endpoint, Summary};
use crate::unit;
use extra::Extra;

/// The size of a page at most: 2 MiB, which a mail takes and a browser opens at once.
pub const MOST: usize = 2 << 20;

/// Windows of the timeline at most: there are no more points across a screen.
const WINDOWS: usize = 720;
/// Endpoints at most, before anybody knows how large they are.
const ENDPOINTS: usize = 2_000;

const BODY: &str = include_str!("page.html");
const STYLE: &str = include_str!("style.css");
const SCRIPT: &[&str] = &[
    include_str!("script/page.js"),
    include_str!("script/figures.js"),
    include_str!("script/findings.js"),
    include_str!("script/timeline.js"),
    include_str!("script/heat.js"),
    include_str!("script/table.js"),
    include_str!("script/endpoint.js"),
    include_str!("script/shared.js"),
    include_str!("script/main.js"),
];

/// Renders the view.
#[must_use]
pub fn render(view: &View<'_>) -> String {
    let coarser = coarser(view.summary);
    let summary = coarser.as_ref().unwrap_or(view.summary);
    let mut most = view.rows.len().min(ENDPOINTS);
    loop {
        let (rows, rest) = view.rows.split_at(most);
        let part = View {
            summary,
            diagnosis: view.diagnosis,
            rows: rows.to_vec(),
            other: other(view, rest),
            other_count: view.other_count + rest.len(),
            columns: view.columns.clone(),
            quantiles: view.quantiles.clone(),
            complete: view.complete,
        };
        let page = page(&part, left_out(view, summary, rest.len()));
        if page.len() <= MOST || most == 0 {
            return page;
        }
        // Endpoints differ in size, the busy ones are larger: what is left is less than this part.
        most = (most * MOST / page.len()).min(most * 9 / 10);
    }
}

fn page(view: &View<'_>, left_out: Vec<String>) -> String {
    let script = SCRIPT.join("\n");
    let data = format!(
        "{{\"report\":{},\"extra\":{}}}",
        json::line(view).trim_end(),
        Extra::of(view, left_out).json()
    );
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; script-src 'sha256-{}'; style-src 'sha256-{}'; img-src data:; base-uri 'none'; form-action 'none'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"referrer\" content=\"no-referrer\">\n\
         <title>slowpath</title>\n<link rel=\"icon\" href=\"data:,\">\n<style>{STYLE}</style>\n</head>\n<body>\n{BODY}\
         <script type=\"application/json\" id=\"data\">{}</script>\n<script>{script}</script>\n</body>\n</html>\n",
        hash(&script),
        hash(STYLE),
        for_script(&data),
    )
}

/// The hash by which a policy knows an element's text (CSP Level 3, section 2.3.1).
fn hash(text: &str) -> String {
    base64::engine::general_purpose::STANDARD.encode(Sha256::digest(text.as_bytes()))
}

/// JSON in which nothing means anything to HTML, PHP or SSI: outside strings there is none of these
/// characters.
fn for_script(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '<' => out.push_str("\\u003c"),
            '>' => out.push_str("\\u003e"),
            '&' => out.push_str("\\u0026"),
            c => out.push(c),
        }
    }
    out
}

/// The summary with a timeline of few enough windows, where it has more.
fn coarser(summary: &Summary) -> Option<Summary> {
    if summary.timeline.len() <= WINDOWS {
        return None;
    }
    let cells = cells(&summary.timeline, summary.split.window, WINDOWS);
    let mut coarser = summary.clone();
    coarser.split.window = cells.width;
    coarser.timeline = cells.cells.into_iter().flatten().collect();
    Some(coarser)
}

/// What the view leaves out, and these endpoints with it.
fn other(view: &View<'_>, rest: &[&Endpoint]) -> Option<Endpoint> {
    let mut other = view.other.clone();
    for endpoint in rest {
        other.get_or_insert_default().absorb(endpoint);
    }
    other
}

/// What the page does not hold of the report, in words.
fn left_out(view: &View<'_>, summary: &Summary, endpoints: usize) -> Vec<String> {
    let mut words = Vec::new();
    if endpoints > 0 {
        words.push(format!(
            "To stay small, this page holds {} of {} endpoints, those that come first in the report; the others are added up as (other). The JSON report (-f json) has all of them.",
            unit::count((view.rows.len() - endpoints) as u64),
            unit::count(view.rows.len() as u64)
        ));
    }
    if summary.split.window != view.summary.split.window {
        words.push(format!(
            "Its timeline is in windows of {}; the JSON report has them of {}.",
            summary.split.window, view.summary.split.window
        ));
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ends_the_data() {
        let text = for_script("{\"a\":\"</script><!--<script>&amp;<?php <%\"}");
        assert!(!text.contains(['<', '>', '&']));
        let back: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(back["a"], "</script><!--<script>&amp;<?php <%");
    }

    #[test]
    fn the_hash_is_the_one_that_browsers_compute() {
        // The example of CSP Level 2, section 7.18.2.
        assert_eq!(
            hash("alert('Hello, world.');"),
            "qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng="
        );
    }

    #[test]
    fn our_own_texts_end_no_element() {
        let script = SCRIPT.join("\n");
        assert!(!script.contains("</") && !script.contains("<!--") && !STYLE.contains('<'));
        // Text from a log is never made markup, and no address is asked for.
        for word in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "fetch(",
            "import(",
        ] {
            assert!(!script.contains(word), "{word}");
        }
    }
}
