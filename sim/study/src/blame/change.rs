//! What is changed in a counterfactual.

use std::sync::Arc;

use episode::Episode;
use scenario::{PilotSpec, Setup};
use serde::Serialize;
use timing::{Adjustment, Source, Span};

/// What latency is made of, as far as blame is shared out. Waiting in the queue is compute's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Exposure and readout.
    Sensing,
    /// To the device and back.
    Link,
    /// Pre- and post-processing.
    PrePost,
    /// The network, with its copies.
    Compute,
    /// Dead time of the actuator.
    Actuation,
}

impl Part {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Sensing, Self::Link, Self::PrePost, Self::Compute, Self::Actuation];

    /// The name in reports.
    pub fn label(self) -> &'static str {
        match self {
            Self::Sensing => "sensing",
            Self::Link => "link",
            Self::PrePost => "pre_post",
            Self::Compute => "compute",
            Self::Actuation => "actuation",
        }
    }
}

/// A change of what holds from the fork on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Change {
    /// Factor of each part's durations, in the order of [`Part::ALL`].
    pub factors: [f64; 5],
    /// The expert decides, on what is in line of sight, as late as the network did.
    pub expert: bool,
    /// No inference takes longer.
    pub at_most: Option<Span>,
    /// Nothing is lost for being late.
    pub no_deadline: bool,
}

impl Change {
    pub const NONE: Self = Self { factors: [1.0; 5], expert: false, at_most: None, no_deadline: false };
    /// Z: no latency.
    pub const NO_LATENCY: Self = Self { factors: [0.0; 5], ..Self::NONE };
    /// P: perfect perception.
    pub const EXPERT: Self = Self { expert: true, ..Self::NONE };
    /// ZP: both.
    pub const BOTH: Self = Self { expert: true, ..Self::NO_LATENCY };

    /// All durations so many times as long.
    pub fn scaled(factor: f64) -> Self {
        Self { factors: [factor; 5], ..Self::NONE }
    }

    /// Without this part of the latency.
    pub fn without(part: Part) -> Self {
        Self { factors: Part::ALL.map(|p| f64::from(u8::from(p != part))), ..Self::NONE }
    }

    /// With these parts of the latency alone.
    pub fn only(parts: impl Iterator<Item = Part>) -> Self {
        let mut change = Self::NO_LATENCY;
        for part in parts {
            change.factors[part as usize] = 1.0;
        }
        change
    }

    /// The fork in which it holds.
    pub fn fork(&self, episode: &Episode) -> Episode {
        let [sensing, link, around, compute, actuation] = self.factors;
        let adjust = |source: &Source| {
            if (around, compute) == (0.0, 0.0) && !(link > 0.0 && source.linked()) {
                return Source::ZERO;
            }
            let at_most = self.at_most;
            let adjustment = Adjustment { around, compute, at_most, link, ..Adjustment::default() };
            Source::Adjusted(Arc::new(source.clone()), adjustment)
        };
        let change = |setup: &mut Setup| {
            let line = &mut setup.line;
            line.sensing = line.sensing.times(sensing);
            (line.link_out, line.link_back) = (line.link_out.times(link), line.link_back.times(link));
            line.network = line.network.as_ref().filter(|_| link > 0.0).map(|network| network.scaled(link).into());
            line.dead_time = line.dead_time.times(actuation);
            if self.no_deadline {
                line.deadline = None;
            }
            if self.expert {
                setup.pilot = PilotSpec::Expert;
            }
        };
        episode.branch(change, adjust)
    }
}
