//! From the floor plan to Bevy's axes, and the meshes that are not in Bevy.
//!
//! The simulation has x forward, y left, z up; Bevy has x right, y up, z towards the viewer. So (x, y, z) becomes
//! (x, z, -y), and a yaw becomes a turn about Bevy's y.

use bevy::asset::RenderAssetUsages;
use bevy::mesh::{Indices, PrimitiveTopology};
use bevy::prelude::*;
use plant::Pose;

/// A place above the floor.
pub(crate) fn place(at: [f32; 2], height: f32) -> Vec3 {
    Vec3::new(at[0], height, -at[1])
}

/// A pose on the floor.
pub(crate) fn stand(pose: &Pose) -> Transform {
    Transform::from_xyz(pose.x as f32, 0.0, -pose.y as f32).with_rotation(Quat::from_rotation_y(pose.yaw as f32))
}

fn mesh(positions: Vec<[f32; 3]>, normals: Vec<[f32; 3]>, indices: Vec<u32>) -> Mesh {
    Mesh::new(PrimitiveTopology::TriangleList, RenderAssetUsages::default())
        .with_inserted_attribute(Mesh::ATTRIBUTE_POSITION, positions)
        .with_inserted_attribute(Mesh::ATTRIBUTE_NORMAL, normals)
        .with_inserted_indices(Indices::U32(indices))
}

/// A ribbon on the floor along `path`, or `None` if that is shorter than a centimetre.
pub(crate) fn ribbon(path: &[[f32; 2]], half_width: f32, height: f32) -> Option<Mesh> {
    let mut points: Vec<Vec2> = Vec::with_capacity(path.len());
    for &[x, y] in path {
        let point = Vec2::new(x, y);
        if points.last().is_none_or(|last| last.distance_squared(point) > 1e-4) {
            points.push(point);
        }
    }
    if points.len() < 2 {
        return None;
    }
    let mut positions = Vec::with_capacity(points.len() * 2);
    for i in 0..points.len() {
        let along = (points[(i + 1).min(points.len() - 1)] - points[i.saturating_sub(1)]).normalize_or_zero();
        let aside = along.perp() * half_width;
        for point in [points[i] + aside, points[i] - aside] {
            positions.push(place(point.to_array(), height).to_array());
        }
    }
    // Left, right of one point, then of the next: seen from above, counter-clockwise.
    let quads = 0..(points.len() as u32 - 1);
    let indices = quads.flat_map(|i| [2 * i, 2 * i + 1, 2 * i + 2, 2 * i + 2, 2 * i + 1, 2 * i + 3]).collect();
    let normals = vec![[0.0, 1.0, 0.0]; positions.len()];
    Some(mesh(positions, normals, indices))
}

/// Small octahedra, or `None` without points.
pub(crate) fn dots(points: impl Iterator<Item = Vec3>, radius: f32) -> Option<Mesh> {
    const CORNERS: [Vec3; 6] = [Vec3::X, Vec3::Z, Vec3::NEG_X, Vec3::NEG_Z, Vec3::Y, Vec3::NEG_Y];
    // Counter-clockwise from outside.
    const FACES: [u32; 24] = [0, 4, 1, 1, 4, 2, 2, 4, 3, 3, 4, 0, 1, 5, 0, 2, 5, 1, 3, 5, 2, 0, 5, 3];
    let (mut positions, mut normals, mut indices) = (Vec::new(), Vec::new(), Vec::new());
    for point in points {
        let first = positions.len() as u32;
        for corner in CORNERS {
            positions.push((point + corner * radius).to_array());
            normals.push(corner.to_array());
        }
        indices.extend(FACES.map(|corner| first + corner));
    }
    (!positions.is_empty()).then(|| mesh(positions, normals, indices))
}

/// Lines of a grid on the floor, every metre from `low` to `high`, `half_width` wide at each side.
pub(crate) fn grid(low: [i32; 2], high: [i32; 2], every: i32, half_width: f32, height: f32) -> Mesh {
    let (mut positions, mut indices) = (Vec::new(), Vec::new());
    let mut strip = |x: [f32; 2], y: [f32; 2]| {
        let first = positions.len() as u32;
        for corner in [[x[0], y[0]], [x[1], y[0]], [x[1], y[1]], [x[0], y[1]]] {
            positions.push(place(corner, height).to_array());
        }
        indices.extend([0, 1, 2, 0, 2, 3].map(|i| first + i));
    };
    let along = |axis: usize| [low[axis] as f32, high[axis] as f32];
    for x in (low[0]..=high[0]).filter(|x| x % every == 0) {
        strip([x as f32 - half_width, x as f32 + half_width], along(1));
    }
    for y in (low[1]..=high[1]).filter(|y| y % every == 0) {
        strip(along(0), [y as f32 - half_width, y as f32 + half_width]);
    }
    let normals = vec![[0.0, 1.0, 0.0]; positions.len()];
    mesh(positions, normals, indices)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upwards(mesh: &Mesh) -> bool {
        let positions = mesh.attribute(Mesh::ATTRIBUTE_POSITION).unwrap().as_float3().unwrap();
        let indices: Vec<usize> = mesh.indices().unwrap().iter().collect();
        indices.chunks(3).all(|face| {
            let [a, b, c] = [0, 1, 2].map(|i| Vec3::from(positions[face[i]]));
            (b - a).cross(c - a).y > 0.0
        })
    }

    #[test]
    fn floors_face_up() {
        assert!(upwards(&ribbon(&[[0.0, 0.0], [1.0, 0.0], [2.0, 1.0]], 0.1, 0.0).unwrap()));
        assert!(upwards(&grid([-2, -2], [3, 2], 1, 0.01, 0.0)));
    }

    #[test]
    fn dots_face_outwards() {
        let mesh = dots([Vec3::ZERO].into_iter(), 1.0).unwrap();
        let positions = mesh.attribute(Mesh::ATTRIBUTE_POSITION).unwrap().as_float3().unwrap();
        let indices: Vec<usize> = mesh.indices().unwrap().iter().collect();
        for face in indices.chunks(3) {
            let [a, b, c] = [0, 1, 2].map(|i| Vec3::from(positions[face[i]]));
            assert!((b - a).cross(c - a).dot(a + b + c) > 0.0);
        }
    }

    #[test]
    fn too_short_a_path_is_no_ribbon() {
        assert!(ribbon(&[[1.0, 1.0], [1.001, 1.0]], 0.1, 0.0).is_none());
        assert!(ribbon(&[], 0.1, 0.0).is_none());
        assert!(dots(std::iter::empty(), 0.1).is_none());
    }

    #[test]
    fn left_is_left() {
        // The robot looks along x; its left is y, which Bevy's camera, looking along x with y up, has on the left: -z.
        assert_eq!(place([0.0, 1.0], 0.0), Vec3::NEG_Z);
        let turned = stand(&Pose { x: 0.0, y: 0.0, yaw: std::f64::consts::FRAC_PI_2 });
        assert!((turned.rotation * Vec3::X).distance(Vec3::NEG_Z) < 1e-6);
    }
}
