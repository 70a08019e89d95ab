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

/// What a thread keeps between its tasks: the networks that it ran last.
pub(crate) struct Seat<'a> {
    load: &'a Load<'a>,
    held: RefCell<Vec<(String, Rc<Rows>)>>,
}

impl<'a> Seat<'a> {
    /// Without a network at first.
    pub fn new(load: &'a Load<'a>) -> Self {
        Self { load, held: RefCell::default() }
    }

    /// The network of a model.
    pub async fn take(&self, model: &str) -> Result<Rc<Rows>, StudyError> {
        Ok(self.take_all(&[model]).await?.swap_remove(0))
    }

    /// The networks of these models: those at hand, the others as soon as nobody needs any that is not among them any more. Ask for
    /// all at once: who holds one and waits for another may wait for itself.
    pub async fn take_all(&self, models: &[&str]) -> Result<Vec<Rc<Rows>>, StudyError> {
        poll_fn(|_| {
            let mut held = self.held.borrow_mut();
            let wanted = |name: &String| models.contains(&name.as_str());
            if !models.iter().all(|model| held.iter().any(|(name, _)| name == model)) {
                if held.iter().any(|(name, rows)| !wanted(name) && Rc::strong_count(rows) > 1) {
                    return Poll::Pending;
                }
                // Ended before the next is loaded: large models need not fit twice.
                held.retain(|(name, _)| wanted(name));
            }
            for model in models {
                if held.iter().all(|(name, _)| name != model) {
                    match (self.load)(model) {
                        Ok(engine) => held.push(((*model).to_owned(), Rc::new(Rows::new(engine)))),
                        Err(why) => return Poll::Ready(Err(StudyError::Engine { model: (*model).to_owned(), why })),
                    }
                }
            }
            let of = |model: &&str| held.iter().find(|(name, _)| name == model).map(|(_, rows)| rows.clone());
            Poll::Ready(Ok(models.iter().filter_map(of).collect()))
        })
        .await
    }

    /// Runs the rows that wait, although they fill no call.
    pub fn settle(&self) -> bool {
        self.held.borrow().iter().fold(false, |any, (_, rows)| rows.settle() || any)
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
    use runtime::{Data, Element, ModelInfo, Rung, RuntimeError, Tensor, TensorSpec};
    use timing::{ServiceTime, Span};

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

    /// Answers with twice its input.
    struct Doubling(runtime::EngineInfo);

    impl Engine for Doubling {
        fn info(&self) -> &runtime::EngineInfo {
            &self.0
        }

        fn infer(&mut self, inputs: &[Tensor], outputs: &mut Vec<Tensor>) -> Result<ServiceTime, RuntimeError> {
            let Data::F32(values) = &inputs[0].data else { unreachable!() };
            let doubled = values.iter().map(|x| 2.0 * x).collect();
            *outputs = vec![Tensor::f32("y", inputs[0].shape.clone(), doubled)];
            Ok(ServiceTime::compute(Span(1)))
        }
    }

    #[test]
    fn a_task_may_ask_several_networks_and_others_wait_for_those_that_it_needs() {
        let loaded = Mutex::new(Vec::new());
        let load = |name: &str| -> Result<Box<dyn Engine>, String> {
            loaded.lock().unwrap().push(name.to_owned());
            let x = TensorSpec { name: "x".into(), element: Element::F32, shape: vec![None, Some(1)] };
            let y = TensorSpec { name: "y".into(), ..x.clone() };
            let model =
                ModelInfo { path: name.into(), sha256: String::new(), inputs: vec![x], outputs: vec![y], bytes: 0 };
            Ok(Box::new(Doubling(runtime::EngineInfo::new(Rung::Rten, model))))
        };
        let tasks: [&[&str]; 4] = [&["a"], &["a", "b"], &["b", "a"], &["c"]];
        let sums = run(&tasks, 1, &load, &(), async |seat, models| {
            let networks = seat.take_all(models).await?;
            let mut sum = 0.0;
            for (i, rows) in (1u8..).zip(&networks) {
                assert_eq!(rows.together(), ROWS);
                sum += rows.infer([("x", &[1][..], &[f32::from(i)][..])]).await.unwrap()[0];
            }
            Ok(sum)
        });
        assert_eq!(sums.unwrap(), [2.0, 6.0, 6.0, 2.0]);
        assert_eq!(*loaded.lock().unwrap(), ["a", "b", "c"]);
    }

    #[test]
    fn an_error_ends_all() {
        let error = run(&[1, 2, 3], 2, &none, &(), async |seat, _| seat.take("m").await.map(drop)).unwrap_err();
        assert_eq!(error.to_string(), "the model `m` cannot be run: there is none");
    }
}
