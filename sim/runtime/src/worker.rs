//! The inference thread: runs an engine beside the simulation and times it on its own clock.

use std::any::Any;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering, fence};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use timing::{ServiceTime, Span};

use crate::onnxruntime::span;
use crate::{Engine, EngineInfo, RuntimeError, Tensor, Watch};

/// Taken off every elapsed time. A processor may load a flag some hundred cycles before it reads the clock that stands
/// earlier in the program; a microsecond is far more, and nobody sees it.
const SKEW: Span = Span(1_000);
/// How long a dropped worker waits for its thread. A longer inference is left to end by itself.
const FAREWELL: Duration = Duration::from_millis(200);

/// One inference to run.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// Comes back in [`Finished`].
    pub id: u64,
    /// One tensor for each input of the model, in any order.
    pub inputs: Vec<Tensor>,
}

/// Why an inference gave nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// In one line or two.
    pub message: String,
    /// From its start to the moment it was known to have failed; at least every [`Running::For`] reported before.
    pub after: Span,
}

/// One inference that has ended.
#[derive(Debug)]
pub struct Finished {
    /// Its job's.
    pub id: u64,
    /// Stages and outputs.
    pub result: Result<(ServiceTime, Vec<Tensor>), Failure>,
    /// The job's inputs, to be filled again. Empty if the thread was lost with them.
    pub inputs: Vec<Tensor>,
    /// Time in channels, both ways: harness, never part of the world.
    pub hand_over: Duration,
}

/// How far the job in hand has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Running {
    /// There is none.
    Idle,
    /// Handed over, not started.
    Waiting,
    /// Still running; its service time will be at least this.
    For(Span),
    /// Asked of a device elsewhere so long ago. How much of that the device was busy only its answer will tell, so it may
    /// turn out to have finished at any time since its start; but nothing is back yet.
    Away(Span),
    /// Finished or failed; [`Worker::recv`] has it, now or in a moment.
    Done,
}

/// What the thread and its owner share.
struct Stamps {
    base: Instant,
    /// Nanoseconds from `base` to the start; negative before it.
    started: AtomicI64,
    done: AtomicBool,
}

/// One thread named `inference` with one engine and at most one job at a time.
///
/// The pacing rule it is built for: if [`Worker::elapsed`] says [`Running::For`]`(e)`, the inference will finish (or be
/// known to have failed) no earlier than `e` after its start. The thread sets `done` before it reads the clock for its
/// stop stamp; the asker reads the clock, then `done`.
pub struct Worker {
    info: EngineInfo,
    stamps: Arc<Stamps>,
    watch: Option<Arc<dyn Watch>>,
    jobs: Option<Sender<(Job, Instant)>>,
    results: Receiver<(Finished, Instant)>,
    /// The job that is with the thread.
    outstanding: Option<u64>,
    /// Results that were taken off the channel to make room for a job.
    ready: VecDeque<Finished>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    /// Starts the thread. Should the system refuse one, every job fails with that reason.
    pub fn spawn(engine: Box<dyn Engine>) -> Self {
        let stamps =
            Arc::new(Stamps { base: Instant::now(), started: AtomicI64::new(-1), done: AtomicBool::new(false) });
        let (jobs, job_queue) = bounded(1);
        let (result_queue, results) = bounded(1);
        let (info, watch) = (engine.info().clone(), engine.watch());
        let shared = stamps.clone();
        let run = move || work(engine, &shared, &job_queue, &result_queue);
        let thread = thread::Builder::new().name("inference".to_owned()).spawn(run).ok();
        Self { info, stamps, watch, jobs: Some(jobs), results, outstanding: None, ready: VecDeque::new(), thread }
    }

    /// What the engine is.
    pub fn info(&self) -> &EngineInfo {
        &self.info
    }

    /// Hands a job over. If one is running, waits for it to end first; its result stays for [`Worker::recv`].
    pub fn submit(&mut self, job: Job) {
        while self.outstanding.is_some() {
            if let Some(finished) = self.take(None) {
                self.ready.push_back(finished);
            }
        }
        self.start(job);
    }

    /// Hands a job over unless one is running; then it comes back.
    pub fn try_submit(&mut self, job: Job) -> Result<(), Job> {
        if self.outstanding.is_some() {
            return Err(job);
        }
        self.start(job);
        Ok(())
    }

    fn start(&mut self, job: Job) {
        // The thread is idle, so nobody else touches the stamps.
        self.stamps.started.store(-1, Ordering::Relaxed);
        self.stamps.done.store(false, Ordering::Relaxed);
        if let Some(watch) = &self.watch {
            watch.reset();
        }
        let id = job.id;
        let sent = match &self.jobs {
            Some(jobs) => jobs.send((job, Instant::now())).map_err(|lost| lost.0.0.inputs),
            None => Err(job.inputs),
        };
        match sent {
            Ok(()) => self.outstanding = Some(id),
            Err(inputs) => self.ready.push_back(gone(id, inputs)),
        }
    }

