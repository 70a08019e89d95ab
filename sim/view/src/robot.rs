//! What moves, built from primitives: the rover, the balancer, those who walk. The same parts in sheer paint are ghosts.

use bevy::light::NotShadowCaster;
use bevy::prelude::*;
use bevy_egui::egui::Color32;
use plant::{Actor, Outline, Robot};

use crate::theme;

/// The paint of one robot or actor.
#[derive(Clone)]
pub(crate) struct Paint {
    body: Handle<StandardMaterial>,
    dark: Handle<StandardMaterial>,
    trim: Handle<StandardMaterial>,
    light: Handle<StandardMaterial>,
    shadow: bool,
}

impl Paint {
    /// A robot as it is.
    pub fn robot(materials: &mut Assets<StandardMaterial>, body: Color32) -> Self {
        Self {
            body: materials.add(matt(theme::scene(body))),
            dark: materials.add(matt(Color::srgb_u8(0x2a, 0x2e, 0x35))),
            trim: materials.add(matt(Color::srgb_u8(0x6b, 0x74, 0x80))),
            light: materials.add(StandardMaterial { unlit: true, ..matt(Color::srgb_u8(0xff, 0xfb, 0xe8)) }),
            shadow: true,
        }
    }

    /// A person.
    pub fn actor(materials: &mut Assets<StandardMaterial>) -> Self {
        let coat = materials.add(matt(theme::scene(theme::BLIND)));
        let head = materials.add(matt(Color::srgb_u8(0xe8, 0xc4, 0xa0)));
        let dark = materials.add(matt(Color::srgb_u8(0x33, 0x3b, 0x52)));
        Self { body: coat, dark, trim: head.clone(), light: head, shadow: true }
    }

    /// A robot beside the one in focus.
    pub fn beside(materials: &mut Assets<StandardMaterial>, body: Color32) -> Self {
        let sheer = |colour: Color| StandardMaterial { alpha_mode: AlphaMode::Blend, ..matt(colour) };
        let dark = materials.add(sheer(Color::srgba_u8(0x2a, 0x2e, 0x35, 0xb0)));
        let body = materials.add(sheer(theme::sheer(body, 0.78)));
        Self { trim: dark.clone(), light: body.clone(), body, dark, shadow: false }
    }

    /// As the network saw it.
    pub fn ghost(materials: &mut Assets<StandardMaterial>) -> Self {
        let all = materials.add(StandardMaterial {
            base_color: theme::sheer(theme::GHOST, 0.42),
            alpha_mode: AlphaMode::Blend,
            unlit: false,
            perceptual_roughness: 1.0,
            reflectance: 0.0,
            ..default()
        });
        Self { body: all.clone(), dark: all.clone(), trim: all.clone(), light: all, shadow: false }
    }
}

/// A material without shine.
pub(crate) fn matt(colour: Color) -> StandardMaterial {
    StandardMaterial { base_color: colour, perceptual_roughness: 0.9, reflectance: 0.15, ..default() }
}

/// The part of a balancer that leans.
#[derive(Component)]
pub(crate) struct Leans;

struct Builder<'a, 'w> {
    parts: &'a mut ChildSpawnerCommands<'w>,
    meshes: &'a mut Assets<Mesh>,
    shadow: bool,
}

impl Builder<'_, '_> {
    fn part(&mut self, mesh: impl Into<Mesh>, paint: &Handle<StandardMaterial>, transform: Transform) {
        let mut part =
            self.parts.spawn((Mesh3d(self.meshes.add(mesh.into())), MeshMaterial3d(paint.clone()), transform));
        if !self.shadow {
            part.insert(NotShadowCaster);
        }
    }

    /// A wheel on the axle line, with its hub.
    fn wheel(&mut self, paint: &Paint, at: Vec3, radius: f32, width: f32) {
        let turned = Transform::from_translation(at).with_rotation(Quat::from_rotation_x(std::f32::consts::FRAC_PI_2));
        self.part(Cylinder::new(radius, width), &paint.dark, turned);
        self.part(Cylinder::new(radius * 0.45, width * 1.08), &paint.trim, turned);
    }
}

