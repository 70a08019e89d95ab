//! Test sets: which scenarios with which seeds, written down and committed before anything is run on them.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use serde::Deserialize;

use crate::ScenarioError;
use crate::latency::words;
use crate::read::{from_toml, read_text};

/// More episodes of one scenario are a typing mistake.
const MAX_SEEDS: u64 = 1_000_000;

/// Seeds, in the order in which they are run and each once. Written `N` (the first N), `A..B` (from A up to but not
/// including B) or a list, `3,5,9`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seeds {
    text: String,
    all: Vec<u64>,
}

impl Seeds {
    /// The seeds themselves; at least one.
    pub fn all(&self) -> &[u64] {
        &self.all
    }
}

/// As it was typed, without spaces; `N` as `0..N`.
impl fmt::Display for Seeds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl FromStr for Seeds {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| {
            format!(
                "found seeds `{text}`{why}; expected a number of seeds, a range or a list, such as 200, 1000..1200 or 3,5,9"
            )
        };
        let plain: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        let number = |word: &str| word.parse::<u64>().map_err(|_| wrong(""));
        if plain.contains(',') {
            let mut all = Vec::new();
            for word in plain.split(',') {
                let seed = number(word)?;
                if all.contains(&seed) {
                    return Err(wrong(&format!(", in which {seed} stands twice")));
                }
                all.push(seed);
            }
            return Ok(Self { text: plain, all });
        }
        let (from, to) = match plain.split_once("..") {
            Some((from, to)) => (number(from)?, number(to)?),
            None => (0, number(&plain)?),
        };
        match to.checked_sub(from) {
            None | Some(0) => Err(wrong(", which are none")),
            Some(n) if n > MAX_SEEDS => Err(wrong(&format!(", which are more than {MAX_SEEDS}"))),
            Some(_) => Ok(Self { text: format!("{from}..{to}"), all: (from..to).collect() }),
        }
    }
}

/// A test set: `scenarios/sets/NAME.toml`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TestSet {
    /// What it is for, and what it must not be used for.
    pub note: String,
    /// Scenarios, by the names of those that ship or by path.
    pub scenarios: Vec<String>,
    /// The same for each of them.
    #[serde(with = "words")]
    pub seeds: Seeds,
    /// Captures a second in all of them; where not given, each scenario's own.
    #[serde(default)]
    pub hz: Option<f64>,
    /// The file's text.
    #[serde(skip)]
    text: String,
}

impl TestSet {
    /// The file's text, as it was read.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// Reads a test set.
pub fn load_set(path: &Path) -> Result<TestSet, ScenarioError> {
    let (name, text) = (path.display().to_string(), read_text(path)?);
    let mut set: TestSet = from_toml(&text, &name, |_| None)?;
    if set.scenarios.is_empty() {
        let help = "name at least one, such as scenarios = [\"lesson\"]";
        return Err(ScenarioError::file(&name, "`scenarios` is empty".into(), help.into()));
    }
    if let Some(hz) = set.hz.filter(|hz| !(0.1..=1000.0).contains(hz)) {
        let help = "captures a second, such as hz = 10";
        return Err(ScenarioError::file(&name, format!("`hz` is {hz}, expected 0.1 to 1000"), help.into()));
    }
    set.text = text;
    Ok(set)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_a_number_a_range_or_a_list() {
        let seeds = |text: &str| text.parse::<Seeds>().map(|seeds| (seeds.to_string(), seeds.all));
        assert_eq!(seeds("3"), Ok(("0..3".into(), vec![0, 1, 2])));
        assert_eq!(seeds("7 .. 9"), Ok(("7..9".into(), vec![7, 8])));
        assert_eq!(seeds("9, 3,5"), Ok(("9,3,5".into(), vec![9, 3, 5])));
        for (text, why) in [
            ("0", "are none"),
            ("5..5", "are none"),
            ("6..5", "are none"),
            ("", "expected"),
            ("a..b", "expected"),
            ("1,1", "1 stands twice"),
            ("0..9999999", "more than"),
        ] {
            let said = seeds(text).unwrap_err();
            assert!(said.contains(why) && said.contains("such as 200"), "{text}: {said}");
        }
    }

    #[test]
    fn a_set_is_read_and_mistakes_show_their_place() {
        let folder = std::env::temp_dir().join(format!("deadtime-set-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("zoo.toml");
        let read = |text: &str| {
            std::fs::write(&path, text).unwrap();
            load_set(&path)
        };
        let text = "note = \"n\"\nscenarios = [\"lesson\", \"crowd\"]\nseeds = \"10..12\"\n";
        let set = read(text).unwrap();
        assert_eq!((set.scenarios.len(), set.seeds.all(), set.text()), (2, &[10, 11][..], text));
        for (text, message) in [
            ("note = \"n\"\nscenarios = []\nseeds = \"3\"", "`scenarios` is empty"),
            ("note = \"n\"\nscenarios = [\"a\"]\nseeds = \"0\"", "which are none"),
            ("note = \"n\"\nscenario = [\"a\"]\nseeds = \"3\"", "unknown key `scenario`"),
            ("scenarios = [\"a\"]\nseeds = \"3\"", "missing key `note`"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.message().contains(message), "{error}");
        }
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn the_sets_that_ship_name_scenarios_that_ship() {
        let scenarios = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios");
        let sets: Vec<_> = std::fs::read_dir(scenarios.join("sets")).unwrap().flatten().map(|e| e.path()).collect();
        assert!(!sets.is_empty());
        for path in sets {
            for name in load_set(&path).unwrap().scenarios {
                crate::load(&scenarios.join(name).with_extension("toml")).unwrap();
            }
        }
    }
}
