//! What the rungs on a GPU need, piece by piece: what is there, what is missing, how to get it.

// Opening a library by name runs its initialisers.
#![allow(unsafe_code, reason = "ONNX Runtime opens the same libraries in the same way")]

use std::fs;
use std::path::{Path, PathBuf};

use libloading::Library;
use object::elf::{self, FileHeader64};
use object::endian::Endianness;
use object::read::elf::FileHeader;
use serde::Serialize;

use crate::{Options, driver, engine_cache, ladder, library, nvml, tensorrt};

/// One thing that inference on an NVIDIA GPU needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Piece {
    /// What it is, in a word or two.
    pub name: String,
    /// What is there.
    pub found: Option<String>,
    /// What is not, and what can be done about it.
    pub missing: Option<String>,
}

impl Piece {
    fn new(name: &str, state: Result<String, String>) -> Self {
        Self { name: name.to_owned(), found: state.clone().ok(), missing: state.err() }
    }
}

/// Whether an NVIDIA GPU or its driver is in this machine at all: elsewhere nobody misses the pieces.
pub fn has_gpu() -> bool {
    driver::gpu().is_ok() || driver::is_jetson() || hardware(Path::new("/sys")).is_some()
}

/// Everything CUDA and TensorRT need here, in the order in which it is needed. Fetches nothing.
pub fn gpu_pieces() -> Vec<Piece> {
    let mut pieces = vec![
        Piece::new("GPU", gpu(Path::new("/sys"))),
        Piece::new("driver", of_driver()),
        Piece::new("clocks", clocks()),
    ];
    let options = Options { offline: true, ..Options::default() };
    match ladder::find_library(&options, false) {
        Ok(path) => {
            library::preload_nvidia(&path);
            pieces.extend(of_library(&path, &open, driver::gpu().as_ref().ok().map(|gpu| gpu.cuda.as_str())));
        }
        Err(why) => pieces.push(Piece::new("ONNX Runtime", Err(why))),
    }
    pieces.push(Piece::new("engine cache", engine_cache::survey()));
    pieces
}

fn gpu(sys: &Path) -> Result<String, String> {
    match (driver::gpu(), hardware(sys)) {
        (Ok(gpu), _) => Ok(format!("{}, compute capability {}", gpu.name, gpu.compute)),
        (Err(_), Some(place)) => Ok(format!("an NVIDIA GPU at {place}, without a driver")),
        (Err(_), None) if driver::is_jetson() => Ok("a Jetson's, without a driver".to_owned()),
        (Err(_), None) => Err("no NVIDIA GPU is on the PCI bus".to_owned()),
    }
}

/// Where the PCI bus has a display or 3D controller (class 03) of NVIDIA (10de).
fn hardware(sys: &Path) -> Option<String> {
    let word = |path: PathBuf| fs::read_to_string(path).unwrap_or_default();
    let devices = fs::read_dir(sys.join("bus/pci/devices")).ok()?.flatten();
    let mut found: Vec<String> = devices
        .filter(|device| word(device.path().join("vendor")).trim() == "0x10de")
        .filter(|device| word(device.path().join("class")).starts_with("0x03"))
        .map(|device| device.file_name().to_string_lossy().into_owned())
        .collect();
    found.sort();
    found.into_iter().next()
}

fn of_driver() -> Result<String, String> {
    let gpu = driver::gpu().as_ref();
    let help = |why: &String| {
        if why.contains("libcuda.so.1 not found") {
            format!("{why}; install your system's NVIDIA driver, 580 or later for CUDA 13")
        } else {
            why.clone()
        }
    };
    gpu.map(|gpu| format!("{}, runs CUDA up to {}", driver::version(), gpu.cuda)).map_err(help)
}

fn clocks() -> Result<String, String> {
    driver::gpu().as_ref().map_err(|_| "without a driver nothing tells them".to_owned())?;
    let gpu = nvml::look().ok_or("the driver does not tell them (libnvidia-ml.so.1): idle clocks go unnoticed")?;
    Ok(format!("{:.0} of {:.0} MHz, {:.0} % busy", gpu.clock_mhz, gpu.limit_mhz, gpu.busy_percent))
}

