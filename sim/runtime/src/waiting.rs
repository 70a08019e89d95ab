//! Shows that something takes long: a spinner with the time so far where a person looks on, a line now and then elsewhere.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::Options;

/// Between two lines where there is no terminal.
const LINES: Duration = Duration::from_secs(30);
/// What ends sooner is not worth a word.
const WORTH: Duration = Duration::from_secs(1);

/// Does the work and says meanwhile how long `what` has taken, and how long it took.
pub(crate) fn waiting<T>(what: &str, options: &Options, work: impl FnOnce() -> T) -> T {
    every(LINES, what, options, work)
}

fn every<T>(period: Duration, what: &str, options: &Options, work: impl FnOnce() -> T) -> T {
    let begun = Instant::now();
    let spinner =
        ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(4)).with_message(what.to_owned());
    let style = ProgressStyle::with_template("{spinner} {msg}: {elapsed}");
    spinner.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    // Somebody else shows it, or nobody sees a spinner.
    let lines = options.progress.is_some() || spinner.is_hidden();
    if !lines {
        spinner.enable_steady_tick(Duration::from_millis(250));
    }
    let so_far = || options.say(&format!("{what}: {} s so far", begun.elapsed().as_secs()));
    let result = thread::scope(|scope| {
        let (done, ended) = mpsc::channel::<()>();
        if lines {
            scope.spawn(move || {
                while ended.recv_timeout(period) == Err(mpsc::RecvTimeoutError::Timeout) {
                    so_far();
                }
            });
        }
        let result = work();
        drop(done);
        result
    });
    spinner.finish_and_clear();
    if begun.elapsed() >= WORTH {
        options.say(&format!("{what} took {:.0} s", begun.elapsed().as_secs_f64()));
    }
    result
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    static SAID: Mutex<Vec<String>> = Mutex::new(Vec::new());

    #[test]
    fn it_says_how_long_it_has_taken_and_took() {
        let progress = |line: &str| SAID.lock().unwrap().push(line.to_owned());
        let options = Options { progress: Some(progress), ..Options::default() };
        let answer = every(Duration::from_millis(400), "building", &options, || {
            thread::sleep(Duration::from_millis(1300));
            42
        });
        assert_eq!(answer, 42);
        let said = std::mem::take(&mut *SAID.lock().unwrap());
        assert!(said.len() >= 3 && said[0] == "building: 0 s so far", "{said:?}");
        assert_eq!(said.last().unwrap(), "building took 1 s");
        every(Duration::from_millis(400), "short", &options, || ());
        assert_eq!(*SAID.lock().unwrap(), [""; 0], "not worth a word");
    }
}
