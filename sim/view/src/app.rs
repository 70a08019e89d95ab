//! The Bevy application: joins the simulation thread, the scene and the panels.

use std::io::Write;
use std::sync::Arc;

use bevy::app::AppExit;
use bevy::input::keyboard::KeyboardInput;
use bevy::log::LogPlugin;
use bevy::prelude::*;
use bevy::render::RenderPlugin;
use bevy::window::{PresentMode, PrimaryWindow, WindowResolution};
use bevy_egui::{EguiContexts, EguiGlobalSettings, EguiPlugin, EguiPostUpdateSet, EguiPrimaryContextPass, egui};
use bevy_panorbit_camera::{PanOrbitCameraPlugin, PanOrbitCameraSystemSet};

use crate::gauge::Verdict;
use crate::hud::Callout;
use crate::memory::{self, Place, Scribe};
use crate::sim_thread::SimThread;
use crate::snapshot::Snapshot;
use crate::work::{self, Work};
use crate::{
    Desk, Launcher, Settings, ViewError, ViewOptions, camera, director, dropped, film, ghost, keys, lanes, ribbons,
    scene,
};
use crate::{shapes, shot, theme, window};

/// The newest snapshot; the same one for every system of a frame.
#[derive(Resource, Deref)]
pub(crate) struct Newest(pub Arc<Snapshot>);

/// The line to the simulation.
#[derive(Resource, Deref)]
pub(crate) struct Link(pub SimThread);

/// Whether the scene is drawn with shadows.
#[derive(Resource)]
pub(crate) struct Fine(pub bool);

/// Where pictures go.
#[derive(Resource)]
pub(crate) struct Shots(pub std::path::PathBuf);

/// Ends the process of a window, once all is said and written. Graphics drivers leave something to run at its end, and unload themselves
/// before: of twenty windows that were closed well, one ended in a crash of Mesa's.
pub fn leave(code: u8) -> ! {
    let _ = std::io::stdout().flush();
    #[cfg(unix)]
    signal_hook::low_level::exit(code.into());
    #[cfg(not(unix))]
    std::process::exit(code.into())
}

/// Opens the window on `start` and returns when it is closed.
///
/// Bevy and its window library panic where there is no display: see [`crate::probe`].
pub fn run(launcher: Box<dyn Launcher>, start: Settings, options: ViewOptions) -> Result<(), ViewError> {
    let mut desk = Desk::new(start.clone(), launcher.choices());
    desk.labs.sheets = launcher.labs();
    desk.hint = options.first;
    desk.toast = options.note;
    let memory = options.memory;
    if let Some((memory, _)) = &memory {
        (desk.mode, desk.labs.open, desk.from_above) = (memory.theme, memory.labs, memory.from_above);
        desk.put(memory.instrument);
    }
    theme::turn(desk.mode);
    let link = SimThread::start(launcher, start, true).map_err(|e| ViewError::Thread(e.to_string()))?;
    if let Some(log) = options.log {
        desk.act(crate::Action::OpenLog(log));
    }
    let newest = Newest(link.newest());
    let [width, height] = options.size;
    let primary = Window {
        title: "deadtime".into(),
        name: Some("deadtime".into()),
        resolution: WindowResolution::new(width, height),
        present_mode: PresentMode::AutoVsync,
        resize_constraints: bevy::window::WindowResizeConstraints { min_width: 880.0, min_height: 560.0, ..default() },
        ..default()
    };
    let mut app = App::new();
    app.add_plugins(
        DefaultPlugins
            // Pictures and films are written first: `shot::leave` closes it.
            .set(WindowPlugin { primary_window: Some(primary), close_when_requested: false, ..default() })
            // A person would rather see something at once, a script everything.
            .set(RenderPlugin { synchronous_pipeline_compilation: options.script.is_some(), ..default() })
            .set(LogPlugin { filter: "warn,wgpu_hal=error,bevy_render=warn,bevy_winit=error".into(), ..default() }),
    )
    .add_plugins((EguiPlugin::default(), PanOrbitCameraPlugin))
    .insert_resource(EguiGlobalSettings { auto_create_primary_context: false, ..default() })
    .insert_resource(bevy::winit::WinitSettings::continuous())
    .insert_resource(newest)
    .insert_resource(Link(link))
    .insert_resource(desk)
    .insert_resource(Fine(options.fine))
    .insert_resource(Shots(options.shots))
    .insert_resource(director::Director::new(options.script))
    .insert_resource(Place(memory.as_ref().and_then(|(memory, _)| memory.place)))
    .init_resource::<film::Studio>()
    .init_resource::<shot::Darkroom>()
    .init_resource::<Work>()
    .init_resource::<camera::Stage>()
    .init_resource::<scene::Staged>()
    .add_systems(Startup, (camera::spawn, scene::light))
    .add_systems(PreUpdate, (fetch, press, dropped::heed).chain().after(bevy::input::InputSystems))
    .add_systems(
        Update,
        (
            memory::put_back,
            director::direct,
            camera::sky,
            scene::stage,
            (scene::act, lanes::act, ghost::haunt, ribbons::lay, camera::follow),
            ghost::link,
        )
            .chain(),
    )
    // Labels stand where the camera of this frame sees their places.
    .configure_sets(
        PostUpdate,
        EguiPostUpdateSet::EndPass.after(TransformSystems::Propagate).after(bevy::camera::CameraUpdateSystems),
    )
    .add_systems(PostUpdate, scene::see_through.after(PanOrbitCameraSystemSet))
    .add_systems(EguiPrimaryContextPass, panels)
    .add_systems(Last, (memory::remember, film::roll, shot::tell, send, shot::leave, work::end_frame).chain());
    if let Some((memory, path)) = memory {
        app.insert_resource(Scribe::new(path, memory));
    }
    match app.run() {
        AppExit::Success => Ok(()),
        AppExit::Error(code) => Err(ViewError::Ended(code.get())),
    }
}

