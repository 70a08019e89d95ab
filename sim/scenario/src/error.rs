//! One error type: what was found, where, and what to do.

use std::fmt;
use std::ops::Range;

use miette::{Diagnostic, LabeledSpan, NamedSource, SourceCode};

/// A mistake in a file that people write. Printed by `miette` it shows file, line, caret and a help line; its one-line
/// form is `file:line:column: message`.
#[derive(Debug, Clone)]
pub struct ScenarioError(Box<Inner>);

#[derive(Debug, Clone)]
struct Inner {
    message: String,
    help: String,
    label: String,
    source: NamedSource<String>,
    /// Byte range in the text; `None` when the file as a whole is meant.
    span: Option<Range<usize>>,
    line: usize,
    column: usize,
}

impl ScenarioError {
    /// An error about `span` of `text`, the content of the file called `name`.
    pub(crate) fn at(name: &str, text: &str, span: Option<Range<usize>>, message: String, help: String) -> Self {
        // A span from elsewhere must not make the report itself fail.
        let floor = |i: usize| (0..=i.min(text.len())).rev().find(|&i| text.is_char_boundary(i)).unwrap_or(0);
        let span = span.map(|s| floor(s.start)..floor(s.end.max(s.start)));
        let before = &text[..span.as_ref().map_or(0, |s| s.start)];
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|&c| c != '\n').count() + 1;
        let source = NamedSource::new(name, text.to_owned());
        Self(Box::new(Inner { message, help, label: "here".to_owned(), source, span, line, column }))
    }

    /// An error about a whole file.
    pub(crate) fn file(name: &str, message: String, help: String) -> Self {
        Self::at(name, "", None, message, help)
    }

    /// What is wrong, without the place.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What to do about it.
    pub fn help_line(&self) -> &str {
        &self.0.help
    }

    /// Line and column of the mistake, from 1, the column in characters; `None` when the file as a whole is meant.
    pub fn place(&self) -> Option<(usize, usize)> {
        self.0.span.as_ref().map(|_| (self.0.line, self.0.column))
    }
}

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { message, source, .. } = &*self.0;
        match self.place() {
            Some((line, column)) => write!(f, "{}:{line}:{column}: {message}", source.name()),
            None => write!(f, "{}: {message}", source.name()),
        }
    }
}

impl std::error::Error for ScenarioError {}

impl Diagnostic for ScenarioError {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(&self.0.help))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.0.span.is_some().then_some(&self.0.source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let span = self.0.span.clone()?;
        Some(Box::new(std::iter::once(LabeledSpan::at(span, &self.0.label))))
    }
}

/// The candidate most like `word`, if any is like it at all.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Jaro-Winkler is not made for long texts, and nobody means a name by one.
    let word = word.get(..64).unwrap_or(word).to_lowercase();
    let scored = candidates.into_iter().map(|c| (strsim::jaro_winkler(&word, &c.to_lowercase()), c));
    scored.filter(|(score, _)| *score >= 0.75).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, c)| c)
}

/// `did you mean ...? `, or nothing.
pub fn did_you_mean(guess: Option<&str>) -> String {
    guess.map_or(String::new(), |guess| format!("did you mean `{guess}`? "))
}

/// Message and help in a student's words for a message of serde. `home` names the section that knows a key.
pub(crate) fn explain(message: &str, home: impl Fn(&str) -> Option<String>) -> (String, String) {
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let list = |words: &[&str]| words.join(", ");
    if let Some((&word, known)) = quoted.split_first().filter(|_| message.starts_with("unknown field")) {
        let help = match (home(word), nearest(word, known.iter().copied())) {
            (Some(section), None) => format!("`{word}` belongs to `[{section}]`; "),
            (_, guess) => did_you_mean(guess),
        };
        return (format!("unknown key `{word}`"), format!("{help}keys here: {}", list(known)));
    }
    if let Some((&word, known)) = quoted.split_first().filter(|_| message.starts_with("unknown variant")) {
        let guess = did_you_mean(nearest(word, known.iter().copied()));
        return (format!("unknown value `{word}`"), format!("{guess}expected one of {}", list(known)));
    }
    if let Some(key) = message.strip_prefix("missing field ") {
        let key = key.trim_matches('`');
        let help = match key {
            "robot" | "controller" => format!("add a section [{key}]"),
            _ => format!("add a line {key} = ... to this section"),
        };
        return (format!("missing key `{key}`"), help);
    }
    if message.starts_with("wanted exactly 1 element") {
        return ("found none or several keys".to_owned(), "write exactly one, such as { at_s = 2 }".to_owned());
    }
    if message.starts_with("invalid") {
        let plain = [("f64", "a number"), ("u64", "a whole number, 0 or more"), ("usize", "a whole number, 0 or more")];
        let plain = plain.iter().find(|(rust, _)| message.ends_with(&format!("expected {rust}")));
        let (found, expected) = message.rsplit_once(", expected ").unwrap_or((message, "another value"));
        let expected = match plain {
            Some((_, words)) => words,
            None if expected.starts_with("struct") => "a table: a [section], or { key = value }",
            None if expected.starts_with("a sequence") => "a list in brackets, or [[double brackets]] around its name",
            None => expected,
        };
        let quotes =
            if found.contains("string") && expected.contains("number") { "; numbers take no quotes" } else { "" };
        return (found.to_owned(), format!("expected {expected}{quotes}"));
    }
    if let Some((found, rest)) = message.split_once("; ") {
        return (found.to_owned(), rest.to_owned());
    }
    (message.to_owned(), "scenarios/README.md lists sections and keys".to_owned())
}

/// What to do about a text that is not TOML.
pub(crate) fn syntax_help(message: &str) -> &'static str {
    if message.starts_with("duplicate") {
        return "a key may stand once in its section: remove or rename one of the two";
    }
    "a line is `key = value`, `[section]` or `[[list item]]`; words go in \"quotes\", and `#` begins a comment"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_found_or_none() {
        assert_eq!(nearest("speeed", ["start", "speed", "mass"]), Some("speed"));
        assert_eq!(nearest("BRAKING", ["braking"]), Some("braking"));
        assert_eq!(nearest("zzz", ["start", "speed"]), None);
        assert_eq!(nearest(&"ä".repeat(10_000), ["a"]), None);
    }

    #[test]
    fn a_place_is_counted_in_lines_and_characters() {
        let error = ScenarioError::at("f.toml", "a = 1\nü = 2\n", Some(9..11), "m".into(), "h".into());
        assert_eq!(error.place(), Some((2, 3)));
        assert_eq!(error.to_string(), "f.toml:2:3: m");
        // Out of range or inside a character: no panic.
        assert_eq!(ScenarioError::at("f", "ü", Some(1..900), "m".into(), "h".into()).place(), Some((1, 1)));
    }
}
