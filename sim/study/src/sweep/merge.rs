//! From journals to one result.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use scenario::Seeds;

use super::journal::{Head, read};
use super::row::{COLUMNS, Kind};
use super::{Shard, failed};
use crate::StudyError;

/// All rows of a sweep, in the order of its cells and seeds, whoever ran them and when.
#[derive(Clone, Debug, PartialEq)]
pub struct Merged {
    /// What the sweep was to find out.
    pub title: String,
    /// Name, kind and whether it may be empty.
    pub columns: Vec<(String, Kind, bool)>,
    /// One an episode, as texts.
    pub rows: Vec<Vec<String>>,
}

/// Joins the journals in these folders (or these journals).
pub fn merge(places: &[PathBuf]) -> Result<Merged, StudyError> {
    let paths = journals(places)?;
    let mut first: Option<(Head, PathBuf)> = None;
    let mut units: BTreeMap<usize, Vec<Vec<String>>> = BTreeMap::new();
    for path in paths {
        let (head, done) = read(&path)?;
        let (kept, from) = first.get_or_insert_with(|| (head.clone(), path.clone()));
        if !head.fits(kept) {
            return Err(failed(&path, &format!("is of another sweep than {}; merge them apart", from.display())));
        }
        for done in done {
            let unit = done.unit;
            if units.insert(unit, done.rows.clone()).is_some_and(|before| before != done.rows) {
                let why = format!(
                    "has other results for unit {unit} than a journal before it: run on one kind of machine and runtime"
                );
                return Err(failed(&path, &why));
            }
        }
    }
    let Some((head, _)) = first else {
        return Err(StudyError::Plan {
            found: "no journal of a sweep (shard-K-of-N.jsonl)".into(),
            expected: "folders that `deadtime sweep run --out DIR` wrote".into(),
        });
    };
    assemble(&head, &units)
}

fn journals(places: &[PathBuf]) -> Result<Vec<PathBuf>, StudyError> {
    let mut paths = Vec::new();
    for place in places {
        if !place.is_dir() {
            paths.push(place.clone());
            continue;
        }
        let entries = std::fs::read_dir(place).map_err(|e| failed(place, &format!("cannot be read: {e}")))?;
        let names = entries.flatten().map(|entry| entry.path());
        paths.extend(names.filter(|path| is_journal(path)));
    }
    paths.sort();
    paths.dedup();
    Ok(paths)
}

fn is_journal(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    name.starts_with("shard-") && path.extension().is_some_and(|extension| extension == "jsonl")
}

fn assemble(head: &Head, units: &BTreeMap<usize, Vec<Vec<String>>>) -> Result<Merged, StudyError> {
    let broken =
        || StudyError::Plan { found: "a journal that contradicts itself".into(), expected: "one as written".into() };
    let seeds: Seeds = head.seeds.parse().map_err(|_| broken())?;
    let chunks = seeds.all().len().div_ceil(head.chunk.max(1));
    let all = head.cells * chunks;
    let missing: Vec<usize> = (0..all).filter(|unit| !units.contains_key(unit)).collect();
    if !missing.is_empty() {
        return Err(incomplete(head.shard, all, &missing));
    }
    let mut columns: Vec<(String, Kind, bool)> = Vec::new();
    for axis in &head.axes {
        columns.push((axis.name.clone(), if axis.numeric { Kind::Number } else { Kind::Text }, false));
    }
    columns.extend(COLUMNS.iter().map(|column| (column.name.to_owned(), column.kind, column.optional)));
    let mut rows = Vec::new();
    for (unit, done) in units.range(..all) {
        let mut cell = unit / chunks;
        let mut values = Vec::new();
        for axis in head.axes.iter().rev() {
            let n = axis.values.len().max(1);
            values.insert(0, axis.values.get(cell % n).cloned().ok_or_else(broken)?);
            cell /= n;
        }
        for row in done {
            if row.len() != COLUMNS.len() {
                return Err(broken());
            }
            rows.push([&values[..], &row[..]].concat());
        }
    }
    Ok(Merged { title: head.title.clone(), columns, rows })
}

/// Says which shards to run.
fn incomplete(shard: Shard, all: usize, missing: &[usize]) -> StudyError {
    let mut shards: Vec<usize> = missing.iter().map(|unit| unit % shard.of + 1).collect();
    shards.sort_unstable();
    shards.dedup();
    let names: Vec<String> = shards.iter().map(|k| format!("{k}/{}", shard.of)).collect();
    StudyError::Plan {
        found: format!("{} of {all} units missing", missing.len()),
        expected: format!("all of them: run `deadtime sweep run ... --resume` for shard {}", names.join(", ")),
    }
}
