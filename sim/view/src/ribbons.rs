//! What lies on the floor: the path driven blind, the path the command leads along, what is needed to stop, and the points
//! of the range scanner.

use bevy::camera::visibility::NoFrustumCulling;
use bevy::light::{NotShadowCaster, NotShadowReceiver};
use bevy::prelude::*;
use bevy_egui::egui::Color32;
use plant::{Lidar, Observation, Robot};

use crate::app::Newest;
use crate::scene::Prop;
use crate::snapshot::Scene;
use crate::work::Work;
use crate::{shapes, theme};

/// The ribbons and point clouds, by what they show.
#[derive(Component, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Drawn {
    /// Driven since the capture behind the command in force.
    Blind,
    /// Where the command in force leads.
    Committed,
    /// The bracket ahead of the robot.
    Stopping,
    /// The newest scan.
    Scan,
    /// The scan the network saw.
    SeenScan,
}

impl Drawn {
    const ALL: [Self; 5] = [Self::Blind, Self::Committed, Self::Stopping, Self::Scan, Self::SeenScan];

    fn paint(self) -> (Color32, f32) {
        match self {
            Self::Blind => (theme::BLIND, 0.72),
            Self::Committed => (theme::COMMITTED, 0.8),
            Self::Stopping => (theme::stopping(), 0.9),
            Self::Scan => (theme::SCAN, 1.0),
            Self::SeenScan => (theme::GHOST, 1.0),
        }
    }

    fn mesh(self, scene: &Scene) -> Option<Mesh> {
        match self {
            Self::Blind => shapes::ribbon(&scene.blind_path, half_width(scene) + 0.07, 0.012),
            Self::Committed => shapes::ribbon(&scene.committed, 0.055, 0.006),
            Self::Stopping => bracket(scene),
            Self::Scan => scene.newest.as_ref().and_then(|o| points(o, &scene.world.lidar, 0.022)),
            Self::SeenScan => {
                let seen = scene.behind.as_ref().filter(|o| scene.newest.as_ref().is_some_and(|n| n.frame != o.frame));
                seen.and_then(|o| points(o, &scene.world.lidar, 0.014))
            }
        }
    }

    /// What its mesh is made from, in short: it is made anew when this changes.
    fn version(self, scene: &Scene) -> u64 {
        match self {
            Self::Scan => scene.newest.as_ref().map_or(0, |o| o.frame + 1),
            Self::SeenScan => {
                let of = |o: &Option<std::sync::Arc<Observation>>| o.as_ref().map_or(0, |o| o.frame + 1);
                of(&scene.behind) << 1 | u64::from(of(&scene.behind) == of(&scene.newest))
            }
            _ => scene.now.0 as u64,
        }
    }
}

/// What of it is on stage.
#[derive(Component, Default, PartialEq)]
pub(crate) struct Made(Option<(u64, u64)>);

/// Sets the ribbons up, unseen.
pub(crate) fn stage(commands: &mut Commands, meshes: &mut Assets<Mesh>, materials: &mut Assets<StandardMaterial>) {
    for drawn in Drawn::ALL {
        let (colour, alpha) = drawn.paint();
        let paint = materials.add(StandardMaterial {
            base_color: theme::sheer(colour, alpha),
            alpha_mode: if alpha < 1.0 { AlphaMode::Blend } else { AlphaMode::Opaque },
            unlit: true,
            ..default()
        });
        commands.spawn((
            Prop,
            drawn,
            Made::default(),
            NoFrustumCulling,
            NotShadowCaster,
            NotShadowReceiver,
            Mesh3d(meshes.add(Triangle3d::default())),
            MeshMaterial3d(paint),
            Visibility::Hidden,
        ));
    }
}

/// Lays the ribbons.
pub(crate) fn lay(
    newest: Res<Newest>,
    mut drawn: Query<(&Drawn, &mut Made, &Mesh3d, &mut Visibility)>,
    mut meshes: ResMut<Assets<Mesh>>,
    work: Res<Work>,
) {
    let _clock = work.clock();
    let Some(scene) = &newest.scene else { return };
    for (drawn, mut made, mesh, mut visibility) in &mut drawn {
        let version = Some((newest.run, drawn.version(scene)));
        if made.0 == version {
            continue;
        }
        made.0 = version;
        match drawn.mesh(scene) {
            Some(new) => {
                visibility.set_if_neq(Visibility::Inherited);
                // The handle is alive: the entity holds it.
                let _ = meshes.insert(mesh.id(), new);
            }
            None => {
                visibility.set_if_neq(Visibility::Hidden);
            }
        }
    }
}

fn half_width(scene: &Scene) -> f32 {
    match &scene.world.robot {
        Robot::Rover(rover) => rover.width as f32 / 2.0,
        Robot::Balancer(balancer) => balancer.width as f32 / 2.0,
    }
}

/// From the robot's front, as wide as it is, as long as it needs to stop.
fn bracket(scene: &Scene) -> Option<Mesh> {
    let Robot::Rover(rover) = &scene.world.robot else { return None };
    let length = scene.stopping as f32;
    if length < 0.02 {
        return None;
    }
    let pose = &scene.robot.pose;
    let (sin, cos) = (pose.yaw as f32).sin_cos();
    let at =
        |ahead: f32, left: f32| [pose.x as f32 + cos * ahead - sin * left, pose.y as f32 + sin * ahead + cos * left];
    let (front, half) = (rover.length as f32 / 2.0, half_width(scene) + 0.05);
    let (end, arm) = (front + length, 0.16f32.min(length));
    let sides =
        [[at(end - arm, half), at(end, half)], [at(end, half), at(end, -half)], [at(end, -half), at(end - arm, -half)]];
    let mut whole: Option<Mesh> = None;
    for side in sides {
        let piece = shapes::ribbon(&side, 0.018, 0.016)?;
        match &mut whole {
            Some(whole) => whole.merge(&piece).ok()?,
            None => whole = Some(piece),
        }
    }
    whole
}

/// Where the beams of a scan ended; those that met nothing are left out.
fn points(observation: &Observation, lidar: &Lidar, size: f32) -> Option<Mesh> {
    let pose = &observation.robot.pose;
    let count = observation.scan.len();
    let max = lidar.max_range as f32;
    let beams = observation.scan.iter().enumerate().filter(|(_, range)| **range < max * 0.999);
    let ends = beams.map(|(i, &range)| {
        let bearing = -std::f32::consts::PI + std::f32::consts::TAU * (i as f32 + 0.5) / count as f32;
        let (sin, cos) = (pose.yaw as f32 + bearing).sin_cos();
        shapes::place([pose.x as f32 + range * cos, pose.y as f32 + range * sin], lidar.height as f32)
    });
    shapes::dots(ends, size)
}
