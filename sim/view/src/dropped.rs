//! Files that are dropped on the window: what becomes of them, and what is said while they hover.

use std::path::{Path, PathBuf};

use bevy::prelude::*;
use bevy::window::FileDragAndDrop;

use crate::{Action, Desk};

/// What can be dropped.
pub(crate) const KINDS: &str = "an ONNX file (a network), a .toml (a scenario) or an .mcap (a log)";

/// What a file is, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Network,
    Scenario,
    Log,
}

fn kind(path: &Path) -> Option<Kind> {
    match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
        "onnx" => Some(Kind::Network),
        "toml" => Some(Kind::Scenario),
        "mcap" => Some(Kind::Log),
        _ => None,
    }
}

/// What to do with files that were dropped together. An error says what can be dropped.
pub(crate) fn action(paths: &[PathBuf]) -> Result<Action, String> {
    let [path] = paths else {
        return Err(format!("{} files at once are too many: drop one, {KINDS}", paths.len()));
    };
    match kind(path) {
        Some(Kind::Network) => Ok(Action::OpenModel(path.clone())),
        Some(Kind::Scenario) => Ok(Action::OpenScenario(path.clone())),
        Some(Kind::Log) => Ok(Action::OpenLog(path.clone())),
        None => Err(format!("{} cannot be opened here: drop {KINDS}", name(path))),
    }
}

/// What is said while files hover above the window.
fn promise(paths: &[PathBuf]) -> String {
    let [path] = paths else { return format!("Drop one file: {KINDS}") };
    match kind(path) {
        Some(Kind::Network) => format!("Drop it to time {} and to drive with it", name(path)),
        Some(Kind::Scenario) => format!("Drop it to open the scenario {}", name(path)),
        Some(Kind::Log) => format!("Drop it to open the log {}", name(path)),
        None => format!("{} cannot be opened here: drop {KINDS}", name(path)),
    }
}

/// The last part of a path.
pub(crate) fn name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

/// Takes what is dropped.
pub(crate) fn heed(
    mut messages: MessageReader<FileDragAndDrop>,
    mut desk: ResMut<Desk>,
    mut hovering: Local<Vec<PathBuf>>,
) {
    // Files that are dropped together come one by one, in one frame.
    let mut dropped = Vec::new();
    for message in messages.read() {
        match message {
            FileDragAndDrop::HoveredFile { path_buf, .. } => hovering.push(path_buf.clone()),
            FileDragAndDrop::HoveredFileCanceled { .. } => hovering.clear(),
            FileDragAndDrop::DroppedFile { path_buf, .. } => {
                hovering.clear();
                dropped.push(path_buf.clone());
            }
        }
    }
    let promised = if hovering.is_empty() { String::new() } else { promise(&hovering) };
    if desk.promise != promised {
        desk.promise = promised;
    }
    if !dropped.is_empty() {
        desk.act(Action::Dropped(dropped));
    }
}

#[cfg(test)]
mod tests {
    use scenario::Latency;

    use super::*;
    use crate::Settings;
    use crate::desk::tests::{desk, settings};
    use crate::sim_thread::Order;

    fn paths(names: &[&str]) -> Vec<PathBuf> {
        names.iter().map(PathBuf::from).collect()
    }

    #[test]
    fn a_file_is_what_its_name_says() {
        assert_eq!(action(&paths(&["a/x.onnx"])), Ok(Action::OpenModel("a/x.onnx".into())));
        assert_eq!(action(&paths(&["X.ONNX"])), Ok(Action::OpenModel("X.ONNX".into())));
        assert_eq!(action(&paths(&["a/b.toml"])), Ok(Action::OpenScenario("a/b.toml".into())));
        assert_eq!(action(&paths(&["1.mcap"])), Ok(Action::OpenLog("1.mcap".into())));
    }

    #[test]
    fn what_cannot_be_opened_is_told_what_can() {
        for names in [&["a/x.pt"][..], &["onnx"], &[".toml"], &["a.onnx", "b.onnx"], &[]] {
            let why = action(&paths(names)).unwrap_err();
            assert!(why.contains(KINDS), "{why}");
        }
        assert!(action(&paths(&["a/folder/x.pt"])).unwrap_err().starts_with("x.pt cannot"));
        let mut desk = desk();
        desk.act(Action::Dropped(paths(&["x.pt"])));
        assert!(desk.take_orders().is_empty() && desk.toast.contains(KINDS));
    }

    #[test]
    fn a_network_is_timed_and_driven_with_and_can_be_picked_again() {
        let mut desk = desk();
        for _ in 0..2 {
            desk.act(Action::Dropped(paths(&["/my/net.onnx"])));
        }
        let wanted = Settings { model: Some("/my/net.onnx".into()), latency: Latency::Measured, ..settings() };
        assert_eq!(desk.take_orders(), [Order::Launch(wanted.into())]);
        assert_eq!(
            desk.choices.models.iter().filter(|choice| choice.id == "/my/net.onnx" && choice.title == "net").count(),
            1
        );
        desk.act(Action::Undo);
        assert_eq!(desk.settings, settings());
    }

    #[test]
    fn a_scenario_is_opened_and_can_be_picked_again() {
        let mut desk = desk();
        let before = desk.choices.scenarios.len();
        for _ in 0..2 {
            desk.act(Action::Dropped(paths(&["/my/course.toml"])));
        }
        assert_eq!(desk.take_orders(), [Order::Open("/my/course.toml".into())]);
        assert_eq!(desk.choices.scenarios.len(), before + 1);
        desk.act(Action::Scenario(before));
        assert_eq!(desk.take_orders(), [Order::Open("/my/course.toml".into())]);
    }
}
