//! Pictures of the window: threads of their own encode and write them, and the window closes only when all are written.

use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use bevy::app::AppExit;
use bevy::prelude::*;
use bevy::render::view::screenshot::{Screenshot, ScreenshotCaptured};
use bevy::window::WindowCloseRequested;

use crate::Desk;

/// Pictures that are being written.
#[derive(Resource, Default)]
pub(crate) struct Darkroom(Vec<JoinHandle<String>>);

/// Takes a picture of the window into a PNG file.
pub(crate) fn take(commands: &mut Commands, path: PathBuf) {
    let develop = move |mut captured: On<ScreenshotCaptured>, mut darkroom: ResMut<Darkroom>| {
        darkroom.develop(std::mem::take(&mut captured.image), path.clone());
    };
    commands.spawn(Screenshot::primary_window()).observe(develop);
}

/// Tells of those that are done.
pub(crate) fn tell(mut darkroom: ResMut<Darkroom>, mut desk: ResMut<Desk>) {
    if let Some(said) = darkroom.done() {
        desk.toast = said;
    }
}

/// A window that is closed waits so long for pictures and films, seconds.
const FAREWELL: f32 = 10.0;

/// Closes the window when a person wants that and all that is to be kept is written.
pub(crate) fn leave(
    mut desk: ResMut<Desk>,
    mut asked: MessageReader<WindowCloseRequested>,
    taking: Query<(), With<Screenshot>>,
    darkroom: Res<Darkroom>,
    time: Res<Time<Real>>,
    mut since: Local<Option<f32>>,
    mut exit: MessageWriter<AppExit>,
) {
    if asked.read().count() > 0 {
        desk.quit = true;
    }
    if !desk.quit {
        return;
    }
    desk.film.on = false;
    let busy = desk.film.busy || darkroom.busy() || !taking.is_empty();
    let since = *since.get_or_insert(time.elapsed_secs());
    if !busy || time.elapsed_secs() - since > FAREWELL {
        exit.write(AppExit::Success);
    }
}

impl Darkroom {
    /// Whether one is still being written.
    pub fn busy(&self) -> bool {
        !self.0.is_empty()
    }

    fn develop(&mut self, image: Image, path: PathBuf) {
        let name = path.display().to_string();
        let write = move || match write(image, &path) {
            Ok(()) => format!("saved {}", path.display()),
            Err(why) => {
                error!("{}: {why}", path.display());
                format!("{}: {why}", path.display())
            }
        };
        match std::thread::Builder::new().name("picture".into()).spawn(write) {
            Ok(thread) => self.0.push(thread),
            Err(error) => error!("{name}: {error}"),
        }
    }

    /// What became of the oldest, once it is done.
    fn done(&mut self) -> Option<String> {
        let oldest = self.0.first()?.is_finished().then(|| self.0.remove(0))?;
        Some(oldest.join().unwrap_or_else(|_| "a picture could not be written".into()))
    }
}

fn write(image: Image, path: &Path) -> Result<(), String> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|e| e.to_string())?;
    }
    let rgb = image.try_into_dynamic().map_err(|e| e.to_string())?.into_rgb8();
    rgb.save(path).map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use bevy::asset::RenderAssetUsages;
    use bevy::render::render_resource::{Extent3d, TextureDimension, TextureFormat};

    use super::*;

    fn image() -> Image {
        let size = Extent3d { width: 640, height: 480, depth_or_array_layers: 1 };
        let orange = [213, 94, 0, 255];
        Image::new_fill(
            size,
            TextureDimension::D2,
            &orange,
            TextureFormat::Rgba8UnormSrgb,
            RenderAssetUsages::MAIN_WORLD,
        )
    }

    fn wait(darkroom: &mut Darkroom) -> String {
        (0..2000)
            .find_map(|_| {
                std::thread::sleep(std::time::Duration::from_millis(5));
                darkroom.done()
            })
            .unwrap()
    }

    /// Asks for a picture and to leave, in one frame.
    fn shoot_and_leave(mut commands: Commands, mut desk: ResMut<Desk>, mut asked: Local<bool>) {
        if !std::mem::replace(&mut *asked, true) {
            desk.quit = true;
            take(&mut commands, "unused.png".into());
        }
    }

    #[test]
    fn a_picture_of_the_last_frame_is_waited_for() {
        let mut app = App::new();
        app.insert_resource(crate::desk::tests::desk())
            .init_resource::<Darkroom>()
            .init_resource::<Time<Real>>()
            .add_message::<WindowCloseRequested>()
            .add_systems(Update, (shoot_and_leave, leave).chain());
        for _ in 0..3 {
            app.update();
            assert_eq!(app.should_exit(), None, "it is still being taken");
        }
        let taking = app.world_mut().query_filtered::<Entity, With<Screenshot>>().single(app.world()).unwrap();
        app.world_mut().despawn(taking);
        app.update();
        assert_eq!(app.should_exit(), Some(AppExit::Success));
    }

    #[test]
    fn pictures_are_written_one_by_one_and_what_cannot_be_is_said() {
        let folder = std::env::temp_dir().join(format!("deadtime-pictures-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("file"), "").unwrap();
        let mut darkroom = Darkroom::default();
        // A folder that is not there yet is made.
        for path in [folder.join("new/a.png"), folder.join("file/b.png")] {
            darkroom.develop(image(), path);
        }
        assert!(darkroom.busy());
        assert_eq!(wait(&mut darkroom), format!("saved {}", folder.join("new/a.png").display()));
        assert!(wait(&mut darkroom).starts_with(&folder.join("file/b.png").display().to_string()));
        assert!(!darkroom.busy());
        let png = std::fs::read(folder.join("new/a.png")).unwrap();
        assert!(png.starts_with(b"\x89PNG"));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
