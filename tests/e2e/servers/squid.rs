//! Squid in front of the application: its native format.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use super::daemon::{Program, answers};
use super::visit::{Expected, Told, app, path, visit};

#[test]
fn squids_native_format() {
    let directory = tempfile::tempdir().expect("a directory for the run");
    // Started by root, it writes as a user of its own.
    let open = |place, mode| fs::set_permissions(place, Permissions::from_mode(mode));
    let place = directory.path().join("squid");
    fs::create_dir(&place).expect("a directory for its files");
    open(directory.path(), 0o755).expect("a directory that others may enter");
    open(&place, 0o777).expect("a directory that others may write to");
    let app = app();
    let conf = place.join("squid.conf");
    let squid = Program::of_package("Squid", "squid", "squid");
    let (daemon, [address]) = squid.start(
        &directory.path().join("output"),
        |command, [address]| {
            let place = place.display();
            let text = format!(
                "http_port {address} accel defaultsite=shop.example no-vhost
cache_peer {} parent {} 0 no-query originserver
http_access allow all
cache deny all
strip_query_terms off
access_log stdio:{place}/access.log squid
cache_log {place}/cache.log
pid_filename {place}/pid
coredump_dir {place}
pinger_enable off
netdb_filename none
shutdown_lifetime 0 seconds
",
                app.address.ip(),
                app.address.port()
            );
            fs::write(&conf, text).expect("a configuration");
            command.arg("-N").arg("-f").arg(&conf);
        },
        |[address]| answers(address),
    );
    let client = visit(address);
    daemon.finish();
    Expected {
        what: "Squid",
        log: &place.join("access.log"),
        flags: &[],
        format: "squid",
        told: &|line| {
            let mut words = line.split_whitespace();
            let ms: u64 = words.nth(1)?.parse().ok()?;
            let method = words.nth(3)?;
            Some(Told {
                request: format!("{method} {}", path(words.next()?)),
                phases: vec![("total", ms * 1_000)],
            })
        },
        unknown: &["upstream", "server", "wait", "app"],
    }
    .compare(&client);
}
