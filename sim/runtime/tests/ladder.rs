//! Each rung that is not there says why in one line; the one asked for is never silently replaced.

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;

use runtime::{Isolation, Options, Requested, Rung, RuntimeError};
use support::{data, engine_program, local};
use tempfile::TempDir;

/// Whether this machine has an NVIDIA driver: then most of what is said here is different.
fn has_driver() -> bool {
    ["/proc/driver/nvidia/version", "/dev/dxg"].iter().any(|path| Path::new(path).exists())
}

#[test]
fn without_a_driver_both_gpu_rungs_say_so() {
    if has_driver() {
        return eprintln!("SKIPPED: there is an NVIDIA driver");
    }
    let engine =
        runtime::load(&data("mlp.onnx"), &Options { requested: Requested::Auto, ..local(Rung::Rten) }).unwrap();
    let reason = "no NVIDIA driver (libcuda.so.1 not found)".to_owned();
    assert_eq!(engine.info().refused[..2], [(Rung::TensorRt, reason.clone()), (Rung::Cuda, reason)]);
    assert!(engine.info().obtained >= Rung::OnnxRuntimeCpu);
}

#[test]
fn a_missing_rung_names_the_piece_and_how_to_get_it() {
    if !has_driver() {
        for (rung, help) in
            [(Rung::TensorRt, "tensorrt-cu13-libs==10.16.1.11"), (Rung::Cuda, "onnxruntime-gpu[cuda,cudnn]")]
        {
            let error = runtime::load(&data("mlp.onnx"), &local(rung)).err().expect("it was loaded");
            let text = error.to_string();
            assert!(matches!(error, RuntimeError::Missing { .. }));
            assert!(
                text.starts_with(&format!("`{rung}` was asked for and is not available: no NVIDIA driver")),
                "{text}"
            );
            assert!(text.contains(help), "{text}");
        }
    }
    let nowhere = Options { library: Some("/nowhere/libonnxruntime.so.1.32.0".into()), ..local(Rung::OnnxRuntimeCpu) };
    let text = runtime::load(&data("mlp.onnx"), &nowhere).err().expect("it was loaded").to_string();
    assert_eq!(
        text,
        "`onnxruntime` was asked for and is not available: /nowhere/libonnxruntime.so.1.32.0 cannot be loaded as ONNX \
         Runtime 1.x\nhelp: `pip install onnxruntime` (1.31 or later), or set ORT_DYLIB_PATH to the full path of \
         libonnxruntime"
    );
}

/// The example `engine` with no ONNX Runtime in reach and a cache of its own.
fn bare(cache: &TempDir) -> Command {
    let mut command = Command::new(engine_program());
    command
        .env("XDG_CACHE_HOME", cache.path())
        .env("HOME", cache.path())
        .env("NOT_ISOLATED", "1")
        .env_remove("VIRTUAL_ENV")
        .env_remove("CONDA_PREFIX")
        .env_remove("ORT_DYLIB_PATH")
        .env_remove("DEADTIME_OFFLINE")
        .current_dir(cache.path());
    command
}

fn text(command: &mut Command) -> String {
    let out = command.output().unwrap();
    format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr))
}

#[test]
fn offline_it_runs_on_rten_and_fetches_nothing() {
    let cache = tempfile::tempdir().unwrap();
    let said = text(
        bare(&cache).args([data("mlp.onnx").to_str().unwrap(), "auto", "1000", "50"]).env("DEADTIME_OFFLINE", "1"),
    );
    if said.contains("site-packages") || said.contains("/usr/") {
        return eprintln!("SKIPPED: ONNX Runtime is installed for python3 or in the system");
    }
    assert!(said.starts_with("rten (rten"), "{said}");
    assert!(
        said.contains("not onnxruntime: no libonnxruntime found") && said.contains("not fetched: offline"),
        "{said}"
    );
    assert!(!cache.path().join("deadtime").join("onnxruntime/1.32.0/lock").exists());
}

