//! Machines with NVIDIA's libraries in every state of disorder, played by small libraries made here: which piece is named, what is
//! given up and what is not.

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;

use support::{data, engine_program};
use tempfile::TempDir;

/// A driver with one GPU. `STUB_CUINIT` is what it answers to being woken.
const DRIVER: &str = r#"
    #include <stdlib.h>
    #include <string.h>
    int cuInit(unsigned flags) { const char *code = getenv("STUB_CUINIT"); return code ? atoi(code) : 0; }
    int cuDeviceGetCount(int *n) { *n = getenv("STUB_NONE") ? 0 : 1; return 0; }
    int cuDriverGetVersion(int *v) { *v = 13000; return 0; }
    int cuDeviceGetName(char *name, int len, int device) { strncpy(name, "Stub RTX", len); return 0; }
    int cuDeviceGetAttribute(int *v, int attribute, int device) { *v = attribute == 75 ? 8 : 9; return 0; }
    int cuDeviceGetPCIBusId(char *id, int len, int device) { strncpy(id, "00000000:01:00.0", len); return 0; }
"#;

/// What the driver tells of clocks and power.
const NVML: &str = r#"
    #include <string.h>
    int nvmlInit_v2(void) { return 0; }
    int nvmlShutdown(void) { return 0; }
    int nvmlDeviceGetHandleByPciBusId_v2(const char *id, void **device) {
        *device = (void *)1;
        return strcmp(id, "00000000:01:00.0") ? 6 : 0;
    }
    int nvmlDeviceGetClockInfo(void *device, int kind, unsigned *mhz) { *mhz = 300; return 0; }
    int nvmlDeviceGetMaxClockInfo(void *device, int kind, unsigned *mhz) { *mhz = 2400; return 0; }
    int nvmlDeviceGetUtilizationRates(void *device, unsigned *used) { used[0] = 7; used[1] = 0; return 0; }
    int nvmlDeviceGetCurrentClocksThrottleReasons(void *device, unsigned long long *reasons) { *reasons = 0; return 0; }
    int nvmlSystemGetDriverVersion(char *text, unsigned len) { strncpy(text, "580.65.06", len); return 0; }
"#;

const TENSORRT: &str = "int getInferLibVersion(void) { return 101601; }";

/// Libraries in a folder of their own, and a cache; `None` with a line where there is no C compiler.
struct Machine {
    libraries: TempDir,
    cache: TempDir,
}

impl Machine {
    fn with(libraries: &[(&str, &str)]) -> Option<Self> {
        let machine = Self { libraries: tempfile::tempdir().unwrap(), cache: tempfile::tempdir().unwrap() };
        for (name, source) in libraries {
            let file = machine.libraries.path().join("source.c");
            fs::write(&file, source).unwrap();
            let mut cc = Command::new("cc");
            cc.args(["-shared", "-fPIC", "-o"]).arg(machine.libraries.path().join(name)).arg(&file);
            if !cc.status().is_ok_and(|status| status.success()) {
                eprintln!("SKIPPED: there is no C compiler");
                return None;
            }
        }
        Some(machine)
    }

    /// What the example `engine` says there.
    fn says(&self, args: &[&str], env: &[(&str, &str)]) -> String {
        let out = Command::new(engine_program())
            .args(args)
            .env("LD_LIBRARY_PATH", self.libraries.path())
            .env("XDG_CACHE_HOME", self.cache.path())
            .env("DEADTIME_OFFLINE", "1")
            .env("NOT_ISOLATED", "1")
            .envs(env.iter().copied())
            .output()
            .unwrap();
        format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr))
    }
}

fn mlp() -> String {
    data("mlp.onnx").to_string_lossy().into_owned()
}

/// Whether ONNX Runtime is there, whose answer some cases need.
fn has_onnxruntime(said: &str) -> bool {
    let there = !said.contains("no libonnxruntime found");
    if !there {
        eprintln!("SKIPPED: no ONNX Runtime");
    }
    there
}

