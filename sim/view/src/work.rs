//! How much processor time a frame costs us: the systems of this crate, without Bevy's, egui's painting and the driver's. By the
//! clock of the thread: what others do on the same core meanwhile is not ours.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};

use bevy::prelude::*;
use rustix::time::{ClockId, clock_gettime};

/// Frames that are remembered.
const FRAMES: usize = 4096;

/// Adds up what our systems take.
#[derive(Resource, Default)]
pub(crate) struct Work {
    frame: AtomicU64,
    frames: VecDeque<u64>,
}

/// Counts until it is dropped.
pub(crate) struct Clocked<'a> {
    work: &'a Work,
    since: i64,
}

impl Work {
    /// To be held by a system while it runs.
    pub fn clock(&self) -> Clocked<'_> {
        Clocked { work: self, since: spent() }
    }

    /// Frames counted, and the median, 99th percentile and largest cost in milliseconds.
    pub fn report(&self) -> (usize, [f64; 3]) {
        let mut sorted: Vec<u64> = self.frames.iter().copied().collect();
        sorted.sort_unstable();
        let at = |p: f64| sorted.get(((sorted.len() as f64 * p) as usize).min(sorted.len().max(1) - 1)).copied();
        let ms = |p: f64| at(p).unwrap_or(0) as f64 / 1e6;
        (sorted.len(), [ms(0.5), ms(0.99), ms(1.0)])
    }
}

impl Drop for Clocked<'_> {
    fn drop(&mut self) {
        self.work.frame.fetch_add((spent() - self.since).max(0) as u64, Ordering::Relaxed);
    }
}

/// Processor time of this thread, nanoseconds.
fn spent() -> i64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    now.tv_sec * 1_000_000_000 + now.tv_nsec
}

/// Ends a frame.
pub(crate) fn end_frame(mut work: ResMut<Work>) {
    let spent = work.frame.swap(0, Ordering::Relaxed);
    if work.frames.len() == FRAMES {
        work.frames.pop_front();
    }
    work.frames.push_back(spent);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_do_meanwhile_is_not_counted() {
        let work = Work::default();
        let clock = work.clock();
        std::thread::sleep(std::time::Duration::from_millis(40));
        drop(clock);
        let asleep = work.frame.swap(0, Ordering::Relaxed);
        assert!(asleep < 20_000_000, "{asleep}");
        let clock = work.clock();
        let began = spent();
        while spent() < began + 5_000_000 {}
        drop(clock);
        assert!(work.frame.load(Ordering::Relaxed) >= 5_000_000);
    }
}
