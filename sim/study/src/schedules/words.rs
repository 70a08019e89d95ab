//! A study of schedules as a table, sentences and a page.

use std::fmt::Write;

use super::{Comb, ScheduleRow, ScheduleStudy, comb_chart, throughput_chart};
use crate::StudyError;
use crate::html::{escape, facts, figure, frame, list, table};
use crate::table::ages;

/// Heading and cells; what the formulas say stands in brackets.
pub fn schedule_table(study: &ScheduleStudy) -> Vec<Vec<String>> {
    let heading = [
        "schedule",
        "service",
        "frames/s (formula)",
        "commands/s (formula)",
        "latency (bounds)",
        "age p50/p99",
        "oldest (bound)",
        "dropped",
        "collisions",
        "as the formulas",
    ];
    let mut cells = vec![heading.map(str::to_owned).to_vec()];
    cells.extend(study.schedules.iter().map(|row| one(row).to_vec()));
    cells
}

fn one(row: &ScheduleRow) -> [String; 10] {
    let formula = &row.formula;
    [
        row.schedule.clone(),
        format!("{:.1} ms", row.service_ms.p50),
        format!("{:.2} ({:.2})", row.processed_hz, formula.processed_hz),
        format!("{:.2} ({:.2})", row.applied_hz, formula.applied_hz),
        format!(
            "{} ({}) ms",
            range(row.latency_ms_min, row.latency_ms_max),
            range(formula.latency_ms_min, formula.latency_ms_max)
        ),
        ages(row.age_ms_p50, row.age_ms_p99),
        format!("{:.1} ({:.1}) ms", row.age_ms_max, formula.age_ms_max),
        format!("{:.0} %", row.dropped_share * 100.0),
        format!("{} of {}", row.collisions, row.episodes),
        row.as_formula.map_or("S varies", |as_formula| if as_formula { "yes" } else { "NO" }).into(),
    ]
}

fn range(least: f64, most: f64) -> String {
    if most - least < 0.05 { format!("{least:.1}") } else { format!("{least:.1} to {most:.1}") }
}

/// What the numbers say, and nothing more.
pub(super) fn findings(rows: &[ScheduleRow], reaction_ms: Option<f64>, comb: Option<&Comb>) -> Vec<String> {
    let mut found = Vec::new();
    let most_hz = rows.iter().map(|row| row.processed_hz).fold(0.0, f64::max);
    let by_age = |a: &&ScheduleRow, b: &&ScheduleRow| a.age_ms_max.total_cmp(&b.age_ms_max);
    // Of several with the same throughput the one whose commands are younger speaks for it.
    let most = rows.iter().filter(|row| row.processed_hz > 0.99 * most_hz).min_by(by_age);
    if let (Some(most), Some(youngest), Some(oldest)) = (most, rows.iter().min_by(by_age), rows.iter().max_by(by_age)) {
        if most.processed_hz > 1.01 * youngest.processed_hz && most.age_ms_max > youngest.age_ms_max {
            found.push(format!(
                "Throughput is not latency: {} processes the most frames, {:.1} a second, and its commands grow up to {:.0} ms old; \
                 {} processes {:.1} a second, and no command grows older than {:.0} ms.",
                most.schedule,
                most.processed_hz,
                most.age_ms_max,
                youngest.schedule,
                youngest.processed_hz,
                youngest.age_ms_max
            ));
        } else {
            found.push(format!(
                "At this load the schedule with the youngest commands ({}, up to {:.0} ms) is not beaten in throughput by more \
                 than 1 %.",
                youngest.schedule, youngest.age_ms_max
            ));
        }
        found.push(format!(
            "Commands grow oldest with {}: {:.0} ms, at {:.1} frames a second.",
            oldest.schedule, oldest.age_ms_max, oldest.processed_hz
        ));
    }
    if let Some(reaction) = reaction_ms {
        let too_old = rows
            .iter()
            .filter(|row| row.age_ms_max > reaction)
            .map(|row| format!("{} (here {} of {} episodes collide)", row.schedule, row.collisions, row.episodes));
        let too_old: Vec<String> = too_old.collect();
        let who =
            if too_old.is_empty() { "none of these can".to_owned() } else { format!("{} can", too_old.join(", ")) };
        found.push(format!(
            "D/v - v/(2b) leaves {reaction:.0} ms to react; the worst reaction is the oldest that a command grows: {who} come too late."
        ));
    }
    for row in comb.iter().flat_map(|comb| &comb.rows).filter(|row| row.switches_ms.len() > 1) {
        let switches: Vec<String> = row.switches_ms.iter().map(u32::to_string).collect();
        found.push(format!(
            "With a capture every {} ms a slower network can be safer: outcomes switch after S = {} ms.",
            row.period_ms,
            switches.join(", ")
        ));
    }
    found
}

/// As one page.
pub fn schedules_page(study: &ScheduleStudy) -> Result<String, StudyError> {
    let title = format!("deadtime study schedules: {}", study.scenario.name);
    let mut body = format!(
        "<h1>{}</h1>\n<p>Every schedule on the same hardware, the same scenario and the same {} seeds; a frame every {} ms. The \
         first third of an episode does not count.</p>\n",
        escape(&title),
        study.seeds.count,
        study.period_ms
    );
    let class = if study.modelled { " class=\"warn\"" } else { "" };
    let _ = writeln!(body, "<p{class}>Cost of an inference: {}.</p>", escape(&study.cost));
    for complaint in &study.complaints {
        let _ = writeln!(body, "<p class=\"warn\">Not trusted: {}.</p>", escape(complaint));
    }
    let _ = write!(body, "<h2>What follows</h2>\n{}", list(&study.findings));
    body.push_str(&figure(
        &throughput_chart(study)?,
        "Frames a second over the oldest that a command grows. Rings: the formulas.",
    ));
    let _ = write!(body, "<h2>Schedules</h2>\n{}", table(&schedule_table(study)));
    if let Some(comb) = &study.comb {
        let _ = write!(
            body,
            "<h2>The comb</h2>\n<p>Brake on sight with schedule newest. The obstacle is moved so that it comes into sight {} ms after \
             the start, and captures are at phase 0; {:.0} ms are left to react.</p>\n{}",
            comb.sight_ms,
            comb.reaction_ms,
            figure(&comb_chart(comb)?, "Which service times collide, for each period of capture.")
        );
        let mut cells = vec![["period", "switches after S", "as computed by hand"].map(str::to_owned).to_vec()];
        cells.extend(comb.rows.iter().map(|row| {
            let switches: Vec<String> = row.switches_ms.iter().map(u32::to_string).collect();
            let of = format!("{} of {}", row.as_computed, row.collides.len());
            vec![format!("{} ms", row.period_ms), format!("{} ms", switches.join(", ")), of]
        }));
        body.push_str(&table(&cells));
    }
    let kind = if study.modelled { "modelled" } else { "measured" };
    let _ = write!(
        body,
        "<h2>Where this comes from</h2>\n{}",
        facts(&[
            format!("deadtime {}", study.version),
            format!("scenario {}, SHA-256 {}", study.scenario.name, study.scenario.sha256),
            format!("seeds {} ({}), SHA-256 {}", study.seeds.text, study.seeds.count, study.seeds.sha256),
            format!("service times {kind}"),
        ])
    );
    Ok(frame(&title, &body, ""))
}
