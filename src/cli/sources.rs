//! Which sources a run reads: the files given, each once.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use slowpath::input::{self, Source};
use slowpath::untrusted::Untrusted;

/// What the name of an archive ends in.
const ARCHIVES: &[&str] = &["gz", "zst", "bz2", "xz"];

/// The sources of the arguments; standard input where there are none. A file that is given twice, or
/// beside an archive of itself (logrotate may be at work), is named and read once.
pub fn sources(files: &[PathBuf]) -> Result<Vec<Source>, String> {
    if files.is_empty() {
        if input::stdin_is_terminal() {
            return Err("no log given: name a file, or pipe one in, as in `slowpath access.log` (see --help)".to_owned());
        }
        return Ok(vec![Source::Stdin]);
    }
    let mut seen = HashSet::new();
    let mut sources = Vec::new();
    for file in files {
        let source = Source::from_argument(file);
        if !seen.insert(identity(&source)) {
            super::say(&format!("{}: given twice, read once", shown(file)));
        } else if let Some(plain) = plain_twin(file, files) {
            super::say(&format!(
                "{}: begins like {}, so it is taken for its archive and not read",
                shown(file),
                shown(&plain)
            ));
        } else {
            sources.push(source);
        }
    }
    Ok(sources)
}

fn shown(path: &Path) -> String {
    Untrusted::new(path.as_os_str().as_encoded_bytes()).for_terminal()
}

/// Equal for two names of one file.
fn identity(source: &Source) -> Vec<u8> {
    match source {
        Source::Stdin | Source::Kept(_) | Source::StdinPiece(_) => b"-".to_vec(),
        Source::File(path) | Source::Piece(path, _) => path
            .canonicalize()
            .unwrap_or_else(|_| path.clone())
            .into_os_string()
            .into_encoded_bytes(),
    }
}

/// The file beside which this archive of it was given, where both begin alike.
fn plain_twin(archive: &Path, files: &[PathBuf]) -> Option<PathBuf> {
    let extension = archive.extension()?.to_str()?;
    if !ARCHIVES.contains(&extension) {
        return None;
    }
    let plain = archive.with_extension("");
    let given = files.iter().any(|file| {
        identity(&Source::File(file.clone())) == identity(&Source::File(plain.clone()))
    });
    if !given {
        return None;
    }
    let head = |path: &Path| input::head(&Source::File(path.to_owned())).ok();
    let (one, other) = (head(&plain)?, head(archive)?);
    let common = one.len().min(other.len());
    (common > 0 && one[..common] == other[..common]).then_some(plain)
}
