//! The world: light, floor, what stands on it; the robot and the actors, where they are now.

use bevy::light::{CascadeShadowConfigBuilder, DirectionalLightShadowMap, NotShadowCaster};
use bevy::prelude::*;
use plant::{Outline, World as Course};

use crate::robot::{self, Leans, Paint, matt};
use crate::snapshot::Scene;
use crate::work::Work;
use crate::{app::Newest, shapes, theme};

/// Everything that belongs to one run and goes when the next begins.
#[derive(Component)]
pub(crate) struct Prop;

/// The robot.
#[derive(Component)]
pub(crate) struct TheRobot;

/// The actor with this number.
#[derive(Component)]
pub(crate) struct TheActor(usize);

/// What is on stage: the run, the places of its lanes, the one in focus, and the mode.
#[derive(Resource, Default, PartialEq)]
pub(crate) struct Staged(u64, Vec<usize>, usize, theme::Mode);

/// The sun.
pub(crate) fn light(mut commands: Commands, fine: Res<crate::app::Fine>) {
    commands.insert_resource(DirectionalLightShadowMap { size: 2048 });
    commands.insert_resource(GlobalAmbientLight { color: Color::WHITE, brightness: 260.0, ..default() });
    commands.spawn((
        DirectionalLight { illuminance: 2_600.0, shadow_maps_enabled: fine.0, ..default() },
        CascadeShadowConfigBuilder { num_cascades: 1, maximum_distance: 26.0, ..default() }.build(),
        Transform::from_xyz(-4.5, 8.5, 6.0).looking_at(Vec3::ZERO, Vec3::Y),
    ));
}

/// Sets the stage when a new run has begun.
pub(crate) fn stage(
    mut commands: Commands,
    newest: Res<Newest>,
    mut staged: ResMut<Staged>,
    props: Query<Entity, With<Prop>>,
    mut meshes: ResMut<Assets<Mesh>>,
    mut materials: ResMut<Assets<StandardMaterial>>,
    work: Res<Work>,
) {
    let _clock = work.clock();
    let places = newest.lanes.iter().map(|lane| lane.place).collect();
    let wanted = Staged(newest.run, places, newest.focus, theme::mode());
    let Some(scene) = newest.scene.as_ref().filter(|_| wanted != *staged) else { return };
    *staged = wanted;
    for prop in &props {
        commands.entity(prop).despawn();
    }
    floor(&mut commands, &scene.world, &mut meshes, &mut materials);
    obstacles(&mut commands, &scene.world, &mut meshes, &mut materials);
    let place = newest.lanes.get(newest.focus).map_or(0, |lane| lane.place);
    let paint = Paint::robot(&mut materials, crate::lanes::body(place));
    let mut entity = commands.spawn((Prop, TheRobot, shapes::stand(&scene.robot.pose), Visibility::default()));
    robot::build_robot(&mut entity, &mut meshes, &scene.world.robot, &paint);
    let paint = Paint::actor(&mut materials);
    for (index, actor) in scene.world.actors.iter().enumerate() {
        let mut entity = commands.spawn((Prop, TheActor(index), Transform::default(), Visibility::default()));
        robot::build_actor(&mut entity, &mut meshes, actor, &paint);
    }
    crate::ghost::stage(&mut commands, scene, &mut meshes, &mut materials);
    crate::lanes::stage(&mut commands, &newest, &mut meshes, &mut materials);
    crate::ribbons::stage(&mut commands, &mut meshes, &mut materials);
}

/// Whole metres around everything that happens.
fn extent(world: &Course) -> ([i32; 2], [i32; 2]) {
    let places = [[world.start.x, world.start.y]]
        .into_iter()
        .chain(world.goal.map(|goal| [goal.x, goal.y]))
        .chain(world.obstacles.iter().map(|obstacle| [obstacle.pose.x, obstacle.pose.y]))
        .chain(world.actors.iter().flat_map(|actor| actor.path.iter().copied()));
    let (mut low, mut high) = ([f64::INFINITY; 2], [f64::NEG_INFINITY; 2]);
    for place in places {
        for axis in 0..2 {
            low[axis] = low[axis].min(place[axis]);
            high[axis] = high[axis].max(place[axis]);
        }
    }
    // Far enough that its edge is lost in the haze.
    let margin = 40.0;
    (low.map(|m| (m - margin).max(-500.0).floor() as i32), high.map(|m| (m + margin).min(500.0).ceil() as i32))
}

