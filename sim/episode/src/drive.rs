//! Pacing, and the talk with the inference worker. The only place beside the worker that reads a clock.
#![allow(clippy::disallowed_methods, reason = "pacing and harness times are wall time by nature")]

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use pilot::Contract;
use runtime::{Data, Finished, Job, Running, Tensor, Worker};
use timing::{ServiceTime, SimTime, Span};

use crate::episode::batch_size;
use crate::{Episode, Failure, OverheadUs, Prediction, Request, Status};

/// An answer of an earlier run.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// It was delivered.
    Predicted(Prediction),
    /// It was not.
    Failed(Failure),
}

/// Where predictions come from. Few exist, so their size does not matter.
#[allow(clippy::large_enum_variant)]
pub enum Supply {
    /// The pilot asks nobody.
    Nobody,
    /// A network, run for real.
    Worker {
        /// The worker that runs it.
        worker: Worker,
        /// What it is fed and answers. Without one it is a surrogate: fed inputs of its declared shapes instead of the
        /// observation, and its output is only waited for.
        contract: Option<Contract>,
    },
    /// A recorded run, by frame.
    Recorded(BTreeMap<u64, Answer>),
}

/// How far [`Driver::pump`] came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pumped {
    /// Everything before the wanted instant has happened.
    Reached,
    /// An inference still runs; simulated time waits for it.
    Waiting,
    /// The episode has ended.
    Over,
}

/// Lets several drivers run their inferences one after the other, so that none takes another's time.
#[derive(Clone, Debug, Default)]
pub struct Turn(Arc<AtomicBool>);

/// Whose turn it is; the next one's when it is dropped.
#[derive(Debug)]
struct Taken(Arc<AtomicBool>);

impl Turn {
    fn take(&self) -> Option<Taken> {
        let free = self.0.compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed).is_ok();
        free.then(|| Taken(self.0.clone()))
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

/// Drives an episode: runs its requests and lets time go no further than is known.
pub struct Driver {
    supply: Supply,
    queue: VecDeque<Request>,
    running: Option<Request>,
    prepared: Option<(u64, Duration)>,
    encoded: Vec<pilot::Tensor>,
    /// Buffers of the last job.
    spare: Vec<Tensor>,
    overheads: Vec<Duration>,
    hand_overs: Vec<Duration>,
    starts: Vec<(SimTime, Instant)>,
    failures: Vec<String>,
    turn: Option<Turn>,
    taken: Option<Taken>,
}

impl Driver {
    /// A driver for one episode (or for the forks of one).
    pub fn new(supply: Supply) -> Self {
        Self {
            supply,
            queue: VecDeque::new(),
            running: None,
            prepared: None,
            encoded: Vec::new(),
            spare: Vec::new(),
            overheads: Vec::new(),
            hand_overs: Vec::new(),
            starts: Vec::new(),
            failures: Vec::new(),
            turn: None,
            taken: None,
        }
    }

    /// Runs inferences only when it is this driver's turn; until then simulated time waits where they start.
    pub fn take_turns(&mut self, turn: &Turn) {
        self.turn = Some(turn.clone());
    }

    /// The requests that have not been answered yet.
    pub fn outstanding(&self) -> impl Iterator<Item = u64> {
        self.running.iter().chain(&self.queue).map(|request| request.id)
    }

    /// Gives the worker back, once it is done with the inference that it still runs.
    pub fn into_supply(mut self) -> Supply {
        if let (Supply::Worker { worker, .. }, Some(_)) = (&mut self.supply, self.running) {
            // Long enough for any model that one would drive with; a worker that hangs longer fails its next job.
            worker.recv(Duration::from_secs(30));
        }
        self.supply
    }

    /// The worker's engine, if there is one.
    pub fn engine(&self) -> Option<&runtime::EngineInfo> {
        match &self.supply {
            Supply::Worker { worker, .. } => Some(worker.info()),
            _ => None,
        }
    }

