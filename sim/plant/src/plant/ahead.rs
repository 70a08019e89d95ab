//! What lies ahead, for displays: questions that change nothing.

use timing::SimTime;

use super::{Plant, SLOP};
use crate::geometry::{Frame, Prism, distance};
use crate::model::{Command, Pose};
use crate::state::RobotState;

/// How often the place of a touch is halved between two poses of a path: a metre to a quarter of a millimetre.
const HALVINGS: u32 = 12;

impl Plant {
    /// The robot `secs` seconds after `state` under a command. Contacts are left out.
    pub fn extrapolate(&self, mut state: RobotState, command: Command, secs: f64) -> RobotState {
        self.advance(&mut state, command, secs);
        state
    }

    /// How far along a path, in metres of its length, the footprint gets before it meets an obstacle, or an actor where it
    /// stands at an instant of the current tick; infinite when it meets nothing. Between two poses the way is straight, and
    /// they should not lie further apart than the footprint is long.
    pub fn free_along(&self, path: &[Pose], at: SimTime) -> f64 {
        let walkers = self.stands_at(at).zip(&self.world.actors).map(|(stand, actor)| stand.prism(actor));
        let things: Vec<Prism> = self.scene.obstacles.iter().copied().chain(walkers).collect();
        let touches = |pose: &Pose| {
            let base = Frame::of(pose);
            things.iter().any(|thing| {
                self.scene.may_be_within(&base, thing, 0.0)
                    && distance(self.scene.half, &thing.seen_from(&base)) < -SLOP
            })
        };
        let Some(first) = path.first() else { return f64::INFINITY };
        if touches(first) {
            return 0.0;
        }
        let mut driven = 0.0;
        for pair in path.windows(2) {
            let length = libm::hypot(pair[1].x - pair[0].x, pair[1].y - pair[0].y);
            if touches(&pair[1]) {
                let (mut free, mut met) = (0.0, 1.0);
                for _ in 0..HALVINGS {
                    let middle = f64::midpoint(free, met);
                    if touches(&between(&pair[0], &pair[1], middle)) {
                        met = middle;
                    } else {
                        free = middle;
                    }
                }
                return driven + length * free;
            }
            driven += length;
        }
        f64::INFINITY
    }
}

fn between(a: &Pose, b: &Pose, part: f64) -> Pose {
    let mix = |a: f64, b: f64| a + (b - a) * part;
    Pose { x: mix(a.x, b.x), y: mix(a.y, b.y), yaw: mix(a.yaw, b.yaw) }
}
