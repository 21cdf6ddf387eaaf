//! The built-in grammars: one TOML file each in `grammars/`, embedded, with the sample lines that it
//! must parse.
//!
//! A file gives `name`, `about`, `syntax` (`nginx`, `json` or `ltsv`), and either `definitions` (one
//! or more `log_format` strings) or `fields` (pairs of key and role, preferred keys first), and
//! `samples`. Which grammar fits a log is decided in [`crate::detection`].

use std::sync::LazyLock;

use serde::Deserialize;

use super::{Anchor, Column, Escape, Grammar, Names, Syntax, compile, nearest, of_role};

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
    (
        "ingress-nginx",
        include_str!("../../grammars/ingress-nginx.toml"),
    ),
    ("json", include_str!("../../grammars/json.toml")),
    ("ltsv", include_str!("../../grammars/ltsv.toml")),
];

/// A built-in: its grammars (variants of one format) and the lines that they must parse.
#[derive(Debug)]
pub struct Builtin {
    /// The name that `--log-format` takes.
    pub name: String,
    /// One sentence on where it is found.
    pub about: String,
    /// One grammar for each definition, the most common first.
    pub grammars: Vec<Grammar>,
    /// Lines with what they say.
    pub samples: Vec<Sample>,
}

/// A line of a format, and what must be read from it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sample {
    /// The line.
    pub line: String,
    /// `METHOD route` as the report names it.
    pub endpoint: String,
    /// The status, where the line has one.
    pub status: Option<u16>,
    /// RFC 3339 in UTC, where the line has a time.
    pub time: Option<String>,
    /// Phases in µs, by name; every phase that the line gives, and no other.
    #[serde(default)]
    pub phases: std::collections::BTreeMap<String, u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    about: String,
    syntax: Kind,
    #[serde(default)]
    anchor: TomlAnchor,
    #[serde(default)]
    escape: TomlEscape,
    #[serde(default)]
    definitions: Vec<String>,
    #[serde(default)]
    fields: Vec<(String, String)>,
    samples: Vec<Sample>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Nginx,
    Json,
    Ltsv,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "lowercase")]
enum TomlAnchor {
    #[default]
    End,
    Start,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "lowercase")]
enum TomlEscape {
    #[default]
    Default,
    Json,
    None,
}

/// All built-ins. The files are part of the program, and a test reads each of them, so a mistake in
/// one is a broken build rather than an error at run time.
#[must_use]
pub fn all() -> &'static [Builtin] {
    static ALL: LazyLock<Vec<Builtin>> = LazyLock::new(|| {
        let read = |(name, text): &(&str, &str)| {
            read(text).unwrap_or_else(|e| unreachable!("grammars/{name}.toml: {e}"))
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

fn read(text: &str) -> Result<Builtin, String> {
    let file: File = toml::from_str(text).map_err(|e| e.to_string())?;
    let anchor = match file.anchor {
        TomlAnchor::End => Anchor::End,
        TomlAnchor::Start => Anchor::Start,
    };
    let escape = match file.escape {
        TomlEscape::Default => Escape::Default,
        TomlEscape::Json => Escape::Json,
        TomlEscape::None => Escape::None,
    };
    let keyed = |syntax: fn(Vec<Column>) -> Syntax| -> Result<Vec<Grammar>, String> {
        let columns = file
            .fields
            .iter()
            .enumerate()
            .map(|(at, pair)| column(at, pair))
            .collect::<Result<_, _>>()?;
        let definition = format!("{} keys: {}", file.name, keys(&file.fields));
        Ok(vec![Grammar {
            name: file.name.clone(),
            definition,
            syntax: syntax(columns),
            anchor,
        }])
    };
    let grammars = match file.syntax {
        Kind::Json => keyed(Syntax::Json)?,
        Kind::Ltsv => keyed(Syntax::Ltsv)?,
        Kind::Nginx => file
            .definitions
            .iter()
            .map(|definition| {
                compile(&file.name, definition, escape, Names::Checked)
                    .map(|g| Grammar { anchor, ..g })
            })
            .collect::<Result<_, _>>()
            .map_err(|e| e.to_string())?,
    };
    Ok(Builtin {
        name: file.name,
        about: file.about,
        grammars,
        samples: file.samples,
    })
}

fn keys(fields: &[(String, String)]) -> String {
    fields
        .iter()
        .map(|(key, _)| key.as_str())
        .collect::<Vec<_>>()
        .join(", ")
}

/// A pair of key and role; `response_s or total` is an upstream's time that is the total where it
/// stands alone.
fn column(at: usize, (key, role): &(String, String)) -> Result<Column, String> {
    let (role, total_if_alone) = match role.strip_suffix(" or total") {
        Some(role) => (role, true),
        None => (role.as_str(), false),
    };
    let (field, reading) = of_role(role).ok_or_else(|| format!("{role:?} is no role"))?;
    let rank = u8::try_from(at).map_err(|_| "more than 255 keys".to_owned())?;
    Ok(Column {
        name: key.clone(),
        field,
        reading,
        rank,
        total_if_alone,
    })
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
            let builtin = read(text).unwrap_or_else(|e| panic!("{name}: {e}"));
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
