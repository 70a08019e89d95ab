//! Asks the NVIDIA driver what is there, before ONNX Runtime is asked, because the driver's answer is one a person
//! understands.

// Calling a C library by name cannot be checked by the compiler.
#![allow(unsafe_code, reason = "a few calls into libcuda.so.1, whose signatures have been fixed since CUDA 4")]

use std::ffi::{CStr, c_char, c_int};
use std::fs;
use std::sync::OnceLock;

use libloading::Library;

use crate::nvml;

/// Bytes for a device's name, with its final zero.
const NAME_LEN: c_int = 128;
/// `CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR` and `.._MINOR`.
const COMPUTE: [c_int; 2] = [75, 76];

type Init = unsafe extern "C" fn(u32) -> c_int;
type Number = unsafe extern "C" fn(*mut c_int) -> c_int;
type Text = unsafe extern "C" fn(*mut c_char, c_int, c_int) -> c_int;
type Attribute = unsafe extern "C" fn(*mut c_int, c_int, c_int) -> c_int;

/// The first GPU.
#[derive(Clone, Debug)]
pub(crate) struct Gpu {
    pub(crate) name: String,
    /// Compute capability, such as 8.7: what compiled kernels are made for.
    pub(crate) compute: String,
    /// The newest CUDA the driver can run, such as 13.0.
    pub(crate) cuda: String,
    /// Where it is on the PCI bus: the number that CUDA gives a GPU need not be that of its driver's tools.
    pub(crate) pci: Option<String>,
}

/// The first GPU, or why there is none. Asked once.
pub(crate) fn gpu() -> &'static Result<Gpu, String> {
    static GPU: OnceLock<Result<Gpu, String>> = OnceLock::new();
    GPU.get_or_init(ask)
}

/// The driver's own version, such as 580.65.06, or the Jetson's release; `unknown` where nobody tells.
pub(crate) fn version() -> &'static str {
    static VERSION: OnceLock<String> = OnceLock::new();
    VERSION.get_or_init(|| {
        let file = |path| fs::read_to_string(path).ok();
        nvml::driver_version()
            .or_else(|| of_kernel(&file("/proc/driver/nvidia/version")?))
            .or_else(|| of_jetson(&file("/etc/nv_tegra_release")?))
            .unwrap_or_else(|| "unknown".to_owned())
    })
}

/// Whether this is a Jetson: GPU and DLA on one chip with the processor.
pub(crate) fn is_jetson() -> bool {
    fs::read_to_string("/proc/device-tree/compatible").is_ok_and(|text| text.contains("nvidia,tegra"))
}

/// `NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.65.06  Sun ...`: the first word that is numbers and points.
fn of_kernel(text: &str) -> Option<String> {
    let numbers = |word: &&str| word.contains('.') && word.chars().all(|c| c.is_ascii_digit() || c == '.');
    text.split_whitespace().find(numbers).map(str::to_owned)
}

/// `# R36 (release), REVISION: 4.3, GCID: ...` is L4T 36.4.3.
fn of_jetson(text: &str) -> Option<String> {
    let release = text.split('R').nth(1)?.split_whitespace().next()?;
    let revision = text.split("REVISION: ").nth(1)?.split(',').next()?;
    Some(format!("L4T {release}.{revision}"))
}