#[test]
fn a_failed_fetch_is_said_once_and_not_tried_at_every_start() {
    let cache = tempfile::tempdir().unwrap();
    let run =
        || text(bare(&cache).args([data("mlp.onnx").to_str().unwrap(), "auto", "1000", "50"]).env("PATH", "/nowhere"));
    let first = run();
    if first.contains("/usr/") {
        return eprintln!("SKIPPED: ONNX Runtime is installed in the system");
    }
    assert!(first.contains("fetching ONNX Runtime 1.32.0 once"), "{first}");
    assert!(first.contains("python3 could not be started") && first.contains("the built-in engine is used"), "{first}");
    let second = run();
    assert!(!second.contains("fetching") && second.contains("not tried again within an hour"), "{second}");
    assert!(second.contains("rten (rten"), "{second}");
}

#[test]
fn two_programs_fetch_it_once_between_them() {
    if std::env::var_os("DEADTIME_OFFLINE").is_some() {
        return eprintln!("SKIPPED: offline");
    }
    let cache = tempfile::tempdir().unwrap();
    let doctors =
        [bare(&cache), bare(&cache)].map(|mut command| std::thread::spawn(move || text(command.arg("doctor"))));
    let said = doctors.map(|doctor| doctor.join().unwrap());
    if said[0].contains("was not fetched") || said[1].contains("was not fetched") || said[0].contains("site-packages") {
        return eprintln!("SKIPPED: no network, or ONNX Runtime is installed for python3:\n{}", said[0]);
    }
    let fetches = said.iter().filter(|said| said.contains("fetching ONNX Runtime")).count();
    assert_eq!(fetches, 1, "{said:?}");
    let folder = cache.path().join("deadtime/onnxruntime/1.32.0");
    for said in &said {
        assert!(said.contains(&format!("onnxruntime  ok       ONNX Runtime 1.32.0 ({}", folder.display())), "{said}");
    }
    let left: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "the library and the lock, nothing half-done: {left:?}");
}

#[test]
fn an_unusable_model_names_every_rung() {
    let options = Options {
        requested: Requested::Auto,
        isolate: Isolation::Never,
        offline: true,
        library: Some("/nowhere/libonnxruntime.so.1.23.0".into()),
        ..Options::default()
    };
    // rten has no such operator; ONNX Runtime is too old to be loaded.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    let bytes = fs::read(data("divide.onnx")).unwrap();
    let at = bytes.windows(3).position(|w| w == b"Div").unwrap();
    fs::write(&path, [&bytes[..at], b"Dov", &bytes[at + 3..]].concat()).unwrap();
    let error = runtime::load(&path, &options).err().expect("it was loaded");
    let RuntimeError::NoEngine { refused } = &error else { panic!("{error:?}") };
    assert_eq!(refused.iter().map(|(rung, _)| *rung).collect::<Vec<_>>(), Rung::ALL);
    assert!(error.to_string().contains("is ONNX Runtime 1.23, at least 1.31 is needed"), "{error}");
}

#[test]
fn onnx_runtime_reports_nothing_to_its_makers() {
    let cache = tempfile::tempdir().unwrap();
    let mut command = Command::new(engine_program());
    // It is silent by itself in continuous integration.
    for name in ["CI", "ORT_RUNNING_UNIT_TESTS", "ORT_DISABLE_TELEMETRY"] {
        command.env_remove(name);
    }
    let args = [data("mlp.onnx").to_string_lossy().into_owned(), "onnxruntime".into(), "1000".into(), "50".into()];
    let said = text(command.args(args).env("XDG_CACHE_HOME", cache.path()).env("HOME", cache.path()));
    if said.contains("no libonnxruntime found") || said.contains("not fetched") {
        return eprintln!("SKIPPED: no ONNX Runtime");
    }
    assert!(said.contains("(ONNX Runtime 1."), "{said}");
    let left: Vec<_> = fs::read_dir(cache.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| name == "deadtime"), "{left:?}");
}
