//! Many tasks on a few threads, each thread with an engine of its own; results in the order of the tasks.
//!
//! A thread has several tasks in progress at a time, its lanes: where they ask the same network, their rows share a call
//! ([`Rows`]). An answer depends on its own row alone, so neither threads nor lanes make a difference to a result.

use std::cell::RefCell;
use std::future::poll_fn;
use std::iter::from_fn;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::task::Poll;

use runtime::{Engine, ROWS, Rows, block_on, in_lanes};

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

/// Episodes in progress on a thread: what fills a call.
pub(crate) const LANES: usize = ROWS;

/// What a thread keeps between its tasks: the network that it ran last.
pub(crate) struct Seat<'a> {
    load: &'a Load<'a>,
    held: RefCell<Option<(String, Rc<Rows>)>>,
}

impl<'a> Seat<'a> {
    /// Without a network at first.
    pub fn new(load: &'a Load<'a>) -> Self {
        Self { load, held: RefCell::new(None) }
    }

    /// The network of a model, the one at hand if it is the same; otherwise as soon as nobody needs that one any more.
    pub async fn take(&self, model: &str) -> Result<Rc<Rows>, StudyError> {
        poll_fn(|_| {
            let mut held = self.held.borrow_mut();
            match &*held {
                Some((name, rows)) if name == model => return Poll::Ready(Ok(rows.clone())),
                Some((_, rows)) if Rc::strong_count(rows) > 1 => return Poll::Pending,
                _ => {}
            }
            // Ended before the next is loaded: large models need not fit twice.
            *held = None;
            let rows = match (self.load)(model) {
                Ok(engine) => Rc::new(Rows::new(engine)),
                Err(why) => return Poll::Ready(Err(StudyError::Engine { model: model.to_owned(), why })),
            };
            *held = Some((model.to_owned(), rows.clone()));
            Poll::Ready(Ok(rows))
        })
        .await
    }

    /// Runs the rows that wait, although they fill no call.
    pub fn settle(&self) -> bool {
        self.held.borrow().as_ref().is_some_and(|(_, rows)| rows.settle())
    }
}

/// Runs `work` on every task. Tasks are taken in order, so those of one model should stand together.
pub(crate) fn run<Task: Sync, Done: Send>(
    tasks: &[Task],
    jobs: usize,
    load: &Load,
    progress: &dyn Progress,
    work: impl AsyncFn(&Seat, &Task) -> Result<Done, StudyError> + Sync,
) -> Result<Vec<Done>, StudyError> {
    run_in(LANES, tasks, jobs, load, progress, work)
}

/// The same with so many tasks in progress on a thread: for tasks that have lanes themselves.
pub(crate) fn run_in<Task: Sync, Done: Send>(
    lanes: usize,
    tasks: &[Task],
    jobs: usize,
    load: &Load,
    progress: &dyn Progress,
    work: impl AsyncFn(&Seat, &Task) -> Result<Done, StudyError> + Sync,
) -> Result<Vec<Done>, StudyError> {
    let (next, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
    let jobs = jobs.clamp(1, tasks.len().max(1));
    // As many tasks on one thread as on the others.
    let lanes = lanes.min(tasks.len().div_ceil(jobs));
    let done: Mutex<Vec<(usize, Result<Done, StudyError>)>> = Mutex::new(Vec::with_capacity(tasks.len()));
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                let seat = Seat::new(load);
                let one = async |(i, task)| {
                    let result = work(&seat, task).await;
                    failed.fetch_or(result.is_err(), Ordering::Relaxed);
                    done.lock().unwrap_or_else(PoisonError::into_inner).push((i, result));
                    progress.step();
                };
                let taken = from_fn(|| {
                    let go_on = !failed.load(Ordering::Relaxed);
                    let i = go_on.then(|| next.fetch_add(1, Ordering::Relaxed))?;
                    tasks.get(i).map(|task| (i, task))
                });
                block_on(in_lanes(lanes, taken.map(one)), || seat.settle());
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
            let doubled = run(&tasks, jobs, &none, &(), async |_, n| {
                // The later ones are done first.
                std::thread::sleep(std::time::Duration::from_micros(100 - n));
                Ok(n * 2)
            });
            assert_eq!(doubled.unwrap(), tasks.iter().map(|n| n * 2).collect::<Vec<_>>(), "{jobs} jobs");
        }
        assert!(run(&[0; 0], 3, &none, &(), async |_, n: &i32| Ok(*n)).unwrap().is_empty());
    }

    #[test]
    fn an_error_ends_all() {
        let error = run(&[1, 2, 3], 2, &none, &(), async |seat, _| seat.take("m").await.map(drop)).unwrap_err();
        assert_eq!(error.to_string(), "the model `m` cannot be run: there is none");
    }
}
