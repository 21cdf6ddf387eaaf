//! Which module of the library may import which, read out of the sources.
//!
//! Rust lets the modules of one crate import each other in a circle, and a circle is made one
//! innocent line at a time. The table below is the order in which the program reads, and each module
//! knows only what stands before it; so a report can be changed without thinking of a parser, and a
//! parser without thinking of anything.

// A test that panics says where and why.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};

/// The spine, from bytes to text. Each module may import from the ones before it, and the leaves.
/// The summary is its waist: what comes behind sees numbers only, no line and no grammar.
const SPINE: &[&str] = &[
    "input",
    "grammar",
    "record",
    "phases",
    "detection",
    "endpoint",
    "filter",
    "summary",
    "diagnosis",
    "report",
];

/// Small vocabulary that every module may speak. Leaves import only each other, so that using one
/// never brings in a part of the spine.
const LEAVES: &[&str] = &["error", "unit", "stamp", "scan", "median", "untrusted"];

/// Modules beside the spine. Each may import all of the spine and the leaves, and none of the others; no
/// module of the spine imports them.
const SIDES: &[&str] = &["diff", "gate", "live", "snapshot"];

/// The program's side: it puts the parts together, so it may import them all. No part imports it.
const PROGRAM: &[&str] = &["cli", "main", "lib"];

/// Whether a module may import another one.
fn may_import(module: &str, other: &str) -> bool {
    let place = |name: &str| SPINE.iter().position(|known| *known == name);
    if module == other || PROGRAM.contains(&module) {
        return true;
    }
    if SIDES.contains(&module) {
        return place(other).is_some() || LEAVES.contains(&other);
    }
    match (place(module), place(other)) {
        _ if LEAVES.contains(&other) => place(module).is_some() || LEAVES.contains(&module),
        (Some(module), Some(other)) => other < module,
        _ => false,
    }
}

/// An import of another module of the crate, and the line on which it stands.
#[derive(Debug, PartialEq, Eq)]
struct Import {
    line: usize,
    module: String,
}

/// The source without comments and without modules of tests, line by line. Tests may use anything:
/// they are about the module, not part of it.
fn code(source: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut skipping = false;
    let mut is_test = false;
    for line in source.lines() {
        let begins_module = is_test && line.starts_with("mod ") && line.ends_with('{');
        skipping |= begins_module;
        let text = line.split("//").next().unwrap_or_default();
        lines.push(if skipping {
            String::new()
        } else {
            text.to_owned()
        });
        // A module at the left margin ends at the next brace there: the sources are formatted.
        skipping &= line != "}";
        is_test = line == "#[cfg(test)]" || (is_test && line.starts_with("#["));
    }
    lines
}

