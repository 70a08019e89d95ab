//! Scenario files as nobody would write them: whatever is done to a text, it is read or refused, soon and without a panic.

mod support;

use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;
use scenario::{find_scenarios, parse};
use support::timed;

/// The shipped scenarios and the broken ones.
fn texts() -> Vec<String> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = find_scenarios([here.join("../../scenarios"), here.join("tests/bad")]);
    files.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect()
}

/// Values that break programs.
const VALUES: [&str; 22] = [
    "0",
    "-1",
    "1e308",
    "-1e308",
    "1e-308",
    "nan",
    "inf",
    "-inf",
    "9223372036854775807",
    "-9223372036854775808",
    "0.1",
    "1000",
    "\"\"",
    "\"x\"",
    "[]",
    "{}",
    "[[0, 0]]",
    "{ min = 0, max = 1e9 }",
    "{ min = -1000, max = 1000 }",
    "true",
    "1979-05-27",
    "[[[[[[[[]]]]]]]]",
];

/// One change: what, where (as a share of the text) and with which value.
fn mutate(text: &str, kind: u8, at: f64, value: &str, other: &str) -> String {
    let mut lines: Vec<&str> = text.lines().collect();
    let line = (at * lines.len() as f64) as usize;
    let changed;
    match kind {
        0 => {
            lines.remove(line);
        }
        1 => lines.insert(line, lines[line]),
        2 => {
            let spare = other.lines().nth((at * 40.0) as usize).unwrap_or("[");
            lines.insert(line, spare);
        }
        3..6 => {
            // Most keys are given a value that breaks something.
            let key = lines[line].split('=').next().unwrap_or("x").trim();
            changed = format!("{key} = {value}");
            lines[line] = &changed;
        }
        6 => {
            // A number inside a line.
            let digits = lines[line].find(|c: char| c.is_ascii_digit()).unwrap_or(0);
            let (head, tail) = lines[line].split_at(digits);
            let tail = tail.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
            changed = format!("{head}{value}{tail}");
            lines[line] = &changed;
        }
        _ => {
            let mut chars: Vec<char> = text.chars().collect();
            let i = (at * chars.len() as f64) as usize;
            chars[i] = ['"', '[', '\0', 'ü', '\n', '=', '{', '9'][value.len() % 8];
            return chars.into_iter().collect();
        }
    }
    lines.join("\n")
}

/// As many as a push has time for, unless told otherwise.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(4000)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_panics_or_takes_long(
        pick in any::<[prop::sample::Index; 2]>(),
        changes in prop::collection::vec((0u8..8, 0.0..1.0f64, prop::sample::select(&VALUES[..])), 1..4),
        seed in any::<u64>(),
    ) {
        let texts = texts();
        let mut text = pick[0].get(&texts).clone();
        for (kind, at, value) in changes {
            if !text.is_empty() {
                text = mutate(&text, kind, at, value, pick[1].get::<String>(&texts));
            }
        }
        let ((), took) = timed(|| match parse(&text, "mutated.toml") {
            // A seed may still find no room or put the robot into something; it may not panic.
            Ok(scenario) => drop(scenario.setup(seed)),
            Err(error) => {
                assert!(!error.help_line().is_empty(), "no help for {error}");
                assert!(error.place().is_some(), "no place for {error}");
            }
        });
        prop_assert!(took < Duration::from_secs(1), "{took:?}\n{text}");
    }
}

#[test]
fn the_largest_scenarios_are_set_up_within_a_second() {
    let head = "title = \"t\"\nduration_s = 1\n[robot]\n[controller]\npilot = \"straight\"\n";
    let scatter = |kind: &str, more: &str| {
        format!(
            "[[scatter]]\nkind = \"{kind}\"\ncount = 500\nx = {{ min = 1, max = 200 }}\ny = {{ min = -100, max = 100 }}\nsize = 0.3\n{more}"
        )
    };
    let walks = scatter("actor", "walk = { min = 5, max = 100 }\napart = 0\n");
    for text in [
        format!("{head}{}{walks}", scatter("box", "apart = 3\n")),
        format!("{head}{}", scatter("cylinder", "apart = 12\n")),
        format!("{head}{}", "[[cylinder]]\nx = 9\ny = 9\nradius = 1\n".repeat(20_000)),
        "[".repeat(1 << 20),
        format!("a = {}", "[".repeat(1 << 20)),
        format!("{}title = 1", "x.".repeat(100_000)),
        "#".repeat(1 << 20),
    ] {
        let ((), took) = timed(|| drop(parse(&text, "large.toml").and_then(|scenario| scenario.setup(1))));
        assert!(took < Duration::from_secs(1), "{took:?} for {}", &text[..text.len().min(300)]);
    }
}
