//! The depth camera: upright prisms and the floor, solved pixel by pixel.

use crate::geometry::{Prism, Vec2};
use crate::model::DepthCamera;

/// Renders prisms given in the camera's frame: origin under the lens, x along the optical axis, y left. Depths in
/// metres along the optical axis, row by row from the top left, without noise; `max_range` where nothing is met.
pub(crate) fn render(camera: &DepthCamera, things: impl Iterator<Item = Prism>) -> Vec<f32> {
    let (width, height) = (camera.width as f64, camera.height as f64);
    let focal = width / 2.0 / libm::tan(camera.fov / 2.0); // pixels
    let things: Vec<Prism> = things
        .filter(|thing| {
            let ahead = thing.frame.origin[0];
            ahead + thing.bound > 0.0 && ahead - thing.bound < camera.max_range
        })
        .collect();
    let mut depth = vec![camera.max_range as f32; camera.width * camera.height];
    let mut pierced = Vec::with_capacity(things.len());
    for column in 0..camera.width {
        let dir: Vec2 = [1.0, (width / 2.0 - column as f64 - 0.5) / focal];
        pierced.clear();
        pierced.extend(things.iter().filter_map(|thing| thing.pierced(dir).map(|span| (span, thing.height))));
        for row in 0..camera.height {
            let rise = (height / 2.0 - row as f64 - 0.5) / focal;
            let mut nearest = camera.max_range;
            if rise < 0.0 {
                nearest = nearest.min(-camera.mount / rise);
            }
            for &((enter, leave), top) in &pierced {
                if let Some(hit) = meet(camera.mount, rise, enter, leave, top) {
                    nearest = nearest.min(hit);
                }
            }
            depth[row * camera.width + column] = nearest as f32;
        }
    }
    depth
}

/// Where a ray from height `mount` that rises `rise` a metre meets a prism of height `top` over which it is between
/// `enter` and `leave`: on its front or on its top.
fn meet(mount: f64, rise: f64, enter: f64, leave: f64, top: f64) -> Option<f64> {
    let height = mount + rise * enter;
    if height <= top {
        return (height >= 0.0).then_some(enter);
    }
    if rise >= 0.0 {
        return None;
    }
    let descends = (top - mount) / rise;
    (descends <= leave).then_some(descends)
}

#[cfg(test)]
#[path = "camera_tests.rs"]
mod tests;
