//! The world as the network saw it when it made the command in force: the robot where it was then, the walkers where they
//! were, and a line from each to where it is now.

use bevy::prelude::*;

use crate::app::Newest;
use crate::robot::{self, Leans, Paint};
use crate::scene::{Prop, lean};
use crate::snapshot::Scene;
use crate::work::Work;
use crate::{shapes, theme};

/// The robot as it was.
#[derive(Component)]
pub(crate) struct GhostRobot;

/// The actor with this number as it was.
#[derive(Component)]
pub(crate) struct GhostActor(usize);

/// Nearer than this, a ghost and its owner would only flicker into each other, metres.
const APART: f64 = 0.06;

/// Sets the ghosts up, unseen.
pub(crate) fn stage(
    commands: &mut Commands,
    scene: &Scene,
    meshes: &mut Assets<Mesh>,
    materials: &mut Assets<StandardMaterial>,
) {
    let paint = Paint::ghost(materials);
    let mut entity = commands.spawn((Prop, GhostRobot, Transform::default(), Visibility::Hidden));
    robot::build_robot(&mut entity, meshes, &scene.world.robot, &paint);
    for (index, actor) in scene.world.actors.iter().enumerate() {
        let mut entity = commands.spawn((Prop, GhostActor(index), Transform::default(), Visibility::Hidden));
        robot::build_actor(&mut entity, meshes, actor, &paint);
    }
}

fn apart(a: &plant::Pose, b: &plant::Pose) -> bool {
    (a.x - b.x).hypot(a.y - b.y) > APART
}

/// Places the ghosts.
pub(crate) fn haunt(
    newest: Res<Newest>,
    mut robots: Query<(&mut Transform, &mut Visibility, &Children), With<GhostRobot>>,
    mut actors: Query<(&GhostActor, &mut Transform, &mut Visibility), Without<GhostRobot>>,
    mut leaning: Query<&mut Transform, (With<Leans>, Without<GhostRobot>, Without<GhostActor>)>,
    work: Res<Work>,
) {
    let _clock = work.clock();
    let Some(scene) = &newest.scene else { return };
    for (mut transform, mut visibility, children) in &mut robots {
        let seen = scene
            .behind
            .as_ref()
            .filter(|o| apart(&o.robot.pose, &scene.robot.pose) || (o.robot.pitch - scene.robot.pitch).abs() > 0.03);
        visibility.set_if_neq(if seen.is_some() { Visibility::Inherited } else { Visibility::Hidden });
        let Some(seen) = seen else { continue };
        *transform = shapes::stand(&seen.robot.pose);
        for child in children {
            if let Ok(mut body) = leaning.get_mut(*child) {
                body.rotation = lean(seen.robot.pitch);
            }
        }
    }
    for (ghost, mut transform, mut visibility) in &mut actors {
        let index = scene.world.obstacles.len() + ghost.0;
        let seen = scene.behind.as_ref().and_then(|o| o.seen.iter().find(|seen| seen.index == index));
        let seen = seen.filter(|seen| scene.actors.get(ghost.0).is_some_and(|now| apart(&seen.pose, now)));
        visibility.set_if_neq(if seen.is_some() { Visibility::Inherited } else { Visibility::Hidden });
        if let Some(seen) = seen {
            *transform = shapes::stand(&seen.pose);
        }
    }
}

/// Lines from what was seen to what is, and an outline on the floor around everything that was in sight.
pub(crate) fn link(newest: Res<Newest>, mut gizmos: Gizmos, work: Res<Work>) {
    let _clock = work.clock();
    let Some(scene) = &newest.scene else { return };
    let Some(behind) = &scene.behind else { return };
    let blue = theme::scene(theme::GHOST);
    let floor = crate::history::floor;
    if apart(&behind.robot.pose, &scene.robot.pose) {
        let height = 0.32;
        gizmos.line(
            shapes::place(floor(&behind.robot.pose), height),
            shapes::place(floor(&scene.robot.pose), height),
            blue,
        );
    }
    for seen in behind.seen.iter() {
        let at = shapes::stand(&seen.pose).with_translation(shapes::place(floor(&seen.pose), 0.02));
        let flat = Isometry3d::new(at.translation, at.rotation * Quat::from_rotation_x(-std::f32::consts::FRAC_PI_2));
        match seen.outline {
            plant::Outline::Box { length, width } => {
                gizmos.rect(flat, Vec2::new(length as f32 + 0.08, width as f32 + 0.08), blue);
            }
            plant::Outline::Cylinder { radius } => {
                gizmos.circle(flat, radius as f32 + 0.04, blue);
            }
        }
        let actor = seen.index.checked_sub(scene.world.obstacles.len()).and_then(|index| scene.actors.get(index));
        if let Some(now) = actor.filter(|now| apart(&seen.pose, now)) {
            gizmos.line(shapes::place(floor(&seen.pose), 1.0), shapes::place(floor(now), 1.0), blue);
        }
    }
}
