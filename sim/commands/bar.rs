//! Progress on a terminal.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use study::Progress;

/// Drawn once something has taken two seconds.
pub struct Bar(Mutex<ProgressBar>);

impl Default for Bar {
    fn default() -> Self {
        Self(Mutex::new(ProgressBar::hidden()))
    }
}

impl Bar {
    fn with<T>(&self, what: impl FnOnce(&mut ProgressBar) -> T) -> T {
        what(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Progress for Bar {
    fn begin(&self, what: &str, steps: usize, alone: bool) {
        if alone {
            eprintln!("measuring {what} alone on the machine, about {steps} s");
            return;
        }
        let style = ProgressStyle::with_template("{msg} {bar:30} {pos}/{len}, {eta} left")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::with_draw_target(Some(steps as u64), ProgressDrawTarget::hidden());
        bar.set_style(style);
        bar.set_message(what.to_owned());
        self.with(|held| *held = bar);
    }

    fn step(&self) {
        self.with(|bar| {
            if bar.is_hidden() && bar.elapsed() > Duration::from_secs(2) {
                bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(5));
            }
            bar.inc(1);
        });
    }

    fn end(&self) {
        self.with(|bar| bar.finish_and_clear());
    }
}
