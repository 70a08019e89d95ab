//! How late a command may be, where that is known: the line in the plots of time.

use plant::Robot;
use timing::max_reaction;

use crate::panel;
use crate::snapshot::Snapshot;

/// The line that times are held against.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Limit {
    /// `R_max = D/v - v/(2b)` at the wanted speed: from the capture to the brakes, milliseconds.
    Budget(f64),
    /// An inference that takes longer is lost: from its start, milliseconds.
    Deadline(f64),
}

impl Limit {
    /// The budget; else the deadline; else nothing is known.
    pub fn of(snapshot: &Snapshot) -> Option<Self> {
        budget(snapshot).map(Self::Budget).or_else(|| snapshot.settings.deadline_ms.map(Self::Deadline))
    }

    /// The longest reaction, milliseconds.
    pub fn budget(self) -> Option<f64> {
        match self {
            Self::Budget(ms) => Some(ms),
            Self::Deadline(_) => None,
        }
    }

    /// For the legend.
    pub fn label(self) -> String {
        match self {
            Self::Budget(ms) => format!("budget {} ms", panel::ms(ms)),
            Self::Deadline(ms) => format!("deadline {} ms", panel::ms(ms)),
        }
    }
}

/// From what the scenario says about its sight, or from the formula's line in its phase map.
fn budget(snapshot: &Snapshot) -> Option<f64> {
    let scene = snapshot.scene.as_ref()?;
    let Robot::Rover(rover) = &scene.world.robot else { return None };
    let speed = snapshot.settings.cruise?;
    let instruments = &scene.instruments;
    let ms = match (instruments.sight, &snapshot.map.shown) {
        (Some(sight), _) => max_reaction(sight, speed, rover.braking) * 1e3,
        (None, Some(map)) => map.none_stops_at(speed)? + instruments.spent.ms(),
        (None, None) => return None,
    };
    (ms > 0.0).then_some(ms)
}