/// Adds the parts of a robot to an entity that stands at its pose.
pub(crate) fn build_robot(entity: &mut EntityCommands, meshes: &mut Assets<Mesh>, robot: &Robot, paint: &Paint) {
    match robot {
        Robot::Rover(rover) => {
            let [l, w, h] = [rover.length, rover.width, rover.height].map(|m| m as f32);
            entity.with_children(|parts| {
                let mut b = Builder { parts, meshes, shadow: paint.shadow };
                let lifted = |y: f32| Transform::from_xyz(0.0, y, 0.0);
                b.part(Cuboid::new(l * 0.86, h * 0.40, w * 0.70), &paint.body, lifted(h * 0.46));
                b.part(Cuboid::new(l * 0.62, h * 0.06, w * 0.56), &paint.dark, lifted(h * 0.69));
                b.part(Cylinder::new(w * 0.13, h * 0.12), &paint.trim, lifted(h * 0.76));
                b.part(Cylinder::new(w * 0.12, h * 0.20), &paint.dark, lifted(h * 0.90));
                b.part(
                    Cuboid::new(l * 0.05, h * 0.16, w * 0.74),
                    &paint.dark,
                    Transform::from_xyz(l * 0.455, h * 0.36, 0.0),
                );
                for side in [-1.0, 1.0] {
                    let lamp = Transform::from_xyz(l * 0.435, h * 0.56, side * w * 0.24);
                    b.part(Cuboid::new(l * 0.02, h * 0.10, w * 0.14), &paint.light, lamp);
                    for end in [-1.0, 1.0] {
                        let at = Vec3::new(end * l * 0.29, h * 0.39, side * w * 0.43);
                        b.wheel(paint, at, h * 0.39, w * 0.13);
                    }
                }
            });
        }
        Robot::Balancer(balancer) => {
            let [l, w, h] = [balancer.length, balancer.width, balancer.height].map(|m| m as f32);
            let axle = h * 0.16;
            entity.with_children(|parts| {
                let mut b = Builder { parts, meshes, shadow: paint.shadow };
                for side in [-1.0, 1.0] {
                    b.wheel(paint, Vec3::new(0.0, axle, side * w * 0.44), axle, w * 0.12);
                }
                let mut body = b.parts.spawn((Leans, Transform::from_xyz(0.0, axle, 0.0), Visibility::default()));
                body.with_children(|parts| {
                    let mut b = Builder { parts, meshes: b.meshes, shadow: paint.shadow };
                    let lifted = |y: f32| Transform::from_xyz(0.0, y, 0.0);
                    b.part(Cuboid::new(l * 0.5, h * 0.10, w * 0.72), &paint.dark, lifted(0.0));
                    b.part(Cuboid::new(l * 0.45, h * 0.62, w * 0.62), &paint.body, lifted(h * 0.38));
                    b.part(Cuboid::new(l * 0.55, h * 0.10, w * 0.66), &paint.dark, lifted(h * 0.74));
                    let lamp = Transform::from_xyz(l * 0.24, h * 0.55, 0.0);
                    b.part(Cuboid::new(l * 0.06, h * 0.05, w * 0.40), &paint.light, lamp);
                });
            });
        }
    }
}

/// Adds the parts of an actor to an entity that stands at its pose: a person, or a box on wheels.
pub(crate) fn build_actor(entity: &mut EntityCommands, meshes: &mut Assets<Mesh>, actor: &Actor, paint: &Paint) {
    let h = actor.height as f32;
    entity.with_children(|parts| {
        let mut b = Builder { parts, meshes, shadow: paint.shadow };
        match actor.outline {
            Outline::Cylinder { radius } => {
                let r = radius as f32;
                let head = (h * 0.064).min(r);
                for side in [-1.0, 1.0] {
                    let leg = Transform::from_xyz(0.0, h * 0.24, side * r * 0.42);
                    b.part(Capsule3d::new(r * 0.30, h * 0.48 - r * 0.6), &paint.dark, leg);
                }
                let trunk = Transform::from_xyz(0.0, h * 0.64, 0.0).with_scale(Vec3::new(0.72, 1.0, 1.0));
                b.part(Capsule3d::new(r * 0.86, (h * 0.42 - r * 1.72).max(0.05)), &paint.body, trunk);
                b.part(Sphere::new(head), &paint.trim, Transform::from_xyz(0.0, h - head, 0.0));
            }
            Outline::Box { length, width } => {
                let whole = Cuboid::new(length as f32, h * 0.9, width as f32);
                b.part(whole, &paint.body, Transform::from_xyz(0.0, h * 0.55, 0.0));
            }
        }
    });
}
