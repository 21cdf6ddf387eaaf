//! Where results go: stdout, or a file that is complete or untouched.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use slowpath::untrusted::Untrusted;
use tempfile::NamedTempFile;

use super::Exit;

/// Writes to stdout. A reader that has gone away (`| head -1`) is no trouble.
pub fn to_stdout(bytes: &[u8]) -> Result<Exit, String> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Ok(()) => Ok(Exit::Fine),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Exit::Fine),
        Err(error) => Err(format!("cannot write to stdout: {error}")),
    }
}

/// Writes a file: beside it first, then under its name.
pub fn to_file(path: &Path, bytes: &[u8]) -> Result<Exit, String> {
    let mut file = WholeFile::create(path)?;
    file.write_all(bytes).map_err(|e| failed(path, &e))?;
    file.finish()
}

/// A file that appears under its name only when it is complete; until then, and after any error, what
/// was there before stays.
pub struct WholeFile {
    temporary: NamedTempFile,
    path: PathBuf,
}

impl WholeFile {
    /// Begins a file.
    pub fn create(path: &Path) -> Result<WholeFile, String> {
        if path.is_dir() {
            return Err(format!("{}: is a directory: name a file", shown(path)));
        }
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        let mut builder = tempfile::Builder::new();
        builder.prefix(".slowpath-");
        // As a file that is created in the usual way; a temporary file is for its owner only.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let temporary = builder.tempfile_in(folder).map_err(|e| failed(path, &e))?;
        Ok(WholeFile {
            temporary,
            path: path.to_owned(),
        })
    }

    /// Gives the file its name, once its bytes are on the disk.
    pub fn finish(mut self) -> Result<Exit, String> {
        self.temporary.flush().map_err(|e| failed(&self.path, &e))?;
        self.temporary
            .as_file()
            .sync_all()
            .map_err(|e| failed(&self.path, &e))?;
        // A file that was there keeps its mode.
        if let Ok(old) = self.path.metadata() {
            let _ = self.temporary.as_file().set_permissions(old.permissions());
        }
        let path = self.path;
        self.temporary
            .persist(&path)
            .map_err(|e| failed(&path, &e.error))?;
        // The name is safe once the folder is on the disk; some systems cannot do that, and say so.
        if let Some(folder) = path.parent().and_then(|folder| {
            File::open(if folder.as_os_str().is_empty() {
                Path::new(".")
            } else {
                folder
            })
            .ok()
        }) {
            let _ = folder.sync_all();
        }
        Ok(Exit::Fine)
    }
}

impl Write for WholeFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.temporary.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.temporary.flush()
    }
}

/// The columns of the terminal behind stdout.
pub fn terminal_width() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
}

fn shown(path: &Path) -> String {
    Untrusted::new(path.as_os_str().as_encoded_bytes()).for_terminal()
}

fn failed(path: &Path, error: &io::Error) -> String {
    format!("cannot write {}: {error}", shown(path))
}