    /// Why the engine itself says that what it measured cannot be certified.
    pub fn complaints(&self) -> Vec<String> {
        if let Supply::Worker { worker, .. } = &self.supply { worker.complaints() } else { Vec::new() }
    }

    /// Advances `episode` to `until`, waiting at most `patience` of wall time for an inference that must end first.
    pub fn pump(&mut self, episode: &mut Episode, until: SimTime, patience: Duration) -> Pumped {
        let give_up = Instant::now() + patience;
        loop {
            self.look_after_worker(episode, Duration::ZERO);
            match episode.advance(until) {
                Status::Reached => return Pumped::Reached,
                Status::Over => return Pumped::Over,
                Status::Wants(request) => {
                    self.queue.push_back(request);
                    self.feed(episode);
                }
                Status::Blocked(_) => {
                    let left = give_up.saturating_duration_since(Instant::now());
                    // It is another driver's turn, and that one is not looked after while this one waits.
                    let waits = self.running.is_none() && !self.queue.is_empty();
                    if left.is_zero() || waits {
                        return Pumped::Waiting;
                    }
                    // Short, so that simulated time follows the running inference closely.
                    self.look_after_worker(episode, left.min(Duration::from_micros(500)));
                }
            }
        }
    }

    /// Looks after an inference that still runs when its episode is over, and then lets the others have their turn. Nothing waits for
    /// its answer; until [`pump`](Self::pump) said `Over` this must not be called.
    pub fn rest(&mut self) {
        self.queue.clear();
        let ended = match &mut self.supply {
            Supply::Worker { worker, .. } => self.running.is_some() && worker.recv(Duration::ZERO).is_some(),
            _ => false,
        };
        if ended {
            self.running = None;
            self.taken = None;
        }
    }

    /// Gives the next request to whoever answers it.
    fn feed(&mut self, episode: &mut Episode) {
        match &mut self.supply {
            Supply::Nobody => self.queue.clear(),
            Supply::Recorded(answers) => {
                for request in self.queue.drain(..) {
                    match answers.remove(&request.id) {
                        Some(Answer::Predicted(prediction)) => {
                            episode.deliver(prediction);
                        }
                        Some(Answer::Failed(failure)) => episode.fail(failure),
                        // It was still running when the recorded run ended.
                        None => {
                            let service = ServiceTime::compute(Span::from_secs(1e6));
                            episode.deliver(Prediction { id: request.id, service, output: Vec::new() });
                        }
                    }
                }
            }
            Supply::Worker { worker, contract } => {
                if self.running.is_some() || self.queue.is_empty() {
                    return;
                }
                if let Some(turn) = &self.turn {
                    let Some(taken) = turn.take() else { return };
                    self.taken = Some(taken);
                }
                let Some(request) = self.queue.pop_front() else { return };
                let began = Instant::now();
                let copies = batch_size(episode.setup().line.schedule);
                let mut inputs = std::mem::take(&mut self.spare);
                if let Some(contract) = *contract {
                    episode.inputs(request.id, contract, &mut self.encoded);
                    fill(&mut inputs, &self.encoded, copies);
                } else if inputs.is_empty() {
                    inputs = runtime::synthetic_inputs(&worker.info().model, copies, request.id);
                }
                self.prepared = Some((request.id, began.elapsed()));
                if request.service.is_none() {
                    self.starts.push((request.started, Instant::now()));
                }
                worker.submit(Job { id: request.id, inputs });
                self.running = Some(request);
            }
        }
    }

    /// Takes a finished inference, or tells the episode how long the running one is known to have run.
    fn look_after_worker(&mut self, episode: &mut Episode, timeout: Duration) {
        let Supply::Worker { worker, .. } = &mut self.supply else { return };
        let Some(request) = self.running else { return self.feed(episode) };
        if let Some(finished) = worker.recv(timeout) {
            self.running = None;
            self.taken = None;
            self.take(episode, finished, request.service);
            self.feed(episode);
        } else if request.service.is_none() {
            match worker.elapsed() {
                Running::For(elapsed) => episode.still_running(request.id, elapsed),
                Running::Away(elapsed) => episode.still_away(request.id, elapsed),
                Running::Idle | Running::Waiting | Running::Done => {}
            }
        }
    }

