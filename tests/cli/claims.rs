//! What the README and the samples' README promise of the first command that a person runs.

use crate::program::{Rows, slowpath};
use crate::scratch::COLUMNS;

fn of_saturated_pool() -> Rows {
    slowpath(["samples/saturated-pool.log.gz", "-f", "csv"])
        .run()
        .exits(0)
        .csv()
}

#[test]
fn in_the_saturated_pool_every_endpoint_waits() {
    let rows = of_saturated_pool();
    assert_eq!(rows.endpoints().len(), 20);
    for endpoint in rows.endpoints() {
        let wait = rows.number(&endpoint, "wait_p50_us");
        assert!(wait > 20_000_000, "{endpoint} waits {wait} µs");
    }
}

#[test]
fn in_the_saturated_pool_three_endpoints_run_long_and_come_first() {
    let rows = of_saturated_pool();
    let long: Vec<String> = rows
        .endpoints()
        .into_iter()
        .filter(|endpoint| rows.number(endpoint, "app_p50_us") > 10_000_000)
        .collect();
    assert_eq!(
        long,
        [
            "POST /api/objects/:id",
            "POST /api/other/:id",
            "POST /api/another/:id"
        ]
    );
    assert_eq!(rows.endpoints()[..3], long);
}

#[test]
fn the_words_of_the_post_mortem_give_the_same_three_first() {
    let log = "samples/saturated-pool-columns.log";
    let rows = slowpath([log, "--log-format", COLUMNS, "-f", "csv"])
        .run()
        .exits(0)
        .says_nothing()
        .csv();
    let first = [
        "POST /api/objects/:id",
        "POST /api/other/:id",
        "POST /api/another/:id",
    ];
    assert_eq!(rows.endpoints()[..3], first);
    for endpoint in first {
        assert!(rows.number(endpoint, "app_p99_us") > 10_000_000);
    }
}

#[test]
fn the_sums_of_all_rows_are_the_log() {
    for limit in ["0", "1", "7", "1000"] {
        let rows = slowpath(["samples/saturated-pool.log.gz", "-f", "csv", "-n", limit])
            .run()
            .csv();
        assert_eq!(
            (rows.sum("requests"), rows.sum("errors")),
            (19_929, 487),
            "-n {limit}"
        );
    }
}
