//! The report: one page that loads nothing.

use std::collections::BTreeMap;
use std::fmt::Write;

use episode::Percentiles;
use timing::Span;

use super::chart::{LEFT, RIGHT, distribution, timeline};
use super::embed::sections;
use super::{ResultFile, Run, outcome_word};
use crate::StudyError;
use crate::html::{escape, facts, frame, list, table};

const SCRIPT: &str = include_str!("replay.js");

/// What a report shows.
pub struct ReportPlan<'a> {
    /// The logs.
    pub runs: &'a [Run],
    /// Files of results.
    pub results: &'a [ResultFile],
    /// What could not be used, in sentences.
    pub left_out: &'a [String],
    /// So many of the worst runs can be watched.
    pub worst: usize,
    /// Of the program.
    pub version: &'a str,
}

/// The whole page.
pub fn runs_page(plan: &ReportPlan) -> Result<String, StudyError> {
    let mut order: Vec<&Run> = plan.runs.iter().collect();
    order.sort_by(|a, b| {
        let (a, b) = (a.badness(), b.badness());
        b.0.cmp(&a.0).then(b.1.total_cmp(&a.1))
    });
    let title = title(&order);
    let mut body = format!("<h1>{}</h1>\n", escape(&title));
    // What is to be said of a single run stands beside it.
    if order.len() != 1 || plan.worst == 0 {
        let _ = writeln!(body, "<p>{}</p>", escape(&summary(&order)));
    }
    body += &remarks(&order);
    if !plan.left_out.is_empty() {
        let _ = write!(body, "<p class=\"warn\">Left out:</p>\n{}", list(plan.left_out));
    }
    let shown = &order[..plan.worst.min(order.len())];
    if !shown.is_empty() {
        let heading = if order.len() > 1 { "The worst runs" } else { "The run" };
        let _ = writeln!(body, "<h2>{heading}</h2>");
        for (i, run) in shown.iter().enumerate() {
            body += &watch(i, run)?;
        }
    }
    if !order.is_empty() {
        let _ = write!(body, "<h2>Verdicts</h2>\n{}", table(&verdicts(&order)));
        body += "<h2>Age and latency</h2>\n<p>Latency is from the capture of a frame to the instant its command takes hold. Age is how \
                 long ago the frame behind the command in force was captured: it grows until the next command.</p>\n";
        body += &distributions(&order)?;
    }
    body += &sections(plan.results);
    let _ = write!(body, "<h2>Where this comes from</h2>\n{}", facts(&provenance(plan, &order)));
    let script = if shown.is_empty() { "" } else { SCRIPT };
    Ok(frame(&title, &body, script))
}

fn title(runs: &[&Run]) -> String {
    match runs {
        [] => "deadtime report".into(),
        [one] => {
            format!("{}, seed {}: {}", one.header.scenario_name, one.header.seed, outcome_word(one.summary.outcome))
        }
        several => {
            let mut names: Vec<&str> = several.iter().map(|run| run.header.scenario_name.as_str()).collect();
            names.sort_unstable();
            names.dedup();
            format!("{} runs of {}", several.len(), names.join(", "))
        }
    }
}

fn summary(runs: &[&Run]) -> String {
    if runs.is_empty() {
        return "No log, only results.".into();
    }
    if let [run] = runs {
        return format!("{}. {}", run.condition(), run.verdict());
    }
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for run in runs {
        *counts.entry(outcome_word(run.summary.outcome)).or_default() += 1;
    }
    let counts: Vec<String> = counts.iter().map(|(word, count)| format!("{word} {count}")).collect();
    format!("How they ended: {}. Every number here is worked out anew from the logs.", counts.join(", "))
}

/// Modelled numbers, untrusted measurements and incomplete logs, said at the top.
fn remarks(runs: &[&Run]) -> String {
    let mut said = Vec::new();
    if runs.iter().any(|run| run.summary.modelled) {
        said.push(
            "Latency from a profile is modelled: drawn from published numbers of a device that was not here."
                .to_owned(),
        );
    }
    for run in runs {
        said.extend(run.doubt.iter().map(|doubt| format!("{}: {doubt}.", run.name)));
        said.extend(run.complaints.iter().map(|complaint| format!("{}: not trusted, {complaint}.", run.name)));
    }
    if said.is_empty() { String::new() } else { format!("<div class=\"warn\">{}</div>\n", list(&said)) }
}

fn verdicts(runs: &[&Run]) -> Vec<Vec<String>> {
    let heading =
        ["log", "outcome", "latency", "age p50/p99/max", "blind", "clearance", "time", "scenario", "seed", "pilot"];
    let mut cells = vec![heading.map(str::to_owned).to_vec()];
    cells.extend(runs.iter().map(|run| {
        let (header, summary) = (&run.header, &run.summary);
        let modelled = if summary.modelled { ", modelled" } else { "" };
        let doubt = if run.doubt.is_none() && run.complaints.is_empty() { "" } else { " (not trusted)" };
        let age = &summary.age_ms;
        vec![
            run.name.clone(),
            format!("{}{doubt}", outcome_word(summary.outcome)),
            format!("{}{modelled}", header.latency),
            format!("{:.0}/{:.0}/{:.0} ms", age.p50, age.p99, age.max),
            format!("{:.2} m", summary.blind_m_max),
            summary.min_clearance_m.map_or_else(|| "-".into(), |m| format!("{m:.2} m")),
            format!("{:.2} s", summary.sim_seconds),
            header.scenario_name.clone(),
            header.seed.to_string(),
            header.model.clone(),
        ]
    }));
    cells
}

