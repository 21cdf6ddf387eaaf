//! Decodes a gzip file with slowpath's decoder and throws the bytes away: the floor under slowpath's
//! time for an archive.
//!
//! `cargo run --release --example decode -- FILE.gz`

use std::fs::File;
use std::io::{BufReader, Read};
use std::process::ExitCode;

use flate2::bufread::MultiGzDecoder;

/// As slowpath reads: so much compressed at once, and blocks of so much.
const COMPRESSED: usize = 128 << 10;
const BLOCK: usize = 256 << 10;

fn main() -> ExitCode {
    let Some(path) = std::env::args_os().nth(1) else {
        eprintln!("decode: which file?");
        return ExitCode::from(2);
    };
    match decode(&path) {
        Ok(bytes) => {
            println!("{bytes}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("decode: {}: {error}", path.display());
            ExitCode::from(2)
        }
    }
}

fn decode(path: &std::ffi::OsStr) -> std::io::Result<u64> {
    let mut decoder = MultiGzDecoder::new(BufReader::with_capacity(COMPRESSED, File::open(path)?));
    let mut block = vec![0; BLOCK];
    let mut bytes = 0;
    loop {
        match decoder.read(&mut block)? {
            0 => return Ok(bytes),
            read => bytes += read as u64,
        }
    }
}
