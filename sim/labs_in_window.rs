//! Labs as the window sees them: plain data, and runs that are settled on a thread of their own while it goes on.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use miette::IntoDiagnostic;
use runtime::{Optimisation, Options};
use scenario::Lab;
use study::{Held, Settled};
use view::labs::{LabCheck, LabSheet, Settling, SettlingState};

use crate::answers::{self, Answer};
use crate::{labs, launch};

/// Before the name of a run that is opened as a scenario, `lab:LAB/RUN`.
const PREFIX: &str = "lab:";

/// Keeps the labs, and settles one at a time.
pub struct Settler {
    labs: Vec<Lab>,
    options: Options,
    now: Arc<Now>,
}

/// What is being settled.
#[derive(Default)]
struct Now {
    state: Mutex<Settling>,
    stop: AtomicBool,
    done: AtomicUsize,
}

impl Now {
    fn set(&self, change: impl FnOnce(&mut Settling)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Settler {
    pub fn new(labs: Vec<Lab>, options: Options) -> Self {
        Self { labs, options, now: Arc::default() }
    }

    fn lab(&self, name: &str) -> Option<&Lab> {
        self.labs.iter().find(|lab| lab.name == name)
    }

    /// The lab and the run that a scenario's name stands for.
    pub fn run(&self, scenario: &str) -> Option<(&Lab, usize)> {
        let (lab, run) = scenario.strip_prefix(PREFIX)?.rsplit_once('/')?;
        let lab = self.lab(lab)?;
        Some((lab, lab.run(run)?))
    }

    /// The runtime that such a run asks for.
    pub fn runtime(&self, scenario: &str) -> Option<String> {
        let (lab, run) = self.run(scenario)?;
        lab.runs[run].runtime.clone()
    }

    /// How far the graph of such a run may be rewritten, if it says so.
    pub fn graph(&self, scenario: &str) -> Option<Optimisation> {
        let (lab, run) = self.run(scenario)?;
        lab.runs[run].optimisation?.to_string().parse().ok()
    }

    pub fn sheets(&self) -> Vec<LabSheet> {
        let kept = answers::file().and_then(|path| answers::read(&path).ok()).unwrap_or_default();
        self.labs.iter().map(|lab| sheet(lab, kept.all.iter().any(|a| a.lab == lab.name && a.right))).collect()
    }

    /// Begins; what was begun before is given up.
    pub fn settle(&mut self, name: &str, predicted: usize) {
        self.now.stop.store(true, Ordering::Relaxed);
        self.now = Arc::default();
        let running = SettlingState::Running { done: 0, of: 1, what: "getting ready".into() };
        self.now.set(|now| *now = Settling { lab: name.to_owned(), state: running });
        let Some(lab) = self.lab(name).filter(|lab| predicted < lab.choices.len()).cloned() else {
            self.now.set(|now| now.state = SettlingState::Failed(format!("there is no lab `{name}`")));
            return;
        };
        let (now, options) = (self.now.clone(), self.options.clone());
        let work = move || {
            let state = settled(&lab, predicted, &options, &now);
            now.set(|now| now.state = state);
        };
        if let Err(error) = std::thread::Builder::new().name("lab".into()).spawn(work).into_diagnostic() {
            self.now.set(|now| now.state = SettlingState::Failed(error.to_string()));
        }
    }

    /// How far it is. Never waits for long: the lock is held for a copy.
    pub fn settling(&self) -> Settling {
        let mut copy = self.now.state.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let SettlingState::Running { done, .. } = &mut copy.state {
            *done = self.now.done.load(Ordering::Relaxed);
        }
        copy
    }
}

impl Drop for Settler {
    fn drop(&mut self) {
        self.now.stop.store(true, Ordering::Relaxed);
    }
}

/// Settles a lab and keeps the answer.
fn settled(lab: &Lab, predicted: usize, options: &Options, now: &Now) -> SettlingState {
    // One at a time: the window and the run in it need the other cores.
    let settled = match labs::settle(lab, options, 1, &now.stop, &Told(now)) {
        Ok(Some(settled)) => settled,
        Ok(None) => return SettlingState::Idle,
        Err(report) => return SettlingState::Failed(launch::in_words(&report)),
    };
    let kept = match answers::file() {
        Some(path) => {
            answers::keep(&path, &Answer::new(lab, predicted, &settled)).map_err(|why| launch::in_words(&why))
        }
        None => Err("your answer is not kept: neither XDG_DATA_HOME nor HOME names a folder".to_owned()),
    };
    told(&settled, kept.err().unwrap_or_default())
}

fn told(settled: &Settled, trouble: String) -> SettlingState {
    let check = |check: &study::Judged| LabCheck {
        what: check.what.clone(),
        holds: match check.held {
            Held::Holds => Some(true),
            Held::Fails => Some(false),
            Held::Uncertified => None,
        },
        found: match check.remark.as_str() {
            "" => check.found.clone(),
            remark => format!("{}. Note: {remark}", check.found),
        },
    };
    let runs = settled.runs.iter().map(study::run_line).collect();
    SettlingState::Settled { runs, checks: settled.checks.iter().map(check).collect(), trouble }
}

fn sheet(lab: &Lab, done: bool) -> LabSheet {
    let section = |section: &scenario::lab::Section| match section.title.as_str() {
        "" => section.text.clone(),
        title => format!("## {title}\n\n{}", section.text),
    };
    let run = |run: &scenario::lab::Run| (run.title().to_owned(), format!("{PREFIX}{}/{}", lab.name, run.name));
    LabSheet {
        id: lab.name.clone(),
        title: lab.title.clone(),
        question: lab.question.clone(),
        before: lab.before().map(section).collect::<Vec<_>>().join("\n\n"),
        choices: lab.choices.iter().map(|choice| (choice.text.clone(), choice.why.clone())).collect(),
        right: lab.right(),
        runs: lab.runs.iter().map(run).collect(),
        notice: lab.notice.clone(),
        deeper: lab.deeper().to_owned(),
        done,
    }
}

/// Tells the window how far it is.
struct Told<'a>(&'a Now);

impl study::Progress for Told<'_> {
    fn begin(&self, what: &str, steps: usize, alone: bool) {
        self.0.done.store(0, Ordering::Relaxed);
        let (of, what) = if alone {
            (1, format!("timing the networks in turn, about {steps} s"))
        } else {
            (steps.max(1), format!("driving {what}"))
        };
        self.0.set(|now| now.state = SettlingState::Running { done: 0, of, what });
    }

    fn step(&self) {
        self.0.done.fetch_add(1, Ordering::Relaxed);
    }

    fn end(&self) {}
}
