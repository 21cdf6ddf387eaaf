//! Where results go: stdout, or a file that is complete or untouched.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use slowpath::input::Source;
use slowpath::untrusted::Untrusted;
use tempfile::NamedTempFile;

use super::Exit;
use super::flags::Format;

/// Writes to stdout. A reader that has gone away (`| head -1`) is no trouble.
pub fn to_stdout(bytes: &[u8]) -> Result<Exit, String> {
    is_taken(bytes).map(|_| Exit::Fine)
}

/// Writes to stdout, and says whether anybody still reads it.
pub fn is_taken(bytes: &[u8]) -> Result<bool, String> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(format!("cannot write to stdout: {error}")),
    }
}

/// A file that results go to. A regular file appears under its name only when it is complete; until
/// then, and after any error, what was there before stays. A device or FIFO is written to as it is.
pub struct OutputFile {
    kind: Kind,
    /// As it was given, for messages.
    path: PathBuf,
}

enum Kind {
    Whole {
        temporary: NamedTempFile,
        /// Where a link points to, so that the link stays.
        target: PathBuf,
    },
    Direct(File),
}

impl OutputFile {
    /// Begins a file. It is begun before the log is read, so that a folder that is not there is
    /// noticed at once.
    pub fn create(path: &Path) -> Result<OutputFile, String> {
        let error = |e: &io::Error| failed(path, e);
        let kind = match path.metadata() {
            Ok(meta) if meta.is_dir() => {
                return Err(format!("{}: is a directory: name a file", shown(path)));
            }
            Ok(meta) if !meta.is_file() => Kind::Direct(
                File::options()
                    .write(true)
                    .open(path)
                    .map_err(|e| error(&e))?,
            ),
            Ok(_) => {
                Kind::beside(path.canonicalize().map_err(|e| error(&e))?).map_err(|e| error(&e))?
            }
            Err(_) => Kind::beside(path.to_owned()).map_err(|e| error(&e))?,
        };
        Ok(OutputFile {
            kind,
            path: path.to_owned(),
        })
    }

    /// Gives the file its name, once its bytes are on the disk.
    pub fn finish(self) -> Result<Exit, String> {
        let OutputFile { kind, path } = self;
        match kind {
            Kind::Direct(mut file) => file.flush(),
            Kind::Whole { temporary, target } => persist(temporary, &target),
        }
        .map_err(|e| failed(&path, &e))?;
        Ok(Exit::Fine)
    }

    /// Writes everything and finishes.
    pub fn finish_with(mut self, bytes: &[u8]) -> Result<Exit, String> {
        self.write_all(bytes).map_err(|e| failed(&self.path, &e))?;
        self.finish()
    }
}

impl Kind {
    /// A temporary file in the folder of the target.
    fn beside(target: PathBuf) -> io::Result<Kind> {
        let mut builder = tempfile::Builder::new();
        builder.prefix(".slowpath-");
        // As a file that is created in the usual way; a temporary file is for its owner only.
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let folder = folder(&target);
        match builder.tempfile_in(folder) {
            Ok(temporary) => Ok(Kind::Whole { temporary, target }),
            Err(_) if !folder.is_dir() => Err(io::Error::other("no such folder")),
            // The error names the temporary file, which nobody knows.
            Err(error) => Err(io::Error::from(error.kind())),
        }
    }
}

fn folder(path: &Path) -> &Path {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

fn persist(mut temporary: NamedTempFile, target: &Path) -> io::Result<()> {
    temporary.flush()?;
    temporary.as_file().sync_all()?;
    // A file that was there keeps its mode.
    if let Ok(old) = target.metadata() {
        let _ = temporary.as_file().set_permissions(old.permissions());
    }
    temporary.persist(target).map_err(|e| e.error)?;
    // The name is safe once the folder is on the disk; some systems cannot do that.
    if let Ok(folder) = File::open(folder(target)) {
        let _ = folder.sync_all();
    }
    Ok(())
}

impl Write for OutputFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.kind {
            Kind::Whole { temporary, .. } => temporary.write(bytes),
            Kind::Direct(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.kind {
            Kind::Whole { temporary, .. } => temporary.flush(),
            Kind::Direct(file) => file.flush(),
        }
    }
}

/// The form of the output, one of these: what was asked for, or what the extension of the file says.
pub fn form(
    given: Option<Format>,
    output: Option<&Path>,
    forms: &[Format],
) -> Result<Format, String> {
    let extension = output
        .and_then(Path::extension)
        .and_then(|extension| extension.to_str());
    let names = || {
        let names = forms.iter().filter_map(clap::ValueEnum::to_possible_value);
        let names: Vec<String> = names.map(|name| name.get_name().to_owned()).collect();
        match names.split_last() {
            Some((last, [])) => last.clone(),
            Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
            None => String::new(),
        }
    };
    let form = match (given, extension) {
        (Some(form), _) => form,
        (None, None | Some("txt")) => Format::Table,
        (None, Some("json")) => Format::Json,
        (None, Some("csv")) => Format::Csv,
        (None, Some("md" | "markdown")) => Format::Markdown,
        (None, Some("html" | "htm")) => Format::Html,
        (None, Some("prom")) => Format::Openmetrics,
        (None, Some("hlog")) => Format::Hlog,
        (None, Some("hgrm")) => Format::Hgrm,
        (None, Some(other)) => {
            return Err(format!(
                "the extension {other:?} says no format: give -f {}",
                names()
            ));
        }
    };
    if forms.contains(&form) {
        Ok(form)
    } else {
        Err(format!("this command prints {}", names()))
    }
}

/// Refuses to write over what is read, or two results over each other.
pub fn check(outputs: &[&Path], inputs: &[Source]) -> Result<(), String> {
    let identity = |path: &Path| {
        // A file that is not there yet is known by its folder.
        let in_folder = || Some(folder(path).canonicalize().ok()?.join(path.file_name()?));
        path.canonicalize()
            .ok()
            .or_else(in_folder)
            .unwrap_or_else(|| path.to_owned())
    };
    for (at, output) in outputs.iter().enumerate() {
        // Writing to a device twice harms nobody.
        if output.metadata().is_ok_and(|meta| !meta.is_file()) {
            continue;
        }
        let reads = |source: &Source| {
            source
                .path()
                .is_some_and(|path| identity(path) == identity(output))
        };
        if inputs.iter().any(reads) {
            return Err(format!(
                "{} is the log itself: write to another file",
                shown(output)
            ));
        }
        if outputs[..at]
            .iter()
            .any(|other| identity(other) == identity(output))
        {
            return Err(format!(
                "{} is given twice: write the report and the rejects to two files",
                shown(output)
            ));
        }
    }
    Ok(())
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