fn floor(commands: &mut Commands, world: &Course, meshes: &mut Assets<Mesh>, materials: &mut Assets<StandardMaterial>) {
    let (low, high) = extent(world);
    let size = [0, 1].map(|axis| (high[axis] - low[axis]) as f32);
    let centre = [0, 1].map(|axis| (high[axis] + low[axis]) as f32 / 2.0);
    let plane = meshes.add(Plane3d::default().mesh().size(size[0], size[1]));
    let [ground, metres, fives] = theme::floor().map(theme::scene);
    let ground = materials.add(matt(ground));
    commands.spawn((
        Prop,
        NotShadowCaster,
        Mesh3d(plane),
        MeshMaterial3d(ground),
        Transform::from_translation(shapes::place(centre, -0.004)),
    ));
    for (every, half_width, shade) in [(1, 0.008, metres), (5, 0.016, fives)] {
        let lines = meshes.add(shapes::grid(low, high, every, half_width, 0.0));
        let paint = materials.add(StandardMaterial { depth_bias: every as f32, ..matt(shade) });
        commands.spawn((Prop, NotShadowCaster, Mesh3d(lines), MeshMaterial3d(paint)));
    }
    if let Some(goal) = world.goal {
        flag(commands, [goal.x as f32, goal.y as f32], goal.radius as f32, meshes, materials);
    }
}

/// A ring on the floor, a pole and a chequered flag.
fn flag(
    commands: &mut Commands,
    at: [f32; 2],
    radius: f32,
    meshes: &mut Assets<Mesh>,
    materials: &mut Assets<StandardMaterial>,
) {
    let ink = materials.add(matt(theme::scene(theme::stopping())));
    let white = materials.add(matt(Color::WHITE));
    let torus = Torus { minor_radius: 0.025, major_radius: radius.max(0.1) };
    let ring = Transform::from_translation(shapes::place(at, 0.0)).with_scale(Vec3::new(1.0, 0.4, 1.0));
    commands.spawn((Prop, Mesh3d(meshes.add(torus)), MeshMaterial3d(ink.clone()), ring));
    let stick = Transform::from_translation(shapes::place(at, 0.6));
    commands.spawn((Prop, Mesh3d(meshes.add(Cylinder::new(0.018, 1.2))), MeshMaterial3d(ink.clone()), stick));
    // Chequered, across the course.
    let cell = 0.085;
    let cloth = meshes.add(Cuboid::new(0.012, cell, cell));
    for (column, row) in (0..5).flat_map(|column| (0..4).map(move |row| (column, row))) {
        let paint = if (column + row) % 2 == 0 { &ink } else { &white };
        let place = [at[0], at[1] - (column as f32 + 0.5) * cell];
        let transform = Transform::from_translation(shapes::place(place, 1.2 - (row as f32 + 0.5) * cell));
        commands.spawn((Prop, Mesh3d(cloth.clone()), MeshMaterial3d(paint.clone()), transform));
    }
}

fn obstacles(
    commands: &mut Commands,
    world: &Course,
    meshes: &mut Assets<Mesh>,
    materials: &mut Assets<StandardMaterial>,
) {
    let mut paint = |colour: Color| {
        let glass = StandardMaterial { alpha_mode: AlphaMode::Blend, ..matt(colour.with_alpha(0.22)) };
        [materials.add(matt(colour)), materials.add(glass)]
    };
    let [block, wall] = theme::block().map(|colour| paint(theme::scene(colour)));
    for obstacle in &world.obstacles {
        let h = obstacle.height as f32;
        let (mesh, paint) = match obstacle.outline {
            Outline::Box { length, width } => {
                let long = length.max(width) > 3.0 && length.min(width) < 0.4;
                (Mesh::from(Cuboid::new(length as f32, h, width as f32)), if long { &wall } else { &block })
            }
            Outline::Cylinder { radius } => (Mesh::from(Cylinder::new(radius as f32, h)), &block),
        };
        let transform = shapes::stand(&obstacle.pose) * Transform::from_xyz(0.0, h / 2.0, 0.0);
        let half = match obstacle.outline {
            Outline::Box { length, width } => [length as f32 / 2.0, width as f32 / 2.0],
            Outline::Cylinder { radius } => [radius as f32; 2],
        };
        let screen = Screen { half, height: h, paint: paint.clone(), glass: false };
        commands.spawn((Prop, screen, Mesh3d(meshes.add(mesh)), MeshMaterial3d(paint[0].clone()), transform));
    }
}