fn ask() -> Result<Gpu, String> {
    // SAFETY: the driver's library runs only its own initialisers.
    let driver = unsafe { Library::new("libcuda.so.1") };
    let driver = driver.map_err(|_| "no NVIDIA driver (libcuda.so.1 not found)".to_owned())?;
    let (mut count, mut version, mut compute) = (0, 0, [0; 2]);
    let (mut name, mut pci) = ([0u8; NAME_LEN as usize], [0u8; NAME_LEN as usize]);
    // SAFETY: the signatures are those of cuda.h; every pointer is to a live local of the size that is passed.
    let on_bus = unsafe {
        check("cuInit", symbol::<Init>(&driver, "cuInit")?(0))?;
        check("cuDeviceGetCount", symbol::<Number>(&driver, "cuDeviceGetCount")?(&raw mut count))?;
        if count == 0 {
            return Err(no_gpu());
        }
        check("cuDriverGetVersion", symbol::<Number>(&driver, "cuDriverGetVersion")?(&raw mut version))?;
        let get_name = symbol::<Text>(&driver, "cuDeviceGetName")?;
        check("cuDeviceGetName", get_name(name.as_mut_ptr().cast(), NAME_LEN, 0))?;
        let get = symbol::<Attribute>(&driver, "cuDeviceGetAttribute")?;
        for (value, attribute) in compute.iter_mut().zip(COMPUTE) {
            check("cuDeviceGetAttribute", get(value, attribute, 0))?;
        }
        let place = symbol::<Text>(&driver, "cuDeviceGetPCIBusId");
        place.is_ok_and(|place| place(pci.as_mut_ptr().cast(), NAME_LEN, 0) == 0)
    };
    // ONNX Runtime opens the driver too; unloading it in between would be a needless risk.
    std::mem::forget(driver);
    Ok(Gpu {
        name: text(&name).unwrap_or_else(|| "GPU".to_owned()),
        compute: format!("{}.{}", compute[0], compute[1]),
        cuda: format!("{}.{}", version / 1000, version % 1000 / 10),
        pci: if on_bus { text(&pci) } else { None },
    })
}

fn text(bytes: &[u8]) -> Option<String> {
    Some(CStr::from_bytes_until_nul(bytes).ok()?.to_string_lossy().into_owned())
}

/// # Safety
/// `T` must be the function's type.
unsafe fn symbol<'a, T>(driver: &'a Library, name: &str) -> Result<libloading::Symbol<'a, T>, String> {
    // SAFETY: promised by the caller.
    unsafe { driver.get(name) }.map_err(|_| format!("libcuda.so.1 has no `{name}`: not an NVIDIA driver"))
}

fn no_gpu() -> String {
    "the NVIDIA driver finds no GPU (in a container: start it with the GPU; else see CUDA_VISIBLE_DEVICES)".to_owned()
}

/// The errors that a person can do something about, in words (cuda.h, `CUresult`).
fn check(call: &str, code: c_int) -> Result<(), String> {
    let why = match code {
        0 => return Ok(()),
        100 => return Err(no_gpu()),
        34 => "libcuda.so.1 is the CUDA toolkit's stub, not a driver: take its folder out of LD_LIBRARY_PATH",
        802 => "the GPU is not ready: on a machine with NVSwitch start nvidia-fabricmanager",
        803 => "the driver's module in the kernel is of another version than its library: restart the machine",
        804 => "the CUDA compatibility package does not fit this GPU: take its folder out of LD_LIBRARY_PATH",
        999 => "the driver is in disorder, as it is after a suspend: reload nvidia_uvm or restart the machine",
        _ => "see CUresult in CUDA's documentation",
    };
    Err(format!("the NVIDIA driver answers {call} with error {code}: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_drivers_are_read() {
        let text = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.65.06  Sun Jul 20 21:04:26 UTC 2026\nGCC version: 12.2.0";
        assert_eq!(of_kernel(text).as_deref(), Some("580.65.06"));
        assert_eq!(of_kernel("nothing"), None);
        let text = "# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic, EABI: aarch64";
        assert_eq!(of_jetson(text).as_deref(), Some("L4T 36.4.3"));
        assert_eq!(of_jetson(""), None);
    }

    #[test]
    fn a_drivers_errors_are_said_in_words() {
        assert_eq!(check("cuInit", 0), Ok(()));
        assert!(check("cuInit", 100).unwrap_err().contains("finds no GPU"));
        assert!(check("cuInit", 803).unwrap_err().contains("restart the machine"));
        assert!(check("cuInit", 34).unwrap_err().contains("stub"));
    }
}
