//! Files of results that lie beside the logs.

use std::fmt::Write;
use std::path::Path;

use crate::html::{escape, list};

use super::{json_file, svg_file};

/// A file of results: what a study wrote.
#[derive(Clone, Debug)]
pub struct ResultFile {
    /// The folder that was given.
    pub folder: String,
    /// Its name in there.
    pub name: String,
    /// What it holds.
    pub text: String,
}

/// Files that were written by us and say what others say better.
pub(super) fn sections(files: &[ResultFile]) -> String {
    let mut html = String::new();
    let mut folder = None;
    for file in files {
        if folder != Some(&file.folder) {
            folder = Some(&file.folder);
            let _ = writeln!(html, "<h2>Results in {}</h2>", escape(&file.folder));
        }
        html += &one(file);
    }
    html
}

fn one(file: &ResultFile) -> String {
    let name = escape(&file.name);
    let kind = Path::new(&file.name).extension().and_then(|kind| kind.to_str());
    if kind == Some("svg") {
        return format!(
            "<figure class=\"broad\">{}<figcaption>{name}</figcaption></figure>\n",
            svg_file::embed(&file.text)
        );
    }
    if kind == Some("txt") {
        return format!("<h3>{name}</h3>\n<pre>{}</pre>\n", escape(&file.text));
    }
    match serde_json::from_str(&file.text) {
        Ok(value) => format!("<h3>{name}</h3>\n{}", json_file::embed(&value)),
        Err(error) => format!("<h3>{name}</h3>\n{}", list(&[format!("no JSON: {error}")])),
    }
}