/// One figure for each condition, all its seeds together.
fn distributions(runs: &[&Run]) -> Result<String, StudyError> {
    let mut groups: BTreeMap<String, (Vec<Span>, Vec<Span>, usize)> = BTreeMap::new();
    for run in runs {
        let (latencies, ages, count) = groups.entry(run.condition()).or_default();
        latencies.extend(&run.latencies);
        ages.extend(&run.ages);
        *count += 1;
    }
    let mut html = String::from("<div class=\"side\">\n");
    for (condition, (latencies, ages, count)) in &groups {
        if ages.is_empty() {
            let _ = writeln!(html, "<p>{}: no command ever took hold.</p>", escape(condition));
            continue;
        }
        let (latency, age) = (Percentiles::of(latencies), Percentiles::of(ages));
        let count = if *count > 1 { format!(" ({count} runs)") } else { String::new() };
        let says = format!(
            "{condition}{count}: latency p50 {:.0}, p99 {:.0}, max {:.0} ms; age p50 {:.0}, p99 {:.0}, max {:.0} ms",
            latency.p50, latency.p99, latency.max, age.p50, age.p99, age.max
        );
        let _ = writeln!(
            html,
            "<figure>{}<figcaption>{}</figcaption></figure>",
            distribution(latencies, ages)?,
            escape(&says)
        );
    }
    html += "</div>\n";
    Ok(html)
}

/// A run to watch: the world from above, its controls, its timeline, its data.
fn watch(index: usize, run: &Run) -> Result<String, StudyError> {
    let track = serde_json::to_string(&run.track).map_err(|error| StudyError::Chart(error.to_string()))?;
    // Inside a script element nothing but an end tag or a comment could end it.
    let track = track.replace('<', "\\u003c");
    let notes: Vec<String> = run.track.notes.iter().map(|(t, note)| format!("{t:.2} s: {note}")).collect();
    let end = run.track.samples.last().map_or(0.0, |sample| sample.t);
    Ok(format!(
        "<section class=\"run\">\n<h3>{name}</h3>\n<p>{condition}, seed {seed}. {verdict}</p>\n\
         <div class=\"replay\" data-left=\"{LEFT}\" data-right=\"{RIGHT}\">\n\
         <canvas tabindex=\"0\" role=\"img\" aria-label=\"The run from above. Space plays, arrows step, Home and End jump.\"></canvas>\n\
         <div class=\"controls\"><button type=\"button\">Play</button>\
         <input type=\"range\" min=\"0\" max=\"{end}\" step=\"0.001\" value=\"0\" aria-label=\"Time in the run, seconds\">\
         <select aria-label=\"Speed\"><option value=\"0.1\">0.1x</option><option value=\"0.25\">0.25x</option>\
         <option value=\"1\" selected>1x</option><option value=\"4\">4x</option></select></div>\n\
         <p class=\"readout\"><span>time <b data-is=\"t\">-</b></span> <span>age <b data-is=\"age\">-</b></span> \
         <span>blind <b data-is=\"blind\">-</b></span> <span>speed <b data-is=\"speed\">-</b></span> \
         <span>clearance <b data-is=\"clearance\">-</b></span></p>\n\
         <p class=\"legend\"><span class=\"robot\">robot</span> <span class=\"ghost\">what the network saw</span> \
         <span class=\"blind\">driven blind since</span> <span class=\"actor\">moves by itself</span> \
         <span class=\"goal\">goal</span></p>\n\
         <noscript><p>The view from above needs JavaScript; everything else on this page does not.</p></noscript>\n\
         <figure class=\"timeline\">{timeline}</figure>\n{notes}\
         <script type=\"application/json\" id=\"run-{index}\">{track}</script>\n</div>\n</section>\n",
        name = escape(&run.name),
        condition = escape(&run.condition()),
        seed = run.header.seed,
        verdict = escape(&run.verdict()),
        timeline = timeline(&run.track)?,
        notes = if notes.is_empty() { String::new() } else { list(&notes) },
    ))
}

fn provenance(plan: &ReportPlan, runs: &[&Run]) -> Vec<String> {
    let mut items = vec![format!("report by deadtime {}", plan.version)];
    let mut add = |item: String| {
        if !items.contains(&item) {
            items.push(item);
        }
    };
    for run in runs {
        add(format!("scenario {}, SHA-256 {}", run.header.scenario_name, run.scenario_sha256));
    }
    for run in runs {
        let header = &run.header;
        let network =
            header.model_sha256.as_ref().map_or_else(|| "no network".into(), |hash| format!("SHA-256 {hash}"));
        add(format!(
            "pilot {}: {network}; runtime asked for {}, obtained {}",
            header.model, header.runtime_requested, header.runtime_obtained
        ));
    }
    for run in runs {
        let header = &run.header;
        let kind = match header.latency.split(':').next().unwrap_or_default() {
            "measured" => "measured on this machine",
            "replay" => "replayed from a measurement",
            "profile" => "modelled",
            _ => "a setting",
        };
        add(format!(
            "latency {}: {kind}; schedule {}; {}, {}",
            header.latency, header.schedule, header.device, header.arch
        ));
    }
    for run in runs {
        let options: Vec<String> = run.header.overrides.iter().map(|(key, value)| format!("--{key} {value}")).collect();
        let options = if options.is_empty() { String::new() } else { format!(", {}", options.join(" ")) };
        let replayed = if run.doubt.is_none() { "every tick's digest equal when run again" } else { "see above" };
        add(format!(
            "{}: recorded by deadtime {}, seed {}{options}; last digest {}, {replayed}",
            run.name, run.header.deadtime, run.header.seed, run.summary.digest
        ));
    }
    items
}
