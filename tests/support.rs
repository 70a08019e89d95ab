//! What the tests share.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Duration;

use episode::{Driver, Entry, Episode, Pumped, Supply};
use scenario::Setup;
use timing::{Rate, SimTime, Source};

/// The source tree.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The setup of a scenario that ships.
pub fn setup(name: &str, seed: u64) -> Setup {
    let path = root().join("scenarios").join(name).with_extension("toml");
    scenario::load(&path).and_then(|s| s.setup(seed)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// The same at another tick rate.
pub fn at_tick(mut setup: Setup, hz: f64) -> Setup {
    Arc::make_mut(&mut setup.world).tick = Rate::from_hz(hz).expect("a rate");
    setup
}

/// Runs a scenario whose pilot asks nobody to its end.
pub fn run(setup: Setup, source: Source) -> Episode {
    let mut episode = Episode::new(Arc::new(setup), source).expect("a valid setup");
    finish(&mut episode);
    episode
}

/// Goes on to the end without predictions from outside.
pub fn finish(episode: &mut Episode) {
    let mut driver = Driver::new(Supply::Nobody);
    assert_eq!(driver.pump(episode, SimTime(i64::MAX), Duration::ZERO), Pumped::Over);
}

/// The digest of every tick, from a log.
pub fn digests(log: &[Entry]) -> Vec<u64> {
    log.iter().filter_map(|entry| if let Entry::Tick(tick) = entry { Some(tick.digest) } else { None }).collect()
}

/// The program, in the source tree, offline: tests do not depend on a network.
pub fn deadtime(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_deadtime"))
        .args(args)
        .current_dir(root())
        .env_remove("DISPLAY")
        .env_remove("GITHUB_ACTIONS")
        .output()
        .expect("the program starts")
}

/// Its standard output as JSON.
pub fn json(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| {
        panic!(
            "not JSON ({e}): {}\n{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        )
    })
}

/// A path as an argument.
pub fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

/// A folder that goes away with the test.
pub fn folder() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = dir.path().to_path_buf();
    (dir, path)
}
