//! JSON results on a page: sentences first, then facts, then tables, and all of it folded away below.

use std::fmt::Write;

use serde_json::{Map, Value};

use crate::html::{escape, list, pairs, table};

/// Rows of a table at most; more stay in the folded text.
const ROWS: usize = 200;
/// Characters of folded text at most.
const FOLDED: usize = 200_000;
/// Columns that come first.
const FIRST: [&str; 12] =
    ["name", "scenario", "model", "schedule", "compensation", "way", "stage", "a", "b", "at", "outputs", "latency"];

/// The file as HTML.
pub(super) fn embed(value: &Value) -> String {
    let mut html = String::new();
    if let Value::Object(object) = value {
        let sentences = object.get("findings").map(sentences).unwrap_or_default();
        if !sentences.is_empty() {
            html += &list(&sentences);
        }
        html += &parts(object, 0);
    } else if let Some(rows) = objects(value) {
        html += &table_of(&rows);
    }
    let whole = serde_json::to_string_pretty(value).unwrap_or_default();
    let cut: String = whole.chars().take(FOLDED).collect();
    let rest = if cut.len() < whole.len() { "\n... (the file holds more)" } else { "" };
    format!("{html}<details><summary>All of it</summary><pre>{}{rest}</pre></details>\n", escape(&cut))
}

/// The facts of an object, then what hangs on it, two levels deep.
fn parts(object: &Map<String, Value>, level: usize) -> String {
    let facts: Vec<(String, String)> =
        object.iter().filter_map(|(key, value)| Some((words(key), scalar(value)?))).collect();
    let mut html = if facts.is_empty() { String::new() } else { pairs(&facts) };
    for (key, value) in object.iter().filter(|(key, value)| *key != "findings" && scalar(value).is_none()) {
        let inner = match value {
            Value::Object(inner) if level < 1 => parts(inner, level + 1),
            Value::Array(_) => match objects(value) {
                Some(rows) => table_of(&rows),
                None => list(&sentences(value)),
            },
            _ => String::new(),
        };
        if !inner.is_empty() && inner != list(&[]) {
            let _ = write!(html, "<h4>{}</h4>\n{inner}", escape(&words(key)));
        }
    }
    html
}

/// Strings of an array.
fn sentences(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(|item| item.as_str().map(str::to_owned)).collect()
}

/// An array that holds objects only, and at least one.
fn objects(value: &Value) -> Option<Vec<&Map<String, Value>>> {
    let rows: Option<Vec<_>> = value.as_array()?.iter().map(Value::as_object).collect();
    rows.filter(|rows| !rows.is_empty())
}

/// Every key that holds something short in any row is a column.
fn table_of(rows: &[&Map<String, Value>]) -> String {
    let mut keys: Vec<&str> = Vec::new();
    for row in rows {
        for (key, value) in *row {
            if scalar(value).is_some() && !keys.contains(&key.as_str()) {
                keys.push(key);
            }
        }
    }
    keys.sort_by_key(|key| FIRST.iter().position(|first| first == key).unwrap_or(FIRST.len()));
    let mut cells = vec![keys.iter().map(|key| words(key)).collect::<Vec<_>>()];
    let cell = |row: &Map<String, Value>, key: &str| row.get(key).and_then(scalar).unwrap_or_default();
    cells.extend(rows.iter().take(ROWS).map(|row| keys.iter().map(|key| cell(row, key)).collect()));
    let more = rows.len().saturating_sub(ROWS);
    let more = if more > 0 { format!("<p>{more} more rows in the file.</p>\n") } else { String::new() };
    table(&cells) + &more
}

/// A value that fits a cell: also an estimate with its interval, and a few numbers with names.
fn scalar(value: &Value) -> Option<String> {
    Some(match value {
        Value::Null => "-".into(),
        Value::Bool(yes) => if *yes { "yes" } else { "no" }.into(),
        Value::Number(number) => number.as_f64().map_or_else(|| number.to_string(), brief),
        Value::String(text) => text.clone(),
        Value::Object(object) => {
            let number = |key: &str| object.get(key).and_then(Value::as_f64).map(brief);
            match (object.len(), number("rate"), number("lo"), number("hi")) {
                (3, Some(rate), Some(lo), Some(hi)) => format!("{rate} ({lo} to {hi})"),
                (1..=5, None, ..) => {
                    let named = |(key, value): (&String, &Value)| {
                        Some(format!("{} {}", words(key), value.as_f64().map(brief)?))
                    };
                    object.iter().map(named).collect::<Option<Vec<_>>>()?.join(", ")
                }
                _ => return None,
            }
        }
        Value::Array(_) => return None,
    })
}

/// Four digits.
fn brief(x: f64) -> String {
    if x.fract() == 0.0 && x.abs() < 1e15 {
        return format!("{x:.0}");
    }
    let digits = (3.0 - x.abs().log10().floor()).clamp(0.0, 6.0) as usize;
    let text = format!("{x:.digits$}");
    if digits == 0 { text } else { text.trim_end_matches('0').trim_end_matches('.').to_owned() }
}

/// `max_reaction_ms` as words.
fn words(key: &str) -> String {
    key.replace('_', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_facts_and_tables_are_shown_and_nothing_breaks_out() {
        let value = serde_json::json!({
            "findings": ["a <b> c"],
            "max_reaction_ms": 150.00001,
            "models": [{ "zero": 1, "name": "<i>", "success": { "rate": 0.5, "lo": 0.25, "hi": 0.75 }, "deep": [1] }, { "extra": true }],
            "inner": { "age_ms": { "p50": 3.0, "p99": 4.25 }, "far": { "x": 1, "y": { "z": 2 } } },
        });
        let html = embed(&value);
        assert!(html.starts_with("<ul>\n<li>a &lt;b&gt; c</li>"), "{html}");
        assert!(html.contains("<th scope=\"row\">max reaction ms</th><td>150</td>"), "{html}");
        assert!(html.contains("<th>name</th><th>success</th><th>zero</th><th>extra</th>"), "{html}");
        assert!(html.contains("<td>&lt;i&gt;</td><td>0.5 (0.25 to 0.75)</td><td>1</td><td></td>"), "{html}");
        assert!(
            html.contains("<th scope=\"row\">age ms</th><td>p50 3, p99 4.25</td>") && !html.contains("<i>"),
            "{html}"
        );
        assert!(html.contains("<details>"));
    }

    #[test]
    fn a_list_alone_is_a_table_and_long_ones_are_cut() {
        let rows: Vec<Value> = (0..ROWS + 5).map(|i| serde_json::json!({ "n": i })).collect();
        let html = embed(&Value::Array(rows));
        assert!(html.contains("<td>199</td>") && !html.contains("<td>200</td>") && html.contains("5 more rows"));
        assert!(embed(&serde_json::json!(3)).starts_with("<details>"));
    }

    #[test]
    fn numbers_have_four_digits() {
        assert_eq!(
            [0.0, 12.0, 3.217_59, 0.001_234_6, 98_765.4, -0.5].map(brief),
            ["0", "12", "3.218", "0.001235", "98765", "-0.5"]
        );
    }
}