/// What ONNX Runtime's providers for NVIDIA GPUs need. `open` opens a library by its name.
fn of_library(path: &Path, open: &dyn Fn(&str) -> Result<(), String>, runs_cuda: Option<&str>) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut needed: Vec<String> = Vec::new();
    for (name, file) in ["ONNX Runtime with CUDA", "ONNX Runtime with TensorRT"].into_iter().zip(library::PROVIDERS) {
        let provider = path.with_file_name(file);
        let state = fs::read(&provider).map_err(|_| {
            format!(
                "{} is a build without it: pip install \"onnxruntime-gpu[cuda,cudnn]\", and uninstall onnxruntime",
                path.display()
            )
        });
        let libraries =
            state.and_then(|bytes| needs(&bytes).map_err(|e| format!("{} cannot be read: {e}", provider.display())));
        match libraries {
            Ok(libraries) => {
                needed.extend(libraries);
                pieces.push(Piece::new(name, Ok(provider.display().to_string())));
            }
            Err(why) => pieces.push(Piece::new(name, Err(why))),
        }
    }
    let mut seen = std::collections::BTreeSet::new();
    for name in needed.into_iter().filter(|name| seen.insert(name.clone())) {
        let Some(package) = package(&name) else { continue };
        let state = open(&name).map_err(|why| missing(&name, package, &why, &library::nvidia_folders(path)));
        let state = state.and_then(|()| fits(&name, runs_cuda));
        pieces.push(Piece::new(&name, state));
    }
    pieces
}

/// The pip package that brings a library; `None` for what every system has, or the driver brings.
fn package(library: &str) -> Option<&'static str> {
    const PACKAGES: [(&str, &str); 8] = [
        ("libcudart.", "nvidia-cuda-runtime"),
        ("libcublas", "nvidia-cublas"),
        ("libcufft.", "nvidia-cufft"),
        ("libcurand.", "nvidia-curand"),
        ("libnvrtc.", "nvidia-cuda-nvrtc"),
        ("libcudnn.", "nvidia-cudnn-cu13"),
        ("libnvinfer", "tensorrt-cu13-libs==10.16.1.11, from NVIDIA's own package index"),
        ("libnvonnxparser.", "tensorrt-cu13-libs==10.16.1.11, from NVIDIA's own package index"),
    ];
    PACKAGES.iter().find(|(start, _)| library.starts_with(start)).map(|(_, package)| *package)
}

/// Why a library is not there: another version is, or none.
fn missing(name: &str, package: &str, why: &str, folders: &[PathBuf]) -> String {
    let stem = name.split(".so").next().unwrap_or(name);
    let others = folders.iter().cloned().chain(system_folders());
    let others = others.flat_map(|folder| fs::read_dir(folder).into_iter().flatten().flatten());
    let names = others.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> =
        names.filter(|other| other.strip_prefix(stem).is_some_and(|rest| rest.starts_with(".so."))).collect();
    names.sort_by_key(String::len);
    match names.first() {
        Some(same) if same.starts_with(name) => format!("{same} is there and cannot be loaded: {why}"),
        Some(other) => format!(
            "{other} is there, but this ONNX Runtime was built for {name}: pip install {package} (or an ONNX Runtime for {other})"
        ),
        None => format!("not found: pip install {package}, or add its folder to LD_LIBRARY_PATH"),
    }
}

fn system_folders() -> Vec<PathBuf> {
    let path = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    let system = [format!("/usr/lib/{}-linux-gnu", std::env::consts::ARCH), "/usr/local/cuda/lib64".to_owned()];
    std::env::split_paths(&path).chain(system.map(PathBuf::from)).filter(|folder| folder.is_absolute()).collect()
}

