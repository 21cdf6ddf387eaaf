//! What cannot be read, or not whole: it is named, everything else is reported, and the exit code
//! tells.

use std::fs::{File, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use crate::program::{columns, slowpath};
use crate::scratch::{Scratch, THREE, THREE_XZ, bzip2, gzip, zstd};

/// So many lines in columns, none like another, so that an archive of them has some length.
fn long_log() -> String {
    let line = |n: u64| {
        format!(
            "GET /api/{}/x{} 0.{} 0.1\n",
            n * 7_919 % 10_007,
            n * n % 99_991,
            n % 1_000
        )
    };
    (0..5_000).map(line).collect()
}

#[test]
fn a_missing_file_does_not_hide_a_good_one() {
    let scratch = Scratch::with_three();
    let report = columns(["gone.log", "three.log"])
        .within(&scratch)
        .run()
        .exits(2);
    report
        .prints("3 lines, 3 requests")
        .prints("not read whole: gone.log: no such file")
        .prints("POST /c")
        .says("slowpath: gone.log: no such file\n");
}

#[test]
fn a_folder_is_named_and_the_files_in_it_asked_for() {
    let scratch = Scratch::with_three();
    std::fs::create_dir(scratch.path("nginx")).unwrap();
    let report = columns(["nginx", "three.log"])
        .within(&scratch)
        .run()
        .exits(2);
    report
        .prints("3 requests")
        .says("nginx: is a directory: name the files in it");
}

#[test]
fn an_unreadable_file_is_named() {
    let scratch = Scratch::with_three();
    let locked = scratch.write("locked.log", THREE);
    std::fs::set_permissions(&locked, Permissions::from_mode(0o000)).unwrap();
    // Modes do not bind root, who gets something else that cannot be read.
    let (name, why) = match File::open(&locked) {
        Err(_) => ("locked.log", "permission denied"),
        Ok(_) => ("/proc/self/mem", "Input/output error"),
    };
    let report = columns([name, "three.log"]).within(&scratch).run().exits(2);
    report.prints("3 requests").says(&format!("{name}: {why}"));
}

#[test]
fn what_comes_before_the_end_of_a_truncated_archive_counts() {
    let text = long_log();
    for (kind, bytes) in [
        ("gzip", gzip(&text)),
        ("zstd", zstd(&text)),
        ("bzip2", bzip2(text.repeat(9))),
    ] {
        let scratch = Scratch::with_three();
        // The larger part of it: bzip2 gives whole blocks of 900 kB or nothing.
        scratch.write("cut.log", &bytes[..bytes.len() * 9 / 10]);
        let report = columns(["cut.log", "three.log", "--format", "json"])
            .within(&scratch)
            .run()
            .exits(2);
        let report = report.says(&format!(
            "cut.log: damaged {kind} data: the data end too early"
        ));
        let files = report.json()["input"]["files"].clone();
        let lines = |name: &str| {
            let files = files.as_array().unwrap();
            let file = files.iter().find(|file| file["path"] == name).unwrap();
            file["lines"].as_u64().unwrap()
        };
        assert!(lines("cut.log") > 100, "{kind}: {files}");
        assert_eq!(lines("three.log"), 3);
    }
}

#[test]
fn a_truncated_archive_is_named_in_the_head_too() {
    let bytes = gzip(long_log());
    let report = columns(["-"])
        .stdin(&bytes[..bytes.len() / 2])
        .run()
        .exits(2);
    report
        .prints("not read whole: stdin: damaged gzip data: the data end too early")
        .says("slowpath: stdin: damaged gzip data: the data end too early");
}

#[test]
fn a_truncated_xz_is_named() {
    let report = columns(["-"])
        .stdin(&THREE_XZ[..THREE_XZ.len() - 20])
        .run()
        .exits(2);
    report.says("stdin: damaged xz data");
}

#[test]
fn a_flipped_bit_in_an_archive_is_noticed() {
    for bytes in [gzip(THREE), bzip2(THREE), THREE_XZ.to_vec()] {
        let mut flipped = bytes.clone();
        let at = flipped.len() / 2;
        flipped[at] ^= 0x10;
        columns(["-"])
            .stdin(flipped)
            .run()
            .exits(2)
            .says("stdin: damaged ");
    }
}

#[test]
fn trailing_garbage_is_named_and_what_comes_before_it_counts() {
    let bytes = [gzip(THREE), b"this is no gzip member".to_vec()].concat();
    let report = columns(["-"]).stdin(bytes).run().exits(2);
    report
        .prints("3 lines, 3 requests, 0 rejected")
        .says("stdin: damaged gzip data");
}

#[test]
fn zeros_that_pad_an_archive_are_no_garbage() {
    // As gzip itself says of tapes and blocks; gzip -t is content with it.
    let bytes = [gzip(THREE), vec![0; 512]].concat();
    columns(["-"])
        .stdin(bytes)
        .run()
        .exits(0)
        .prints("3 lines, 3 requests")
        .says_nothing();
}

#[test]
fn utf_16_is_refused_with_what_to_do() {
    let scratch = Scratch::with_three();
    let utf_16 = |mark: [u8; 2], pair: fn(u16) -> [u8; 2]| {
        [mark.to_vec(), THREE.encode_utf16().flat_map(pair).collect()].concat()
    };
    scratch.write("little.log", utf_16([0xff, 0xfe], u16::to_le_bytes));
    scratch.write("big.log", utf_16([0xfe, 0xff], u16::to_be_bytes));
    let report = columns(["little.log", "big.log", "three.log"])
        .within(&scratch)
        .run()
        .exits(2);
    report
        .prints("3 lines, 3 requests, 0 rejected")
        .says("little.log: is UTF-16: convert it to UTF-8 first")
        .says("big.log: is UTF-16");
}

#[test]
fn a_log_of_no_known_format_is_shown_the_place_where_it_parts() {
    let scratch = Scratch::new();
    scratch.write(
        "odd.log",
        "192.0.2.7 - - [31/Jan/2026:12:00:00 +0000] GET / 200 17\n",
    );
    let report = slowpath(["odd.log"]).within(&scratch).run().exits(2);
    report
        .says("odd.log: no format fits")
        .points_at("GET / 200 17")
        .says("expected `\"`")
        .says("--log-format");
}

#[test]
fn a_log_that_the_given_format_does_not_fit_is_shown_the_place_where_it_parts() {
    let scratch = Scratch::new();
    scratch.write("odd.log", "GET /a slow 0.1\nGET /b fast 0.1\n");
    let report = columns(["odd.log"]).within(&scratch).run().exits(2);
    report
        .says("odd.log: ")
        .points_at("slow 0.1")
        .says("no line fits the format");
}

#[test]
fn one_file_of_no_known_format_does_not_hide_the_others() {
    let scratch = Scratch::new();
    scratch.write("odd.log", "this is no log\n");
    let report = slowpath(["odd.log", "samples/healthy-ltsv.log"]).run();
    assert_eq!(report.code, Some(2));
    let ltsv = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/healthy-ltsv.log");
    let report = slowpath(["odd.log"])
        .arg(ltsv)
        .within(&scratch)
        .run()
        .exits(2);
    report
        .prints("421 lines, 421 requests")
        .says("odd.log: no format fits");
}

#[test]
fn a_file_that_the_given_format_does_not_fit_is_trouble_beside_good_ones() {
    // No line of one of the files was parsed: the person must not take the report for the whole.
    let scratch = Scratch::with_three();
    scratch.write("odd.log", "this is no log\n");
    let report = columns(["odd.log", "three.log"])
        .within(&scratch)
        .run()
        .exits(2);
    report.prints("POST /c").says("odd.log: ");
}
