//! What the robot senses.

use timing::SimTime;

use super::Plant;
use crate::actors::Stand;
use crate::geometry::{Frame, Prism, gap};
use crate::noise::Noise;
use crate::state::{DepthImage, Observation, Piece, Seen};

impl Plant {
    /// What the robot senses at an instant of the current tick, `tick_start <= at <= tick_end`. The noise depends on
    /// the world's seed and `frame` alone.
    pub fn observe(&self, pieces: &[Piece], at: SimTime, frame: u64) -> Observation {
        self.sense(pieces, at, frame, true)
    }

    /// What sensors without noise would give: the truth that a display sets against what was seen.
    pub fn truth(&self, pieces: &[Piece], at: SimTime, frame: u64) -> Observation {
        self.sense(pieces, at, frame, false)
    }

    fn sense(&self, pieces: &[Piece], at: SimTime, frame: u64, noisy: bool) -> Observation {
        let (world, scene) = (&*self.world, &*self.scene);
        let robot = self.robot_at(pieces, at);
        let base = Frame::of(&robot.pose);
        let stands: Vec<Stand> = self.stands_at(at).collect();
        let walkers = stands.iter().zip(&world.actors).map(|(stand, actor)| stand.prism(actor));
        let things: Vec<Prism> =
            scene.obstacles.iter().copied().chain(walkers).map(|thing| thing.seen_from(&base)).collect();

        let mut scan = crate::lidar::scan(&world.lidar, &scene.beams, things.iter().copied());
        let max = world.lidar.max_range as f32;
        if noisy && world.lidar.noise > 0.0 {
            Noise::of_scan(world.seed, frame).add(&mut scan.ranges, max, |range| range < max, |_| world.lidar.noise);
        }
        let image = self.depth_image(&things, frame, noisy);
        let by_camera = |index: usize| image.as_ref().is_some_and(|(_, seen)| seen[index]);
        let seen = (0..things.len())
            .filter(|&index| scan.seen[index] || by_camera(index))
            .map(|index| match index.checked_sub(world.obstacles.len()) {
                None => {
                    let obstacle = &world.obstacles[index];
                    Seen { index, outline: obstacle.outline, pose: obstacle.pose, velocity: [0.0; 2] }
                }
                Some(i) => {
                    let (pose, velocity) = (stands[i].pose, stands[i].velocity);
                    Seen { index, outline: world.actors[i].outline, pose, velocity }
                }
            })
            .collect();
        Observation {
            frame,
            at,
            robot,
            goal: world.goal.map_or([0.0; 2], |goal| base.see([goal.x, goal.y])),
            scan: scan.ranges.into(),
            depth: image.map(|(image, _)| image),
            seen,
            gap: things.iter().filter_map(|thing| gap(scene.half, thing)).fold(f64::INFINITY, f64::min),
        }
    }

    /// The depth image, and which of the things, given in the base frame, it shows.
    fn depth_image(&self, things: &[Prism], frame: u64, noisy: bool) -> Option<(DepthImage, Vec<bool>)> {
        let camera = self.world.camera.as_ref()?;
        let front = self.scene.half[0];
        let moved = things.iter().map(|thing| {
            let mut thing = *thing;
            thing.frame.origin[0] -= front;
            thing
        });
        let crate::camera::Image { mut depth, seen } = crate::camera::render(camera, moved);
        let max = camera.max_range as f32;
        if noisy && camera.noise > 0.0 {
            let sigma = |depth: f32| camera.noise * f64::from(depth) * f64::from(depth);
            Noise::of_image(self.world.seed, frame).add(&mut depth, max, |depth| depth < max, sigma);
        }
        let (width, height) = (camera.width, camera.height);
        Some((DepthImage { width, height, depth: depth.into(), max_range: max }, seen))
    }
}
