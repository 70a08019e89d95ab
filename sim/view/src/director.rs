//! Plays a script: lets time go to the next cue, waits until it stands there, does what the cue says.

use bevy::prelude::*;
use bevy::render::view::screenshot::Screenshot;
use timing::SimTime;

use crate::app::{Link, Newest, Shots};
use crate::film::Take;
use crate::labs::SettlingState;
use crate::script::{Cue, Script};
use crate::sim_thread::Order;
use crate::snapshot::{Blaming, Phase};
use crate::work::Work;
use crate::{Desk, shot};

/// The state of a script that is played.
#[derive(Resource, Default)]
pub(crate) struct Director {
    cues: std::collections::VecDeque<Cue>,
    playing: bool,
    /// Frames to wait before the next cue; without a script, frames drawn.
    rest: u32,
    /// Time was let go to this instant.
    until: Option<SimTime>,
    /// The run whose end was reported, and how many lanes it had.
    reported: (u64, usize),
    /// A run that was asked for: cues wait for it.
    awaited: Option<u64>,
}

/// Frames after which everything that a cue changed is on the screen: panels, camera, pipelines.
const SETTLE: u32 = 4;

/// Frames before which a window may still be black.
const FIRST: u32 = 4;

impl Director {
    pub fn new(script: Option<Script>) -> Self {
        let playing = script.is_some();
        Self { cues: script.unwrap_or_default().cues.into(), playing, ..Self::default() }
    }
}

/// Goes on with the script.
pub(crate) fn direct(
    mut commands: Commands,
    mut director: ResMut<Director>,
    mut desk: ResMut<Desk>,
    newest: Res<Newest>,
    link: Res<Link>,
    shots: Res<Shots>,
    taking: Query<(), (With<Screenshot>, Without<Take>)>,
    work: Res<Work>,
) {
    if !director.playing {
        // A run begins when the window is there to show it.
        director.rest = director.rest.saturating_add(1);
        if director.rest == FIRST {
            let _ = link.order(Order::Hold(None));
        }
        return;
    }
    let over = matches!(newest.phase, Phase::Over(_) | Phase::Failed(_));
    let ended = (newest.run, newest.lanes.len());
    if over && director.reported != ended {
        director.reported = ended;
        report(&newest);
    }
    if director.rest > 0 || !taking.is_empty() || matches!(newest.phase, Phase::Loading(_)) {
        director.rest = director.rest.saturating_sub(1);
        return;
    }
    if director.awaited.is_some_and(|run| newest.run <= run) {
        return;
    }
    director.awaited = None;
    if let Some(until) = director.until {
        let held = newest.scene.as_ref().is_some_and(|scene| scene.playback.held && scene.now >= until);
        if !held && !over {
            return;
        }
        director.until = None;
        director.rest = SETTLE;
        return;
    }
    let Some(cue) = director.cues.pop_front() else { return };
    match cue {
        Cue::Until(at) => {
            if link.order(Order::Hold(Some(at))).is_some() {
                director.cues.push_front(Cue::Until(at));
                return;
            }
            director.until = Some(at);
        }
        Cue::Frames(frames) => director.rest = frames,
        Cue::Act(action) => {
            desk.act(action);
            director.rest = SETTLE;
        }
        Cue::Scenario(id) => {
            match desk.choices.scenarios.iter().position(|choice| choice.id == id) {
                Some(index) => desk.act(crate::Action::Scenario(index)),
                None => println!("{}", serde_json::json!({ "error": format!("no scenario `{id}`") })),
            }
            director.rest = SETTLE;
        }
        Cue::Settled => {
            if matches!(newest.settling.state, SettlingState::Idle | SettlingState::Running { .. }) {
                director.cues.push_front(Cue::Settled);
            } else {
                director.rest = SETTLE;
            }
        }
        Cue::Blamed => {
            if matches!(newest.blame, Blaming::Idle | Blaming::Running { .. }) {
                director.cues.push_front(Cue::Blamed);
            } else {
                director.rest = SETTLE;
            }
        }
        Cue::Speed(speed) => {
            desk.settings.speed = speed;
            let _ = link.order(Order::Speed(speed));
        }
        Cue::Shot(name) => {
            let path = shots.0.join(format!("{name}.png"));
            shot::take(&mut commands, path);
            director.rest = 2;
        }
        Cue::Film(name) => {
            desk.film.name = Some(name);
            desk.film.on = true;
        }
        Cue::Cut => {
            desk.film.on = false;
            if desk.film.busy {
                director.cues.push_front(Cue::Cut);
            } else {
                println!("{}", serde_json::json!({ "film": desk.toast }));
            }
        }
        Cue::Quit => {
            let (frames, [p50, p99, max]) = work.report();
            let own = serde_json::json!({ "frames": frames, "own_ms": { "p50": p50, "p99": p99, "max": max } });
            println!("{own}");
            desk.quit = true;
        }
    }
    if desk.pending_launch() {
        director.awaited = Some(newest.run);
    }
}

/// One line of JSON for the end of a run: a test compares it with the command line's.
fn report(newest: &Newest) {
    let run = match &newest.phase {
        Phase::Over(ending) => serde_json::json!({
            "scenario": newest.settings.scenario,
            "seed": newest.settings.seed,
            "latency": newest.settings.latency.to_string(),
            "speed": newest.settings.speed,
            "outcome": ending.outcome.to_string(),
            "sim_seconds": ending.seconds,
            "digest": format!("{:016x}", ending.digest),
            "lanes": newest.lanes.iter().map(|lane| format!("{:016x}", lane.digest)).collect::<Vec<_>>(),
        }),
        Phase::Failed(why) => serde_json::json!({ "scenario": newest.settings.scenario, "error": why }),
        _ => return,
    };
    println!("{run}");
}
