//! The phase map as plain data: how often a scenario collides, by speed and latency.

use std::sync::Arc;

/// How often a scenario collides at speeds and pure delays.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PhaseMap {
    /// What drives what, in a few words.
    pub title: String,
    /// Coarse ones first; a later one lies on top of what it refines.
    pub cells: Vec<PhaseCell>,
    /// By formula, by rising speed: m/s, the longest pure delay at which every sensor phase stops in time, the shortest at which
    /// none does, milliseconds.
    pub boundary: Vec<[f64; 3]>,
}

/// A cell of a phase map.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PhaseCell {
    /// Its middle, m/s.
    pub speed: f64,
    /// Its middle, milliseconds.
    pub latency_ms: f64,
    /// Its size, m/s and milliseconds.
    pub size: [f64; 2],
    /// Collisions.
    pub collided: u32,
    /// Of so many episodes.
    pub of: u32,
}

impl PhaseCell {
    /// Whether a speed and a latency lie in it.
    pub fn holds(&self, speed: f64, latency_ms: f64) -> bool {
        (speed - self.speed).abs() <= self.size[0] / 2.0 && (latency_ms - self.latency_ms).abs() <= self.size[1] / 2.0
    }

    /// From 0 to 1.
    pub fn share(&self) -> f64 {
        f64::from(self.collided) / f64::from(self.of.max(1))
    }
}

impl PhaseMap {
    /// The finest cell at a speed and a latency.
    pub fn at(&self, speed: f64, latency_ms: f64) -> Option<&PhaseCell> {
        self.cells.iter().rev().find(|cell| cell.holds(speed, latency_ms))
    }

    /// The speeds and the latencies that it covers.
    pub fn extent(&self) -> [(f64, f64); 2] {
        let ends = |middle: fn(&PhaseCell) -> f64, axis: usize| {
            let low = self.cells.iter().map(|cell| middle(cell) - cell.size[axis] / 2.0).fold(f64::INFINITY, f64::min);
            let high =
                self.cells.iter().map(|cell| middle(cell) + cell.size[axis] / 2.0).fold(f64::NEG_INFINITY, f64::max);
            (low, high)
        };
        [ends(|cell| cell.speed, 0), ends(|cell| cell.latency_ms, 1)]
    }

    /// By formula, from this pure delay on no sensor phase stops in time, milliseconds; `None` outside the speeds that were worked
    /// out.
    pub fn none_stops_at(&self, speed: f64) -> Option<f64> {
        self.boundary.windows(2).find_map(|pair| {
            let [[low, _, from], [high, _, to]] = [pair[0], pair[1]];
            let inside = low < high && (low - 1e-9..=high + 1e-9).contains(&speed);
            inside.then(|| from + (to - from) * (speed - low) / (high - low))
        })
    }
}

/// What there is of a phase map, and what is being done about it.
#[derive(Clone, Debug, Default)]
pub struct MapState {
    /// As far as it is known.
    pub shown: Option<Arc<PhaseMap>>,
    /// What is done about it.
    pub work: MapWork,
}

impl PartialEq for MapState {
    /// Maps are never changed, so they are equal if they are the same.
    fn eq(&self, other: &Self) -> bool {
        let same = match (&self.shown, &other.shown) {
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            (a, b) => a.is_none() && b.is_none(),
        };
        same && self.work == other.work
    }
}

/// What is done about a phase map.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum MapWork {
    /// There can be none: why.
    None(String),
    /// Nothing: it waits until the run is paused or over.
    #[default]
    Waits,
    /// It is refined.
    Runs,
    /// As fine as it gets.
    Done,
    /// It went wrong: why.
    Failed(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_finest_cell_is_found_and_the_formula_lies_between_its_points() {
        let coarse = PhaseCell { speed: 1.0, latency_ms: 100.0, size: [0.5, 50.0], collided: 2, of: 10 };
        let fine = PhaseCell { speed: 1.1, latency_ms: 110.0, size: [0.25, 25.0], collided: 9, of: 10 };
        let boundary = vec![[1.0, 380.0, 400.0], [2.0, 80.0, 100.0]];
        let map = PhaseMap { title: String::new(), cells: vec![coarse, fine], boundary };
        assert_eq!(map.at(1.1, 105.0), Some(&fine));
        assert_eq!(map.at(0.9, 105.0), Some(&coarse));
        assert_eq!((map.at(0.9, 130.0), coarse.share()), (None, 0.2));
        assert_eq!(map.extent(), [(0.75, 1.25), (75.0, 125.0)]);
        assert_eq!(
            [0.9, 1.0, 1.5, 2.0, 2.1].map(|v| map.none_stops_at(v)),
            [None, Some(400.0), Some(250.0), Some(100.0), None]
        );
    }

    #[test]
    fn equal_maps_are_the_same_map() {
        let map = || Some(Arc::new(PhaseMap::default()));
        let state = MapState { shown: map(), work: MapWork::Waits };
        assert_eq!(state, state.clone());
        assert_ne!(state, MapState { shown: map(), work: MapWork::Waits });
        assert_ne!(state, MapState { work: MapWork::Runs, ..state.clone() });
        assert_eq!(MapState::default(), MapState::default());
    }
}