/// The first names of what follows `crate::` in a text: one, or several in braces.
fn first_names(path: &str) -> Vec<String> {
    let name = |text: &str| -> String {
        let is_part = |c: &char| c.is_ascii_alphanumeric() || *c == '_';
        text.trim_start().chars().take_while(is_part).collect()
    };
    let Some(group) = path.strip_prefix('{') else {
        return vec![name(path)];
    };
    let (mut names, mut depth, mut begins) = (Vec::new(), 0, true);
    for (at, c) in group.char_indices() {
        if begins && depth == 0 && !c.is_whitespace() {
            names.push(name(&group[at..]));
            begins = false;
        }
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' => begins = true,
            _ => {}
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

/// What a source imports from the crate's root, by `crate::` or by as many `super::` as lead there.
/// `depth` is how many modules lie between it and the root, itself included.
fn imports(source: &str, depth: usize) -> Vec<Import> {
    let lines = code(source);
    let text = lines.join("\n");
    let to_root = "super::".repeat(depth);
    let mut imports = Vec::new();
    for root in ["crate::", &to_root] {
        for (at, _) in text.match_indices(root) {
            let before = text[..at].chars().next_back();
            // `mycrate::` is another word, and a longer row of `super::` leads out of the crate.
            if before.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':') {
                continue;
            }
            let line = text[..at].matches('\n').count() + 1;
            let names = first_names(&text[at + root.len()..]);
            imports.extend(
                names
                    .into_iter()
                    .filter(|name| name != "super")
                    .map(|module| Import { line, module }),
            );
        }
    }
    imports
}

/// Every source of the program with its path below `src`.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The module at the crate's root that a file belongs to, and how deep the file's own module lies.
fn module_of(path: &Path) -> (String, usize) {
    let mut parts: Vec<String> = path
        .with_extension("")
        .iter()
        .map(|part| part.to_str().unwrap().to_owned())
        .collect();
    if parts.last().is_some_and(|last| last == "mod") {
        parts.pop();
    }
    (parts[0].clone(), parts.len())
}

/// The forbidden imports of a source, as a person would say them.
fn forbidden(path: &Path, source: &str) -> Vec<String> {
    let (module, depth) = module_of(path);
    let is_known = [SPINE, LEAVES, SIDES, PROGRAM]
        .iter()
        .any(|known| known.contains(&module.as_str()));
    let unknown = (!is_known).then(|| {
        format!(
            "src/{}: the module {module} has no place in the table of tests/layers.rs",
            path.display()
        )
    });
    let bad = imports(source, depth)
        .into_iter()
        .filter(|import| is_known && !may_import(&module, &import.module));
    let said = bad.map(
        |Import {
             line,
             module: other,
         }| {
            format!(
                "src/{}:{line}: {module} must not import crate::{other}",
                path.display()
            )
        },
    );
    unknown.into_iter().chain(said).collect()
}

#[test]
fn modules_import_only_from_their_left() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let sources = sources(&src);
    assert!(
        sources.len() > 30,
        "the sources are not where this test looks for them"
    );
    let mut seen = 0;
    let mut bad = Vec::new();
    for path in sources {
        let source = fs::read_to_string(&path).unwrap();
        let path = path.strip_prefix(&src).unwrap();
        seen += imports(&source, module_of(path).1).len();
        bad.extend(forbidden(path, &source));
    }
    assert!(
        seen > 50,
        "only {seen} imports were found: the sources are not read as they are written"
    );
    assert!(bad.is_empty(), "\n{}", bad.join("\n"));
}

#[test]
fn a_forbidden_import_is_named_with_its_place() {
    let said = |path: &str, source: &str| forbidden(Path::new(path), source);
    assert_eq!(
        said(
            "record/mod.rs",
            "//! x\nuse crate::grammar::Plan;\nuse crate::phases::Phase;\n"
        ),
        ["src/record/mod.rs:3: record must not import crate::phases"]
    );
    assert_eq!(
        said(
            "grammar/plan.rs",
            "fn f() {\n    super::super::summary::freeze();\n}\n"
        ),
        ["src/grammar/plan.rs:2: grammar must not import crate::summary"]
    );
    assert_eq!(
        said(
            "phases.rs",
            "use crate::{\n    record::{Record, attempts},\n    report::View,\n};\n"
        ),
        ["src/phases.rs:1: phases must not import crate::report"]
    );
    assert_eq!(
        said("unit.rs", "use super::input;\n"),
        ["src/unit.rs:1: unit must not import crate::input"]
    );
    assert_eq!(said("report/csv.rs", "use crate::cli::Flags;\n").len(), 1);
    assert_eq!(said("helpers.rs", "").len(), 1);
    assert_eq!(
        said("summary/mod.rs", "use crate::gate::rules;\n"),
        ["src/summary/mod.rs:1: summary must not import crate::gate"]
    );
    assert_eq!(said("summary/mod.rs", "use crate::live::Range;\n").len(), 1);
}

#[test]
fn what_is_allowed_is_not_named() {
    let said = |path: &str, source: &str| forbidden(Path::new(path), source);
    let nothing: [String; 0] = [];
    assert_eq!(
        said(
            "report/csv.rs",
            "use super::View;\nuse crate::summary::Summary;\nuse crate::unit;\n"
        ),
        nothing
    );
    // Words of a comment are no import, nor is what a test uses.
    assert_eq!(
        said(
            "input/mod.rs",
            "//! See [`crate::record`].\nfn f() {} // crate::report\n"
        ),
        nothing
    );
    assert_eq!(
        said(
            "input/mod.rs",
            "#[cfg(test)]\nmod tests {\n    use crate::report::View;\n}\n"
        ),
        nothing
    );
    assert_eq!(
        said(
            "input/mod.rs",
            "#[cfg(test)]\nmod tests {\n}\nuse crate::report::View;\n"
        )
        .len(),
        1
    );
    assert_eq!(said("cli/mod.rs", "use crate::anything;\n"), nothing);
}
