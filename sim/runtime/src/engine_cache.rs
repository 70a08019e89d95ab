//! TensorRT's engines, kept: one folder for each model, GPU, version and setting, sealed by the hashes of what lies in it.
//!
//! A cached engine is executable code that fits exactly what it was built for. So nothing is taken that was built for anything
//! else, or that is not as it was left: a program that was killed while it wrote, a full disk, another one's hand.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::model::hex;
use crate::{Precision, cache};

/// What a folder holds besides TensorRT's own files.
const SEAL: &str = "sealed.json";
/// The end of the name of an engine, as ONNX Runtime writes it.
const ENGINE: &str = "engine";

/// What an engine was built for: it is for nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Key {
    /// SHA-256 of the model and its external data.
    pub(crate) model: String,
    /// The GPU's name and compute capability.
    pub(crate) gpu: String,
    /// The driver's version, and the CUDA it runs.
    pub(crate) driver: String,
    /// TensorRT's version.
    pub(crate) tensorrt: String,
    /// ONNX Runtime's version: it decides what TensorRT is given.
    pub(crate) onnxruntime: String,
    pub(crate) precision: Precision,
    pub(crate) dla: Option<u32>,
    pub(crate) optimisation: String,
}

impl Key {
    /// Readable at its beginning, told apart by its end.
    fn folder(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(serde_json::to_vec(self).unwrap_or_default());
        let model = self.model.get(..12).unwrap_or(&self.model);
        let text =
            format!("{model}-{}-trt{}-{}-{}", self.gpu, self.tensorrt, self.precision, &hex(&hash.finalize())[..12]);
        text.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).collect()
    }
}

#[derive(Serialize, Deserialize)]
struct Seal {
    key: Key,
    /// SHA-256 by the file's name.
    files: BTreeMap<String, String>,
}

/// The folder of one key. Who holds it may build; others wait.
pub(crate) struct EngineCache {
    key: Key,
    folder: PathBuf,
    /// Whether an engine is there, sealed.
    built: bool,
    /// Why what was there was thrown away.
    discarded: Option<String>,
    lock: File,
}

impl EngineCache {
    /// The folder, in the user's cache. `waiting` is called before a wait for another program that builds the same engine.
    pub(crate) fn open(key: Key, waiting: impl FnOnce()) -> Result<Self, String> {
        let folder = cache::private(&["tensorrt", &key.folder()])?;
        Self::open_in(folder, key, waiting)
    }

    fn open_in(folder: PathBuf, key: Key, waiting: impl FnOnce()) -> Result<Self, String> {
        let told = |e: std::io::Error| format!("{}: {e}", folder.display());
        // Beside the folder, and untouched where it is there: whoever measures looks whether files change meanwhile.
        let lock =
            File::options().create(true).truncate(false).write(true).open(beside(&folder, "lock")).map_err(told)?;
        if lock.try_lock().is_err() {
            waiting();
            lock.lock().map_err(told)?;
        }
        let mut cache = Self { key, folder, built: false, discarded: None, lock };
        match cache.intact() {
            Ok(built) => cache.built = built,
            Err(why) => cache.discard(why)?,
        }
        Ok(cache)
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether an engine is there, so that none need be built.
    pub(crate) fn built(&self) -> bool {
        self.built
    }

    /// Why what was there was thrown away; told once.
    pub(crate) fn discarded(&mut self) -> Option<String> {
        self.discarded.take()
    }

    /// Whether there is an engine, all as it was sealed; an error says what is not.
    fn intact(&self) -> Result<bool, String> {
        let found = self.files().map_err(|e| e.to_string())?;
        let text = match fs::read(self.folder.join(SEAL)) {
            Ok(text) => text,
            Err(_) if found.is_empty() => return Ok(false),
            Err(_) => return Err("it was left unfinished".to_owned()),
        };
        let seal: Seal = serde_json::from_slice(&text).map_err(|e| format!("its seal cannot be read: {e}"))?;
        if seal.key != self.key {
            return Err("it was built for something else".to_owned());
        }
        if let Some(name) = seal.files.keys().find(|name| !found.contains_key(*name)) {
            return Err(format!("{name} is missing"));
        }
        match found.iter().find(|(name, hash)| seal.files.get(*name) != Some(hash)) {
            Some((name, _)) => Err(format!("{name} is not as it was left")),
            None => Ok(found.keys().any(|name| is_engine(name))),
        }
    }

    /// SHA-256 of the files by their names, the seal excepted.
    fn files(&self) -> std::io::Result<BTreeMap<String, String>> {
        let mut found = BTreeMap::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name == SEAL {
                continue;
            }
            let mut hash = Sha256::new();
            hash.update(fs::read(entry.path())?);
            found.insert(name, hex(&hash.finalize()));
        }
        Ok(found)
    }

