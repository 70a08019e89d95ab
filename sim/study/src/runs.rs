//! Logs as a report: what was run, how old its commands were, and the worst runs to look at again.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use episode::{Answer, Driver, Entry, Episode, Pumped, Summary, Supply};
use record::{Header, Recording};
use scenario::{Outcome, Setup};
use timing::{Source, Span};

use crate::StudyError;

mod chart;
mod embed;
mod json_file;
mod page;
mod svg_file;
mod track;

pub use embed::ResultFile;
pub use page::{ReportPlan, runs_page};

use track::Track;

/// A log, run again.
#[derive(Clone, Debug)]
pub struct Run {
    /// What the log's file is called.
    pub name: String,
    /// What the run was.
    pub header: Header,
    /// What it came to, worked out anew.
    pub summary: Summary,
    /// What made the run's own verdict untrustworthy, as its log says.
    pub complaints: Vec<String>,
    /// Why this is not all of it, or not what was recorded; `None` where it is.
    pub doubt: Option<String>,
    /// SHA-256 of the scenario's text.
    pub scenario_sha256: String,
    /// Age of the command in force at every tick's end.
    ages: Vec<Span>,
    /// Latencies of applied frames.
    latencies: Vec<Span>,
    track: Track,
}

impl Run {
    /// Runs a recording again: everything that a report shows follows from it. `setup` is what its header stands for.
    pub fn again(name: String, recording: Recording, setup: Setup) -> Result<Self, StudyError> {
        let Recording { header, answers, edits, digests, summary, complete } = recording;
        let source = Source::Recorded { occupies: header.occupies };
        let frames = answers.values().filter(|answer| matches!(answer, Answer::Predicted(_))).count();
        let mut episode = Episode::new(Arc::new(setup), source)?;
        episode.schedule_edits(edits);
        episode.keep_log();
        let mut driver = Driver::new(Supply::Recorded(answers));
        let mut track = Track::of(episode.setup());
        let mut again = Vec::with_capacity(digests.len());
        loop {
            let slice = episode.plant().tick_start() + Span::from_ms(200.0);
            let pumped = driver.pump(&mut episode, slice, Duration::from_secs(1));
            for entry in episode.take_log() {
                if let Entry::Tick(tick) = &entry {
                    again.push(tick.digest);
                }
                // Beyond the end of a log that was cut off nothing is known.
                if complete || again.len() <= digests.len() {
                    track.take(&entry);
                }
            }
            if pumped == Pumped::Over || (!complete && again.len() >= digests.len()) {
                break;
            }
        }
        track.end();
        let common = again.len().min(digests.len());
        let equal = again[..common] == digests[..common];
        let doubt = match (equal, complete) {
            (false, _) => Some("run again, it differs from what was recorded: another architecture or version?".into()),
            (true, false) => {
                Some(format!("the log was cut off: only its first {common} ticks and {frames} answers are known"))
            }
            (true, true) => None,
        };
        let mut found = Summary::of(&episode);
        found.model.clone_from(&header.model);
        found.latency.clone_from(&header.latency);
        found.runtime.clone_from(&header.runtime_obtained);
        found.modelled = header.latency.starts_with("profile:");
        let said = summary.as_ref().and_then(|summary| summary.get("complaints")?.as_array());
        let complaints: Vec<String> =
            said.into_iter().flatten().filter_map(|c| c.as_str().map(str::to_owned)).collect();
        let stats = episode.stats();
        Ok(Self {
            name,
            scenario_sha256: crate::sha256(header.scenario_toml.as_bytes()),
            header,
            summary: found,
            complaints,
            doubt,
            ages: stats.ages.clone(),
            latencies: stats.latencies.clone(),
            track,
        })
    }

    /// How bad it was: collisions first, the harder the worse; then falls, timeouts, goals, each by the oldest command.
    fn badness(&self) -> (u8, f64) {
        let age = self.summary.age_ms.max;
        match self.summary.outcome {
            Outcome::Collision => (3, self.summary.story.as_ref().map_or(0.0, |story| story.impact_speed)),
            Outcome::Fall => (2, age),
            Outcome::Timeout => (1, age),
            Outcome::Goal => (0, age),
        }
    }

    /// What distinguishes it from others of the same scenario, but for the seed.
    fn condition(&self) -> String {
        let header = &self.header;
        let mut text = format!("{}, {}, latency {}", header.scenario_name, header.model, header.latency);
        for option in ["schedule", "compensation", "cruise", "deadline"] {
            if let Some(value) = header.overrides.get(option) {
                let _ = write!(text, ", {option} {value}");
            }
        }
        text
    }

    /// One sentence with numbers.
    fn verdict(&self) -> String {
        let summary = &self.summary;
        let end = summary.sim_seconds;
        let near =
            summary.min_clearance_m.map_or(String::new(), |m| format!(", never nearer to anything than {m:.2} m"));
        match (summary.outcome, &summary.story) {
            (_, Some(story)) => story.sentence(),
            (Outcome::Goal, _) => format!("Reached the goal after {end:.2} s{near}."),
            (Outcome::Fall, _) => format!("Fell over after {end:.2} s."),
            _ => format!("Time was up after {end:.2} s{near}."),
        }
    }
}

/// The outcome in a word or two.
fn outcome_word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Goal => "goal",
        Outcome::Collision => "collision",
        Outcome::Fall => "fall",
        Outcome::Timeout => "time up",
    }
}