/// Takes the newest snapshot.
fn fetch(
    link: Res<Link>,
    mut newest: ResMut<Newest>,
    mut desk: ResMut<Desk>,
    mut windows: Query<&mut Window, With<PrimaryWindow>>,
    work: Res<Work>,
) {
    let _clock = work.clock();
    let before = newest.run;
    newest.0 = link.newest();
    desk.follow(&newest.0);
    let turned = theme::mode() != desk.mode;
    theme::turn(desk.mode);
    if newest.run == before && !turned {
        return;
    }
    if let Ok(mut window) = windows.single_mut() {
        window.title = format!("deadtime - {}", desk.settings.scenario);
        window.window_theme = Some(theme::frame());
    }
}

/// Keys, unless a number is being typed. What moves within the panels belongs to them while something there has the focus.
fn press(
    mut pressed: MessageReader<KeyboardInput>,
    held: Res<ButtonInput<KeyCode>>,
    mut desk: ResMut<Desk>,
    mut contexts: EguiContexts,
    work: Res<Work>,
) {
    let _clock = work.clock();
    let ctx = contexts.ctx_mut().ok();
    let typing = ctx.as_ref().is_some_and(|ctx| ctx.text_edit_focused());
    let focused = ctx.as_ref().is_some_and(|ctx| ctx.memory(|memory| memory.focused().is_some()));
    let down = |keys: &[KeyCode]| held.any_pressed(keys.iter().copied());
    let (ctrl, shift) = (down(&keys::CONTROL), down(&keys::SHIFT));
    for input in pressed.read().filter(|input| input.state.is_pressed() && !input.repeat) {
        let theirs = typing || focused && keys::MOVES.contains(&input.key_code);
        let press = keys::Press { code: input.key_code, written: input.logical_key.clone(), ctrl, shift };
        if let Some(action) = keys::action(&press).filter(|_| !theirs) {
            desk.act(action);
        }
    }
}