/// Whether a library that is there is of a version that the driver can run.
fn fits(name: &str, runs_cuda: Option<&str>) -> Result<String, String> {
    let number = |text: &str| text.split('.').next().and_then(|n| n.parse::<u32>().ok());
    if name.starts_with("libnvinfer.") {
        return Ok(tensorrt::version().map_or_else(|| "there".to_owned(), |version| format!("TensorRT {version}")));
    }
    let wants = name.strip_prefix("libcudart.so.").and_then(number);
    match (wants, runs_cuda.and_then(number)) {
        (Some(wants), Some(runs)) if wants > runs => Err(format!(
            "it is CUDA {wants}'s, and this driver runs CUDA {} at most: install a newer driver",
            runs_cuda.unwrap_or_default()
        )),
        _ => Ok("there".to_owned()),
    }
}

fn open(name: &str) -> Result<(), String> {
    // SAFETY: the library runs only its own initialisers, as when ONNX Runtime opens it.
    let library = unsafe { Library::new(name) }.map_err(|e| e.to_string())?;
    // It stays: ONNX Runtime may hold it, and unloading CUDA's libraries is known to crash.
    std::mem::forget(library);
    Ok(())
}

/// The libraries that an ELF file says it needs (`DT_NEEDED`).
fn needs(bytes: &[u8]) -> object::read::Result<Vec<String>> {
    let header = FileHeader64::<Endianness>::parse(bytes)?;
    let endian = header.endian()?;
    let table = header.sections(endian, bytes)?.dynamic_table(endian, bytes)?;
    let wanted = table.iter().filter(|entry| entry.tag == elf::DT_NEEDED);
    wanted.map(|entry| Ok(String::from_utf8_lossy(table.string(entry)?).into_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A library for nothing, which says that it needs others.
    fn library_that_needs(folder: &Path, file: &str, needed: &[&str]) -> bool {
        let cc = |args: &[&str]| std::process::Command::new("cc").args(args).current_dir(folder).status();
        let mut link =
            vec!["-shared", "-nostdlib", "-x", "c", "/dev/null", "-x", "none", "-o", file, "-Wl,--no-as-needed"];
        for name in needed {
            let soname = format!("-Wl,-soname,{name}");
            if !cc(&["-shared", "-nostdlib", "-x", "c", "/dev/null", "-o", name, &soname]).is_ok_and(|s| s.success()) {
                return false;
            }
        }
        link.extend(needed);
        let made = cc(&link).is_ok_and(|status| status.success());
        for name in needed {
            fs::remove_file(folder.join(name)).unwrap();
        }
        made
    }

    /// site-packages with ONNX Runtime in it, and providers that need these libraries.
    fn site(needed: &[&str]) -> Option<(tempfile::TempDir, PathBuf)> {
        let site = tempfile::tempdir().unwrap();
        let capi = site.path().join("onnxruntime/capi");
        fs::create_dir_all(&capi).unwrap();
        for provider in library::PROVIDERS {
            if !library_that_needs(&capi, provider, needed) {
                eprintln!("SKIPPED: there is no C compiler");
                return None;
            }
        }
        Some((site, capi.join("libonnxruntime.so.1.31.1")))
    }

    fn state<'a>(pieces: &'a [Piece], name: &str) -> Result<&'a str, &'a str> {
        let piece = pieces.iter().find(|piece| piece.name == name).unwrap_or_else(|| panic!("no {name} in {pieces:?}"));
        piece.found.as_deref().ok_or(piece.missing.as_deref().unwrap_or_default())
    }

    const NEEDED: [&str; 5] = ["libcublas.so.13", "libcudart.so.13", "libcudnn.so.9", "libnvinfer.so.10", "libc.so.6"];

    #[test]
    fn the_processors_build_is_told_from_the_gpus() {
        let site = tempfile::tempdir().unwrap();
        let pieces = of_library(&site.path().join("libonnxruntime.so.1.32.0"), &|_| Ok(()), None);
        for name in ["ONNX Runtime with CUDA", "ONNX Runtime with TensorRT"] {
            let why = state(&pieces, name).unwrap_err();
            assert!(why.contains("is a build without it") && why.contains("onnxruntime-gpu[cuda,cudnn]"), "{why}");
        }
        assert_eq!(pieces.len(), 2, "nothing is asked for that nothing needs");
    }

    #[test]
    fn every_library_that_is_missing_is_named_with_its_package() {
        let Some((_site, path)) = site(&NEEDED) else { return };
        let pieces = of_library(&path, &|_| Err("cannot open shared object file".to_owned()), Some("13.0"));
        assert_eq!(pieces.len(), 2 + 4, "each once, and not those that every system has: {pieces:?}");
        for (name, package) in [
            ("libcublas.so.13", "nvidia-cublas"),
            ("libcudart.so.13", "nvidia-cuda-runtime"),
            ("libcudnn.so.9", "nvidia-cudnn-cu13"),
            ("libnvinfer.so.10", "tensorrt-cu13-libs==10.16.1.11"),
        ] {
            let why = state(&pieces, name).unwrap_err();
            assert!(why.contains("not found: pip install") && why.contains(package), "{name}: {why}");
        }
    }

    #[test]
    fn another_version_beside_it_is_said_to_be_another_version() {
        let Some((site, path)) = site(&NEEDED) else { return };
        let folder = site.path().join("tensorrt_libs");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("libnvinfer.so.11"), "").unwrap();
        fs::write(folder.join("libnvinfer_plugin.so.10"), "").unwrap();
        let pieces = of_library(&path, &|_| Err("cannot open shared object file".to_owned()), Some("13.0"));
        let why = state(&pieces, "libnvinfer.so.10").unwrap_err();
        assert!(
            why.starts_with("libnvinfer.so.11 is there, but this ONNX Runtime was built for libnvinfer.so.10"),
            "{why}"
        );
        fs::write(folder.join("libnvinfer.so.10"), "garbled").unwrap();
        let pieces = of_library(&path, &|_| Err("invalid ELF header".to_owned()), Some("13.0"));
        let why = state(&pieces, "libnvinfer.so.10").unwrap_err();
        assert_eq!(why, "libnvinfer.so.10 is there and cannot be loaded: invalid ELF header");
    }

    #[test]
    fn a_driver_that_is_too_old_for_cuda_is_told() {
        let Some((_site, path)) = site(&NEEDED) else { return };
        let cudart = |runs| {
            let pieces = of_library(&path, &|_| Ok(()), runs);
            state(&pieces, "libcudart.so.13").map(str::to_owned).map_err(str::to_owned)
        };
        assert_eq!(cudart(Some("13.0")), Ok("there".to_owned()));
        assert_eq!(cudart(None), Ok("there".to_owned()));
        let why = cudart(Some("12.8")).unwrap_err();
        assert!(why.contains("CUDA 13's") && why.contains("12.8 at most: install a newer driver"), "{why}");
    }

    #[test]
    fn a_gpu_without_a_driver_is_seen_on_the_bus() {
        let sys = tempfile::tempdir().unwrap();
        let device = |place: &str, vendor: &str, class: &str| {
            let folder = sys.path().join("bus/pci/devices").join(place);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("vendor"), vendor).unwrap();
            fs::write(folder.join("class"), class).unwrap();
        };
        device("0000:00:02.0", "0x8086\n", "0x030000\n");
        device("0000:01:00.1", "0x10de\n", "0x040300\n");
        assert_eq!(hardware(sys.path()), None, "another maker's, and a sound device");
        device("0000:01:00.0", "0x10de\n", "0x030200\n");
        assert_eq!(hardware(sys.path()).as_deref(), Some("0000:01:00.0"));
    }

    #[test]
    fn what_an_elf_file_needs_is_read_and_garbage_is_an_error() {
        let this = fs::read(std::env::current_exe().unwrap()).unwrap();
        assert!(needs(&this).unwrap().iter().any(|name| name.starts_with("libc.so")), "{:?}", needs(&this));
        for end in [0, 4, 63, 64, 200, this.len() / 2] {
            assert!(needs(&this[..end]).is_err(), "cut at {end}");
        }
        assert!(needs(b"not a library").is_err());
    }
}
