//! Law 2 through the program itself: a log on standard input, as a file, in parts, or compressed
//! gives one answer. Fewer cases than elsewhere, because each starts the program several times.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::select;

use crate::entry::{Bytes, Form, Paths, entry, form, joined};
use crate::reading::Folder;
use crate::same_answer::gzip;

/// Runs the program in a folder without settings, with blocks of so many bytes.
fn slowpath(folder: &Path, arguments: &[&str], block: &str, input: &[u8]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_slowpath"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("SLOWPATH")) {
        command.env_remove(name);
    }
    let piped = || Stdio::piped();
    let mut child = command
        .args(arguments)
        .env("SLOWPATH_BLOCK_SIZE", block)
        .current_dir(folder)
        .stdin(piped())
        .stdout(piped())
        .stderr(piped())
        .spawn()
        .unwrap();
    // Logs here are smaller than a pipe, so nobody waits for anybody.
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

/// What is left of an answer without the names of what was read.
fn nameless(output: Output, format: &str) -> Result<(Option<i32>, String), TestCaseError> {
    let text = String::from_utf8(output.stdout).unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    prop_assert!(!text.is_empty(), "no answer: {said}");
    let text = match format {
        "json" => {
            let mut report: serde_json::Value = serde_json::from_str(&text).unwrap();
            let files = report["input"]
                .as_object_mut()
                .unwrap()
                .remove("files")
                .unwrap();
            prop_assert!(!files.as_array().unwrap().is_empty());
            report.to_string()
        }
        // The first line of a table names what was read.
        "table" => text.split_once('\n').unwrap().1.to_owned(),
        _ => text,
    };
    Ok((output.status.code(), text))
}

fn log() -> impl Strategy<Value = (Form, Vec<Bytes>)> {
    form().prop_flat_map(|form| {
        let entry = entry(Paths::WithIds, Duration::from_secs(60));
        let line = entry.prop_map(move |entry| entry.line(form));
        (Just(form), prop::collection::vec(line, 2..40))
    })
}

proptest! {
    #![proptest_config(crate::cases(60))]

    #[test]
    fn where_a_log_comes_from_does_not_show(
        (form, lines) in log(),
        cut in any::<prop::sample::Index>(),
        format in select(vec!["json", "table", "csv", "markdown"]),
        threads in select(vec!["1", "2", "7"]),
        block in select(vec!["1", "100", "65536"]),
    ) {
        let folder = Folder::new();
        let text = joined(&lines);
        let (head, tail) = lines.split_at(1 + cut.index(lines.len() - 1));
        folder.write("log", &text);
        folder.write("log.gz", &gzip(&text));
        folder.write("b", &joined(head));
        folder.write("a", &joined(tail));
        // Given rather than told by the lines: a part of a log may look like another format.
        let usual = ["--log-format", form.grammar(), "-f", format, "-n", "5"];
        let run = |sources: &[&str], ways: &[&str], input: &[u8]| {
            let arguments = [&usual, ways, sources].concat();
            nameless(slowpath(folder.path(), &arguments, block, input), format)
        };
        let ways = ["-j", threads];
        let want = run(&["log"], &[], b"")?;
        prop_assert_eq!(&run(&["log"], &ways, b"")?, &want, "another way");
        prop_assert_eq!(&run(&["-"], &ways, &text)?, &want, "standard input by its name");
        prop_assert_eq!(&run(&[], &[], &text)?, &want, "standard input");
        prop_assert_eq!(&run(&["-"], &ways, &gzip(&text))?, &want, "compressed standard input");
        prop_assert_eq!(&run(&["log.gz"], &ways, b"")?, &want, "a compressed file");
        prop_assert_eq!(&run(&["a", "b"], &ways, b"")?, &want, "two files");
        prop_assert_eq!(&run(&["b", "a"], &ways, b"")?, &want, "two files the other way round");
        prop_assert_eq!(&run(&["b", "-"], &ways, &joined(tail))?, &want, "a file and standard input");
    }
}
