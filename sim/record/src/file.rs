//! Files that appear under their final name whole or not at all, and files of strangers.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use crate::RecordError;

/// More than any run of ours; a stranger's file does not fill the memory.
const MOST_BYTES: u64 = 2 << 30;

/// A file under `NAME.partial` that is to become `NAME`.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    path: PathBuf,
    partial: PathBuf,
}

impl Draft {
    /// The draft of `path`. Creates nothing.
    pub fn of(path: &Path) -> Self {
        let mut partial = path.as_os_str().to_owned();
        partial.push(".partial");
        Self { path: path.to_owned(), partial: partial.into() }
    }

    /// Creates the file under its temporary name; one that lies there is replaced.
    pub fn create(&self) -> Result<File, RecordError> {
        File::create(&self.partial).map_err(|source| self.failed(source))
    }

    /// What was written reaches the disk, and its final name.
    pub fn publish(&self) -> Result<(), RecordError> {
        let sync = File::open(&self.partial).and_then(|file| file.sync_all());
        sync.and_then(|()| std::fs::rename(&self.partial, &self.path)).map_err(|source| self.failed(source))
    }

    /// Nothing is left of it.
    pub fn discard(&self) -> Result<(), RecordError> {
        std::fs::remove_file(&self.partial).map_err(|source| self.failed(source))
    }

    /// The error of a write.
    pub fn failed(&self, source: io::Error) -> RecordError {
        RecordError::Write { path: self.path.clone(), partial: self.partial.clone(), source }
    }
}

/// Writes a whole file, or leaves the one that is there.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), RecordError> {
    let draft = Draft::of(path);
    let written = draft.create()?.write_all(bytes);
    written.map_err(|source| draft.failed(source))?;
    draft.publish()
}

/// Reads a whole file.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, RecordError> {
    let read = || {
        let metadata = std::fs::metadata(path)?;
        if !metadata.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "found no regular file; expected one"));
        }
        if metadata.len() > MOST_BYTES {
            let found = format!("found {} bytes; expected {MOST_BYTES} or less", metadata.len());
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, found));
        }
        let mut bytes = Vec::new();
        File::open(path)?.take(MOST_BYTES).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    read().map_err(|source| RecordError::Read { path: path.to_owned(), source })
}
