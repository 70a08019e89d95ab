//! Asks the NVIDIA driver what is there, before ONNX Runtime is asked, because the driver's answer is one a person
//! understands.

// Calling a C library by name cannot be checked by the compiler.
#![allow(unsafe_code, reason = "four calls into libcuda.so.1, whose signatures have been fixed since CUDA 2")]

use std::ffi::{CStr, c_char, c_int};
use std::sync::OnceLock;

use libloading::Library;

/// Bytes for a device's name, with its final zero.
const NAME_LEN: c_int = 128;

type Init = unsafe extern "C" fn(u32) -> c_int;
type Number = unsafe extern "C" fn(*mut c_int) -> c_int;
type Name = unsafe extern "C" fn(*mut c_char, c_int, c_int) -> c_int;

/// The first GPU.
#[derive(Clone, Debug)]
pub(crate) struct Gpu {
    pub(crate) name: String,
    /// The newest CUDA the driver can run, such as 13.0.
    pub(crate) cuda: String,
}

/// The first GPU, or why there is none. Asked once.
pub(crate) fn gpu() -> &'static Result<Gpu, String> {
    static GPU: OnceLock<Result<Gpu, String>> = OnceLock::new();
    GPU.get_or_init(ask)
}

fn ask() -> Result<Gpu, String> {
    // SAFETY: the driver's library runs only its own initialisers.
    let driver = unsafe { Library::new("libcuda.so.1") };
    let driver = driver.map_err(|_| "no NVIDIA driver (libcuda.so.1 not found)".to_owned())?;
    let (mut count, mut version) = (0, 0);
    let mut name = [0u8; NAME_LEN as usize];
    // SAFETY: the signatures are those of cuda.h; every pointer is to a live local of the size that is passed.
    unsafe {
        check("cuInit", symbol::<Init>(&driver, "cuInit")?(0))?;
        check("cuDeviceGetCount", symbol::<Number>(&driver, "cuDeviceGetCount")?(&raw mut count))?;
        if count == 0 {
            return Err("the NVIDIA driver finds no GPU".to_owned());
        }
        check("cuDriverGetVersion", symbol::<Number>(&driver, "cuDriverGetVersion")?(&raw mut version))?;
        let get_name = symbol::<Name>(&driver, "cuDeviceGetName")?;
        check("cuDeviceGetName", get_name(name.as_mut_ptr().cast(), NAME_LEN, 0))?;
    }
    // ONNX Runtime opens the driver too; unloading it in between would be a needless risk.
    std::mem::forget(driver);
    let name =
        CStr::from_bytes_until_nul(&name).map_or_else(|_| "GPU".to_owned(), |s| s.to_string_lossy().into_owned());
    Ok(Gpu { name, cuda: format!("{}.{}", version / 1000, version % 1000 / 10) })
}

/// # Safety
/// `T` must be the function's type.
unsafe fn symbol<'a, T>(driver: &'a Library, name: &str) -> Result<libloading::Symbol<'a, T>, String> {
    // SAFETY: promised by the caller.
    unsafe { driver.get(name) }.map_err(|_| format!("libcuda.so.1 has no `{name}`: not an NVIDIA driver"))
}

fn check(call: &str, code: c_int) -> Result<(), String> {
    match code {
        0 => Ok(()),
        100 => Err("the NVIDIA driver finds no GPU".to_owned()),
        code => Err(format!("the NVIDIA driver answers {call} with error {code}")),
    }
}
