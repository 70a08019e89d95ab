//! Many tasks on a few threads, each thread with an engine of its own; results in the order of the tasks.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use runtime::{Engine, Worker};

use crate::StudyError;

/// Gives an engine for a model's name; the error is in words.
pub type Load<'a> = dyn Fn(&str) -> Result<Box<dyn Engine>, String> + Sync + 'a;

/// Told how far a study has come.
pub trait Progress: Sync {
    /// So many steps of something begin. `alone`: nothing may load the cores meanwhile.
    fn begin(&self, what: &str, steps: usize, alone: bool);
    /// One is done.
    fn step(&self);
    /// All are.
    fn end(&self);
}

/// Nobody is told.
impl Progress for () {
    fn begin(&self, _: &str, _: usize, _: bool) {}
    fn step(&self) {}
    fn end(&self) {}
}

/// What a thread keeps between its tasks: the worker of the model that it ran last.
pub(crate) struct Seat<'a> {
    load: &'a Load<'a>,
    held: Option<(String, Worker)>,
}

impl Seat<'_> {
    /// The worker of a model, the one at hand if it is the same. Give it back.
    pub fn take(&mut self, model: &str) -> Result<Worker, StudyError> {
        match self.held.take() {
            Some((held, worker)) if held == model => Ok(worker),
            other => {
                // Ended before the next is loaded: large models need not fit twice.
                drop(other);
                let engine = (self.load)(model).map_err(|why| StudyError::Engine { model: model.to_owned(), why })?;
                Ok(Worker::spawn(engine))
            }
        }
    }

    pub fn give_back(&mut self, model: &str, worker: Worker) {
        self.held = Some((model.to_owned(), worker));
    }
}

/// Runs `work` on every task. Tasks are taken in order, so those of one model should stand together.
pub(crate) fn run<Task: Sync, Done: Send>(
    tasks: &[Task],
    jobs: usize,
    load: &Load,
    progress: &dyn Progress,
    work: impl Fn(&mut Seat, &Task) -> Result<Done, StudyError> + Sync,
) -> Result<Vec<Done>, StudyError> {
    let (next, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
    let done: Mutex<Vec<(usize, Result<Done, StudyError>)>> = Mutex::new(Vec::with_capacity(tasks.len()));
    std::thread::scope(|scope| {
        for _ in 0..jobs.clamp(1, tasks.len().max(1)) {
            scope.spawn(|| {
                let mut seat = Seat { load, held: None };
                while !failed.load(Ordering::Relaxed) {
                    let i = next.fetch_add(1, Ordering::Relaxed);
                    let Some(task) = tasks.get(i) else { return };
                    let result = work(&mut seat, task);
                    failed.fetch_or(result.is_err(), Ordering::Relaxed);
                    done.lock().unwrap_or_else(PoisonError::into_inner).push((i, result));
                    progress.step();
                }
            });
        }
    });
    let mut done = done.into_inner().map_err(|_| StudyError::Lost)?;
    done.sort_by_key(|(i, _)| *i);
    let results = done.into_iter().map(|(_, result)| result).collect::<Result<Vec<_>, _>>()?;
    if results.len() == tasks.len() { Ok(results) } else { Err(StudyError::Lost) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn none(_: &str) -> Result<Box<dyn Engine>, String> {
        Err("there is none".into())
    }

    #[test]
    fn results_stand_in_the_order_of_the_tasks() {
        let tasks: Vec<u64> = (0..100).collect();
        for jobs in [1, 2, 7, 1000] {
            let doubled = run(&tasks, jobs, &none, &(), |_, n| {
                // The later ones are done first.
                std::thread::sleep(std::time::Duration::from_micros(100 - n));
                Ok(n * 2)
            });
            assert_eq!(doubled.unwrap(), tasks.iter().map(|n| n * 2).collect::<Vec<_>>(), "{jobs} jobs");
        }
        assert!(run(&[0; 0], 3, &none, &(), |_, n: &i32| Ok(*n)).unwrap().is_empty());
    }

    #[test]
    fn an_error_ends_all() {
        let error = run(&[1, 2, 3], 2, &none, &(), |seat, _| seat.take("m").map(drop)).unwrap_err();
        assert_eq!(error.to_string(), "the model `m` cannot be run: there is none");
    }
}
