//! Where the files that ship with the program are.

use std::path::{Path, PathBuf};

use miette::{Result, miette};
use scenario::Scenario;

/// The folder that holds `assets/` and `scenarios/`: the working directory, a folder above the program, or the source
/// tree it was built from.
pub fn root() -> PathBuf {
    let holds = |dir: &Path| dir.join("assets/models").is_dir() && dir.join("scenarios").is_dir();
    let here = std::env::current_dir().ok();
    let program = std::env::current_exe().ok();
    let above =
        |path: Option<PathBuf>| path.into_iter().flat_map(|p| p.ancestors().map(Path::to_path_buf).collect::<Vec<_>>());
    let built_from = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    above(here).chain(above(program)).find(|dir| holds(dir)).unwrap_or(built_from)
}

/// A scenario by path, or by the name of one that ships.
pub fn scenario(name: &Path) -> PathBuf {
    let shipped = root().join("scenarios").join(name).with_extension("toml");
    if !name.exists() && shipped.exists() { shipped } else { name.to_path_buf() }
}

/// Reads a scenario by path, or by the name of one that ships.
pub fn load_scenario(name: &Path) -> Result<Scenario> {
    let path = scenario(name);
    if path.exists() {
        return Ok(scenario::load(&path)?);
    }
    let shipped: Vec<String> = scenario::find_scenarios([root().join("scenarios")])
        .iter()
        .filter_map(|path| Some(path.file_stem()?.to_string_lossy().into_owned()))
        .collect();
    let help = format!("give the path of a TOML file, or the name of one that ships: {}", shipped.join(", "));
    Err(miette!(help = help, "there is no scenario `{}`", name.display()))
}

/// A test set by path, or by the name of one that ships.
pub fn test_set(name: &str) -> PathBuf {
    let shipped = root().join("scenarios/sets").join(name).with_extension("toml");
    let given = PathBuf::from(name);
    if !given.exists() && shipped.exists() { shipped } else { given }
}

/// The plan of a sweep by path, or by the name of one that ships.
pub fn sweep(name: &Path) -> PathBuf {
    let shipped = root().join("scenarios/sweeps").join(name).with_extension("toml");
    if !name.exists() && shipped.exists() { shipped } else { name.to_path_buf() }
}

/// A model by path, or by the name of one that ships.
pub fn model(name: &str) -> PathBuf {
    let shipped = root().join("assets/models").join(name).with_extension("onnx");
    let given = PathBuf::from(name);
    if !given.exists() && shipped.exists() { shipped } else { given }
}

/// SHA-256 of every model that ships: those run without a process of their own.
pub fn trusted_models() -> Vec<String> {
    include_str!("../assets/models/SHA256SUMS")
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .map(str::to_owned)
        .collect()
}

/// The models that ship, by name.
pub fn models() -> Vec<String> {
    let stem = |path: &PathBuf| path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let mut names: Vec<String> = onnx_files(&root().join("assets/models")).iter().flatten().filter_map(stem).collect();
    names.sort();
    names
}

/// The ONNX files directly in a folder, by name.
pub fn onnx_files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let paths = std::fs::read_dir(folder)?.flatten().map(|entry| entry.path());
    let mut paths: Vec<PathBuf> = paths.filter(|path| path.extension().is_some_and(|e| e == "onnx")).collect();
    paths.sort();
    Ok(paths)
}
