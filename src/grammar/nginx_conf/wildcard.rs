//! Wildcards in the paths of a configuration: whether a name fits one, and which files do.

use std::ffi::OsStr;
use std::fs;
use std::path::{Component, Path, PathBuf};

/// The files that a path with wildcards stands for, sorted; none if there are none, as in nginx.
pub(super) fn expand(pattern: &Path) -> Vec<PathBuf> {
    let mut paths = vec![PathBuf::new()];
    for component in pattern.components() {
        let name = match component {
            Component::Normal(name) if has_wildcard(name) => name.to_string_lossy(),
            plain => {
                paths.iter_mut().for_each(|path| path.push(plain));
                continue;
            }
        };
        paths = paths.iter().flat_map(|path| entries(path, &name)).collect();
    }
    paths.retain(|path| path.exists());
    paths
}

/// The entries of a directory whose names fit, sorted; none if it cannot be read.
fn entries(directory: &Path, pattern: &str) -> Vec<PathBuf> {
    // Where a relative path starts with a wildcard, there is no directory in front of it.
    let opened = if directory == Path::new("") {
        Path::new(".")
    } else {
        directory
    };
    let Ok(entries) = fs::read_dir(opened) else {
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        .map(|entry| entry.file_name())
        .filter(|name| {
            let name = name.to_string_lossy();
            // As in a shell, a wildcard does not bring up hidden files.
            name.starts_with('.') == pattern.starts_with('.') && wildcard_fits(pattern, &name)
        })
        .map(|name| directory.join(name))
        .collect();
    paths.sort();
    paths
}

pub(super) fn has_wildcard(name: &OsStr) -> bool {
    name.as_encoded_bytes()
        .iter()
        .any(|byte| matches!(byte, b'*' | b'?' | b'['))
}

/// Whether a whole name fits a pattern of `*`, `?`, `[a-z]`, `[!a-z]` and `\` before a character
/// that stands for itself.
pub(super) fn wildcard_fits(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    let (mut p, mut n) = (0, 0);
    // Where to go on if what follows the last star does not fit: the star then takes one more
    // character. Only the last star needs that, so the time is bounded by the product of lengths.
    let mut retry: Option<(usize, usize)> = None;
    loop {
        if pattern.get(p) == Some(&'*') {
            retry = Some((p + 1, n));
            p += 1;
            continue;
        }
        let step = match name.get(n) {
            None if p == pattern.len() => return true,
            None => None,
            Some(c) => one_fits(&pattern[p..], *c),
        };
        match (step, retry) {
            (Some(length), _) => (p, n) = (p + length, n + 1),
            (None, Some((after_star, taken))) if taken < name.len() => {
                retry = Some((after_star, taken + 1));
                (p, n) = (after_star, taken + 1);
            }
            (None, _) => return false,
        }
    }
}

/// The length of the element at the head of `pattern`, if it fits `c`.
fn one_fits(pattern: &[char], c: char) -> Option<usize> {
    match pattern {
        ['?', ..] => Some(1),
        ['\\', escaped, ..] => (*escaped == c).then_some(2),
        ['[', rest @ ..] => {
            let negated = matches!(rest.first(), Some('!' | '^'));
            let set = &rest[usize::from(negated)..];
            // A `]` right at the start is a member of the set.
            let Some(end) = set.iter().skip(1).position(|c| *c == ']') else {
                return (c == '[').then_some(1);
            };
            let end = end + 1;
            let fits = in_set(&set[..end], c) != negated;
            fits.then_some(1 + usize::from(negated) + end + 1)
        }
        [literal, ..] => (*literal == c).then_some(1),
        [] => None,
    }
}

/// Whether `c` is one of the characters and ranges between the brackets.
fn in_set(mut set: &[char], c: char) -> bool {
    loop {
        match set {
            [low, '-', high, ..] if (*low..=*high).contains(&c) => return true,
            [_, '-', _, rest @ ..] => set = rest,
            [one, ..] if *one == c => return true,
            [_, rest @ ..] => set = rest,
            [] => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_fit_whole_names() {
        for (pattern, name, fits) in [
            ("*", "", true),
            ("*.conf", "a.conf", true),
            ("*.conf", "a.conf.bak", false),
            ("*a*b", "xaxbxb", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("[a-c]x", "bx", true),
            ("[!a-c]x", "bx", false),
            ("[]x]", "]", true),
            ("[x", "[x", true),
            ("\\*", "*", true),
            ("\\*", "a", false),
            ("é?", "éü", true),
        ] {
            assert_eq!(wildcard_fits(pattern, name), fits, "{pattern} {name}");
        }
    }

    #[test]
    fn many_stars_take_no_exponential_time() {
        let pattern = "*a".repeat(60);
        assert!(!wildcard_fits(&pattern, &format!("{}b", "a".repeat(4_000))));
    }
}
