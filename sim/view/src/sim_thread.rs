//! The thread named `simulation`: owns the episode and its driver, paces them by the wall clock, takes orders over a bounded
//! channel and leaves the newest snapshot where the window finds it. Neither ever waits for the other.
#![allow(
    clippy::disallowed_methods,
    reason = "playing at a speed is wall time by nature; it decides nothing in the run"
)]

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Sender, TrySendError, bounded};
use scenario::{Compensation, Latency};
use timing::SimTime;

use crate::player::Player;
use crate::snapshot::Snapshot;
use crate::{Launcher, Settings};

/// What the window asks of the simulation.
#[derive(Clone, Debug, PartialEq)]
pub enum Order {
    /// Set this run up and start it.
    Launch(Box<Settings>),
    /// Set a scenario up with its own settings and start it.
    Open(String),
    /// Stop or let go.
    Pause(bool),
    /// One tick, while paused.
    Step,
    /// Simulated seconds a second.
    Speed(f64),
    /// A change of the run that goes on; recorded with its time.
    Change(Knob),
    /// Who drives, how its network is run and over which link: of these settings only that. Where time does not stand all begins anew.
    Equip(Box<Settings>),
    /// A lane more: the one in focus as it is at this instant, with a future of its own.
    Fork,
    /// Look at this lane; by its index among them.
    Focus(usize),
    /// Close this lane.
    Close(usize),
    /// Look at this instant.
    Scrub(SimTime),
    /// A lane more, with these settings, and all from the start.
    Race(Box<Settings>),
    /// Look at a log.
    OpenLog(PathBuf),
    /// Find out whose fault the collision in the lane in focus was.
    Blame,
    /// Settle this lab, with this prediction.
    Settle(String, usize),
    /// The phase map is looked at, or not any more: only then it is refined.
    Map(bool),
    /// Time goes no further than this; for scripts.
    Hold(Option<SimTime>),
    /// The window closes.
    Quit,
}

/// What can be changed while a run goes on.
#[derive(Clone, Debug, PartialEq)]
pub enum Knob {
    /// Where the latency comes from.
    Latency(Latency),
    /// The speed wanted on a free course, m/s.
    Cruise(f64),
    /// What is done about latency.
    Compensation(Compensation),
    /// The deadline, milliseconds.
    Deadline(Option<f64>),
    /// The times measured when the network was alone.
    Calibration,
}

/// Where the newest snapshot lies. Locked only for the copy of a pointer.
pub(crate) type Slot = Arc<Mutex<Arc<Snapshot>>>;

/// The window's end of the line.
pub(crate) struct SimThread {
    orders: Sender<Order>,
    slot: Slot,
    thread: Option<JoinHandle<()>>,
}

impl SimThread {
    /// Starts the thread and, on it, the first run. `hold`: time stands at zero until it is let go, for a window that is
    /// not on the screen yet.
    pub fn start(launcher: Box<dyn Launcher>, settings: Settings, hold: bool) -> std::io::Result<Self> {
        let (orders, receiver) = bounded(64);
        let slot = Arc::new(Mutex::new(Arc::new(Snapshot::empty(settings.clone()))));
        let player = Player::new(launcher, receiver, slot.clone(), &settings, hold);
        let thread = std::thread::Builder::new().name("simulation".into()).spawn(move || player.run(&settings))?;
        Ok(Self { orders, slot, thread: Some(thread) })
    }

    /// The newest snapshot. The lock is held for the copy of a pointer.
    pub fn newest(&self) -> Arc<Snapshot> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Passes an order on; gives it back when the simulation is behind with the ones before.
    pub fn order(&self, order: Order) -> Option<Order> {
        match self.orders.try_send(order) {
            Err(TrySendError::Full(order)) => Some(order),
            // A dead thread has said why in its last snapshot.
            Ok(()) | Err(TrySendError::Disconnected(_)) => None,
        }
    }
}

impl Drop for SimThread {
    fn drop(&mut self) {
        // Blocks only while the thread works its orders off; a network that loads is not waited for.
        if self.orders.send_timeout(Order::Quit, Duration::from_millis(500)).is_ok()
            && let Some(thread) = self.thread.take()
        {
            let give_up = Instant::now() + Duration::from_secs(2);
            while !thread.is_finished() && Instant::now() < give_up {
                std::thread::sleep(Duration::from_millis(5));
            }
            if thread.is_finished() {
                let _ = thread.join();
            }
        }
    }
}

#[cfg(test)]
#[path = "sim_thread_tests.rs"]
mod tests;
