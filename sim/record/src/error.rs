//! What can go wrong with a file.

use std::io;
use std::path::PathBuf;

use crate::FORMAT;

/// A log or a trace could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The disk did not take it. Nothing is under the final name.
    #[error("cannot write {}: {source}; make room or choose another place ({} keeps what was written so far)",
        path.display(), partial.display())]
    Write {
        /// The final name.
        path: PathBuf,
        /// Where the beginning is.
        partial: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The folder of kept runs cannot be used.
    #[error("cannot keep runs in {}: {source}; make it a folder that you may write, or choose a file with --log", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file could not be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It is no log of ours, or was cut before its header was complete.
    #[error("{} is no log: found {found}; expected an MCAP file as `deadtime run SCENARIO --log F.mcap` writes it", path.display())]
    NotALog {
        /// The file.
        path: PathBuf,
        /// What was found.
        found: String,
    },
    /// It was written by a newer program.
    #[error("{} has log format {found}, written by deadtime {by}; expected {FORMAT} or less: use that version to read it", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The program that wrote it.
        by: String,
    },
    /// Its checksums hold, yet its content makes no sense.
    #[error("{} holds what no run could have written: {found} in `{topic}`; record the run again", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// The channel.
        topic: String,
        /// What was found.
        found: String,
    },
    /// No latencies can be taken from it.
    #[error("{} cannot be imported: found {found}; expected a CSV file with a header line and a number in each line (--column, \
        --unit)", path.display())]
    NotACsv {
        /// The file.
        path: PathBuf,
        /// What was found.
        found: String,
    },
    /// No latencies can be taken from it.
    #[error("{} cannot be imported: found {found}; expected an MCAP bag with stamped messages on the topic", path.display())]
    NotABag {
        /// The file.
        path: PathBuf,
        /// What was found.
        found: String,
    },
    /// It is no trace.
    #[error("{} is no trace: {found}; expected a trace file as `deadtime measure MODEL --out F.json` writes it, or a log", path.display())]
    NotATrace {
        /// The file.
        path: PathBuf,
        /// What was found.
        found: String,
    },
}