#[test]
fn the_doctor_names_gpu_driver_and_clocks() {
    let stubs = [("libcuda.so.1", DRIVER), ("libnvidia-ml.so.1", NVML)];
    let Some(machine) = Machine::with(&stubs) else { return };
    let said = machine.says(&["doctor"], &[]);
    for line in [
        "GPU: Stub RTX, compute capability 8.9",
        "driver: 580.65.06, runs CUDA up to 13.0",
        "clocks: 300 of 2400 MHz, 7 % busy",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
    let kept = format!("engine cache: 0 engines in {}", machine.cache.path().join("deadtime/tensorrt").display());
    assert!(said.contains(&kept), "{said}");
}

#[test]
fn a_driver_without_its_tools_tells_no_clocks() {
    let Some(machine) = Machine::with(&[("libcuda.so.1", DRIVER)]) else { return };
    let said = machine.says(&["doctor"], &[]);
    assert!(said.contains("clocks: missing: the driver does not tell them (libnvidia-ml.so.1)"), "{said}");
}

#[test]
fn a_driver_in_disorder_is_said_in_words() {
    let Some(machine) = Machine::with(&[("libcuda.so.1", DRIVER)]) else { return };
    for (env, expected) in [
        (("STUB_CUINIT", "803"), "restart the machine"),
        (("STUB_CUINIT", "34"), "the CUDA toolkit's stub, not a driver"),
        (("STUB_CUINIT", "999"), "reload nvidia_uvm"),
        (("STUB_CUINIT", "100"), "finds no GPU"),
        (("STUB_NONE", "1"), "finds no GPU"),
    ] {
        for rung in ["tensorrt", "cuda"] {
            let said = machine.says(&[&mlp(), rung], &[env]);
            assert!(said.contains(&format!("`{rung}` was asked for and is not available")), "{said}");
            assert!(said.contains(expected), "{env:?}: {said}");
        }
    }
    let Some(other) = Machine::with(&[("libcuda.so.1", "int nothing;")]) else { return };
    let said = other.says(&[&mlp(), "cuda"], &[]);
    assert!(said.contains("libcuda.so.1 has no `cuInit`: not an NVIDIA driver"), "{said}");
}

#[test]
fn the_processors_build_has_neither_rung_and_nothing_is_said_to_be_built() {
    let stubs = [("libcuda.so.1", DRIVER), ("libnvidia-ml.so.1", NVML), ("libnvinfer.so.10", TENSORRT)];
    let Some(machine) = Machine::with(&stubs) else { return };
    for (rung, name) in [("tensorrt", "TensorRT"), ("cuda", "CUDA")] {
        let said = machine.says(&[&mlp(), rung], &[("CUDA_GRAPH", "1"), ("PRECISION", "fp16")]);
        if !has_onnxruntime(&said) {
            return;
        }
        assert!(said.contains(&format!("{name} execution provider is not enabled in this build")), "{said}");
        assert!(said.contains("help: "), "{said}");
        assert!(!said.contains("builds an engine"), "{said}");
    }
    // On the way down the ladder the same reasons, and an engine that runs.
    let said = machine.says(&[&mlp(), "auto", "1000", "50"], &[]);
    assert!(said.contains("not tensorrt: TensorRT execution provider is not enabled"), "{said}");
    assert!(said.contains("onnxruntime (ONNX Runtime"), "{said}");
    let said = machine.says(&["doctor"], &[]);
    assert!(said.contains("ONNX Runtime with TensorRT: missing: ") && said.contains("is a build without it"), "{said}");
}

#[test]
fn what_only_tensorrt_can_do_is_forgone_on_the_processor() {
    let Some(machine) = Machine::with(&[]) else { return };
    let said =
        machine.says(&[&mlp(), "rten", "1000", "50"], &[("PRECISION", "int8"), ("CUDA_GRAPH", "1"), ("DLA", "1")]);
    for reason in
        ["no int8: TensorRT alone", "no CUDA graph: it runs on no NVIDIA GPU", "no DLA core 1: TensorRT alone"]
    {
        assert!(said.contains(reason), "{reason}: {said}");
    }
    assert!(said.contains("rten (rten"), "and it runs: {said}");
}

#[test]
fn a_cache_that_cannot_be_written_is_told() {
    let Some(machine) = Machine::with(&[]) else { return };
    let file = machine.cache.path().join("no-folder");
    fs::write(&file, "").unwrap();
    let said = machine.says(&["doctor"], &[("XDG_CACHE_HOME", file.to_str().unwrap())]);
    assert!(said.contains("engine cache: missing: ") && said.contains("no-folder"), "{said}");
    // The folder of another one, or what should be a folder and is not.
    let cache = tempfile::tempdir().unwrap();
    fs::create_dir(cache.path().join("deadtime")).unwrap();
    std::os::unix::fs::symlink("/tmp", cache.path().join("deadtime/tensorrt")).unwrap();
    let said = machine.says(&["doctor"], &[("XDG_CACHE_HOME", cache.path().to_str().unwrap())]);
    assert!(said.contains("is not a folder of this user; remove it"), "{said}");
    assert!(Path::new("/tmp").is_dir());
}
