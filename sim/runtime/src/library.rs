//! Where ONNX Runtime's library may be, and whether it is new enough.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Minor version of the oldest ONNX Runtime 1.x that is loaded: older ones let a model read files outside its folder.
pub(crate) const FLOOR: u32 = 31;

/// Candidates by full path, most deliberate first, each only once. Looked for as they are asked for: a Python takes a tenth of a
/// second to say where its packages are.
pub(crate) fn candidates() -> impl Iterator<Item = PathBuf> {
    let mut seen = BTreeSet::new();
    places()
        .filter_map(|place| if place.is_file() { Some(place) } else { in_folder(&place) })
        .filter_map(|path| path.canonicalize().ok())
        .filter(move |library| seen.insert(library.clone()))
}

/// Folders that may hold the library, and `$ORT_DYLIB_PATH`, which may be the library itself.
fn places() -> impl Iterator<Item = PathBuf> {
    let named = env::var_os("ORT_DYLIB_PATH").filter(|path| !path.is_empty()).map(PathBuf::from);
    let beside =
        env::current_exe().ok().and_then(|exe| exe.parent().map(|folder| [folder.join("lib"), folder.to_owned()]));
    let prefix = |key| env::var_os(key).map(PathBuf::from).filter(|path| path.is_absolute());
    let home = prefix("HOME").map(|home| home.join(".local"));
    let prefixes =
        [prefix("VIRTUAL_ENV"), prefix("CONDA_PREFIX"), env::current_dir().ok().map(|dir| dir.join(".venv"))];
    let system = [home, Some("/usr/local".into()), Some("/usr".into())];
    let sites = prefixes.into_iter().chain(system).flatten().flat_map(|prefix| site_packages(&prefix));
    let python = std::iter::once_with(python_site_packages).flatten();
    let triplet = format!("/usr/lib/{}-linux-gnu", env::consts::ARCH);
    let folders = ["/usr/local/lib", &triplet, "/usr/lib64", "/usr/lib", "/opt/onnxruntime/lib"].map(PathBuf::from);
    let wheels = sites.chain(python).map(|site| site.join("onnxruntime/capi"));
    let fetched = std::iter::once_with(crate::fetch::fetched).flatten();
    named.into_iter().chain(beside.into_iter().flatten()).chain(wheels).chain(folders).chain(fetched)
}

/// `lib/python3.*/site-packages` (and Debian's `dist-packages`) below a prefix.
fn site_packages(prefix: &Path) -> Vec<PathBuf> {
    let mut sites = Vec::new();
    for lib in ["lib", "lib64"] {
        for python in sorted(&prefix.join(lib)).into_iter().rev() {
            if python.file_name().is_some_and(|name| name.to_string_lossy().starts_with("python3")) {
                sites.extend(["site-packages", "dist-packages"].map(|name| python.join(name)));
            }
        }
    }
    sites.push(prefix.join("lib/python3/dist-packages"));
    sites.retain(|site| site.is_dir());
    sites
}

/// The site-packages of the `python3` on PATH, which may be of pyenv, Nix or anything else.
fn python_site_packages() -> Option<PathBuf> {
    let out = Command::new("python3")
        .args(["-I", "-c", "import sysconfig; print(sysconfig.get_paths()['platlib'])"])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let path = PathBuf::from(String::from_utf8(out.stdout).ok()?.trim());
    path.is_dir().then_some(path)
}

