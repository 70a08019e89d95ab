//! How much processor time a frame costs us: the systems of this crate, without Bevy's, egui's painting and the driver's.
#![allow(clippy::disallowed_methods, reason = "the cost of drawing is wall time; it never reaches the simulation")]

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use bevy::prelude::*;

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
    since: Instant,
}

impl Work {
    /// To be held by a system while it runs.
    pub fn clock(&self) -> Clocked<'_> {
        Clocked { work: self, since: Instant::now() }
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
        self.work.frame.fetch_add(self.since.elapsed().as_nanos() as u64, Ordering::Relaxed);
    }
}

/// Ends a frame.
pub(crate) fn end_frame(mut work: ResMut<Work>) {
    let spent = work.frame.swap(0, Ordering::Relaxed);
    if work.frames.len() == FRAMES {
        work.frames.pop_front();
    }
    work.frames.push_back(spent);
}