/// Something that may stand between the camera and the robot, and then turns to glass.
#[derive(Component)]
pub(crate) struct Screen {
    half: [f32; 2],
    height: f32,
    paint: [Handle<StandardMaterial>; 2],
    glass: bool,
}

impl Screen {
    /// Whether the line from `eye` to `aim`, both in its own frame, with its centre at the origin, passes through it.
    fn hides(&self, eye: Vec3, aim: Vec3) -> bool {
        let half = Vec3::new(self.half[0], self.height / 2.0, self.half[1]);
        let along = (aim - eye).map(|c| if c.abs() < 1e-6 { 1e-6 } else { c });
        let (a, b) = ((-half - eye) / along, (half - eye) / along);
        let (enter, leave) = (a.min(b).max_element(), a.max(b).min_element());
        enter < leave && leave > 0.0 && enter < 0.97
    }
}

/// Turns to glass what hides the robot.
pub(crate) fn see_through(
    newest: Res<Newest>,
    eyes: Query<&Transform, (With<crate::camera::Eye>, Without<Screen>)>,
    mut screens: Query<(Entity, &mut Screen, &Transform, &mut MeshMaterial3d<StandardMaterial>)>,
    mut commands: Commands,
    work: Res<Work>,
) {
    let _clock = work.clock();
    let (Some(scene), Ok(eye)) = (&newest.scene, eyes.single()) else { return };
    // The robot, and what it drives towards.
    let robot = shapes::stand(&scene.robot.pose);
    let aims = [0.0, 0.6].map(|ahead| robot.transform_point(Vec3::new(ahead, 0.12, 0.0)));
    for (entity, mut screen, transform, mut material) in &mut screens {
        let inverse = transform.compute_affine().inverse();
        let eye = inverse.transform_point3(eye.translation);
        let glass = aims.iter().any(|aim| screen.hides(eye, inverse.transform_point3(*aim)));
        if glass != screen.glass {
            screen.glass = glass;
            material.0 = screen.paint[usize::from(glass)].clone();
            let mut entity = commands.entity(entity);
            if glass {
                entity.insert(NotShadowCaster)
            } else {
                entity.remove::<NotShadowCaster>()
            };
        }
    }
}

/// How a robot leans: its pitch.
pub(crate) fn lean(scene_pitch: f64) -> Quat {
    Quat::from_rotation_z(-scene_pitch as f32)
}

/// Moves what moves.
pub(crate) fn act(
    newest: Res<Newest>,
    mut robots: Query<&mut Transform, With<TheRobot>>,
    mut actors: Query<(&TheActor, &mut Transform), Without<TheRobot>>,
    children: Query<&ChildOf>,
    mut leaning: Query<(Entity, &mut Transform), (With<Leans>, Without<TheRobot>, Without<TheActor>)>,
    is_robot: Query<(), With<TheRobot>>,
    work: Res<Work>,
) {
    let _clock = work.clock();
    let Some(Scene { robot, actors: poses, .. }) = &newest.scene else { return };
    for mut transform in &mut robots {
        *transform = shapes::stand(&robot.pose);
    }
    for (actor, mut transform) in &mut actors {
        if let Some(pose) = poses.get(actor.0) {
            *transform = shapes::stand(pose);
        }
    }
    for (entity, mut transform) in &mut leaning {
        if children.get(entity).is_ok_and(|parent| is_robot.contains(parent.0)) {
            transform.rotation = lean(robot.pitch);
        }
    }
}
