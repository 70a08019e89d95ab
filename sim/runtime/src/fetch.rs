//! Gets ONNX Runtime once, with the ordinary `pip`, into the user's cache.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use sha2::{Digest, Sha256};

use crate::model::hex;
use crate::{Options, cache};

const VERSION: &str = "1.32.0";
/// Processor architecture, the wheel's platform tag, and the wheel's SHA-256.
const WHEELS: [(&str, &str, &str); 2] = [
    ("x86_64", "manylinux_2_28_x86_64", "99e1074c4b2197accd5073052a465361be17b89c093b8ffb6e6bd8f986c52df8"),
    ("aarch64", "manylinux_2_28_aarch64", "e36c187006e7a7c8b8d6d57f1a209dd63f52430dca6c282b177718ad6b841054"),
];
/// Longer than a slow line needs for 28 MB; a hung one ends here.
const LIMIT: Duration = Duration::from_mins(3);
/// How long a failure is remembered, so that every start without a network is not a slow one.
const REMEMBERED: Duration = Duration::from_hours(1);

/// The library, if it has been fetched before.
pub(crate) fn fetched() -> Option<PathBuf> {
    let library = folder().ok()?.join(library_name());
    library.is_file().then_some(library)
}

/// Fetches the library, or says in one line why not. Never takes much longer than [`LIMIT`].
pub(crate) fn fetch(options: &Options) -> Result<PathBuf, String> {
    if options.is_offline() {
        return Err("not fetched: offline".to_owned());
    }
    let wheel = WHEELS.iter().find(|(arch, ..)| *arch == std::env::consts::ARCH && cfg!(target_os = "linux"));
    let (_, tag, sha256) = wheel.ok_or("no library is known for this kind of machine; install one")?;
    let folder = folder()?;
    let failure = folder.join("failed");
    // One process fetches, the others wait for it; the lock ends with its holder.
    let lock = File::create(folder.join("lock")).map_err(|e| e.to_string())?;
    wait_for(&lock, Instant::now() + LIMIT)?;
    if let Some(library) = fetched() {
        return Ok(library);
    }
    if let Some(reason) = remembered(&failure) {
        return Err(format!("{reason} (not tried again within an hour; remove {} to retry)", failure.display()));
    }
    options.say(&format!("fetching ONNX Runtime {VERSION} once (28 MB, with pip; --offline forbids it) ..."));
    let result = download(&folder, tag, sha256).and_then(|wheel| unpack(&wheel, &folder));
    let _ = fs::remove_dir_all(scratch(&folder));
    match result {
        Ok(library) => {
            options.say(&format!("ONNX Runtime {VERSION} is in {}", folder.display()));
            Ok(library)
        }
        Err(reason) => {
            let _ = fs::write(failure, &reason);
            options.say(&format!(
                "ONNX Runtime was not fetched: {reason}\nthe built-in engine is used, 1.2 to 6 times slower"
            ));
            Err(reason)
        }
    }
}

fn folder() -> Result<PathBuf, String> {
    cache::private(&["onnxruntime", VERSION])
}

fn library_name() -> String {
    format!("libonnxruntime.so.{VERSION}")
}

fn scratch(folder: &Path) -> PathBuf {
    folder.join(format!("tmp-{}", std::process::id()))
}

fn remembered(failure: &Path) -> Option<String> {
    let age = SystemTime::now().duration_since(failure.metadata().ok()?.modified().ok()?).ok()?;
    (age < REMEMBERED).then(|| fs::read_to_string(failure).ok())?
}

fn wait_for(lock: &File, until: Instant) -> Result<(), String> {
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(()),
            Err(fs::TryLockError::WouldBlock) if Instant::now() < until => thread::sleep(Duration::from_millis(100)),
            Err(fs::TryLockError::WouldBlock) => {
                return Err("another process has been fetching it for too long".to_owned());
            }
            Err(fs::TryLockError::Error(e)) => return Err(e.to_string()),
        }
    }
}