    /// Empties the folder, because of `why`.
    pub(crate) fn discard(&mut self, why: String) -> Result<(), String> {
        // The seal first: what is left over after a kill is then unfinished, not intact.
        let _ = fs::remove_file(self.folder.join(SEAL));
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let gone = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            gone.map_err(|e| format!("{} {why}, and cannot be removed: {e}", path.display()))?;
        }
        (self.built, self.discarded) = (false, Some(why));
        Ok(())
    }

    /// Notes what lies there now as whole, and lets others in. The number of engines.
    pub(crate) fn seal(&mut self) -> Result<usize, String> {
        let sealed = self.write_seal().map_err(|e| format!("{}: {e}", self.folder.display()));
        let _ = self.lock.unlock();
        sealed
    }

    fn write_seal(&mut self) -> std::io::Result<usize> {
        let files = self.files()?;
        let engines = files.keys().filter(|name| is_engine(name)).count();
        let old = fs::read(self.folder.join(SEAL)).unwrap_or_default();
        let seal = serde_json::to_vec_pretty(&Seal { key: self.key.clone(), files })?;
        // Untouched where nothing has changed: whoever measures looks whether an engine was built meanwhile.
        if engines > 0 && seal != old {
            let part = beside(&self.folder, "part");
            fs::write(&part, seal)?;
            fs::rename(part, self.folder.join(SEAL))?;
        }
        self.built = engines > 0;
        Ok(engines)
    }

    /// The same for an engine that was built since, for other shapes, where nobody else builds at this moment.
    pub(crate) fn seal_again(&mut self) {
        if self.lock.try_lock().is_ok() {
            let _ = self.seal();
        }
    }
}

/// `folder.extension`, whatever points the folder's name holds.
fn beside(folder: &Path, extension: &str) -> PathBuf {
    let mut name = folder.as_os_str().to_owned();
    name.push(".");
    name.push(extension);
    name.into()
}

fn is_engine(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == ENGINE)
}

/// What is kept, for a person: how many engines of how many bytes, and where; or why none can be.
pub(crate) fn survey() -> Result<String, String> {
    let folder = cache::private(&["tensorrt"])?;
    let told = |e: std::io::Error| format!("{} cannot be written: {e}", folder.display());
    tempfile_in(&folder).map_err(told)?;
    let folders = fs::read_dir(&folder).into_iter().flatten().flatten();
    let files = folders.flat_map(|entry| fs::read_dir(entry.path()).into_iter().flatten().flatten());
    let engines = files.filter(|file| is_engine(&file.file_name().to_string_lossy()));
    let sizes: Vec<u64> = engines.filter_map(|file| Some(file.metadata().ok()?.len())).collect();
    let mut text = format!("{} engines", sizes.len());
    if !sizes.is_empty() {
        let _ = write!(text, " of {:.1} MB", sizes.iter().sum::<u64>() as f64 / 1e6);
    }
    Ok(format!("{text} in {}", folder.display()))
}

/// Whether a file can be made there.
fn tempfile_in(folder: &Path) -> std::io::Result<()> {
    let probe = folder.join(format!(".probe-{}", std::process::id()));
    fs::write(&probe, b"probe")?;
    fs::remove_file(probe)
}

#[cfg(test)]
#[path = "engine_cache_tests.rs"]
mod tests;
