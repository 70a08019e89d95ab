//! Labs: guided experiments that a course teacher writes, one Markdown file each. Between two lines of `+++` stands TOML:
//! question, choices, the runs that settle it and what their results must be; below them the text.

mod check;
mod format;
mod metric;
mod run;

use std::path::{Path, PathBuf};

pub use format::{Choice, Condition, Graph, Lab, Over, Run, Section};
pub use metric::Metric;

use crate::ScenarioError;
use crate::read::{SourceText, from_toml, read_text};

/// The line before and after the TOML.
const FENCE: &str = "+++";
/// The last section: shown when the question is settled.
const DEEPER: &str = "Go deeper";

/// Reads a lab. Recordings, models and scenarios that lie beside the file are found from there.
pub fn load_lab(path: &Path) -> Result<Lab, ScenarioError> {
    let mut lab = parse_lab(&read_text(path)?, &path.display().to_string())?;
    lab.find_beside(path.parent().unwrap_or(Path::new("")));
    Ok(lab)
}

/// The same for a text; `name` stands for the file in messages.
pub fn parse_lab(text: &str, name: &str) -> Result<Lab, ScenarioError> {
    let (front, body) = split(text, name)?;
    let mut lab: Lab = from_toml(&front, name, |_| None)?;
    lab.source = SourceText::new(name, &front);
    text.clone_into(&mut lab.text);
    lab.name = lab_name(Path::new(name));
    lab.sections = sections(body);
    lab.check()?;
    Ok(lab)
}

/// What a lab is called: its file without extension and without the number that sorts it.
pub fn lab_name(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    match stem.split_once('-') {
        Some((number, rest)) if !rest.is_empty() && number.parse::<u32>().is_ok() => rest.to_owned(),
        _ => stem.into_owned(),
    }
}

/// The labs of a folder, in the order of their file names: every `*.md` that begins with `+++`.
pub fn find_labs(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let lab = |path: &PathBuf| {
        let ends = path.extension().is_some_and(|extension| extension == "md");
        ends && path.is_file() && read_text(path).is_ok_and(|text| text.starts_with(FENCE))
    };
    let mut found: Vec<PathBuf> = entries.filter(lab).collect();
    // 2 before 10.
    let key = |path: &PathBuf| {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let number = stem.split('-').next().and_then(|number| number.parse::<u32>().ok());
        (number.unwrap_or(u32::MAX), stem)
    };
    found.sort_by_key(key);
    found
}

/// The JSON Schema of what stands between the fences.
pub fn lab_schema() -> serde_json::Value {
    schemars::schema_for!(Lab).into()
}

/// The TOML, with every line where it was in the file, and the text below it.
fn split<'a>(text: &'a str, name: &str) -> Result<(String, &'a str), ScenarioError> {
    let error = |message: &str| {
        let help = "a lab begins with a line +++, then TOML, then another line +++, then its text in Markdown";
        Err(ScenarioError::at(name, text, Some(0..text.find('\n').unwrap_or(text.len())), message.into(), help.into()))
    };
    let mut lines = text.split_inclusive('\n');
    if lines.next().is_none_or(|line| line.trim_end() != FENCE) {
        return error("found no line `+++` at the beginning");
    }
    let mut at = text.find('\n').map_or(text.len(), |end| end + 1);
    for line in lines {
        if line.trim_end() == FENCE {
            // A comment of the same length, so that every place stays.
            let front = format!("###{}", &text[FENCE.len()..at]);
            return Ok((front, &text[at + line.len()..]));
        }
        at += line.len();
    }
    error("found no second line `+++`")
}

/// The text by its `## ` headings; what stands before the first is a section without a title.
fn sections(body: &str) -> Vec<Section> {
    let mut sections = vec![Section::default()];
    let mut code = false;
    for line in body.lines() {
        code ^= line.trim_start().starts_with("```");
        if let (false, Some(title)) = (code, line.strip_prefix("## ")) {
            sections.push(Section { title: title.trim().to_owned(), text: String::new() });
        } else if let Some(last) = sections.last_mut() {
            last.text.push_str(line);
            last.text.push('\n');
        }
    }
    for section in &mut sections {
        section.text = section.text.trim().to_owned();
    }
    sections.retain(|section| !section.title.is_empty() || !section.text.is_empty());
    sections
}

impl Lab {
    /// Where it was read.
    pub fn path(&self) -> &str {
        &self.source.name
    }

    /// The whole file, as it was read.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What is told before the prediction.
    pub fn before(&self) -> impl Iterator<Item = &Section> {
        self.sections.iter().filter(|section| section.title != DEEPER)
    }

    /// What is told when the question is settled.
    pub fn deeper(&self) -> &str {
        self.sections.iter().find(|section| section.title == DEEPER).map_or("", |section| &section.text)
    }

    /// The right choice, from 0.
    pub fn right(&self) -> usize {
        self.choices.iter().position(|choice| choice.right).unwrap_or_default()
    }

    /// The run of a name, from 0.
    pub fn run(&self, name: &str) -> Option<usize> {
        self.runs.iter().position(|run| run.name == name)
    }

    /// An error about the value at `path`.
    pub(crate) fn error(&self, path: &str, message: &str, help: &str) -> ScenarioError {
        self.source.error(path, message.to_owned(), help.to_owned())
    }
}
