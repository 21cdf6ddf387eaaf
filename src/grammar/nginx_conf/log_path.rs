//! How well the path of a log agrees with one that a configuration writes, and what the name of a
//! rotated log was before.

use std::path::Path;

use super::wildcard::wildcard_fits;

/// How far the last components of `written`, a path in a configuration, agree with those of `log`:
/// 0 where the file names differ. A name without variables counts for more than one that a
/// variable makes fit.
pub(super) fn agreement(written: &str, log: &Path) -> usize {
    if written.starts_with("syslog:") {
        return 0;
    }
    let mut score = 0;
    let written = Path::new(written).components().rev();
    for (written, component) in written.zip(log.components().rev()) {
        let pattern = written.as_os_str().to_string_lossy();
        if written == component {
            score += 2;
        } else if pattern.contains('$')
            && wildcard_fits(
                &variables_as_stars(&pattern),
                &component.as_os_str().to_string_lossy(),
            )
        {
            score += 1;
        } else {
            break;
        }
    }
    score
}

/// A path with variables as a pattern for [`wildcard_fits`].
fn variables_as_stars(path: &str) -> String {
    let mut pattern = String::new();
    let mut rest = path.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '$' if rest.next_if_eq(&'{').is_some() => {
                rest.by_ref().find(|c| *c == '}');
                pattern.push('*');
            }
            '$' => {
                while rest
                    .next_if(|c| c.is_ascii_alphanumeric() || *c == '_')
                    .is_some()
                {}
                pattern.push('*');
            }
            '*' | '?' | '[' | '\\' => pattern.extend(['\\', c]),
            _ => pattern.push(c),
        }
    }
    pattern
}

/// `name`, then what it was called before it was compressed, before a number or date was put at its
/// end (`access.log-20250101`), and before one was put in front of its extension
/// (`access-20250101.log`).
pub(super) fn names_before_rotation(name: &str) -> Vec<String> {
    let mut names = vec![name.to_owned()];
    let mut add = |name: &str| {
        if !name.is_empty() && names.last().is_none_or(|last| last != name) {
            names.push(name.to_owned());
        }
    };
    let compressions = [".gz", ".bz2", ".xz", ".zst"];
    let bare = compressions
        .iter()
        .find_map(|extension| name.strip_suffix(extension))
        .unwrap_or(name);
    add(bare);
    let live = without_date(bare);
    add(live);
    if let Some((stem, extension)) = live.rsplit_once('.') {
        add(&format!("{}.{extension}", without_date(stem)));
    }
    names
}

/// `name` without the numbers at its end and the marks between them: `-2025-01-01`, `.1`.
fn without_date(name: &str) -> &str {
    let mark = |c: char| matches!(c, '-' | '_' | '.');
    let kept = name.trim_end_matches(|c: char| c.is_ascii_digit() || mark(c));
    // `access2` is a name of its own: a rotation writes a mark in front of its number.
    let dated =
        name[kept.len()..].starts_with(mark) && name.ends_with(|c: char| c.is_ascii_digit());
    if dated { kept } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotated_names_lead_back_to_the_log() {
        for rotated in [
            "access.log.1",
            "access.log.12.gz",
            "access.log-20250101",
            "access.log-20250101.xz",
            "access.log-2025-01-01_13",
            "access.log.2025.01.01.bz2",
            "access-20250101.log",
            "access.log.gz",
        ] {
            let names = names_before_rotation(rotated);
            assert_eq!(
                names.last().map(String::as_str),
                Some("access.log"),
                "{rotated}"
            );
            assert_eq!(names[0], rotated);
        }
        assert_eq!(names_before_rotation("access2.log"), ["access2.log"]);
        assert_eq!(names_before_rotation("20250101"), ["20250101"]);
        assert!(names_before_rotation("app-1.log.2").contains(&"app-1.log".to_owned()));
    }
}
