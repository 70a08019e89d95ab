//! The depth camera: upright prisms and the floor, solved pixel by pixel.

use crate::geometry::{Prism, Vec2};
use crate::model::DepthCamera;

/// What the pixels meet, before noise.
pub(crate) struct Image {
    /// Metres along the optical axis, row by row from the top left; `max_range` where nothing is met.
    pub depth: Vec<f32>,
    /// Whether each thing is met by a pixel, in the order in which they were given.
    pub seen: Vec<bool>,
}

/// Renders prisms given in the camera's frame: origin under the lens, x along the optical axis, y left.
pub(crate) fn render(camera: &DepthCamera, things: impl Iterator<Item = Prism>) -> Image {
    let (width, height) = (camera.width as f64, camera.height as f64);
    let focal = width / 2.0 / libm::tan(camera.fov / 2.0); // pixels
    let mut count = 0;
    let things: Vec<(usize, Prism)> = things
        .enumerate()
        .inspect(|_| count += 1)
        .filter(|(_, thing)| {
            let ahead = thing.frame.origin[0];
            ahead + thing.bound > 0.0 && ahead - thing.bound < camera.max_range
        })
        .collect();
    let mut seen = vec![false; count];
    let mut depth = vec![camera.max_range as f32; camera.width * camera.height];
    let mut pierced = Vec::with_capacity(things.len());
    for column in 0..camera.width {
        let dir: Vec2 = [1.0, (width / 2.0 - column as f64 - 0.5) / focal];
        pierced.clear();
        pierced.extend(things.iter().filter_map(|(i, thing)| thing.pierced(dir).map(|span| (span, thing.height, *i))));
        for row in 0..camera.height {
            let rise = (height / 2.0 - row as f64 - 0.5) / focal;
            let (mut nearest, mut met) = (camera.max_range, None);
            if rise < 0.0 {
                nearest = nearest.min(-camera.mount / rise);
            }
            for &((enter, leave), top, index) in &pierced {
                if let Some(hit) = meet(camera.mount, rise, enter, leave, top).filter(|hit| *hit < nearest) {
                    (nearest, met) = (hit, Some(index));
                }
            }
            if let Some(index) = met {
                seen[index] = true;
            }
            depth[row * camera.width + column] = nearest as f32;
        }
    }
    Image { depth, seen }
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