    /// Why what was measured until now cannot be certified, as far as the engine itself knows.
    pub fn complaints(&self) -> Vec<String> {
        self.watch.as_ref().map(|watch| watch.complaints()).unwrap_or_default()
    }

    /// How far the job in hand has come. Reads the clock first, then `done`.
    pub fn elapsed(&self) -> Running {
        if self.outstanding.is_none() {
            return if self.ready.is_empty() { Running::Idle } else { Running::Done };
        }
        let now = span(self.stamps.base, Instant::now());
        fence(Ordering::SeqCst);
        if self.stamps.done.load(Ordering::SeqCst) || !self.results.is_empty() {
            return Running::Done;
        }
        if let Some(watch) = &self.watch {
            return watch.running();
        }
        match self.stamps.started.load(Ordering::Acquire) {
            started if started < 0 => Running::Waiting,
            started => Running::For(Span((now - Span(started) - SKEW).0.max(0))),
        }
    }

    /// The next result, waiting for it at most this long. `None` if there is none in that time, or no job.
    pub fn recv(&mut self, timeout: Duration) -> Option<Finished> {
        if let Some(finished) = self.ready.pop_front() {
            return Some(finished);
        }
        self.outstanding?;
        self.take(Some(timeout))
    }

    fn take(&mut self, timeout: Option<Duration>) -> Option<Finished> {
        let id = self.outstanding?;
        let received = match timeout {
            Some(timeout) => self.results.recv_timeout(timeout),
            None => self.results.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match received {
            Ok((mut finished, sent)) => {
                finished.hand_over += sent.elapsed();
                self.outstanding = None;
                Some(finished)
            }
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => {
                self.outstanding = None;
                Some(gone(id, Vec::new()))
            }
        }
    }
}

impl Drop for Worker {
    /// Ends the thread. An inference that does not end soon is left alone: it cannot be interrupted.
    fn drop(&mut self) {
        self.jobs = None;
        let Some(thread) = self.thread.take() else { return };
        let until = Instant::now() + FAREWELL;
        // A result nobody takes would keep the thread waiting.
        while !thread.is_finished() && Instant::now() < until {
            let _ = self.results.recv_timeout(Duration::from_millis(1));
        }
        if thread.is_finished() {
            let _ = thread.join();
        }
    }
}

fn gone(id: u64, inputs: Vec<Tensor>) -> Finished {
    let message = "the inference thread is gone".to_owned();
    Finished { id, result: Err(Failure { message, after: Span::ZERO }), inputs, hand_over: Duration::ZERO }
}

fn work(
    mut engine: Box<dyn Engine>,
    stamps: &Stamps,
    jobs: &Receiver<(Job, Instant)>,
    results: &Sender<(Finished, Instant)>,
) {
    let elsewhere = engine.watch().is_some();
    let mut broken = None;
    while let Ok((job, sent)) = jobs.recv() {
        let hand_over = sent.elapsed();
        let mut outputs = Vec::new();
        let start = Instant::now();
        stamps.started.store(span(stamps.base, start).0, Ordering::Release);
        let outcome = match &broken {
            None => guarded(&mut *engine, &job.inputs, &mut outputs),
            Some(reason) => Err((false, String::clone(reason))),
        };
        // Visible to others before the clock is read: a full barrier, not only an order of stores.
        stamps.done.store(true, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        let took = span(start, Instant::now());
        let result = match outcome {
            Ok(time) => Ok((if elsewhere { time } else { fill_gap(time, took) }, outputs)),
            Err((panicked, message)) => {
                if panicked {
                    broken = Some(message.clone());
                }
                Err(Failure { message, after: took })
            }
        };
        let finished = Finished { id: job.id, result, inputs: job.inputs, hand_over };
        if results.send((finished, Instant::now())).is_err() {
            return;
        }
    }
}

/// Runs once; the flag of an error says that the engine panicked and must not be used again.
pub(crate) fn guarded(
    engine: &mut dyn Engine,
    inputs: &[Tensor],
    outputs: &mut Vec<Tensor>,
) -> Result<ServiceTime, (bool, String)> {
    match catch_unwind(AssertUnwindSafe(|| engine.infer(inputs, outputs))) {
        Ok(Ok(time)) => Ok(time),
        Ok(Err(e)) => Err((false, RuntimeError::to_string(&e))),
        Err(panic) => Err((true, format!("the engine panicked: {}", words(&*panic)))),
    }
}

fn words(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a word")
}

/// The engine stamps inside its own call; what is left of the worker's stamps, some hundred nanoseconds, is `post`, so
/// that the stages add up to stop less start.
fn fill_gap(mut time: ServiceTime, took: Span) -> ServiceTime {
    time.post += Span((took - time.total()).0.max(0));
    time
}
