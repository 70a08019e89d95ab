//! What came of a lab, for terminals.

use std::fmt::Write;

use super::{Held, RunResult, Settled};

/// The runs, then the conditions.
pub fn settled_text(settled: &Settled) -> String {
    let mut text = String::new();
    for run in &settled.runs {
        let _ = writeln!(text, "  {}", run_line(run));
    }
    for check in &settled.checks {
        let _ = writeln!(text, "  {:14} {}", check.held.to_string(), check.what);
        let _ = writeln!(text, "  {:14}   found {}; expected {}", "", check.found, check.expected);
        if !check.remark.is_empty() {
            let _ = writeln!(text, "  {:14}   {}", "", check.remark);
        }
    }
    text
}

/// One run in one line.
pub fn run_line(run: &RunResult) -> String {
    let RunResult { title, scenario, model, latency, kind, .. } = run;
    let over = run.network.as_ref().map_or_else(String::new, |network| format!(" over {network}"));
    let what = format!("{title}: {scenario}, {model}, {latency}{over} ({kind})");
    if let Some(why) = &run.missing {
        return format!("{what}: not run: {why}");
    }
    let number = |name: &str| run.numbers.get(name).copied();
    let mut parts = vec![format!("{} of {} collided", run.collisions, run.episodes)];
    if *kind == "measured" {
        parts.push(format!("{:.2} ms an inference", run.service_ms.p50));
    }
    parts.extend(number("age_ms.p50").map(|ms| format!("commands {ms:.0} ms old in the median")));
    parts.extend(number("blind_m_max").map(|m| format!("{m:.2} m blind")));
    format!("{what}: {}", parts.join(", "))
}

impl std::fmt::Display for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Holds => "holds",
            Self::Fails => "FAILS",
            Self::Uncertified => "not certified",
        })
    }
}
