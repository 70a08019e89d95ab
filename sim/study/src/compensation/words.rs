//! A study of compensation as tables, sentences and a page.

use std::fmt::Write;

use super::{CompensationStudy, REFERENCE, WayReport, WayTest, compensation_chart};
use crate::html::{escape, facts, figure, frame, list, table};
use crate::table::{ages, paired_cells, rows, share};
use crate::{Estimate, StudyError};

/// Heading and cells of the ways.
fn way_cells(study: &CompensationStudy) -> Vec<Vec<String>> {
    let heading = [
        "compensation",
        "collisions",
        "collided",
        "success",
        "time to goal",
        "slower than the first",
        "slower than no latency",
        "age p50/p99",
    ];
    let mut cells = vec![heading.map(str::to_owned).to_vec()];
    let or_none =
        |e: Option<Estimate>, as_text: fn(&Estimate) -> String| e.as_ref().map_or_else(|| "-".to_owned(), as_text);
    cells.extend(study.ways.iter().map(|way| {
        vec![
            way.way.clone(),
            format!("{} of {}", way.driven.collisions, way.driven.episodes),
            share(&way.collided),
            share(&way.driven.success),
            or_none(way.time_to_goal_s, |e| format!("{:.2} s ({:.2} to {:.2})", e.rate, e.lo, e.hi)),
            // Without latency it is another experiment.
            or_none(way.slower_s.filter(|_| way.way != REFERENCE), seconds),
            or_none(way.slower_than_no_latency_s, seconds),
            ages(way.driven.age_ms.p50, way.driven.age_ms.p99),
        ]
    }));
    cells
}

/// `+0.52 s (+0.40 to +0.64)`.
fn seconds(e: &Estimate) -> String {
    // A zero has no sign.
    let signed = |x: f64| if (x * 100.0).round() == 0.0 { "0.00".to_owned() } else { format!("{x:+.2}") };
    format!("{} s ({} to {})", signed(e.rate), signed(e.lo), signed(e.hi))
}

fn test_cells(tests: &[WayTest]) -> Vec<Vec<String>> {
    let tests = tests.iter().map(|test| ([test.a.as_str(), &test.b, test.of], &test.paired));
    paired_cells(["way", "against", "of", "only way/only first"], tests)
}

/// What the tests say of each way, and nothing more.
pub(super) fn findings(ways: &[WayReport], tests: &[WayTest]) -> Vec<String> {
    let mut found = Vec::new();
    if let [reference, first, ..] = ways {
        found.push(format!(
            "Without latency {} of {} episodes collide; with it and {}, {}.",
            reference.driven.collisions, reference.driven.episodes, first.way, first.driven.collisions
        ));
    }
    for way in ways.iter().filter(|way| way.ran_out > 0) {
        found.push(format!(
            "{}: {} chunks of {} were over before the next took over; their last command held meanwhile.",
            way.way, way.ran_out, way.driven.inferences
        ));
    }
    for way in ways.iter().skip(2) {
        let of = |what: &str| tests.iter().find(|test| test.a == way.way && test.of == what);
        let (Some(collision), Some(success)) = (of("collision"), of("success")) else { continue };
        let collisions = match (collision.paired.significant, collision.paired.difference.rate < 0.0) {
            (true, true) => "removes collisions",
            (true, false) => "adds collisions",
            (false, _) => "cannot be told apart in collisions",
        };
        let by = &collision.paired.difference;
        let collisions =
            format!("{collisions} ({:.1} points, 95 % {:.1} to {:.1})", by.rate * 100.0, by.lo * 100.0, by.hi * 100.0);
        let goals = match (success.paired.significant, success.paired.difference.rate > 0.0) {
            (true, true) => "reaches the goal more often",
            (true, false) => "reaches the goal less often",
            (false, _) => "cannot be told apart in success",
        };
        let cost = match (&way.slower_s, &way.slower_than_no_latency_s) {
            (Some(slower), _) if way.slower_cases > 1 => {
                format!("where both reach it, it takes {} than {}", longer(slower), collision.b)
            }
            (_, Some(slower)) => format!("where it does, it takes {} than without latency", longer(slower)),
            _ => "it never reaches the goal".to_owned(),
        };
        found.push(format!("{} {collisions} and {goals}; {cost}.", way.way));
    }
    found
}

