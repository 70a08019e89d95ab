//! Steps back: what the settings were before each change, so that none has to be remembered by whoever made it.

use crate::Settings;

/// Steps that are remembered.
const STEPS: usize = 64;

/// What the settings were, and what was taken back.
#[derive(Clone, Debug, Default)]
pub(crate) struct Past {
    /// Before each change, oldest first.
    before: Vec<Settings>,
    /// After each change that was taken back, newest first.
    after: Vec<Settings>,
    /// Whether the last change goes on: a slider that is dragged makes many, which count as one.
    drag: bool,
}

impl Past {
    /// Notes that the settings are no longer what they were. `drag`: it is part of a gesture that has not ended.
    pub fn note(&mut self, was: Settings, drag: bool) {
        self.after.clear();
        if !(drag && self.drag) {
            if self.before.len() == STEPS {
                self.before.remove(0);
            }
            self.before.push(was);
        }
        self.drag = drag;
    }

    /// The pointer was let go: what comes next is another change.
    pub fn let_go(&mut self) {
        self.drag = false;
    }

    /// The settings before the last change that differs from `now`.
    pub fn undo(&mut self, now: &Settings) -> Option<Settings> {
        step(&mut self.before, &mut self.after, now)
    }

    /// The settings before the last undo that differs from `now`.
    pub fn redo(&mut self, now: &Settings) -> Option<Settings> {
        step(&mut self.after, &mut self.before, now)
    }
}

fn step(from: &mut Vec<Settings>, to: &mut Vec<Settings>, now: &Settings) -> Option<Settings> {
    while let Some(found) = from.pop() {
        // How fast it is played is no change of the run.
        let found = Settings { speed: now.speed, ..found };
        if found != *now {
            to.push(now.clone());
            return Some(found);
        }
    }
    None
}

/// What is different in `new`, in a few words.
pub(crate) fn difference(old: &Settings, new: &Settings) -> String {
    let mut words = Vec::new();
    let mut tell = |name: &str, changed: bool, value: String| {
        if changed {
            words.push(format!("{name} {value}"));
        }
    };
    if old.scenario != new.scenario {
        return format!("scenario {}", new.scenario);
    }
    let or = |value: Option<String>, otherwise: &str| value.unwrap_or_else(|| otherwise.to_owned());
    tell("seed", old.seed != new.seed, new.seed.to_string());
    tell("model", old.model != new.model, or(new.model.clone(), "of the scenario"));
    tell("runtime", old.runtime != new.runtime, new.runtime.clone());
    tell("graph", old.graph != new.graph, new.graph.clone());
    tell("link", old.link != new.link, or(new.link.clone(), "of the scenario"));
    tell("latency", old.latency != new.latency, new.latency.to_string());
    tell("schedule", old.schedule != new.schedule, new.schedule.to_string());
    tell("cruise", old.cruise != new.cruise, or(new.cruise.map(|v| format!("{v:.1} m/s")), "of the scenario"));
    tell("compensation", old.compensation != new.compensation, new.compensation.to_string());
    let deadline = new.deadline_ms.map(|ms| format!("{ms:.0} ms"));
    tell("deadline", old.deadline_ms != new.deadline_ms, or(deadline, "none"));
    words.join(", ")
}

#[cfg(test)]
#[path = "undo_tests.rs"]
mod tests;
