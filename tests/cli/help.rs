//! Help, the manual page and the completions. Their words are golden; here is what must hold of them.

use std::process::Command;

use crate::program::{shell, slowpath};

#[test]
fn help_is_no_error() {
    for args in [
        &["-h"][..],
        &["--help"],
        &["report", "--help"],
        &["formats", "--help"],
        &["completions", "-h"],
        &["-V"],
    ] {
        let help = slowpath(args).run().exits(0).says_nothing();
        assert!(!help.stdout.is_empty());
    }
}

#[test]
fn help_fits_a_page_of_a_hundred_columns() {
    for args in [["-h"], ["--help"]] {
        for line in slowpath(args).run().stdout.lines() {
            assert!(line.chars().count() <= 100, "{line}");
        }
    }
}

#[test]
fn help_does_not_repeat_the_environment() {
    // What is in it may be long, or nobody's business in a pasted issue.
    slowpath(["--help"])
        .env("SLOWPATH_LOG_FORMAT", "$secret")
        .run()
        .exits(0)
        .never_prints("$secret");
}

#[test]
fn the_word_help_gives_help() {
    slowpath(["help"]).run().exits(0).prints("Usage: slowpath");
}

#[test]
fn every_flag_of_the_help_is_on_the_manual_page() {
    let help = slowpath(["--help"]).run().exits(0).stdout;
    let page = slowpath(["man"]).run().exits(0).says_nothing().stdout;
    assert!(page.contains(".TH slowpath 1") && page.contains(".SH NAME"));
    let page = page.replace("\\-", "-");
    let flags = help
        .split_whitespace()
        .map(|word| word.trim_end_matches(','))
        .filter(|word| word.starts_with("--"));
    let mut count = 0;
    for flag in flags {
        assert!(page.contains(flag), "{flag}");
        count += 1;
    }
    assert!(count > 20);
}

#[test]
fn completions_know_the_flags_in_every_shell() {
    for (shell, begins) in [
        ("bash", "_slowpath()"),
        ("zsh", "#compdef slowpath"),
        ("fish", "complete -c slowpath"),
    ] {
        let script = slowpath(["completions", shell])
            .run()
            .exits(0)
            .says_nothing()
            .stdout;
        assert!(script.contains(begins), "{shell}");
        for word in ["log-format", "group-by", "markdown", "formats"] {
            assert!(script.contains(word), "{word} in {shell}");
        }
        assert!(
            !script.contains("block-size"),
            "a flag for tests is offered in {shell}"
        );
    }
}

#[test]
fn bash_accepts_its_completions() {
    let bash = Command::new("bash").arg("--version").output();
    assert!(
        bash.is_ok_and(|bash| bash.status.success()),
        "this test needs bash"
    );
    shell("\"$slowpath\" completions bash | bash -n")
        .run()
        .exits(0)
        .says_nothing();
}

#[test]
fn help_tells_the_exit_codes() {
    let help = slowpath(["--help"]).run();
    help.prints("Exit codes: 0 fine, 1 the gate found a regression, 2 trouble")
        .prints("130 and 143 interrupted");
}