fn sorted(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

/// The best `libonnxruntime.so*` in a folder.
///
/// The wheels `onnxruntime` and `onnxruntime-gpu` share one folder. With both there, the GPU providers fit only their
/// own core, so the version of the GPU wheel wins over a higher one.
fn in_folder(folder: &Path) -> Option<PathBuf> {
    let mut libraries: Vec<_> = sorted(folder).into_iter().filter(|path| version_in_name(path).is_some()).collect();
    libraries.sort_by_key(|path| version_in_name(path));
    if folder.join(PROVIDERS[0]).exists()
        && let Some(version) = gpu_wheel_version(folder)
        && let Some(fit) = libraries.iter().find(|path| version_in_name(path) == Some(version))
    {
        return Some(fit.clone());
    }
    libraries.pop()
}

/// The version of the `onnxruntime_gpu` wheel installed beside `onnxruntime/capi`.
fn gpu_wheel_version(capi: &Path) -> Option<Version> {
    let site = capi.parent()?.parent()?;
    sorted(site).iter().rev().find_map(|path| {
        let name = path.file_name()?.to_str()?;
        parse_version(name.strip_prefix("onnxruntime_gpu-")?.strip_suffix(".dist-info")?)
    })
}

/// Major, minor, patch.
pub(crate) type Version = (u32, u32, u32);

/// `0.0.0` for a library without a version in its name, `None` for another file.
fn version_in_name(path: &Path) -> Option<Version> {
    let name = path.file_name()?.to_str()?;
    match name.strip_prefix("libonnxruntime.so")? {
        "" => Some((0, 0, 0)),
        rest => {
            let rest = rest.strip_prefix('.')?;
            parse_version(rest).filter(|_| rest.chars().all(|c| c.is_ascii_digit() || c == '.'))
        }
    }
}

/// `1.32.0`, `1.32`, `1.32.0rc1`, `1.31.1+cu13`.
pub(crate) fn parse_version(text: &str) -> Option<Version> {
    let mut numbers = text.split('.').map(|part| {
        let digits: String = part.chars().take_while(char::is_ascii_digit).collect();
        digits.parse::<u32>().ok()
    });
    Some((numbers.next()??, numbers.next()??, numbers.next().flatten().unwrap_or(0)))
}

/// Whether the library may be loaded; otherwise one line that says why not.
pub(crate) fn check_floor(path: &Path) -> Result<(), String> {
    let name = path.display();
    let too_old = |minor: u32| {
        format!(
            "{name} is ONNX Runtime 1.{minor}, at least 1.{FLOOR} is needed for safety (pip install -U onnxruntime)"
        )
    };
    // The name says it without running the library's initialisers.
    if let Some((1, minor, _)) = version_in_name(path)
        && minor < FLOOR
    {
        return Err(too_old(minor));
    }
    match ort::util::probe(path) {
        Some(minor) if minor >= FLOOR => Ok(()),
        Some(minor) => Err(too_old(minor)),
        None => Err(format!("{name} cannot be loaded as ONNX Runtime 1.x")),
    }
}

/// What ONNX Runtime's build for NVIDIA GPUs has beside the library itself.
pub(crate) const PROVIDERS: [&str; 2] = ["libonnxruntime_providers_cuda.so", "libonnxruntime_providers_tensorrt.so"];

/// Whether the library is of a build that knows TensorRT.
pub(crate) fn has_tensorrt(library: &Path) -> bool {
    library.with_file_name(PROVIDERS[1]).exists()
}

/// Folders in which pip puts NVIDIA's libraries, beside ONNX Runtime's own.
pub(crate) fn nvidia_folders(library: &Path) -> Vec<PathBuf> {
    let site = library.ancestors().nth(3);
    let folders = ["nvidia/cu13/lib", "nvidia/cudnn/lib", "tensorrt_libs"];
    site.map(|site| folders.map(|folder| site.join(folder)).to_vec()).unwrap_or_default()
}

/// Loads pip's NVIDIA libraries by full path: they are on no search path, and a loaded library satisfies those that
/// need it by name. What is missing is reported by ONNX Runtime itself, so failures are silent here.
pub(crate) fn preload_nvidia(library: &Path) {
    let first = ["libcudart.so", "libnvJitLink.so", "libcublasLt.so", "libcublas.so", "libnvrtc.so", "libnvinfer.so"];
    for folder in nvidia_folders(library) {
        let mut files = sorted(&folder);
        let rank = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            first.iter().position(|prefix| name.starts_with(prefix)).unwrap_or(first.len())
        };
        files.sort_by_key(rank);
        let wanted = |path: &&PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            // Of TensorRT only 10: another version beside it would be the wrong one for ONNX Runtime.
            name.contains(".so")
                && (!name.starts_with("libnv") || !folder.ends_with("tensorrt_libs") || name.ends_with(".so.10"))
        };
        for file in files.iter().filter(wanted) {
            let _ = ort::util::preload_dylib(file.as_os_str());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_names() {
        for (text, version) in [
            ("1.32.0", Some((1, 32, 0))),
            ("1.31", Some((1, 31, 0))),
            ("1.31.1+cu13", Some((1, 31, 1))),
            ("1.33.0rc2", Some((1, 33, 0))),
            ("1", None),
            ("x.y", None),
        ] {
            assert_eq!(parse_version(text), version, "{text}");
        }
        assert_eq!(version_in_name(Path::new("/a/libonnxruntime.so.1.32.0")), Some((1, 32, 0)));
        assert_eq!(version_in_name(Path::new("/a/libonnxruntime.so")), Some((0, 0, 0)));
        assert_eq!(version_in_name(Path::new("/a/libonnxruntime_providers_cuda.so")), None);
    }

    #[test]
    fn an_old_library_is_refused_by_its_name() {
        let reason = check_floor(Path::new("/nowhere/libonnxruntime.so.1.23.2")).unwrap_err();
        assert!(reason.contains("is ONNX Runtime 1.23, at least 1.31 is needed"), "{reason}");
    }

    #[test]
    fn beside_the_gpu_wheel_its_own_core_is_taken() {
        let site = tempfile::tempdir().unwrap();
        let capi = site.path().join("onnxruntime/capi");
        fs::create_dir_all(&capi).unwrap();
        for name in ["libonnxruntime.so.1.32.0", "libonnxruntime.so.1.31.1"] {
            fs::write(capi.join(name), "").unwrap();
        }
        assert_eq!(in_folder(&capi), Some(capi.join("libonnxruntime.so.1.32.0")));
        fs::write(capi.join("libonnxruntime_providers_cuda.so"), "").unwrap();
        fs::create_dir(site.path().join("onnxruntime_gpu-1.31.1.dist-info")).unwrap();
        assert_eq!(in_folder(&capi), Some(capi.join("libonnxruntime.so.1.31.1")));
    }
}
