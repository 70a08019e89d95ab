//! Pre-flight: reads a model once, safely, and hands engines bytes, so that none of them opens a file the model names.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Component, Path};
use std::sync::Arc;

use rustix::fs::OFlags;
use sha2::{Digest, Sha256};

use crate::graph::{self, External, Refusal};
use crate::{ModelInfo, RuntimeError};

/// Protocol Buffers cannot hold more, and ONNX Runtime refuses it.
const MAX_FILE: u64 = (1 << 31) - 1;
/// Model and external data together.
const MAX_TOTAL: u64 = 4 << 30;

/// A model that passed.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) info: ModelInfo,
    pub(crate) bytes: Vec<u8>,
    /// External data by the location the model writes.
    pub(crate) external: BTreeMap<String, Arc<[u8]>>,
}

/// Reads what a model declares, without running it: the pre-flight alone.
///
/// ```no_run
/// let info = runtime::inspect("policy.onnx".as_ref())?;
/// println!("{} {:?}", info.sha256, info.inputs);
/// # Ok::<(), runtime::RuntimeError>(())
/// ```
pub fn inspect(model: &Path) -> Result<ModelInfo, RuntimeError> {
    Model::read(model).map(|model| model.info)
}

impl Model {
    pub(crate) fn read(path: &Path) -> Result<Self, RuntimeError> {
        let bytes = read_capped(path, path)?;
        Self::check(path, bytes)
    }

    /// The pre-flight of bytes that are already here; `path` names them and is where external data is looked for.
    pub(crate) fn check(path: &Path, bytes: Vec<u8>) -> Result<Self, RuntimeError> {
        let graph = graph::read(&bytes).map_err(|refusal| refused(path, refusal))?;
        let external = read_external(path, &graph.external, bytes.len() as u64)?;
        let mut hash = Sha256::new();
        hash.update(&bytes);
        for data in external.values() {
            hash.update(data);
        }
        let total = bytes.len() as u64 + external.values().map(|data| data.len() as u64).sum::<u64>();
        let info = ModelInfo {
            path: path.to_owned(),
            sha256: hex(&hash.finalize()),
            inputs: graph.inputs,
            outputs: graph.outputs,
            bytes: total,
        };
        Ok(Self { info, bytes, external })
    }
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

pub(crate) fn refused(path: &Path, refusal: Refusal) -> RuntimeError {
    let path = path.to_owned();
    match refusal {
        Refusal::Garbled(reason) => RuntimeError::NotOnnx { path, reason },
        Refusal::Graph(reason) => RuntimeError::Graph { path, reason },
        Refusal::Operator { operator, domain, reason } => RuntimeError::Operator { path, operator, domain, reason },
    }
}

/// Opens without waiting (a FIFO would block for ever) and reads no more than the cap.
fn read_capped(path: &Path, model: &Path) -> Result<Vec<u8>, RuntimeError> {
    let unreadable = |reason: String| RuntimeError::Unreadable { path: path.to_owned(), reason };
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(OFlags::NONBLOCK.bits().cast_signed())
        .open(path)
        .map_err(|e| unreadable(e.to_string()))?;
    let meta = file.metadata().map_err(|e| unreadable(e.to_string()))?;
    if !meta.is_file() {
        return Err(unreadable("it is not a regular file".to_owned()));
    }
    if meta.len() > MAX_FILE {
        return Err(too_large(model, "the file", meta.len(), MAX_FILE));
    }
    read_all(&file, meta.len()).map_err(|e| unreadable(e.to_string()))
}

fn read_all(file: &File, len: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(len as usize);
    // The file may grow while it is read.
    file.take(MAX_FILE).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn too_large(path: &Path, what: &str, found: u64, limit: u64) -> RuntimeError {
    RuntimeError::TooLarge { path: path.to_owned(), what: what.to_owned(), found, limit }
}

fn read_external(
    model: &Path,
    tensors: &[External],
    model_bytes: u64,
) -> Result<BTreeMap<String, Arc<[u8]>>, RuntimeError> {
    let mut files: BTreeMap<String, Arc<[u8]>> = BTreeMap::new();
    let mut total = model_bytes;
    for tensor in tensors {
        let refuse = |reason: String| RuntimeError::ExternalData {
            path: model.to_owned(),
            tensor: tensor.tensor.clone(),
            location: tensor.location.clone(),
            reason,
        };
        if !files.contains_key(&tensor.location) {
            let file = open_inside(model, &tensor.location).map_err(refuse)?;
            let len = file.metadata().map_err(|e| refuse(e.to_string()))?.len();
            total = total.saturating_add(len);
            if len > MAX_FILE || total > MAX_TOTAL {
                return Err(too_large(model, "its external data", total, MAX_TOTAL));
            }
            let bytes = read_all(&file, len).map_err(|e| refuse(e.to_string()))?;
            files.insert(tensor.location.clone(), bytes.into());
        }
        let available = files[&tensor.location].len() as u64;
        check_range(tensor, available).map_err(refuse)?;
    }
    Ok(files)
}

/// Opens a plain file in the model's folder or below it, through no link of any kind.
fn open_inside(model: &Path, location: &str) -> Result<File, String> {
    let relative = Path::new(location);
    if location.is_empty() {
        return Err("no file is named".to_owned());
    }
    if relative.is_absolute() {
        return Err("the path is absolute".to_owned());
    }
    if relative.components().any(|part| !matches!(part, Component::Normal(_) | Component::CurDir)) {
        return Err("the path leaves the model's folder".to_owned());
    }
    let mut path = model.parent().unwrap_or(Path::new("")).to_owned();
    for part in relative.components() {
        path.push(part);
        let meta = path.symlink_metadata().map_err(|e| e.to_string())?;
        if meta.is_symlink() {
            return Err("it is, or goes through, a symbolic link".to_owned());
        }
    }
    let file = OpenOptions::new()
        .read(true)
        .custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed())
        .open(&path)
        .map_err(|e| e.to_string())?;
    let meta = file.metadata().map_err(|e| e.to_string())?;
    if !meta.is_file() {
        return Err("it is not a regular file".to_owned());
    }
    if meta.nlink() > 1 {
        return Err("it is a hard link: the same file has another name elsewhere".to_owned());
    }
    Ok(file)
}

/// Offset and length are decimal text in ONNX, and nothing keeps them inside the file.
fn check_range(tensor: &External, available: u64) -> Result<(), String> {
    let number = |text: &str, absent: u64| match text {
        "" => Ok(absent),
        text => text.parse::<u64>().map_err(|_| format!("`{text}` is not a byte count")),
    };
    let offset = number(&tensor.offset, 0)?;
    let length = number(&tensor.length, tensor.needs.unwrap_or(0))?;
    if let Some(needs) = tensor.needs
        && needs != length
    {
        return Err(format!("it names {length} bytes, the shape needs {needs}"));
    }
    match offset.checked_add(length) {
        Some(end) if end <= available => Ok(()),
        _ => Err(format!("bytes {offset} to {offset} + {length} are not all in a file of {available} bytes")),
    }
}