/// The panels, and what was done in them.
fn panels(
    mut contexts: EguiContexts,
    newest: Res<Newest>,
    mut desk: ResMut<Desk>,
    mut stage: ResMut<camera::Stage>,
    windows: Query<&Window, With<PrimaryWindow>>,
    eye: Query<(&Camera, &GlobalTransform), With<camera::Eye>>,
    mut dressed: Local<bool>,
    work: Res<Work>,
) -> Result {
    let _clock = work.clock();
    let ctx = contexts.ctx_mut()?.clone();
    if !std::mem::replace(&mut *dressed, true) {
        theme::dress(&ctx);
        return Ok(());
    }
    theme::follow(&ctx);
    if let Ok(window) = windows.single() {
        let zoom = window::zoom(window.width(), window.height());
        if (ctx.zoom_factor() - zoom).abs() > 0.01 {
            ctx.set_zoom_factor(zoom);
        }
    }
    let callouts = callouts(&newest, &eye, ctx.zoom_factor());
    let rect = ctx.viewport_rect();
    let background = egui::UiBuilder::new().layer_id(egui::LayerId::background()).max_rect(rect);
    let mut root = egui::Ui::new(ctx.clone(), "window".into(), background);
    let drawn = window::window(&mut root, &desk, &newest.0, &callouts);
    stage.viewport = camera::viewport(drawn.scene, ctx.pixels_per_point(), &windows);
    let pointer = ctx.pointer_latest_pos();
    stage.free = pointer.is_some_and(|at| {
        drawn.scene.contains(at) && ctx.layer_id_at(at).is_none_or(|l| l.order == egui::Order::Background)
    }) && !ctx.egui_is_using_pointer();
    desk.dragging(ctx.input(|input| input.pointer.any_down() || input.pointer.any_released()));
    for action in drawn.actions {
        desk.act(action);
    }
    if let Some(worked) = desk.worked().cloned().filter(|_| drawn.back) {
        desk.go(worked);
    }
    Ok(())
}

/// Labels for the robots of several lanes, the ghost and the blind path, where the camera sees them.
fn callouts(newest: &Snapshot, eye: &Query<(&Camera, &GlobalTransform), With<camera::Eye>>, zoom: f32) -> Vec<Callout> {
    let (Some(scene), Ok((camera, transform))) = (&newest.scene, eye.single()) else { return Vec::new() };
    let mut callouts = Vec::new();
    let mut call = |at: Vec3, away: egui::Vec2, text: String, colour| {
        if let Ok(at) = camera.world_to_viewport(transform, at) {
            callouts.push(Callout { at: egui::pos2(at.x, at.y) / zoom, away, text, colour });
        }
    };
    for lane in newest.lanes.iter().filter(|_| newest.lanes.len() > 1) {
        let at = [lane.robot.pose.x as f32, lane.robot.pose.y as f32];
        let away = egui::vec2(0.0, -34.0 - 22.0 * lane.place as f32);
        call(shapes::place(at, 0.25), away, lanes::letter(lane.place).to_string(), lanes::chip(lane.place));
    }
    if let (Some(behind), Some(age)) = (&scene.behind, scene.age)
        && scene.blind > 0.06
    {
        let middle = scene.blind_path[scene.blind_path.len() / 2];
        call(shapes::place(middle, 0.0), egui::vec2(-110.0, 56.0), format!("{:.2} m blind", scene.blind), theme::BLIND);
        let at = [behind.robot.pose.x as f32, behind.robot.pose.y as f32];
        let text = format!("decided on what was {:.0} ms ago", age.ms());
        call(shapes::place(at, 0.3), egui::vec2(-90.0, -70.0), text, theme::GHOST);
    }
    if let Some(gauge) = scene.instruments.gauge.as_ref().filter(|gauge| gauge.verdict() != Verdict::Fits) {
        let end = gauge.path.last().copied().unwrap_or_default();
        call(shapes::place(end, 0.0), egui::vec2(90.0, 40.0), gauge.words(), gauge.colour());
    }
    callouts
}

/// What a picture of this moment is called, without what it ends in.
pub(crate) fn file_name(desk: &Desk, newest: &Snapshot) -> String {
    let ms = newest.scene.as_ref().map_or(0.0, |scene| scene.now.secs() * 1e3);
    let scenario: String = desk.settings.scenario.chars().map(|c| if c.is_alphanumeric() { c } else { '-' }).collect();
    format!("deadtime-{scenario}-{ms:.0}ms")
}

/// Passes on what is to be passed on.
fn send(
    mut commands: Commands,
    mut desk: ResMut<Desk>,
    link: Res<Link>,
    newest: Res<Newest>,
    shots: Res<Shots>,
    time: Res<Time<Real>>,
    mut toast: Local<(String, f32)>,
) {
    let orders = desk.take_orders();
    let refused: Vec<_> = orders.into_iter().filter_map(|order| link.order(order)).collect();
    desk.put_back(refused);
    if std::mem::take(&mut desk.shot) {
        let path = shots.0.join(file_name(&desk, &newest)).with_extension("png");
        shot::take(&mut commands, path);
    }
    // A line stands for four seconds.
    if desk.toast != toast.0 {
        *toast = (desk.toast.clone(), time.elapsed_secs() + 4.0);
    } else if time.elapsed_secs() > toast.1 {
        desk.toast.clear();
    }
}
