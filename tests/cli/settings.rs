//! `slowpath.toml` and the environment: a flag counts before a variable, a variable before the file.

use crate::program::{Invocation, slowpath};
use crate::scratch::{COLUMNS, Scratch};

/// A folder with [`THREE`] and these settings.
fn with_settings(settings: &str) -> Scratch {
    let scratch = Scratch::with_three();
    scratch.write(
        "slowpath.toml",
        format!("log_format = '{COLUMNS}'\n{settings}"),
    );
    scratch
}

fn run(scratch: &Scratch) -> Invocation {
    slowpath(["three.log"]).within(scratch)
}

#[test]
fn settings_in_the_folder_are_used() {
    let scratch = with_settings(
        "limit = 2\nformat = 'csv'\ncolumns = ['endpoint', 'wait.p50']\nsort = 'endpoint'\nmatch = ['/:any']\n",
    );
    let report = run(&scratch).run().exits(0);
    assert_eq!(
        report.stdout,
        "method,route,wait_p50_us\r\nGET,/:any,200191\r\nPOST,/:any,1000000\r\n"
    );
}

#[test]
fn a_flag_counts_before_a_variable_and_a_variable_before_the_file() {
    let scratch = with_settings("limit = 1\nformat = 'csv'\n");
    let rows = |run: Invocation| {
        let endpoints = run.run().exits(0).csv().endpoints();
        endpoints
            .iter()
            .filter(|endpoint| *endpoint != " (other)")
            .count()
    };
    assert_eq!(rows(run(&scratch)), 1);
    assert_eq!(rows(run(&scratch).env("SLOWPATH_LIMIT", "2")), 2);
    assert_eq!(
        rows(run(&scratch).env("SLOWPATH_LIMIT", "2").args(["-n", "3"])),
        3
    );
}

#[test]
fn lists_of_a_flag_take_the_place_of_those_of_the_file() {
    let scratch = with_settings("format = 'csv'\ncolumns = ['endpoint']\npercentiles = [10]\n");
    run(&scratch)
        .args(["--columns", "requests"])
        .run()
        .exits(0)
        .prints("requests\r\n1\r\n");
    let scratch = with_settings("format = 'csv'\npercentiles = [10, 99.9]\n");
    run(&scratch)
        .run()
        .exits(0)
        .prints("wait_p10_us,wait_p99_9_us,");
    run(&scratch)
        .env("SLOWPATH_PERCENTILES", "20,30")
        .run()
        .exits(0)
        .prints("wait_p20_us,wait_p30_us,");
}

#[test]
fn settings_may_lie_elsewhere() {
    let scratch = with_settings("limit = 1\nformat = 'csv'\n");
    let other = format!("log_format = '{COLUMNS}'\nformat = 'markdown'\n");
    scratch.write("other.toml", other);
    run(&scratch)
        .args(["--config", "other.toml"])
        .run()
        .exits(0)
        .prints("| endpoint |");
    run(&scratch)
        .env("SLOWPATH_CONFIG", "other.toml")
        .run()
        .exits(0)
        .prints("| endpoint |");
    run(&scratch)
        .args(["--config", "gone.toml"])
        .run()
        .exits(2)
        .prints_nothing()
        .says("gone.toml");
}

#[test]
fn a_configuration_of_nginx_lies_beside_its_settings() {
    let scratch = Scratch::with_three();
    std::fs::create_dir(scratch.path("etc")).unwrap();
    scratch.write("etc/nginx.conf", "http { log_format mine '$remote_user $uri $request_time $status'; access_log x.log mine; }");
    scratch.write("etc/slowpath.toml", "nginx_conf = 'nginx.conf'\n");
    scratch.write("x.log", "alice /a 0.100 200\n");
    slowpath(["x.log", "--config", "etc/slowpath.toml"])
        .within(&scratch)
        .run()
        .exits(0)
        .prints("(format mine)");
}

#[test]
fn a_format_on_the_command_line_takes_the_place_of_either_setting() {
    let scratch = Scratch::with_three();
    scratch.write("slowpath.toml", "nginx_conf = 'gone.conf'\n");
    slowpath(["three.log", "--log-format", COLUMNS])
        .within(&scratch)
        .run()
        .exits(0)
        .prints("3 requests");
    slowpath(["three.log"])
        .within(&scratch)
        .env("SLOWPATH_LOG_FORMAT", COLUMNS)
        .run()
        .exits(0)
        .prints("3 requests");
}

#[test]
fn a_flag_for_the_format_counts_before_a_variable_for_the_configuration() {
    let scratch = Scratch::with_three();
    let report = slowpath(["three.log", "--log-format", COLUMNS])
        .within(&scratch)
        .env("SLOWPATH_NGINX_CONF", "gone.conf")
        .run();
    report.exits(0).prints("3 requests");
}

#[test]
fn a_mistake_in_the_settings_is_named_with_its_place() {
    let scratch = with_settings("limt = 1\n");
    run(&scratch)
        .run()
        .exits(2)
        .prints_nothing()
        .says("slowpath.toml: ")
        .says("limt")
        .says("limit");
    let scratch = with_settings("limit = 'many'\n");
    run(&scratch)
        .run()
        .exits(2)
        .says("slowpath.toml: ")
        .says("limit");
    let scratch = with_settings("percentiles = [200]\n");
    run(&scratch)
        .run()
        .exits(2)
        .says("slowpath.toml: ")
        .says("200");
    let scratch = with_settings("window = '1ms'\n");
    run(&scratch)
        .run()
        .exits(2)
        .says("slowpath.toml: ")
        .says("1ms");
}

#[test]
fn a_variable_that_cannot_be_read_is_named() {
    let scratch = Scratch::with_three();
    let refused = slowpath(["three.log"])
        .within(&scratch)
        .env("SLOWPATH_LIMIT", "many")
        .run()
        .exits(2);
    refused.prints_nothing().says("many");
}

#[test]
fn an_empty_variable_says_nothing() {
    // As with SLOWPATH_LIMIT= in a unit file or a CI matrix.
    let scratch = with_settings("format = 'csv'\n");
    for name in [
        "SLOWPATH_LIMIT",
        "SLOWPATH_FORMAT",
        "SLOWPATH_GROUP_BY",
        "SLOWPATH_LOG_FORMAT",
        "SLOWPATH_WINDOW",
    ] {
        run(&scratch)
            .env(name, "")
            .run()
            .exits(0)
            .prints("POST,/c,1,");
    }
}
