//! Folders for one test, and the logs in them.

use std::io::Write;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// The columns of post-mortem 1, and of most logs here: they are easy to write by hand.
pub const COLUMNS: &str = "$method $path $wait_s $app_s";

/// Three requests in [`COLUMNS`].
pub const THREE: &str = "GET /a 0.5 0.1\nGET /b 0.2 0.3\nPOST /c 1.0 2.0\n";

/// A folder that goes with the test.
pub struct Scratch(TempDir);

impl Scratch {
    pub fn new() -> Scratch {
        Scratch(tempfile::tempdir().expect("a temporary folder"))
    }

    /// A folder that holds [`THREE`] as `three.log`.
    pub fn with_three() -> Scratch {
        let scratch = Scratch::new();
        scratch.write("three.log", THREE);
        scratch
    }

    pub fn folder(&self) -> &Path {
        self.0.path()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, bytes).expect("a file to write");
        path
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    /// The names in the folder, sorted.
    pub fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder()).expect("a folder to list");
        let mut names: Vec<String> = entries
            .map(|entry| {
                entry
                    .expect("an entry")
                    .file_name()
                    .to_string_lossy()
                    .into_owned()
            })
            .collect();
        names.sort();
        names
    }
}

pub fn gzip(text: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder
        .write_all(text.as_ref())
        .expect("memory to write to");
    encoder.finish().expect("memory to write to")
}

pub fn zstd(text: impl AsRef<[u8]>) -> Vec<u8> {
    zstd::encode_all(text.as_ref(), 0).expect("memory to write to")
}

pub fn bzip2(text: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::default());
    encoder
        .write_all(text.as_ref())
        .expect("memory to write to");
    encoder.finish().expect("memory to write to")
}

/// [`THREE`] as xz wrote it: our decoder comes without an encoder.
pub const THREE_XZ: &[u8] = include_bytes!("three.log.xz");

/// A request of 11 ms as slowpath's own format logs it: 10 ms of them at the upstream, 4 ms in the
/// application.
pub struct Request<'a> {
    /// Minutes past noon of 31 January 2026, UTC.
    pub minute: u32,
    pub method: &'a str,
    pub path: &'a str,
    pub status: u16,
    pub client: &'a str,
    pub host: &'a str,
    pub runtime: &'a str,
    pub server_timing: &'a str,
}

impl Default for Request<'_> {
    fn default() -> Self {
        Request {
            minute: 0,
            method: "GET",
            path: "/",
            status: 200,
            client: "192.0.2.7",
            host: "example.com",
            runtime: "0.004",
            server_timing: "-",
        }
    }
}

impl Request<'_> {
    /// The line, with its end.
    pub fn line(&self) -> String {
        let Request {
            minute,
            method,
            path,
            status,
            client,
            host,
            runtime,
            server_timing,
        } = self;
        let time = format!(
            "31/Jan/2026:{:02}:{:02}:00 +0000",
            12 + minute / 60,
            minute % 60
        );
        let msec = 1_769_860_800 + 60 * minute;
        format!(
            "{client} - - [{time}] \"{method} {path} HTTP/1.1\" {status} 512 \"-\" \"curl/8.5.0\" \
             rt=0.011 uct=\"0.000\" uht=\"0.010\" urt=\"0.010\" us=\"{status}\" ua=\"10.0.0.5:8080\" \
             cs=- ts={msec}.000 rl=98 rid=0be411044cb1cb67580e115413b2da60 host=\"{host}\" \
             app=\"{runtime}\" st=\"{server_timing}\"\n"
        )
    }
}

/// One request at each of these minutes past noon.
pub fn at_minutes(minutes: impl IntoIterator<Item = u32>) -> String {
    let line = |minute| {
        Request {
            minute,
            ..Request::default()
        }
        .line()
    };
    minutes.into_iter().map(line).collect()
}
