//! Whether a window can be opened here, tried in earnest: event loop, surface, adapter, two frames.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

use bevy::app::AppExit;
use bevy::prelude::*;
use bevy::window::WindowResolution;

/// Opens a small window for two frames. An error is the reason in one line.
///
/// Bevy and its window library panic or even abort where something is missing, so call this in a process of its own.
pub fn probe() -> Result<(), String> {
    let said = Arc::new(Mutex::new(String::new()));
    let hears = said.clone();
    std::panic::set_hook(Box::new(move |panic| {
        let text = panic.payload_as_str().unwrap_or("a panic without words");
        if let Ok(mut said) = hears.lock()
            && said.is_empty()
        {
            text.lines().next().unwrap_or_default().clone_into(&mut said);
        }
    }));
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let window =
            Window { title: "deadtime".into(), resolution: WindowResolution::new(64, 64), visible: false, ..default() };
        App::new()
            .add_plugins(
                DefaultPlugins
                    .set(WindowPlugin { primary_window: Some(window), ..default() })
                    .disable::<bevy::log::LogPlugin>(),
            )
            .insert_resource(bevy::winit::WinitSettings::continuous())
            .add_systems(Startup, |mut commands: Commands| {
                commands.spawn(Camera3d::default());
            })
            .add_systems(Update, |mut frames: Local<u32>, mut exit: MessageWriter<AppExit>| {
                *frames += 1;
                if *frames > 2 {
                    exit.write(AppExit::Success);
                }
            })
            .run()
    }));
    let said = said.lock().map(|said| said.clone()).unwrap_or_default();
    match outcome {
        Ok(AppExit::Success) => Ok(()),
        _ if said.is_empty() => Err("the window library gave up without a reason".into()),
        _ => Err(reason(&said)),
    }
}

/// What a panic of Bevy's or winit's means to a person.
fn reason(said: &str) -> String {
    let known = [
        ("XOpenDisplayFailed", "the display cannot be opened"),
        ("Unable to find a GPU", "there is no graphics driver, neither Vulkan nor OpenGL"),
        ("libxkbcommon", "the library libxkbcommon-x11 is missing"),
        ("XInput", "the library libXi (X input) is missing"),
        ("Xcursor", "the library libXcursor is missing"),
        ("XRandR", "the library libXrandr is missing"),
    ];
    let known = known.iter().find(|(word, _)| said.contains(word)).map(|(_, means)| *means);
    known.map_or_else(|| said.chars().take(160).collect(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_short() {
        let said = "Failed to build event loop: Os(OsError { line: 788, file: \"x.rs\", error: XNotSupported(XOpenDisplayFailed) })";
        assert_eq!(reason(said), "the display cannot be opened");
        assert_eq!(reason("something else"), "something else");
        assert_eq!(reason(&"x".repeat(900)).len(), 160);
    }
}