/// `0.91 s longer (95 % 0.88 to 0.93)`.
fn longer(e: &Estimate) -> String {
    let (word, sign) = if e.rate < 0.0 { ("shorter", -1.0) } else { ("longer", 1.0) };
    let (lo, hi) = if e.rate < 0.0 { (e.hi, e.lo) } else { (e.lo, e.hi) };
    format!("{:.2} s {word} (95 % {:.2} to {:.2})", e.rate * sign, lo * sign, hi * sign)
}

/// For terminals.
pub fn compensation_text(study: &CompensationStudy) -> String {
    let mut text = format!(
        "{}, seeds {}, {} at {}{}\n\n{}",
        study.scenario.name,
        study.seeds.text,
        study.pilot,
        study.latency,
        if study.modelled { " (modelled)" } else { "" },
        rows(&way_cells(study))
    );
    if !study.tests.is_empty() {
        let _ = write!(text, "\npaired tests (exact McNemar, Holm's correction):\n{}", rows(&test_cells(&study.tests)));
    }
    text.push('\n');
    for complaint in &study.complaints {
        let _ = writeln!(text, "not trusted: {complaint}");
    }
    for finding in &study.findings {
        let _ = writeln!(text, "{finding}");
    }
    for left_out in &study.left_out {
        let _ = writeln!(text, "left out: {left_out}");
    }
    text
}

/// As one page.
pub fn compensation_page(study: &CompensationStudy) -> Result<String, StudyError> {
    let title = format!("deadtime study compensation: {}", study.scenario.name);
    let mut body = format!(
        "<h1>{}</h1>\n<p>{} drives {} at latency {}, on the same {} seeds for each way; intervals are at 95 %.</p>\n",
        escape(&title),
        escape(&study.pilot),
        escape(&study.scenario.name),
        escape(&study.latency),
        study.seeds.count
    );
    if study.modelled {
        body.push_str("<p class=\"warn\">The latency is <em>modelled</em>: drawn from published numbers of a device that was not here.</p>\n");
    }
    for complaint in &study.complaints {
        let _ = writeln!(body, "<p class=\"warn\">Not trusted: {}.</p>", escape(complaint));
    }
    let _ = write!(body, "<h2>What follows</h2>\n{}", list(&study.findings));
    body.push_str(&figure(
        &compensation_chart(study)?,
        "Share of collisions and time to the goal, with 95 % intervals.",
    ));
    let _ = write!(body, "<h2>Ways</h2>\n{}", table(&way_cells(study)));
    if !study.tests.is_empty() {
        let _ = write!(
            body,
            "<h2>Paired tests</h2>\n<p>Each way against the first on the same cases: difference with Newcombe's paired interval \
             (method 10); exact McNemar test, corrected over all tests here by Holm's method.</p>\n{}",
            table(&test_cells(&study.tests))
        );
    }
    if !study.left_out.is_empty() {
        let _ = write!(body, "<h2>Left out</h2>\n{}", list(&study.left_out));
    }
    let hash = study.pilot_sha256.as_ref().map_or_else(|| "no network".to_owned(), |hash| format!("SHA-256 {hash}"));
    let _ = write!(
        body,
        "<h2>Where this comes from</h2>\n{}",
        facts(&[
            format!("deadtime {} on {}", study.version, study.device),
            format!("scenario {}, SHA-256 {}", study.scenario.name, study.scenario.sha256),
            format!("seeds {} ({}), SHA-256 {}", study.seeds.text, study.seeds.count, study.seeds.sha256),
            format!("pilot {}: {hash}; runtime {}", study.pilot, study.runtime),
            format!(
                "latency {}, p50 {:.2} ms, p99 {:.2} ms",
                study.latency, study.latency_ms.p50, study.latency_ms.p99
            ),
        ])
    );
    Ok(frame(&title, &body, ""))
}
