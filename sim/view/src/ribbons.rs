//! What lies on the floor: the path driven blind, the path the command leads along, what is needed to stop, and the points
//! of the range scanner.

use bevy::camera::visibility::NoFrustumCulling;
use bevy::light::{NotShadowCaster, NotShadowReceiver};
use bevy::prelude::*;
use bevy_egui::egui::Color32;
use plant::{Lidar, Observation, Robot};

use crate::app::Newest;
use crate::gauge::Verdict;
use crate::scene::Prop;
use crate::snapshot::Scene;
use crate::work::Work;
use crate::{Gauge, shapes, theme};

/// The ribbons and point clouds, by what they show.
#[derive(Component, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Drawn {
    /// Driven since the capture behind the command in force.
    Blind,
    /// Where the command in force leads.
    Committed,
    /// What it needs to stop, where that is free.
    Fits,
    /// What it needs to stop, where that is free only as long as brakes come in time.
    Late,
    /// What it needs to stop, where it is not.
    Short,
    /// How far it is driven before the brakes bite, and where it would stand.
    Stopping,
    /// The newest scan.
    Scan,
    /// The scan the network saw.
    SeenScan,
}

impl Drawn {
    const ALL: [Self; 8] =
        [Self::Blind, Self::Committed, Self::Fits, Self::Late, Self::Short, Self::Stopping, Self::Scan, Self::SeenScan];

    fn paint(self) -> (Color32, f32) {
        match self {
            Self::Blind => (theme::BLIND, 0.72),
            Self::Committed => (theme::COMMITTED, 0.8),
            Self::Fits => (theme::COMMITTED, 0.3),
            Self::Late => (theme::LATE, 0.55),
            Self::Short => (theme::BLIND, 0.62),
            Self::Stopping => (theme::stopping(), 0.9),
            Self::Scan => (theme::SCAN, 1.0),
            Self::SeenScan => (theme::GHOST, 1.0),
        }
    }

    fn mesh(self, scene: &Scene) -> Option<Mesh> {
        match self {
            Self::Blind => shapes::ribbon(&scene.blind_path, half_width(scene) + 0.07, 0.012),
            Self::Committed => shapes::ribbon(&scene.committed, 0.055, 0.006),
            Self::Fits | Self::Late | Self::Short => gauge(scene).and_then(|gauge| {
                let half_width = half_width(scene);
                match (self, gauge.verdict()) {
                    (Self::Fits, Verdict::Fits) => band(gauge, half_width),
                    (Self::Late, Verdict::Late) => stripes(gauge, half_width, 0.24),
                    (Self::Short, Verdict::Short) => stripes(gauge, half_width, 0.1),
                    _ => None,
                }
            }),
            Self::Stopping => gauge(scene).and_then(|gauge| lines(gauge, half_width(scene))),
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

/// The gauge, if there is anything to draw.
fn gauge(scene: &Scene) -> Option<&Gauge> {
    scene.instruments.gauge.as_ref().filter(|gauge| gauge.needed() > 0.02)
}

/// As wide as the robot, from its front to where that would come to stand.
fn band(gauge: &Gauge, half_width: f32) -> Option<Mesh> {
    shapes::ribbon(&gauge.path, half_width, 0.004)
}

/// The same cut across into stripes so long, so that it differs in more than colour.
fn stripes(gauge: &Gauge, half_width: f32, stripe: f64) -> Option<Mesh> {
    let needed = gauge.needed();
    let count = (needed / stripe / 2.0).ceil() as usize;
    let pieces = (0..count).filter_map(|i| {
        let from = 2.0 * i as f64 * stripe;
        shapes::ribbon(&cut(&gauge.path, from, (from + stripe).min(needed)), half_width, 0.005)
    });
    joined(pieces)
}

/// Across the way where the brakes bite, and the bracket where it would stand.
fn lines(gauge: &Gauge, half_width: f32) -> Option<Mesh> {
    let half = half_width + 0.05;
    let needed = gauge.needed();
    let across = |at: f64| {
        let here = cut(&gauge.path, at - 0.01, at + 0.01);
        let (from, to) = (Vec2::from(*here.first()?), Vec2::from(*here.last()?));
        let aside = (to - from).normalize_or_zero().perp() * half;
        Some([to + aside, to - aside].map(|place| place.to_array()))
    };
    let end = across(needed)?;
    let before = across((needed - 0.16).max(0.0))?;
    let bites = across(gauge.driven).filter(|_| gauge.driven > 0.03 && gauge.braking > 0.03);
    let sides = [Some(end), Some([before[0], end[0]]), Some([before[1], end[1]]), bites];
    joined(sides.into_iter().flatten().filter_map(|side| shapes::ribbon(&side, 0.018, 0.016)))
}

/// The part of a path between two lengths of it, metres.
fn cut(path: &[[f32; 2]], from: f64, to: f64) -> Vec<[f32; 2]> {
    let (from, to) = (from as f32, to as f32);
    let mut part = Vec::new();
    let mut driven = 0.0;
    for pair in path.windows(2) {
        let [a, b] = [pair[0], pair[1]].map(Vec2::from);
        let length = a.distance(b);
        let (enter, leave) = ((from - driven).max(0.0), (to - driven).min(length));
        if length > 0.0 && enter < leave {
            part.extend([a.lerp(b, enter / length), a.lerp(b, leave / length)].map(|place| place.to_array()));
        }
        driven += length;
    }
    part
}

fn joined(mut pieces: impl Iterator<Item = Mesh>) -> Option<Mesh> {
    let mut whole = pieces.next()?;
    for piece in pieces {
        whole.merge(&piece).ok()?;
    }
    Some(whole)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_path_is_as_long_as_it_should_be() {
        let path = [[0.0, 0.0], [1.0, 0.0], [1.0, 0.0], [1.0, 1.0]];
        let length =
            |part: &[[f32; 2]]| part.windows(2).map(|p| Vec2::from(p[0]).distance(Vec2::from(p[1]))).sum::<f32>();
        for (from, to) in [(0.0, 2.0_f64), (0.25, 0.5), (0.5, 1.5), (1.0, 1.75), (1.9, 9.0)] {
            let expected = to.min(2.0) - from;
            assert!((length(&cut(&path, from, to)) - expected as f32).abs() < 1e-5, "{from} to {to}");
        }
        assert!(cut(&path, 3.0, 4.0).is_empty());
    }

    #[test]
    fn what_does_not_fit_is_striped_and_what_fits_is_not() {
        let path: Vec<[f32; 2]> = (0..=12).map(|i| [i as f32 * 0.1, 0.0]).collect();
        let gauge = Gauge { driven: 0.2, braking: 1.0, at_least: 1.0, free: 1.3, path, ..Gauge::default() };
        let area = |mesh: Mesh| {
            let places = mesh.attribute(Mesh::ATTRIBUTE_POSITION).unwrap().as_float3().unwrap().to_vec();
            let corners: Vec<Vec3> = mesh.indices().unwrap().iter().map(|i| Vec3::from(places[i])).collect();
            corners.chunks(3).map(|c| (c[1] - c[0]).cross(c[2] - c[0]).length() / 2.0).sum::<f32>()
        };
        assert!((area(band(&gauge, 0.2).unwrap()) - 1.2 * 0.4).abs() < 1e-3);
        let striped = area(stripes(&gauge, 0.2, 0.1).unwrap());
        assert!((0.4..0.6).contains(&(striped / (1.2 * 0.4))), "{striped}");
        assert!(lines(&gauge, 0.2).is_some());
    }
}
