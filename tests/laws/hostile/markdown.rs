//! What a reader of Markdown would see: one table with the texts in its cells, and no markup that
//! came out of the log.

use proptest::prelude::*;
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
use slowpath::report::{self, Column};
use slowpath::summary::Endpoint;
use slowpath::untrusted::Untrusted;

use super::case;

/// The table of a text, cell by cell, the heading first. `expected_items` is how many items of lists
/// and how many words in bold stand above it.
fn table(
    markdown: &str,
    expected_items: (usize, usize),
) -> Result<Vec<Vec<String>>, TestCaseError> {
    // Everything that GitHub's dialect knows and this parser too.
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_MATH
        | Options::ENABLE_GFM;
    let (mut rows, mut tables, mut inside) = (Vec::<Vec<String>>::new(), 0, false);
    let (mut items, mut strong) = (0, 0);
    for event in Parser::new_ext(markdown, options) {
        match event {
            Event::Start(Tag::Table(_)) => tables += 1,
            Event::Start(Tag::TableHead | Tag::TableRow) => rows.push(Vec::new()),
            Event::Start(Tag::TableCell) => {
                rows.last_mut().unwrap().push(String::new());
                inside = true;
            }
            Event::End(TagEnd::TableCell) => inside = false,
            Event::Text(text) if inside => {
                rows.last_mut().unwrap().last_mut().unwrap().push_str(&text)
            }
            Event::Text(text) => prop_assert!(tables == 0, "text behind the table: {text}"),
            Event::Start(Tag::Paragraph) => {
                prop_assert!(tables == 0, "a paragraph behind the table")
            }
            // The findings stand above the table, in a list with lists in it.
            Event::Start(Tag::List(None)) if tables == 0 => {}
            Event::Start(Tag::Item) if tables == 0 => items += 1,
            Event::Start(Tag::Strong) if tables == 0 => strong += 1,
            Event::End(TagEnd::List(false) | TagEnd::Item | TagEnd::Strong) => {}
            Event::End(
                TagEnd::Paragraph | TagEnd::Table | TagEnd::TableHead | TagEnd::TableRow,
            ) => {}
            other => prop_assert!(false, "{other:?}"),
        }
    }
    prop_assert_eq!(tables, 1);
    prop_assert_eq!((items, strong), expected_items);
    Ok(rows)
}

/// What GitHub makes links of where it stands bare in a source, which this parser does not: `www.`
/// behind a blank or some marks (GFM 6.9), and an address by its scheme.
fn bare_links(source: &str) -> Vec<&'static str> {
    let begins_a_word = |at: usize| {
        let before = source[..at].chars().next_back();
        before.is_none_or(|c| c.is_whitespace() || "*_~(".contains(c))
    };
    let www = source
        .match_indices("www.")
        .filter(|(at, _)| begins_a_word(*at))
        .map(|_| "www.");
    let schemes = ["http://", "https://", "ftp://"];
    www.chain(schemes.into_iter().filter(|scheme| source.contains(scheme)))
        .collect()
}

fn name(endpoint: &Endpoint) -> String {
    let part = |bytes: &[u8]| Untrusted::new(bytes).for_terminal();
    match endpoint.method.as_slice() {
        b"" => part(&endpoint.route),
        method => format!("{} {}", part(method), part(&endpoint.route)),
    }
}

/// A cell has no blanks around its text.
fn trimmed(text: &str) -> &str {
    text.trim()
}

proptest! {
    #![proptest_config(crate::cases(crate::CASES))]

    #[test]
    fn markdown_is_one_table_with_the_texts_in_its_cells(case in case()) {
        let view = case.view();
        let text = report::markdown::render(&view);
        let findings = &view.diagnosis.findings;
        let items = findings
            .iter()
            .map(|finding| 2 + finding.detail.len())
            .sum();
        let rows = table(&text, (items, findings.len()))?;
        let (heads, rows) = rows.split_first().unwrap();
        let columns = view.columns.iter();
        let columns: Vec<&Column> = columns.filter(|column| !matches!(column, Column::Bar(_))).collect();
        prop_assert_eq!(heads.len(), columns.len());
        prop_assert_eq!(rows.len(), view.rows.len() + usize::from(view.other.is_some()));
        for row in rows {
            prop_assert_eq!(row.len(), columns.len());
        }
        for (row, endpoint) in rows.iter().zip(&view.rows) {
            for (cell, column) in row.iter().zip(&columns) {
                let want = match column {
                    Column::Endpoint => name(endpoint),
                    Column::Dimension(at, _) => Untrusted::new(&endpoint.dimensions[*at]).for_terminal(),
                    _ => continue,
                };
                prop_assert_eq!(trimmed(cell), trimmed(&want));
            }
        }
    }

    #[test]
    fn markdown_holds_nothing_that_becomes_a_link(case in case()) {
        let text = report::markdown::render(&case.view());
        let links = bare_links(&text);
        prop_assert!(links.is_empty(), "{links:?} in {text}");
    }
}

#[test]
fn markup_is_noticed() {
    let with = |cell: &str| table(&format!("| a |\n| --- |\n| {cell} |\n"), (0, 0));
    assert_eq!(with("x").unwrap(), [["a"], ["x"]]);
    for markup in [
        "[x](y)",
        "<b>",
        "`x`",
        "*x*",
        "~~x~~",
        "![x](y)",
        "<http://x.y>",
        "$x$",
    ] {
        assert!(with(markup).is_err(), "{markup}");
    }
    assert_eq!(
        bare_links("| www.x.org | /www.x.org | https://x.org |"),
        ["www.", "https://"]
    );
    assert!(bare_links("/www.x.org").is_empty());
}
