//! The user's cache folder: the fetched library, and TensorRT's engines.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::PathBuf;

/// `$XDG_CACHE_HOME/deadtime/..` or `~/.cache/deadtime/..`, created for this user alone.
///
/// What lies there is loaded as code, so a folder that someone else owns or may write is refused.
pub(crate) fn private(parts: &[&str]) -> Result<PathBuf, String> {
    let mut folder = base().ok_or("neither XDG_CACHE_HOME nor HOME is set to an absolute path")?;
    let create = |folder: &PathBuf| {
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|e| format!("{}: {e}", folder.display()))
    };
    create(&folder)?;
    for part in std::iter::once(&"deadtime").chain(parts) {
        folder.push(part);
        create(&folder)?;
        let meta = fs::symlink_metadata(&folder).map_err(|e| e.to_string())?;
        if !meta.is_dir() || meta.uid() != rustix::process::geteuid().as_raw() {
            return Err(format!("{} is not a folder of this user; remove it", folder.display()));
        }
        if meta.mode() & 0o077 != 0 {
            fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).map_err(|e| e.to_string())?;
        }
    }
    Ok(folder)
}

/// Where TensorRT's engines are cached, whether or not there are any.
pub(crate) fn engines() -> Option<PathBuf> {
    Some(base()?.join("deadtime/tensorrt"))
}

fn base() -> Option<PathBuf> {
    let absolute = |key| std::env::var_os(key).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("XDG_CACHE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".cache")))
}
