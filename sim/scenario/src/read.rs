//! From a file to a [`Scenario`], and where in the file each key stands.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::de::{DeTable, DeValue};

use crate::ScenarioError;
use crate::error::{did_you_mean, explain, nearest, syntax_help};
use crate::format::Scenario;

/// More than this is not a file that somebody wrote.
const MAX_BYTES: u64 = 1 << 20;

/// Reads a scenario file and checks it, including one setup with its own seed.
pub fn load(path: &Path) -> Result<Scenario, ScenarioError> {
    parse(&read_text(path)?, &path.display().to_string())
}

/// The same for a text; `name` stands for the file in messages.
pub fn parse(text: &str, name: &str) -> Result<Scenario, ScenarioError> {
    let mut scenario: Scenario = from_toml(text, name, section_of)?;
    scenario.source = SourceText::new(name, text);
    scenario.check()?;
    scenario.setup(scenario.seed)?;
    Ok(scenario)
}

/// The JSON Schema of scenario files, for editors; it is shipped as `scenarios/scenario.schema.json`.
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(Scenario).into()
}

/// All scenario files under `paths`, sorted and each once: a folder stands for every `*.toml` below it but those in folders
/// named `sets` and `sweeps`, which hold other things; anything else for itself, even where it does not exist, so that [`load`] can say so.
pub fn find_scenarios<P: AsRef<Path>>(paths: impl IntoIterator<Item = P>) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for path in paths {
        let path = path.as_ref();
        if path.is_dir() {
            collect(path, &mut found);
        } else {
            found.push(path.to_owned());
        }
    }
    found.sort();
    found.dedup();
    found
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        // A linked folder may lead back up.
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && ["sets", "sweeps"].iter().any(|n| entry.file_name() == *n) => {}
            Ok(kind) if kind.is_dir() => collect(&path, found),
            Ok(_) if path.extension().is_some_and(|e| e == "toml") => found.push(path),
            _ => {}
        }
    }
}

/// The text of a file that somebody wrote: an ordinary one, of a size to read.
pub(crate) fn read_text(path: &Path) -> Result<String, ScenarioError> {
    let name = path.display().to_string();
    let cannot = |why: String, help: String| ScenarioError::file(&name, why, help);
    let metadata = fs::metadata(path).map_err(|e| cannot(format!("cannot be read: {e}"), similar_file(path)))?;
    if !metadata.is_file() {
        return Err(cannot("is not an ordinary file".into(), "give the path of a TOML file".into()));
    }
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes));
    read.map_err(|e| cannot(format!("cannot be read: {e}"), "check its permissions".into()))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(cannot("is larger than 1 MiB".into(), "give the path of a TOML file that people wrote".into()));
    }
    String::from_utf8(bytes).map_err(|e| {
        let at = e.utf8_error().valid_up_to();
        let text = String::from_utf8_lossy(e.as_bytes());
        let help = "save the file as UTF-8 text".to_owned();
        ScenarioError::at(&name, &text, Some(at..at + 1), "is not UTF-8 text".into(), help)
    })
}

fn similar_file(path: &Path) -> String {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut near = find_scenarios([folder].into_iter().filter(|f| f.is_dir()));
    near.extend(find_scenarios([Path::new("scenarios")].into_iter().filter(|f| f.is_dir())));
    let stem = |p: &Path| p.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
    let stems: Vec<String> = near.iter().map(|p| stem(p)).collect();
    let guess = nearest(&stem(path), stems.iter().map(String::as_str));
    let guess = guess.and_then(|guess| near.iter().find(|p| stem(p) == guess));
    let guess = guess.map(|p| p.display().to_string());
    format!("{}give the path of a TOML file, such as scenarios/lesson.toml", did_you_mean(guess.as_deref()))
}

/// Reads TOML into `T`; `home` names the section that a misplaced key belongs to.
pub(crate) fn from_toml<T: for<'de> Deserialize<'de>>(
    text: &str,
    name: &str,
    home: impl Fn(&str) -> Option<String>,
) -> Result<T, ScenarioError> {
    let fail = |e: toml::de::Error, (message, help): (String, String)| {
        ScenarioError::at(name, text, Some(e.span().unwrap_or(0..0)), message, help)
    };
    let table = DeTable::parse(text).map_err(|e| {
        let words = (e.message().to_owned(), syntax_help(e.message()).to_owned());
        fail(e, words)
    })?;
    T::deserialize(toml::Deserializer::from(table)).map_err(|e| {
        let words = explain(e.message(), home);
        fail(e, words)
    })
}

/// The section whose keys contain `key`, as the schema tells.
fn section_of(key: &str) -> Option<String> {
    let schema = schema();
    let sections = schema.get("properties")?.as_object()?;
    if sections.contains_key(key) {
        return Some(key.to_owned());
    }
    let knows = |reference: &str| {
        let keys = schema.pointer(reference.strip_prefix('#')?)?.get("properties")?;
        keys.get(key).map(|_| ())
    };
    let found = sections.iter().find(|(_, section)| {
        let reference = section.get("$ref").or_else(|| section.pointer("/anyOf/0/$ref"));
        reference.and_then(|r| r.as_str()).and_then(knows).is_some()
    });
    found.map(|(name, _)| name.clone())
}

/// A file's text, and where each key's value stands in it. Keys are written as paths, such as `box[2].x`, items counted
/// from 1 as in default names.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct SourceText {
    pub name: String,
    pub text: String,
    spans: BTreeMap<String, Range<usize>>,
}

impl SourceText {
    pub fn new(name: &str, text: &str) -> Self {
        let mut spans = BTreeMap::new();
        if let Ok(table) = DeTable::parse(text) {
            index_table("", table.get_ref(), &mut spans);
        }
        Self { name: name.to_owned(), text: text.to_owned(), spans }
    }

    /// Where `path` or, if it is not in the file, the nearest section around it stands.
    fn span(&self, path: &str) -> Option<Range<usize>> {
        let mut path = path;
        loop {
            if let Some(span) = self.spans.get(path) {
                return Some(span.clone());
            }
            path = &path[..path.rfind(['.', '['])?];
        }
    }

    /// An error about the value at `path`.
    pub fn error(&self, path: &str, message: String, help: String) -> ScenarioError {
        let whole = (!self.text.is_empty()).then_some(0..0);
        ScenarioError::at(&self.name, &self.text, self.span(path).or(whole), message, help)
    }
}

fn index_table(prefix: &str, table: &DeTable<'_>, spans: &mut BTreeMap<String, Range<usize>>) {
    for (key, value) in table {
        let dot = if prefix.is_empty() { "" } else { "." };
        let path = format!("{prefix}{dot}{}", key.get_ref());
        spans.insert(path.clone(), value.span());
        index_value(&path, value.get_ref(), spans);
    }
}

fn index_value(path: &str, value: &DeValue<'_>, spans: &mut BTreeMap<String, Range<usize>>) {
    if let Some(table) = value.as_table() {
        index_table(path, table, spans);
    }
    for (i, item) in value.as_array().into_iter().flat_map(|a| a.iter()).enumerate() {
        let path = format!("{path}[{}]", i + 1);
        spans.insert(path.clone(), item.span());
        index_value(&path, item.get_ref(), spans);
    }
}
