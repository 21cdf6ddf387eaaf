//! The built-in grammars: one TOML file each in `grammars/`, embedded, with the sample lines that it
//! must parse.
//!
//! What a file says is in [`super::file`]. Which grammar fits a log is decided in
//! [`crate::detection`].

use std::sync::LazyLock;

use super::file;
pub use super::file::{GrammarFile as Builtin, Sample};
use super::{Names, nearest};

/// The files, in the order in which they are listed to people. Detection goes by what fits, not by
/// this order.
const FILES: &[(&str, &str)] = &[
    ("slowpath", include_str!("../../grammars/slowpath.toml")),
    ("combined", include_str!("../../grammars/combined.toml")),
    ("main", include_str!("../../grammars/main.toml")),
    ("timed", include_str!("../../grammars/timed.toml")),
    (
        "timed_combined",
        include_str!("../../grammars/timed_combined.toml"),
    ),
    ("main_ext", include_str!("../../grammars/main_ext.toml")),
    ("apm", include_str!("../../grammars/apm.toml")),
    (
        "ingress-nginx",
        include_str!("../../grammars/ingress-nginx.toml"),
    ),
    ("apisix", include_str!("../../grammars/apisix.toml")),
    ("kong", include_str!("../../grammars/kong.toml")),
    ("gitlab", include_str!("../../grammars/gitlab.toml")),
    ("bracketed", include_str!("../../grammars/bracketed.toml")),
    ("tengine", include_str!("../../grammars/tengine.toml")),
    ("apache", include_str!("../../grammars/apache.toml")),
    ("haproxy", include_str!("../../grammars/haproxy.toml")),
    (
        "haproxy-1.6",
        include_str!("../../grammars/haproxy-1.6.toml"),
    ),
    ("envoy", include_str!("../../grammars/envoy.toml")),
    ("traefik", include_str!("../../grammars/traefik.toml")),
    ("varnish", include_str!("../../grammars/varnish.toml")),
    ("squid", include_str!("../../grammars/squid.toml")),
    ("uwsgi", include_str!("../../grammars/uwsgi.toml")),
    ("gunicorn", include_str!("../../grammars/gunicorn.toml")),
    ("morgan", include_str!("../../grammars/morgan.toml")),
    ("alb", include_str!("../../grammars/alb.toml")),
    ("elb", include_str!("../../grammars/elb.toml")),
    ("heroku", include_str!("../../grammars/heroku.toml")),
    ("lograge", include_str!("../../grammars/lograge.toml")),
    (
        "lograge-json",
        include_str!("../../grammars/lograge-json.toml"),
    ),
    ("json", include_str!("../../grammars/json.toml")),
    ("ltsv", include_str!("../../grammars/ltsv.toml")),
    ("logfmt", include_str!("../../grammars/logfmt.toml")),
    ("caddy", include_str!("../../grammars/caddy.toml")),
    (
        "traefik-json",
        include_str!("../../grammars/traefik-json.toml"),
    ),
    ("envoy-json", include_str!("../../grammars/envoy-json.toml")),
    ("kong-json", include_str!("../../grammars/kong-json.toml")),
    ("gcp", include_str!("../../grammars/gcp.toml")),
    ("cloudflare", include_str!("../../grammars/cloudflare.toml")),
    ("fastly", include_str!("../../grammars/fastly.toml")),
    ("cloudfront", include_str!("../../grammars/cloudfront.toml")),
    ("iis", include_str!("../../grammars/iis.toml")),
];

/// All built-ins. The files are part of the program, and a test reads each of them, so a mistake in
/// one is a broken build rather than an error at run time.
#[must_use]
pub fn all() -> &'static [Builtin] {
    static ALL: LazyLock<Vec<Builtin>> = LazyLock::new(|| {
        let read = |(name, text): &(&str, &str)| {
            file::read(text, Names::Accepted)
                .unwrap_or_else(|e| unreachable!("grammars/{name}.toml:{e}"))
        };
        FILES.iter().map(read).collect()
    });
    &ALL
}

/// The built-in of that name. `Err` holds a name that was probably meant, where one is near.
///
/// # Errors
/// There is no such built-in.
pub fn find(name: &str) -> Result<&'static Builtin, Option<&'static str>> {
    all()
        .iter()
        .find(|builtin| builtin.name == name)
        .ok_or_else(|| nearest(name, all().iter().map(|builtin| builtin.name.as_str())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_embedded_reads_and_has_samples() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("grammars");
        let mut on_disk: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| {
                path.extension()
                    .is_some_and(|extension| extension == "toml")
            })
            .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
            .collect();
        let mut embedded: Vec<_> = FILES.iter().map(|(name, _)| (*name).to_owned()).collect();
        on_disk.sort();
        embedded.sort();
        assert_eq!(on_disk, embedded);
        for (name, text) in FILES {
            let builtin = file::read(text, Names::Checked)
                .unwrap_or_else(|e| panic!("grammars/{name}.toml:{e}"));
            assert_eq!(builtin.name, *name);
            assert!(
                !builtin.grammars.is_empty() && !builtin.samples.is_empty(),
                "{name}"
            );
        }
    }

    #[test]
    fn a_near_name_is_offered() {
        assert_eq!(find("combind").unwrap_err(), Some("combined"));
        assert_eq!(find("zzz").unwrap_err(), None);
        assert_eq!(find("ltsv").unwrap().name, "ltsv");
    }
}