/// `pip download` of exactly one file, whose hash pip checks, and this program again.
fn download(folder: &Path, tag: &str, sha256: &str) -> Result<PathBuf, String> {
    let scratch = scratch(folder);
    fs::create_dir_all(&scratch).map_err(|e| e.to_string())?;
    let pinned = scratch.join("requirements.txt");
    fs::write(&pinned, format!("onnxruntime=={VERSION} --hash=sha256:{sha256}\n")).map_err(|e| e.to_string())?;
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "download", "--quiet", "--no-input", "--disable-pip-version-check", "--no-deps"])
        .args(["--only-binary=:all:", "--python-version", "3.12", "--implementation", "cp", "--abi", "cp312"])
        .args(["--platform", tag, "--require-hashes", "--retries", "1", "--timeout", "15"])
        .arg("--dest")
        .arg(&scratch)
        .arg("-r")
        .arg(&pinned);
    run(&mut pip, Instant::now() + LIMIT)?;
    let wheel = fs::read_dir(&scratch)
        .map_err(|e| e.to_string())?
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|end| end == "whl"))
        .ok_or("pip left no wheel")?;
    let mut hash = Sha256::new();
    io::copy(&mut File::open(&wheel).map_err(|e| e.to_string())?, &mut HashWriter(&mut hash))
        .map_err(|e| e.to_string())?;
    let found = hex(&hash.finalize());
    if found == sha256 { Ok(wheel) } else { Err(format!("the wheel has SHA-256 {found}, expected {sha256}")) }
}

struct HashWriter<'a>(&'a mut Sha256);

impl io::Write for HashWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn run(command: &mut Command, until: Instant) -> Result<(), String> {
    let log = tempfile_for_stderr()?;
    let stderr = log.try_clone().map_err(|e| e.to_string())?;
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(stderr).spawn();
    let mut child = child.map_err(|e| format!("python3 could not be started ({e}); install it or ONNX Runtime"))?;
    let status = wait_until(&mut child, until)?;
    if status.success() { Ok(()) } else { Err(format!("pip download failed: {}", last_line(&log))) }
}

fn wait_until(child: &mut Child, until: Instant) -> Result<std::process::ExitStatus, String> {
    loop {
        if let Some(status) = child.try_wait().map_err(|e| e.to_string())? {
            return Ok(status);
        }
        if Instant::now() > until {
            let _ = child.kill();
            let _ = child.wait();
            return Err(format!("pip did not finish within {} s", LIMIT.as_secs()));
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// A file without a name: pip may write more than a pipe holds while nobody reads.
fn tempfile_for_stderr() -> Result<File, String> {
    crate::shared::unnamed_file().map_err(|e| e.to_string())
}

fn last_line(log: &File) -> String {
    use std::os::unix::fs::FileExt;
    let mut bytes = vec![0; 4096];
    let len = log.metadata().map_or(0, |meta| meta.len());
    let read = log.read_at(&mut bytes, len.saturating_sub(4096)).unwrap_or(0);
    let text = String::from_utf8_lossy(&bytes[..read]).into_owned();
    text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("no reason given").trim().to_owned()
}

/// Takes the one library out of the wheel; it gets its final name only when it is whole.
fn unpack(wheel: &Path, folder: &Path) -> Result<PathBuf, String> {
    let mut archive = File::open(wheel)
        .map_err(|e| e.to_string())
        .and_then(|file| zip::ZipArchive::new(file).map_err(|e| format!("the wheel is not a zip archive: {e}")))?;
    let name = library_name();
    let mut entry =
        archive.by_name(&format!("onnxruntime/capi/{name}")).map_err(|e| format!("the wheel holds no {name}: {e}"))?;
    let part = scratch(folder).join(&name);
    let mut out = File::create(&part).map_err(|e| e.to_string())?;
    io::copy(&mut entry, &mut out).and_then(|_| out.sync_all()).map_err(|e| e.to_string())?;
    let library = folder.join(name);
    fs::rename(part, &library).map_err(|e| e.to_string())?;
    Ok(library)
}
