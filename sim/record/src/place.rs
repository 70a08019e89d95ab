//! Where the logs of one run after another go.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use crate::RecordError;

/// Where the logs of one run after another go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A folder that is created where it is missing. Logs are numbered: `0042-lesson.mcap`. When a new one begins, the
    /// oldest beyond so many are removed; nothing else in the folder is touched.
    Folder(PathBuf, usize),
    /// This file; the second run goes to `NAME-2.mcap`, and so on.
    File(PathBuf),
}

/// Longest part of a scenario's name in a file's name.
const LONGEST: usize = 40;
/// Other programs that begin a run at the same moment, at most.
const RIVALS: u64 = 100;

/// Gives each run its place.
pub(crate) struct Shelf {
    place: Place,
    runs: u64,
}

impl Shelf {
    pub fn new(place: Place) -> Self {
        Self { place, runs: 0 }
    }

    /// The place of the next run's log.
    pub fn next(&mut self, scenario: &str) -> Result<PathBuf, RecordError> {
        self.runs += 1;
        match &self.place {
            Place::File(path) if self.runs == 1 => Ok(path.clone()),
            Place::File(path) => {
                let mut name = path.file_stem().unwrap_or_default().to_owned();
                name.push(format!("-{}", self.runs));
                let extension = path.extension().unwrap_or(OsStr::new("mcap"));
                Ok(path.with_file_name(name).with_extension(extension))
            }
            Place::Folder(folder, most) => {
                numbered(folder, *most, scenario).map_err(|source| RecordError::Folder { path: folder.clone(), source })
            }
        }
    }
}

/// The next number in a folder, reserved by the temporary file that the writer will fill.
fn numbered(folder: &Path, most: usize, scenario: &str) -> io::Result<PathBuf> {
    fs::create_dir_all(folder)?;
    let mut runs: Vec<(u64, PathBuf)> =
        fs::read_dir(folder)?.flatten().filter_map(|entry| Some((number(&entry.path())?, entry.path()))).collect();
    runs.sort();
    for (_, old) in runs.iter().rev().skip(most.saturating_sub(1)) {
        fs::remove_file(old)?;
    }
    let scenario: String =
        scenario.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(LONGEST).collect();
    let newest = runs.last().map_or(0, |run| run.0);
    for number in newest + 1..=newest + RIVALS {
        let path = folder.join(format!("{number:04}-{scenario}.mcap"));
        let partial = folder.join(format!("{number:04}-{scenario}.mcap.partial"));
        match OpenOptions::new().write(true).create_new(true).open(&partial) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            reserved => return reserved.map(|_: File| path),
        }
    }
    Err(io::Error::other("other programs begin runs there faster than this one"))
}

/// The number of a log of ours, whole or not; `None` for any other file.
fn number(path: &Path) -> Option<u64> {
    let name = path.file_name()?.to_str()?;
    let log = name.strip_suffix(".partial").unwrap_or(name);
    let (digits, _) = log.strip_suffix(".mcap")?.split_once('-')?;
    let numeral = digits.len() >= 4 && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| numeral)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn the_newest_are_kept_and_nothing_else_is_touched() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("not/there/yet");
        let mut shelf = Shelf::new(Place::Folder(folder.clone(), 3));
        shelf.next("lesson").unwrap();
        for stranger in ["notes.txt", "12-short.mcap", "0001_x.mcap", "mine.mcap"] {
            fs::write(folder.join(stranger), "").unwrap();
        }
        for _ in 0..4 {
            let path = shelf.next("a/../b c").unwrap();
            // Some runs end, some are killed.
            fs::rename(path.with_extension("mcap.partial"), &path).unwrap();
        }
        let kept = ["0003-a----b-c.mcap", "0004-a----b-c.mcap", "0005-a----b-c.mcap"];
        let strangers = ["0001_x.mcap", "12-short.mcap", "mine.mcap", "notes.txt"];
        let expected: Vec<_> = [&strangers[..1], &kept, &strangers[1..]].concat();
        assert_eq!(names(&folder), expected);
    }

    #[test]
    fn two_windows_never_share_a_log() {
        let dir = tempfile::tempdir().unwrap();
        let mut shelves = [(); 2].map(|()| Shelf::new(Place::Folder(dir.path().to_owned(), 20)));
        let first = shelves[0].next("lesson").unwrap();
        assert_ne!(shelves[1].next("lesson").unwrap(), first);
    }

    #[test]
    fn a_second_run_does_not_take_the_file_of_the_first() {
        let mut shelf = Shelf::new(Place::File("dir.d/run.mcap".into()));
        let paths = [(); 3].map(|()| shelf.next("lesson").unwrap());
        assert_eq!(paths, ["dir.d/run.mcap", "dir.d/run-2.mcap", "dir.d/run-3.mcap"].map(PathBuf::from));
    }

    #[test]
    fn a_place_that_is_no_folder_is_an_error_that_names_it() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        let error = Shelf::new(Place::Folder(file.clone(), 3)).next("lesson").unwrap_err().to_string();
        assert!(error.contains(file.to_str().unwrap()), "{error}");
    }
}
