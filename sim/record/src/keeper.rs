//! Logs of one run after another, written on a thread of their own: whoever plays never waits for a disk.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use episode::{Entry, Summary};

use crate::place::Shelf;
use crate::{Header, Place, RecordError, Writer};

/// What waits for the thread, at most, before it waits with us.
const QUEUE: usize = 64;
/// Entries that wait with us, at most: two minutes of a run, some tens of megabytes. A disk that is further behind costs
/// the log.
const MOST_WAITING: usize = 50_000;
/// How long the end of a keeper waits for a disk that is behind.
const FAREWELL: Duration = Duration::from_secs(1);

/// What is known of the log of the present run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// Where it is, or will be when the run ends; `None` before anything happened.
    pub path: Option<PathBuf>,
    /// Why it is not kept, or only in part; what was found and what to do.
    pub problem: Option<String>,
}

enum Order {
    Begin(u64, Box<Header>),
    Entries(Vec<Entry>),
    End(Box<Summary>),
    Leave,
    Discard,
}

impl Order {
    fn entries(&self) -> usize {
        if let Self::Entries(entries) = self { entries.len() } else { 0 }
    }
}

/// Keeps the log of one run after another, on a thread named `log`.
///
/// No method waits for the disk, and a disk that fails or falls behind costs the log, never the run: [`Keeper::kept`]
/// tells. A run in which nothing happened leaves no file; one that is broken off leaves a log without a summary.
pub struct Keeper {
    orders: Option<Sender<Order>>,
    /// What the channel did not take.
    waiting: VecDeque<Order>,
    /// Entries in it.
    entries: usize,
    /// Counts the runs.
    run: u64,
    told: Arc<Mutex<(u64, Kept)>>,
    gave_up: bool,
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    /// Starts the thread. Creates nothing yet.
    pub fn start(place: Place) -> std::io::Result<Self> {
        let (orders, queue) = bounded(QUEUE);
        let told = Arc::new(Mutex::new((0, Kept::default())));
        let scribe = Scribe { shelf: Shelf::new(place), told: told.clone(), run: 0, header: None, writer: None };
        let thread = std::thread::Builder::new().name("log".into()).spawn(move || scribe.work(&queue))?;
        Ok(Self {
            orders: Some(orders),
            waiting: VecDeque::new(),
            entries: 0,
            run: 0,
            told,
            gave_up: false,
            thread: Some(thread),
        })
    }

    /// A run begins. The one before, if it has not ended, is broken off.
    pub fn begin(&mut self, header: Header) {
        self.run += 1;
        self.gave_up = false;
        self.pass(Order::Begin(self.run, Box::new(header)));
    }

    /// What happened next.
    pub fn push(&mut self, entries: Vec<Entry>) {
        if !entries.is_empty() && !self.gave_up {
            self.pass(Order::Entries(entries));
        }
    }

    /// The run ended.
    pub fn end(&mut self, summary: Summary) {
        if !self.gave_up {
            self.pass(Order::End(Box::new(summary)));
        }
    }

    /// The run is broken off, if it goes on.
    pub fn leave(&mut self) {
        self.pass(Order::Leave);
    }

    /// The run that goes on is to leave no log.
    pub fn discard(&mut self) {
        self.pass(Order::Discard);
    }

    /// Where the present run is kept, and what went wrong with that.
    pub fn kept(&mut self) -> Kept {
        self.hand_over();
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let mut kept = if told.0 == self.run { told.1.clone() } else { Kept::default() };
        if self.gave_up {
            kept.problem = Some("this run's log ends early: the disk did not keep up; choose a faster place".into());
        }
        kept
    }

    fn pass(&mut self, order: Order) {
        self.entries += order.entries();
        self.waiting.push_back(order);
        self.hand_over();
        if self.entries > MOST_WAITING {
            self.gave_up = true;
            self.waiting.retain(|order| !matches!(order, Order::Entries(_) | Order::End(_)));
            self.waiting.push_back(Order::Leave);
            self.entries = 0;
        }
    }

    /// As much as the channel takes.
    fn hand_over(&mut self) {
        let Some(orders) = &self.orders else { return };
        while let Some(order) = self.waiting.pop_front() {
            let entries = order.entries();
            match orders.try_send(order) {
                Ok(()) => self.entries -= entries,
                Err(TrySendError::Full(order)) => return self.waiting.push_front(order),
                // The thread never ends before its channel does.
                Err(TrySendError::Disconnected(_)) => return,
            }
        }
    }
}

impl Drop for Keeper {
    /// Writes out what still waits. A disk that hangs for longer loses the end of the log.
    fn drop(&mut self) {
        if let Some(orders) = self.orders.take() {
            for order in self.waiting.drain(..) {
                if orders.send_timeout(order, FAREWELL).is_err() {
                    return;
                }
            }
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What the thread owns.
struct Scribe {
    shelf: Shelf,
    told: Arc<Mutex<(u64, Kept)>>,
    run: u64,
    /// Of a run in which nothing has happened yet.
    header: Option<Box<Header>>,
    writer: Option<Writer>,
}

impl Scribe {
    fn work(mut self, queue: &Receiver<Order>) {
        for order in queue {
            let done = match order {
                Order::Begin(run, header) => {
                    let left = self.leave();
                    (self.run, self.header) = (run, Some(header));
                    left
                }
                Order::Entries(entries) => self.write(&entries),
                Order::End(summary) => self.writer.take().map_or(Ok(()), |writer| writer.finish(&summary)),
                Order::Leave => self.leave(),
                Order::Discard => {
                    self.header = None;
                    self.writer.take().map_or(Ok(()), Writer::discard)
                }
            };
            if let Err(error) = done {
                self.writer = None;
                self.tell(|kept| kept.problem = Some(error.to_string()));
            }
        }
        // Nobody is left to be told.
        let _ = self.leave();
    }

    fn write(&mut self, entries: &[Entry]) -> Result<(), RecordError> {
        if let Some(header) = self.header.take() {
            let path = self.shelf.next(&header.scenario_name)?;
            self.writer = Some(Writer::create(&path, &header)?);
            self.tell(|kept| kept.path = Some(path));
        }
        self.writer.as_mut().map_or(Ok(()), |writer| entries.iter().try_for_each(|entry| writer.push(entry)))
    }

    fn leave(&mut self) -> Result<(), RecordError> {
        self.header = None;
        self.writer.take().map_or(Ok(()), Writer::leave)
    }

    fn tell(&self, what: impl FnOnce(&mut Kept)) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.0 != self.run {
            *told = (self.run, Kept::default());
        }
        what(&mut told.1);
    }
}

#[cfg(test)]
#[path = "keeper_tests.rs"]
mod tests;
