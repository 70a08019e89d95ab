//! Whose fault a collision was, for the window: found out on a thread of its own while it goes on.
#![allow(clippy::disallowed_methods, reason = "it waits for a file to be written")]

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use miette::{Result, miette};
use study::{Blame, Inquiry};
use view::snapshot::{Blaming, Verdict};

use crate::commands::blame::{Found, recorded};
use crate::launch::{RuntimeOptions, in_words, loader, report};

/// Looks into one run of a lane at a time.
#[derive(Default)]
pub struct Accuser {
    now: Arc<Now>,
    thread: Option<JoinHandle<()>>,
}

/// What is being found out. Given up, it goes on to its end, and nobody asks it.
#[derive(Default)]
struct Now {
    state: Mutex<Blaming>,
    done: AtomicUsize,
}

impl Now {
    fn set(&self, state: Blaming) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }
}

impl Accuser {
    /// Looks into a log, once it is whole.
    pub fn begin(&mut self, log: PathBuf, runtime: RuntimeOptions) {
        self.now = Arc::default();
        self.now.set(Blaming::Running { done: 0, of: 0 });
        let now = self.now.clone();
        let work = move || {
            let told = look_into(&log, &runtime, &now);
            now.set(told.unwrap_or_else(|why| Blaming::Failed(in_words(&why))));
        };
        match std::thread::Builder::new().name("blame".into()).spawn(work) {
            Ok(thread) => self.thread = Some(thread),
            Err(why) => self.now.set(Blaming::Failed(why.to_string())),
        }
    }

    /// It cannot be found out.
    pub fn fail(&mut self, why: String) {
        self.now = Arc::default();
        self.now.set(Blaming::Failed(why));
    }

    /// Another run begins.
    pub fn give_up(&mut self) {
        self.now = Arc::default();
    }

    /// How far it is. Never waits for long: the lock is held for a copy.
    pub fn blaming(&self) -> Blaming {
        let ended = self.thread.as_ref().is_some_and(JoinHandle::is_finished);
        let mut copy = self.now.state.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Blaming::Running { done, .. } = &mut copy {
            *done = self.now.done.load(Ordering::Relaxed);
            if ended {
                return Blaming::Failed("it broke off; the terminal says more".into());
            }
        }
        copy
    }
}

/// The last entries of a log are written while the card is read.
const WRITTEN_WITHIN: Duration = Duration::from_secs(10);

fn look_into(log: &Path, runtime: &RuntimeOptions, now: &Now) -> Result<Blaming> {
    let beat = Duration::from_millis(50);
    let mut waited = Duration::ZERO;
    while record::read(log).map_or(true, |recording| !recording.complete) {
        if waited >= WRITTEN_WITHIN {
            return Err(miette!("the log {} is not whole", log.display()));
        }
        std::thread::sleep(beat);
        waited += beat;
    }
    let Found { accused, .. } = recorded(runtime, log)?;
    // The window needs a core.
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let inquiry = Inquiry { replicas: 16, jobs: cores.saturating_sub(1).max(1), ..Inquiry::default() };
    let blame = study::blame(&accused, &inquiry, &loader(runtime.options()), &Told(now)).map_err(report)?;
    Ok(blame.map_or_else(
        || Blaming::Failed("run again from its log it does not collide, so nothing is to blame".into()),
        |blame| Blaming::Told(verdict(&blame)),
    ))
}

fn verdict(blame: &Blame) -> Verdict {
    Verdict {
        verdict: blame.verdict.label().to_owned(),
        paragraph: blame.paragraph(),
        numbers: blame.numbers().into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        critical_ms: blame.critical_latency_ms,
        forked_s: (blame.story.at_s - blame.window_s).max(0.0),
    }
}

/// Tells the window how far it is.
struct Told<'a>(&'a Now);

impl study::Progress for Told<'_> {
    fn begin(&self, _: &str, steps: usize, _: bool) {
        self.0.done.store(0, Ordering::Relaxed);
        self.0.set(Blaming::Running { done: 0, of: steps.max(1) });
    }

    fn step(&self) {
        self.0.done.fetch_add(1, Ordering::Relaxed);
    }

    fn end(&self) {}
}
