//! The journal of a shard: what is done, in a file that a kill cannot spoil.
//!
//! Every line is a checksum and a JSON text, written at once and only ever appended. The first line says what is swept; each
//! other one holds a finished unit. A line that is torn ends the journal: it and what follows is cut off and driven again.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use scenario::Grid;
use serde::{Deserialize, Serialize};

use super::{Shard, failed};
use crate::StudyError;

const FORMAT: &str = "deadtime sweep 1";
/// Lines after which the disk is waited for. A kill loses nothing; a power cut, no more than these.
const SYNC_EVERY: usize = 64;

/// What is swept: the first line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Head {
    format: String,
    pub fingerprint: String,
    version: String,
    pub title: String,
    pub axes: Vec<AxisHead>,
    pub cells: usize,
    pub seeds: String,
    pub chunk: usize,
    pub shard: Shard,
}

/// A column of the grid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct AxisHead {
    pub name: String,
    pub numeric: bool,
    pub values: Vec<String>,
}

/// A finished unit: any other line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Done {
    pub unit: usize,
    pub rows: Vec<Vec<String>>,
}

impl Head {
    pub fn of(grid: &Grid, version: &str, fingerprint: &str, chunk: usize, shard: Shard) -> Self {
        let axis = |axis: &scenario::Axis| AxisHead {
            name: axis.column().to_owned(),
            numeric: axis.numeric(),
            values: (0..axis.values.len()).map(|value| axis.text(value)).collect(),
        };
        Self {
            format: FORMAT.into(),
            fingerprint: fingerprint.to_owned(),
            version: version.to_owned(),
            title: grid.plan.title.clone(),
            axes: grid.plan.axes.iter().map(axis).collect(),
            cells: grid.cells(),
            seeds: grid.plan.seeds.to_string(),
            chunk,
            shard,
        }
    }

    /// Whether both are of the same sweep, be it of different shards.
    pub fn fits(&self, other: &Self) -> bool {
        Self { shard: Shard::WHOLE, ..self.clone() } == Self { shard: Shard::WHOLE, ..other.clone() }
    }
}

/// An open journal; nobody else writes to it.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    file: File,
    unsynced: usize,
}

impl Journal {
    /// Opens the journal of a shard in a folder and gives the units that it holds.
    pub fn open(folder: &Path, head: &Head, resume: bool) -> Result<(Self, BTreeSet<usize>), StudyError> {
        std::fs::create_dir_all(folder).map_err(|e| failed(folder, &format!("cannot be created: {e}")))?;
        let path = folder.join(format!("shard-{}-of-{}.jsonl", head.shard.number, head.shard.of));
        let cannot = |e: std::io::Error| failed(&path, &format!("cannot be written: {e}"));
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(cannot)?;
        file.try_lock()
            .map_err(|_| failed(&path, "is in use by another process; wait for it, or give another --out"))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(cannot)?;
        let (found, units, good) = read_bytes(&bytes);
        match found {
            // Killed before the first line was whole.
            None if !bytes.contains(&b'\n') => {}
            None => return Err(failed(&path, "is no journal of a sweep; give another --out")),
            Some(found) if found != *head => {
                return Err(failed(
                    &path,
                    "is the journal of another sweep (its plan, scenario, models, traces or program differ); give another --out",
                ));
            }
            Some(_) if !resume => {
                let why =
                    format!("holds {} units of an earlier run; give --resume to go on, or another --out", units.len());
                return Err(failed(&path, &why));
            }
            Some(_) => {}
        }
        file.set_len(good as u64).map_err(cannot)?;
        std::io::Seek::seek(&mut file, std::io::SeekFrom::End(0)).map_err(cannot)?;
        let mut journal = Self { path, file, unsynced: 0 };
        if good == 0 {
            journal.line(head)?;
        }
        Ok((journal, units.iter().map(|done| done.unit).collect()))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Keeps a finished unit.
    pub fn push(&mut self, unit: usize, rows: Vec<Vec<String>>) -> Result<(), StudyError> {
        self.line(&Done { unit, rows })
    }

    fn line(&mut self, value: &impl Serialize) -> Result<(), StudyError> {
        let text = serde_json::to_string(value).map_err(|e| failed(&self.path, &e.to_string()))?;
        let line = format!("{:08x} {text}\n", crc32fast::hash(text.as_bytes()));
        let written = self.file.write_all(line.as_bytes()).and_then(|()| {
            self.unsynced += 1;
            if self.unsynced < SYNC_EVERY {
                return Ok(());
            }
            self.unsynced = 0;
            self.file.sync_data()
        });
        written.map_err(|e| failed(&self.path, &format!("cannot be written: {e}")))
    }

    /// All of it reaches the disk.
    pub fn close(self) -> Result<(), StudyError> {
        self.file.sync_all().map_err(|e| failed(&self.path, &format!("cannot be written: {e}")))
    }
}

/// Reads a journal that nobody writes any more.
pub(crate) fn read(path: &Path) -> Result<(Head, Vec<Done>), StudyError> {
    let bytes = std::fs::read(path).map_err(|e| failed(path, &format!("cannot be read: {e}")))?;
    let (head, done, _) = read_bytes(&bytes);
    let head = head.ok_or_else(|| failed(path, "is no journal of a sweep"))?;
    Ok((head, done))
}

/// What the whole lines hold, and how many bytes they are.
fn read_bytes(bytes: &[u8]) -> (Option<Head>, Vec<Done>, usize) {
    let (mut head, mut done, mut good) = (None::<Head>, Vec::new(), 0);
    for line in bytes.split_inclusive(|&byte| byte == b'\n') {
        let Some(text) = payload(line) else { break };
        if head.is_none() {
            let Some(found) = serde_json::from_str(text).ok().filter(|head: &Head| head.format == FORMAT) else {
                break;
            };
            head = Some(found);
        } else {
            let Ok(found) = serde_json::from_str(text) else { break };
            done.push(found);
        }
        good += line.len();
    }
    (head, done, good)
}

/// The text of a whole line.
fn payload(line: &[u8]) -> Option<&str> {
    let line = std::str::from_utf8(line).ok()?.strip_suffix('\n')?;
    let (sum, text) = line.split_once(' ')?;
    (u32::from_str_radix(sum, 16).ok()? == crc32fast::hash(text.as_bytes())).then_some(text)
}
