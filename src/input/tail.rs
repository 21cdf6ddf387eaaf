//! The last lines of a file, looked at before it is read. Of what is compressed or no file they are not
//! known.

use std::io::{Read, Seek, SeekFrom};

use memchr::{memchr, memrchr};

use super::{Source, uncompressed};

/// Bytes that are looked at.
const TAIL: u64 = 16 << 10;

/// Whole lines at the end of a source that is a file or a piece of one, of which all will be read; `None`
/// where that is not known.
#[must_use]
pub fn last_lines(source: &Source) -> Option<Vec<u8>> {
    let (mut file, length) = uncompressed(source.path()?).ok()??;
    let (start, end) = match source {
        Source::Piece(_, range) => (range.start, range.end.min(length)),
        _ => (0, length),
    };
    let from = end.saturating_sub(TAIL).max(start);
    file.seek(SeekFrom::Start(from)).ok()?;
    let mut bytes = Vec::new();
    file.take(end.saturating_sub(from))
        .read_to_end(&mut bytes)
        .ok()?;
    // That a line is whole is known between two ends of lines only. The last one may still be written.
    let (first, last) = (memchr(b'\n', &bytes)?, memrchr(b'\n', &bytes)?);
    Some(bytes.get(first + 1..=last).unwrap_or_default().to_vec())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn lines_are_whole() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let lines: String = (0..5_000).map(|n| format!("line {n}\n")).collect();
        file.write_all(lines.as_bytes()).unwrap();
        let end = lines.len() as u64;
        file.write_all(b"being wri").unwrap();
        let path = file.path().to_owned();
        let told = |source| String::from_utf8(last_lines(&source).unwrap()).unwrap();
        let whole = told(Source::File(path.clone()));
        assert!(whole.starts_with("line ") && whole.ends_with("\nline 4999\n"));
        let piece = told(Source::Piece(path.clone(), 0..end - 3));
        assert!(piece.ends_with("\nline 4998\n"), "{piece}");
        assert_eq!(
            told(Source::Piece(path.clone(), end - 15..end)),
            "line 4999\n"
        );
        assert_eq!(last_lines(&Source::Piece(path, end..end + 5)), None);
    }

    #[test]
    fn of_a_pipe_or_an_archive_nothing_is_known() {
        assert_eq!(last_lines(&Source::Stdin), None);
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"\x1f\x8b\x08\x00\x00\x00\n\n\n").unwrap();
        assert_eq!(last_lines(&Source::File(file.path().to_owned())), None);
    }
}
