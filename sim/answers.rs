//! A student's answers: one line of JSON each, at the end of a file that is never written anew, so that none is ever lost.
#![allow(clippy::disallowed_methods, reason = "an answer says when it was given")]

use std::fs::OpenOptions;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use miette::{IntoDiagnostic, Result, WrapErr};
use scenario::Lab;
use serde::{Deserialize, Serialize};
use study::{Held, Settled};

/// A prediction, and what came out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// The lab's name.
    pub lab: String,
    /// SHA-256 of its file.
    pub sha256: String,
    /// When, seconds since 1970.
    pub unix_s: u64,
    /// Which choice, from 1.
    pub predicted: usize,
    /// What it said.
    pub prediction: String,
    /// Whether that came out.
    pub right: bool,
    /// Whether the lab's conditions held, all together.
    pub held: Held,
    /// Of the program.
    pub version: String,
    /// What the runs came to.
    pub results: serde_json::Value,
}

impl Answer {
    /// Of a choice, from 0.
    pub fn new(lab: &Lab, choice: usize, settled: &Settled) -> Self {
        Self {
            lab: lab.name.clone(),
            sha256: settled.sha256.clone(),
            unix_s: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
            predicted: choice + 1,
            prediction: lab.choices[choice].text.clone(),
            right: choice == lab.right(),
            held: settled.held,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            results: serde_json::to_value(settled).unwrap_or_default(),
        }
    }
}

/// Where they are kept: `labs/answers.jsonl` in the data folder.
pub fn file() -> Option<PathBuf> {
    Some(crate::log::data_folder()?.join("labs/answers.jsonl"))
}

/// What a file holds.
#[derive(Debug, Default)]
pub struct Answers {
    /// Oldest first.
    pub all: Vec<Answer>,
    /// Lines that are no answers, such as one that was cut off. They stay in the file.
    pub unread: usize,
}

/// All answers of a file; none where it does not exist.
pub fn read(path: &Path) -> Result<Answers> {
    let mut answers = Answers::default();
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(answers),
        Err(error) => return Err(error).into_diagnostic().wrap_err_with(|| format!("cannot read {}", path.display())),
    };
    for line in String::from_utf8_lossy(&bytes).lines().filter(|line| !line.trim().is_empty()) {
        match serde_json::from_str(line) {
            Ok(answer) => answers.all.push(answer),
            Err(_) => answers.unread += 1,
        }
    }
    Ok(answers)
}

/// Adds an answer at the end.
pub fn keep(path: &Path, answer: &Answer) -> Result<()> {
    let write = || -> std::io::Result<()> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let mut file = OpenOptions::new().create(true).append(true).read(true).open(path)?;
        let mut line = serde_json::to_string(answer)?;
        line.push('\n');
        // After a line that was cut off, a new one begins.
        if file.seek(SeekFrom::End(0))? > 0 {
            file.seek(SeekFrom::End(-1))?;
            let mut last = [0];
            file.read_exact(&mut last)?;
            if last != *b"\n" {
                line.insert(0, '\n');
            }
        }
        // In one piece: another program may add one at the same time.
        file.write_all(line.as_bytes())?;
        file.sync_data()
    };
    write().into_diagnostic().wrap_err_with(|| format!("cannot keep the answer in {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(lab: &str, predicted: usize) -> Answer {
        Answer {
            lab: lab.into(),
            sha256: "0".into(),
            unix_s: 1,
            predicted,
            prediction: "p".into(),
            right: false,
            held: Held::Holds,
            version: "0".into(),
            results: serde_json::Value::Null,
        }
    }

    #[test]
    fn nothing_is_ever_lost() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("labs/answers.jsonl");
        assert!(read(&path).unwrap().all.is_empty());
        keep(&path, &answer("a", 1)).unwrap();
        // A program that was killed while it wrote.
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"{\"lab\":\"b\",\"pred").unwrap();
        keep(&path, &answer("c", 2)).unwrap();
        keep(&path, &answer("a", 3)).unwrap();
        let answers = read(&path).unwrap();
        assert_eq!(answers.unread, 1);
        assert_eq!(answers.all, [answer("a", 1), answer("c", 2), answer("a", 3)]);
        assert!(std::fs::read_to_string(&path).unwrap().contains("{\"lab\":\"b\",\"pred\n"));
    }
}
