//! The camera: follows the robot from behind and aside, or looks from above; a drag turns it, the wheel brings it nearer.

use bevy::camera::visibility::RenderLayers;
use bevy::camera::{CameraOutputMode, ClearColorConfig, Viewport};
use bevy::core_pipeline::tonemapping::Tonemapping;
use bevy::pbr::{DistanceFog, FogFalloff};
use bevy::prelude::*;
use bevy::render::render_resource::BlendState;
use bevy::render::renderer::RenderAdapterInfo;
use bevy::window::PrimaryWindow;
use bevy_egui::{PrimaryEguiContext, egui};
use bevy_panorbit_camera::{PanOrbitCamera, TouchControls};

use crate::app::{Fine, Newest};
use crate::work::Work;
use crate::{Desk, shapes, theme};

/// The part of the window that shows the scene, in physical pixels, and whether the pointer is free to turn the camera there.
#[derive(Resource, Default)]
pub(crate) struct Stage {
    pub viewport: Option<(UVec2, UVec2)>,
    pub free: bool,
}

/// The camera of the scene.
#[derive(Component)]
pub(crate) struct Eye;

/// Yaw and pitch, from behind and aside.
const FOLLOW: (f32, f32) = (-1.0, 0.62);
const DISTANCE: f32 = 5.2;
/// From above, with the robot's way to the right.
const ABOVE: (f32, f32) = (0.0, std::f32::consts::FRAC_PI_2 - 0.001);
const HEIGHT: f32 = 9.5;

/// One camera for the scene, one for the panels on top.
pub(crate) fn spawn(mut commands: Commands, fine: Res<Fine>, adapter: Option<Res<RenderAdapterInfo>>) {
    // Bevy does not name wgpu's type.
    let software = adapter.is_some_and(|info| format!("{:?}", info.device_type) == "Cpu");
    let sky = theme::scene(theme::sky());
    commands.insert_resource(ClearColor(sky));
    commands.spawn((
        Eye,
        Camera3d::default(),
        Camera { clear_color: ClearColorConfig::Custom(sky), ..default() },
        if fine.0 && !software { Msaa::Sample4 } else { Msaa::Off },
        Tonemapping::None,
        DistanceFog { color: sky, falloff: FogFalloff::Linear { start: 14.0, end: 38.0 }, ..default() },
        Projection::from(PerspectiveProjection { fov: 0.75, ..default() }),
        PanOrbitCamera {
            yaw: Some(FOLLOW.0),
            pitch: Some(FOLLOW.1),
            radius: Some(DISTANCE),
            pitch_lower_limit: Some(0.05),
            pitch_upper_limit: Some(ABOVE.1),
            zoom_lower_limit: 1.5,
            zoom_upper_limit: Some(30.0),
            pan_sensitivity: 0.0,
            touch_controls: TouchControls::OneFingerOrbit,
            ..default()
        },
    ));
    commands.spawn((
        PrimaryEguiContext,
        Camera2d,
        RenderLayers::none(),
        Msaa::Off,
        Camera {
            order: 1,
            output_mode: CameraOutputMode::Write {
                // egui's colours come out premultiplied.
                blend_state: Some(BlendState::PREMULTIPLIED_ALPHA_BLENDING),
                clear_color: ClearColorConfig::None,
            },
            clear_color: ClearColorConfig::Custom(Color::NONE),
            ..default()
        },
    ));
}

/// The sky follows the mode.
pub(crate) fn sky(
    mut clear: ResMut<ClearColor>,
    mut eyes: Query<(&mut Camera, &mut DistanceFog), With<Eye>>,
    mut last: Local<Option<theme::Mode>>,
) {
    let mode = theme::mode();
    if last.replace(mode) == Some(mode) {
        return;
    }
    let sky = theme::scene(theme::sky());
    clear.0 = sky;
    for (mut camera, mut fog) in &mut eyes {
        camera.clear_color = ClearColorConfig::Custom(sky);
        fog.color = sky;
    }
}

/// Keeps the robot in view.
pub(crate) fn follow(
    newest: Res<Newest>,
    desk: Res<Desk>,
    stage: Res<Stage>,
    mut eyes: Query<(&mut Camera, &mut PanOrbitCamera), With<Eye>>,
    mut last: Local<Option<(bool, Option<[f32; 3]>)>>,
    work: Res<Work>,
) {
    let _clock = work.clock();
    let Ok((mut camera, mut orbit)) = eyes.single_mut() else { return };
    if let Some((position, size)) = stage.viewport {
        let same = camera.viewport.as_ref().is_some_and(|v| v.physical_position == position && v.physical_size == size);
        if !same {
            camera.viewport = Some(Viewport { physical_position: position, physical_size: size, ..default() });
        }
    }
    orbit.enabled = stage.free;
    let Some(scene) = &newest.scene else { return };
    let pose = &scene.robot.pose;
    // A little ahead, so that what it drives towards is in view.
    let ahead = 0.55;
    let [x, y] = [pose.x as f32 + ahead * (pose.yaw as f32).cos(), pose.y as f32 + ahead * (pose.yaw as f32).sin()];
    let focus = shapes::place([x, y], 0.15);
    orbit.target_focus = focus;
    let now = (desk.from_above, desk.eye);
    if *last != Some(now) {
        let ((yaw, pitch), radius) = match desk.eye {
            Some([yaw, pitch, radius]) => ((yaw.to_radians(), pitch.to_radians().min(ABOVE.1)), radius),
            None if desk.from_above => (ABOVE, HEIGHT),
            None => (FOLLOW, DISTANCE),
        };
        (orbit.target_yaw, orbit.target_pitch, orbit.target_radius) = (yaw, pitch, radius);
        (orbit.yaw, orbit.pitch, orbit.radius) = (Some(yaw), Some(pitch), Some(radius));
        *last = Some(now);
    }
    // At once: a follower that lags would make the robot seem to shake.
    orbit.focus = focus;
    orbit.force_update = true;
}

/// Where `rect`, in points, lies in the window's pixels; `None` before there is one.
pub(crate) fn viewport(
    rect: egui::Rect,
    points: f32,
    window: &Query<&Window, With<PrimaryWindow>>,
) -> Option<(UVec2, UVec2)> {
    let whole = window.single().ok()?.physical_size();
    let low = UVec2::new((rect.min.x * points).max(0.0) as u32, (rect.min.y * points).max(0.0) as u32).min(whole);
    let high = UVec2::new((rect.max.x * points).max(0.0) as u32, (rect.max.y * points).max(0.0) as u32).min(whole);
    let size = high.saturating_sub(low);
    (size.x > 8 && size.y > 8).then_some((low, size))
}
