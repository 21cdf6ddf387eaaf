//! The keys of a line in any order: what a reader read before, and so expects, does not show in what
//! it reads next; and the values of a JSON line are those of the tree that was printed.

use std::collections::BTreeMap;

use proptest::prelude::*;
use slowpath::grammar::{Field, Fields, Plan, builtin};
use slowpath::record::{LineReader, Reject};

/// What a line says: the text of every field, or why it is no record.
type Said = Result<Vec<(Field, Vec<u8>)>, Reject>;

fn said(reader: &mut LineReader<'_>, line: &[u8]) -> Said {
    let record = reader.read(line)?;
    let text = |field: &Field| Some((*field, record.text(*field)?.to_vec()));
    Ok(Field::ALL.iter().filter_map(text).collect())
}

fn plan(name: &str) -> Plan {
    builtin::find(name).unwrap().grammars[0].plan(Fields::ALL)
}

/// A value of JSON.
#[derive(Debug, Clone)]
enum Tree {
    /// A string, without its quotes.
    Text(String),
    /// A number or word.
    Word(&'static str),
    Object(Vec<(&'static str, Tree)>),
    List(Vec<Tree>),
}

/// Keys that Caddy's grammar knows, at several depths, and others.
const KEYS: &[&str] = &[
    "request",
    "method",
    "uri",
    "host",
    "headers",
    "User-Agent",
    "Referer",
    "client_ip",
    "remote_ip",
    "status",
    "size",
    "duration",
    "ts",
    "resp_headers",
    "X-Runtime",
    "tls",
    "x",
    "a rather long key, longer than sixteen bytes",
];

fn tree() -> impl Strategy<Value = Tree> {
    let text = r#"([a-z0-9 {}\[\],:/]|\\\\|\\"|\\u00e9|é){0,24}"#;
    let leaf = prop_oneof![
        3 => text.prop_map(Tree::Text),
        1 => prop::sample::select(vec!["null", "true", "-1", "0.25", "1e3"]).prop_map(Tree::Word),
    ];
    leaf.prop_recursive(4, 40, 8, |inner| {
        prop_oneof![
            3 => prop::collection::vec((prop::sample::select(KEYS), inner.clone()), 0..8)
                .prop_map(object),
            1 => prop::collection::vec(inner, 0..4).prop_map(Tree::List),
        ]
    })
}

/// A line of Caddy's: an object that holds what its grammar requires.
fn line() -> impl Strategy<Value = Tree> {
    prop::collection::vec((prop::sample::select(KEYS), tree()), 0..10).prop_map(|mut members| {
        let request = Tree::Object(vec![("uri", Tree::Text("/a".to_owned()))]);
        members.extend([
            ("duration", Tree::Word("0.25")),
            ("size", Tree::Word("3768")),
            ("request", request),
        ]);
        object(members)
    })
}

/// An object, each key once; the keys that are numbers have numbers.
fn object(mut members: Vec<(&'static str, Tree)>) -> Tree {
    let mut seen = Vec::new();
    members.retain(|(key, _)| {
        !seen.contains(key) && {
            seen.push(*key);
            true
        }
    });
    for (key, value) in &mut members {
        match *key {
            "status" => *value = Tree::Word("200"),
            "size" => *value = Tree::Word("12"),
            "duration" => *value = Tree::Word("0.25"),
            "ts" => *value = Tree::Word("1716723772.6"),
            _ => {}
        }
    }
    Tree::Object(members)
}

fn print(tree: &Tree, blank: &str, out: &mut String) {
    match tree {
        Tree::Text(text) => *out += &format!("\"{text}\""),
        Tree::Word(word) => *out += word,
        Tree::Object(members) => {
            let mut comma = "{";
            for (key, value) in members {
                *out += &format!("{comma}{blank}\"{key}\"{blank}:{blank}");
                print(value, blank, out);
                *out += blank;
                comma = ",";
            }
            *out += if members.is_empty() { "{}" } else { "}" };
        }
        Tree::List(items) => {
            let mut comma = "[";
            for item in items {
                *out += &format!("{comma}{blank}");
                print(item, blank, out);
                *out += blank;
                comma = ",";
            }
            *out += if items.is_empty() { "[]" } else { "]" };
        }
    }
}

/// The values by path, those of lists' first elements under `0`.
fn values(path: &str, tree: &Tree, out: &mut BTreeMap<String, String>) {
    let below = |key: &str| match path {
        "" => key.to_owned(),
        _ => format!("{path}.{key}"),
    };
    match tree {
        Tree::Text(text) => drop(out.insert(path.to_owned(), text.clone())),
        Tree::Word("null") => drop(out.insert(path.to_owned(), String::new())),
        Tree::Word(word) => drop(out.insert(path.to_owned(), (*word).to_owned())),
        Tree::Object(members) => {
            for (key, value) in members {
                values(&below(key), value, out);
            }
        }
        Tree::List(items) => {
            if let Some(first) = items.first() {
                values(&below("0"), first, out);
            }
        }
    }
}

/// Changes to lines: which line, where in it, and the new byte.
fn changes() -> impl Strategy<Value = Vec<(prop::sample::Index, prop::sample::Index, u8)>> {
    let byte = prop_oneof![
        prop::sample::select(br#""{}[]:,\ =-"#.to_vec()),
        any::<u8>().prop_filter("lines hold no newline", |byte| *byte != b'\n'),
    ];
    prop::collection::vec(
        (
            any::<prop::sample::Index>(),
            any::<prop::sample::Index>(),
            byte,
        ),
        0..6,
    )
}

/// A reader of all lines says of each what a new one says of it alone.
fn is_same_alone(name: &str, lines: &[Vec<u8>]) -> Result<(), TestCaseError> {
    let plan = plan(name);
    let mut reader = LineReader::new(&plan);
    for line in lines.iter().chain(lines) {
        let shown = String::from_utf8_lossy(line);
        let alone = said(&mut LineReader::new(&plan), line);
        prop_assert_eq!(said(&mut reader, line), alone, "{}: {}", name, shown);
    }
    Ok(())
}

proptest! {
    #![proptest_config(crate::cases(crate::CASES))]

    #[test]
    fn json_values_are_those_of_the_tree(trees in prop::collection::vec(line(), 1..4), blank in prop::sample::select(vec!["", " ", "\t "])) {
        let plan = plan("caddy");
        let mut reader = LineReader::new(&plan);
        for tree in &trees {
            let (mut line, mut by_path) = (String::new(), BTreeMap::new());
            print(tree, blank, &mut line);
            values("", tree, &mut by_path);
            prop_assert!(serde_json::from_str::<serde_json::Value>(&line).is_ok(), "{}", line);
            let want = |field: &Field| {
                let mut columns = plan.columns.iter().filter(|column| column.field == *field);
                let text = columns.find_map(|column| by_path.get(&column.name))?;
                (!matches!(text.as_str(), "" | "-")).then(|| (*field, text.clone().into_bytes()))
            };
            let want: Vec<_> = Field::ALL.iter().filter_map(want).collect();
            let got = said(&mut reader, line.as_bytes());
            // A line may have no path, which is no request.
            if by_path.contains_key("request.uri") {
                prop_assert_eq!(got, Ok(want), "{}", line);
            } else {
                prop_assert_eq!(got, Err(Reject::NoRequest), "{}", line);
            }
        }
    }

    #[test]
    fn json_is_read_as_if_alone(trees in prop::collection::vec(line(), 1..5), changes in changes()) {
        let print = |tree| {
            let mut line = String::new();
            print(tree, "", &mut line);
            line.into_bytes()
        };
        is_same_alone("caddy", &changed(trees.iter().map(print).collect(), &changes))?;
    }

    #[test]
    fn pairs_are_read_as_if_alone(
        lines in prop::collection::vec(prop::collection::vec((0..6_usize, "[a-z0-9./]{0,20}", any::<bool>()), 1..8), 1..5),
        changes in changes(),
    ) {
        for (name, keys, [is, and]) in [
            ("logfmt", ["method", "path", "status", "duration", "x", "host"], ["=", " "]),
            ("ltsv", ["method", "uri", "status", "reqtime", "x", "vhost"], [":", "\t"]),
        ] {
            let pair = |(key, value, quoted): &(usize, String, bool)| {
                let quote = if *quoted && is == "=" { "\"" } else { "" };
                format!("{}{is}{quote}{value}{quote}", keys[*key])
            };
            let line = |pairs: &Vec<_>| pairs.iter().map(pair).collect::<Vec<_>>().join(and).into_bytes();
            is_same_alone(name, &changed(lines.iter().map(line).collect(), &changes))?;
        }
    }
}

fn changed(
    mut lines: Vec<Vec<u8>>,
    changes: &[(prop::sample::Index, prop::sample::Index, u8)],
) -> Vec<Vec<u8>> {
    for (line, place, byte) in changes {
        let line = line.index(lines.len());
        if !lines[line].is_empty() {
            let place = place.index(lines[line].len());
            lines[line][place] = *byte;
        }
    }
    lines
}
