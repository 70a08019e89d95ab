//! A comparison as one page of HTML: nothing else is loaded, from a network or a file.

use std::fmt::Write;

use crate::html::{escape, facts, figure, frame, list, table};
use crate::report::{Comparison, SwapReport};
use crate::table::{model_cells, points, share, test_cells};
use crate::{StudyError, latency_chart, success_chart};

/// The whole page: what follows, table, charts, tests, swap, each scenario, and where all of it comes from.
pub fn page(comparison: &Comparison) -> Result<String, StudyError> {
    let mut body = String::new();
    let names: Vec<&str> = comparison.models.iter().map(|model| model.name.as_str()).collect();
    let title = format!("deadtime compare: {}", names.join(", "));
    let _ = write!(body, "<h1>{}</h1>\n<p>{}</p>\n", escape(&title), escape(&summary(comparison)));
    if comparison.models.iter().any(|model| model.modelled) {
        body.push_str("<p class=\"warn\">Latency marked <em>modelled</em> is drawn from published numbers of a device that was not here.</p>\n");
    }
    if !comparison.findings.is_empty() {
        let _ = write!(body, "<h2>What follows</h2>\n{}", list(&comparison.findings));
    }
    let _ = write!(body, "<h2>Pilots</h2>\n{}", table(&model_cells(comparison)));
    for (chart, says) in [
        (success_chart(comparison)?, "Success of each pilot without latency and with its own."),
        (latency_chart(comparison)?, "Success over latency."),
    ] {
        body.push_str(&figure(&chart, says));
    }
    if !comparison.tests.is_empty() {
        let _ = write!(
            body,
            "<h2>Paired tests</h2>\n<p>The same cases for both: success of the first less that of the second, with Newcombe's \
             paired interval (method 10); exact McNemar test, corrected over all tests here by Holm's method.</p>\n{}",
            table(&test_cells(&comparison.tests))
        );
    }
    for swap in &comparison.swap {
        body.push_str(&swapped(swap));
    }
    let _ = write!(body, "<h2>Each scenario</h2>\n{}", table(&scenario_cells(comparison)));
    body.push_str(&provenance(comparison));
    Ok(frame(&title, &body, ""))
}

fn summary(comparison: &Comparison) -> String {
    let Comparison { models, scenarios, seeds, .. } = comparison;
    format!(
        "{} pilots, {} scenarios, {} seeds each: every pilot met the same {} cases, without latency and with its own. \
         Success is the goal without a collision; intervals are at 95 %.",
        models.len(),
        scenarios.len(),
        seeds.count,
        scenarios.len() * seeds.count
    )
}

fn swapped(swap: &SwapReport) -> String {
    let mut cells = vec![["outputs of", "at the latency of", "success"].map(str::to_owned).to_vec()];
    cells.extend(swap.cells.iter().map(|c| vec![c.outputs.clone(), c.latency.clone(), share(&c.success)]));
    format!(
        "<h2>Speed or accuracy: {a} and {b} exchange their latencies</h2>\n{}<p>{b} less {a}: {} points. Of these {} come with \
         the latency of {b} (speed) and {} with its outputs (accuracy).</p>\n",
        table(&cells),
        points(&swap.difference),
        points(&swap.speed),
        points(&swap.accuracy),
        a = escape(&swap.a),
        b = escape(&swap.b),
    )
}

fn scenario_cells(comparison: &Comparison) -> Vec<Vec<String>> {
    let heading = ["model", "scenario", "success, zero", "success, real", "collisions, zero/real", "open-loop"];
    let mut cells = vec![heading.map(str::to_owned).to_vec()];
    for model in &comparison.models {
        cells.extend(model.by_scenario.iter().map(|s| {
            vec![
                model.name.clone(),
                s.scenario.clone(),
                share(&s.zero.success),
                share(&s.real.success),
                format!("{}/{}", s.zero.collisions, s.real.collisions),
                s.open_loop_error.map_or_else(|| "-".into(), |e| format!("{:.1} %", e * 100.0)),
            ]
        }));
    }
    cells
}

fn provenance(comparison: &Comparison) -> String {
    let mut items = vec![format!("deadtime {}, latencies measured on {}", comparison.version, comparison.device)];
    if let Some(set) = &comparison.set {
        items.push(format!("test set {}, SHA-256 {}", set.name, set.sha256));
    }
    let seeds = &comparison.seeds;
    if let Some(hz) = comparison.hz {
        items.push(format!("{hz} captures a second in each, instead of its own"));
    }
    items.push(format!("seeds {} ({}), SHA-256 {}", seeds.text, seeds.count, seeds.sha256));
    items.extend(comparison.scenarios.iter().map(|s| format!("scenario {}, SHA-256 {}", s.name, s.sha256)));
    for model in &comparison.models {
        let timed = ["measured", "replay"].iter().any(|word| model.latency.starts_with(word));
        let kind = match (model.modelled, timed, model.trusted) {
            (true, ..) => "modelled",
            (_, _, false) => "not trusted",
            (_, true, true) => "trusted",
            (_, false, true) => "a setting",
        };
        let hash = model.sha256.as_ref().map_or_else(|| "no network".to_owned(), |hash| format!("SHA-256 {hash}"));
        items.push(format!(
            "{}: {hash}; runtime asked for {}, obtained {}; latency {}, {kind}",
            model.name, model.runtime_asked, model.runtime, model.latency
        ));
        items.extend(model.complaints.iter().map(|complaint| format!("{}: {complaint}", model.name)));
    }
    items.push(format!(
        "open-loop error: share of frames, on episodes that the expert drove with seeds from {}, on which the pilot's action \
         costs more than {} m of way above the cheapest by the expert's own costs",
        seeds.held_out.first().copied().unwrap_or_default(),
        crate::TOLERANCE_M
    ));
    format!("<h2>Where this comes from</h2>\n{}", facts(&items))
}
