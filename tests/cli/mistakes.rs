//! What a person mistypes: each answer quotes it, says what is accepted, and nothing is printed that
//! could be taken for a report.

use crate::program::{Ended, columns, slowpath};
use crate::scratch::{Scratch, THREE};

/// The answer to [`THREE`] with these flags.
#[track_caller]
fn refused(args: &[&str]) -> Ended {
    columns(args).stdin(THREE).run().exits(2).prints_nothing()
}

/// The answer to a `--log-format`.
#[track_caller]
fn refused_format(format: &str) -> Ended {
    slowpath(["--log-format", format])
        .stdin(THREE)
        .run()
        .exits(2)
        .prints_nothing()
}

#[test]
fn an_unknown_format_gets_the_nearest() {
    refused_format("combind")
        .says("there is no built-in format \"combind\": did you mean combined?");
    refused_format("cherokee").says("there are slowpath, combined, main");
}

#[test]
fn a_typo_in_a_variable_gets_a_caret_and_the_nearest() {
    refused_format("$remote_addr \"$reqest\" $status")
        .points_at("$reqest")
        .says("did you mean $request?");
    refused_format("$remote_addr é \"$reqest\"").points_at("$reqest");
}

#[test]
fn a_typo_in_a_role_gets_a_caret_and_the_nearest() {
    // Passed over as somebody's own variable, it would cost the column that the log is read for.
    for (typo, meant) in [
        ("$wiat_s", "$wait_s"),
        ("$apps_ms", "$app_ms"),
        ("$wait_sec", "$wait_s"),
    ] {
        let refused = refused_format(&format!("$method $path {typo} $total_s"));
        refused
            .points_at(typo)
            .says(&format!("did you mean {meant}?"));
    }
}

#[test]
fn a_role_without_a_unit_is_asked_for_it() {
    refused_format("$method $path $wait $app_s")
        .points_at("$wait")
        .says("$wait_s");
}

#[test]
fn a_quote_that_is_not_closed_is_noticed() {
    refused_format("'$method $path").points_at("'$method");
}

#[test]
fn a_definition_that_cannot_be_read_gets_a_caret() {
    refused_format("$method$path $wait_s").points_at("$path");
    refused_format("${method $path").says("--log-format");
}

#[test]
fn an_empty_format_is_refused() {
    refused_format("").says("--log-format");
}

#[test]
fn an_unknown_column_gets_the_nearest() {
    refused(&["--columns", "endpoint,reqests"])
        .says("unknown column \"reqests\": did you mean requests?");
    refused(&["--sort", "wiat.p95"]).says("unknown column \"wiat.p95\": did you mean wait.p95?");
    refused(&["--columns", "zzz"]).says("the columns are endpoint, requests, ");
    refused(&["--columns", "wait.p101"]).says("unknown column \"wait.p101\"");
}

#[test]
fn a_column_of_a_dimension_asks_for_the_dimension() {
    refused(&["--columns", "endpoint,host"]).says("--group-by host");
}

#[test]
fn a_bad_expression_gets_a_caret() {
    refused(&["--where", "status >> 500"])
        .says("--where: ")
        .points_at("> 500");
    refused(&["--where", "total > 1"])
        .points_at("1")
        .says("is not a duration");
    refused(&["--where", "statsu >= 500"])
        .points_at("statsu")
        .says("did you mean status?");
    refused(&["--where", "status >= 500 and"]).says("--where: ");
    refused(&["--where", "route ~ '('"])
        .says("--where: ")
        .says("unclosed group");
    refused(&["--where", ""]).says("--where: expected a comparison");
}

#[test]
fn a_bad_time_says_what_a_time_is() {
    for flag in ["--since", "--until"] {
        refused(&[flag, "yesterday"])
            .says(&format!("{flag}: \"yesterday\" is no time"))
            .says("1h");
    }
}

#[test]
fn numbers_out_of_range_are_quoted() {
    refused(&["--percentiles", "0"]).says("\"0\" is not a percentile");
    refused(&["--percentiles", "50,101"]).says("\"101\" is not a percentile");
    refused(&["--memory", "lots"]).says("\"lots\" is not a size");
    refused(&["--window", "1ms"]).says("\"1ms\" is no width of a window");
    refused(&["--threads", "0"]).says("--threads");
    refused(&["--limit", "-1"]).says("--limit");
    refused(&["--slowest", "many"]).says("many");
}

#[test]
fn an_unknown_form_is_answered_with_those_there_are() {
    refused(&["-f", "yaml"]).says("table, json, csv, markdown");
}

#[test]
fn an_unknown_flag_is_quoted() {
    refused(&["--bogus"]).says("--bogus").says("--help");
    refused(&["--limt", "3"]).says("--limit");
}

#[test]
fn a_bad_pattern_is_quoted() {
    refused(&["-m", "("]).says("\"(\"").says("unclosed group");
    refused(&["--stream", "("])
        .says("\"(\"")
        .says("unclosed group");
}

#[test]
fn a_format_and_a_configuration_cannot_both_be_given() {
    refused(&["--nginx-conf", "nginx.conf"])
        .says("--nginx-conf")
        .says("cannot be used with");
}

#[test]
fn formats_of_something_unknown_is_an_error() {
    let scratch = Scratch::new();
    let told = |what: &str| {
        slowpath(["formats", what])
            .within(&scratch)
            .run()
            .exits(2)
            .prints_nothing()
    };
    told("combind")
        .says("combind: no such file, and no built-in format of that name: did you mean combined?");
    told("zzz").says("`slowpath formats` lists the formats");
    scratch.write("odd.log", "this is no log\n");
    told("odd.log").says("odd.log: no format fits");
    scratch.write("empty.log", "");
    told("empty.log").says("empty.log: holds no line");
}

#[test]
fn formats_of_stdin_calls_it_stdin() {
    slowpath(["formats", "-"])
        .stdin("this is no log\n")
        .run()
        .exits(2)
        .says("slowpath: stdin: no format fits");
}

#[test]
fn an_unknown_shell_is_answered_with_those_there_are() {
    slowpath(["completions", "tcsh"])
        .run()
        .exits(2)
        .says("bash")
        .says("zsh")
        .says("fish");
}