    fn take(&mut self, episode: &mut Episode, finished: Finished, known: Option<ServiceTime>) {
        let began = Instant::now();
        let id = finished.id;
        match finished.result {
            Ok((measured, outputs)) => {
                let service = known.unwrap_or(measured);
                let copies = batch_size(episode.setup().line.schedule);
                let used = outputs
                    .into_iter()
                    .next()
                    .filter(|_| !matches!(self.supply, Supply::Worker { contract: None, .. }));
                let output = used.map(|tensor| first_row(tensor, copies)).unwrap_or_default();
                episode.deliver(Prediction { id, service, output });
            }
            Err(failure) => {
                self.failures.push(failure.message.clone());
                episode.fail(Failure { id, after: failure.after, why: failure.message });
            }
        }
        if let Some((_, encoding)) = self.prepared.take_if(|(prepared, _)| *prepared == id) {
            self.overheads.push(encoding + began.elapsed());
        }
        self.spare = finished.inputs;
        self.hand_overs.push(finished.hand_over);
    }

    /// Harness time of each inference: encoding, decoding, book-keeping; and the hand-over to the worker and back.
    pub fn harness(&self) -> (OverheadUs, OverheadUs) {
        (percentiles(&self.overheads), percentiles(&self.hand_overs))
    }

    /// Why inferences failed.
    pub fn failures(&self) -> &[String] {
        &self.failures
    }

    /// Share of starts whose wall distance to the one before is more than 10 % off the simulated one; `None` with
    /// fewer than two starts.
    pub fn cadence_off(&self) -> Option<f64> {
        let gaps: Vec<(f64, f64)> = self
            .starts
            .windows(2)
            .map(|w| ((w[1].0 - w[0].0).secs(), w[1].1.duration_since(w[0].1).as_secs_f64()))
            .collect();
        let off = gaps.iter().filter(|(sim, wall)| (wall / sim - 1.0).abs() > 0.1).count();
        (!gaps.is_empty()).then(|| off as f64 / gaps.len() as f64)
    }
}

/// Encoded inputs, each repeated to the batch size, in the buffers of the last job where those are back.
fn fill(inputs: &mut Vec<Tensor>, encoded: &[pilot::Tensor], copies: usize) {
    let shape = |tensor: &pilot::Tensor| [&[copies], &tensor.spec.shape[1..]].concat();
    if inputs.len() != encoded.len() {
        let empty = |tensor: &pilot::Tensor| Tensor {
            name: tensor.spec.name.to_owned(),
            shape: shape(tensor),
            data: Data::F32(Vec::new()),
        };
        *inputs = encoded.iter().map(empty).collect();
    }
    for (input, tensor) in inputs.iter_mut().zip(encoded) {
        if let Data::F32(values) = &mut input.data {
            values.clear();
            for _ in 0..copies {
                values.extend_from_slice(&tensor.data);
            }
        }
    }
}

/// The output of the newest frame: the first of `copies` equal rows.
fn first_row(tensor: Tensor, copies: usize) -> Vec<f32> {
    match tensor.data {
        Data::F32(mut values) => {
            values.truncate(values.len() / copies.max(1));
            values
        }
        _ => Vec::new(),
    }
}

fn percentiles(values: &[Duration]) -> OverheadUs {
    let spans: Vec<Span> = values.iter().map(|d| Span(d.as_nanos() as i64)).collect();
    let p = crate::Percentiles::of(&spans);
    OverheadUs { p50: p.p50 * 1e3, p99: p.p99 * 1e3 }
}
