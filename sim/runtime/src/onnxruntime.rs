//! The engine on ONNX Runtime, loaded at run time: processor, CUDA and TensorRT.
#![allow(clippy::result_large_err, reason = "what fails gives its cache back, once a load")]
#![allow(unsafe_code, reason = "the environment is the one way to keep ONNX Runtime from reporting to its makers")]

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use ort::environment::Environment;
use ort::ep::{ArbitrarilyConfigurableExecutionProvider, CUDA, ExecutionProviderDispatch, TensorRT};
use ort::logging::LogLevel;
use ort::session::Session;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};
use timing::{ServiceTime, Span};

use crate::bindings::Bindings;
use crate::engine_cache::EngineCache;
use crate::model::Model;
use crate::tensorrt::{self, Wanted};
use crate::{Engine, EngineInfo, Optimisation, Options, Rung, RuntimeError, Tensor, driver, library};

/// The library and its one environment; a process can have no second.
pub(crate) struct Library {
    environment: Environment,
    /// Such as 1.32.0.
    pub(crate) version: String,
    pub(crate) path: PathBuf,
}

impl Library {
    /// Name, version, what stands between the two of a rung, and path, for people.
    fn words(&self, between: &str) -> String {
        format!("ONNX Runtime {}{between} ({})", self.version, self.path.display())
    }
}

static LIBRARY: Mutex<Option<Arc<Library>>> = Mutex::new(None);
/// What ONNX Runtime logged last as an error: the cause of an error is often only there.
static LAST_ERROR: Mutex<String> = Mutex::new(String::new());
/// What it warned of since somebody asked, as far as it is about the DLA.
static WARNINGS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Keeps ONNX Runtime from reporting to its makers. Call it first thing in `main`, while there is but one thread.
///
/// Since 1.29 its builds for Linux collect what runs and send it, unless this variable stands in the environment when the library is
/// loaded: `with_telemetry(false)` comes after the first report, which is kept in the user's cache until it can be sent.
pub fn refuse_telemetry() {
    const NAME: &str = "ORT_DISABLE_TELEMETRY";
    if std::env::var_os(NAME).is_none_or(|value| value != "1") {
        // SAFETY: programs call this before they start a thread. Where one did not, this is before ONNX Runtime is loaded, once.
        unsafe { std::env::set_var(NAME, "1") };
    }
}

/// The library this process has loaded, or `path`.
pub(crate) fn open(path: &Path) -> Result<Arc<Library>, String> {
    let mut slot = LIBRARY.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(library) = slot.as_ref() {
        return Ok(library.clone());
    }
    refuse_telemetry();
    // Never `ort::init()`: it panics when the library is missing.
    let builder = ort::init_from(path).map_err(|e| one_line(&e.to_string()))?;
    let environment = builder
        .with_name("deadtime")
        .with_telemetry(false)
        .with_logger(Arc::new(|level: LogLevel, _: &str, _: &str, _: &str, message: &str| {
            if matches!(level, LogLevel::Error | LogLevel::Fatal) {
                message.clone_into(&mut LAST_ERROR.lock().unwrap_or_else(PoisonError::into_inner));
            } else if message.contains("DLA") || message.contains("falling back to GPU") {
                WARNINGS.lock().unwrap_or_else(PoisonError::into_inner).push(message.to_owned());
            }
        }))
        .build()
        .map_err(|e| one_line(&e.to_string()))?;
    environment.set_log_level(LogLevel::Warning);
    let library = Arc::new(Library { environment, version: version_of(path), path: path.to_owned() });
    *slot = Some(library.clone());
    Ok(library)
}

/// The library this process has loaded already, if any.
pub(crate) fn opened() -> Option<Arc<Library>> {
    LIBRARY.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// What was warned of since the last call.
pub(crate) fn warnings() -> Vec<String> {
    std::mem::take(&mut *WARNINGS.lock().unwrap_or_else(PoisonError::into_inner))
}

fn version_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    match name.strip_prefix("libonnxruntime.so.").and_then(library::parse_version) {
        Some((major, minor, patch)) => format!("{major}.{minor}.{patch}"),
        None => ort::util::probe(path).map_or_else(|| "unknown".to_owned(), |minor| format!("1.{minor}")),
    }
}

/// The first line of a message, at most 400 characters of it, without ONNX Runtime's file names and codes.
pub(crate) fn one_line(message: &str) -> String {
    let mut line = message.trim().lines().next().unwrap_or("no reason given");
    for noise in ["[ONNXRuntimeError] : ", " : FAIL : ", " with error: "] {
        line = line.split_once(noise).map_or(line, |(_, rest)| rest);
    }
    // Where it was raised: a file of its own sources, and a function.
    if line.starts_with('/')
        && let Some((place, rest)) = line.split_once(") ")
        && place.contains(".cc:")
    {
        line = rest;
    }
    let line = line.strip_suffix(": No such file or directory").unwrap_or(line);
    line.trim_end_matches('.').chars().take(400).collect()
}

/// An engine on one rung.
pub(crate) struct OnnxRuntime {
    info: EngineInfo,
    session: Session,
    bindings: Option<Bindings>,
    /// Whether a run with these bindings has succeeded.
    proven: bool,
    /// Whether inputs and outputs are copied to and from the GPU by us, and timed.
    device: bool,
    /// Where TensorRT keeps what it builds, also for shapes that come later.
    cache: Option<EngineCache>,
    _library: Arc<Library>,
}

impl OnnxRuntime {
    /// `cache` is where TensorRT keeps its engines; `None` on other rungs, or where there is none.
    pub(crate) fn new(
        library: &Arc<Library>,
        model: &Model,
        mut info: EngineInfo,
        wanted: &Wanted,
        options: &Options,
        cache: Option<EngineCache>,
    ) -> Result<Self, (String, Option<EngineCache>)> {
        let rung = info.obtained;
        let folder = cache.as_ref().map(EngineCache::folder);
        let session = match session(library, model, rung, wanted, options, folder) {
            Ok(session) => session,
            Err(e) => return Err((with_cause(&e), cache)),
        };
        info.version = library.words(&setting(rung, wanted));
        info.copies_apart = rung.on_gpu();
        wanted.clone().tell(&mut info);
        let device = rung.on_gpu();
        Ok(Self { info, session, bindings: None, proven: false, device, cache, _library: library.clone() })
    }

    /// Notes what was built, when it was warmed up. The number of TensorRT's engines, where it keeps any.
    pub(crate) fn seal(&mut self) -> Result<Option<usize>, String> {
        self.cache.as_mut().map(EngineCache::seal).transpose()
    }

    /// Takes the cache out of an engine that failed.
    pub(crate) fn into_cache(mut self) -> Option<EngineCache> {
        self.cache.take()
    }

    /// What is known of the engine only when it has run.
    pub(crate) fn info_mut(&mut self) -> &mut EngineInfo {
        &mut self.info
    }

    /// Buffers for these shapes: those of the last call, or new ones.
    fn bind(&mut self, inputs: &[&Tensor]) -> Result<(), ort::Error> {
        let fits = |bindings: &Bindings| bindings.fits(inputs);
        if self.bindings.as_ref().is_some_and(fits) {
            return Ok(());
        }
        let graph = self.info.cuda_graph;
        if graph && self.proven {
            // Played again, the graph would read and write the buffers that it was recorded with.
            return Err(ort::Error::new("a CUDA graph is of one shape, and these inputs have another"));
        }
        (self.bindings, self.proven) = (None, false);
        let bindings = Bindings::new(&self.session, &self.info.model, inputs, self.device, true)?;
        if graph && !bindings.all_ahead() {
            return Err(ort::Error::new("a CUDA graph needs outputs whose shapes follow from the inputs'"));
        }
        self.bindings = Some(bindings);
        Ok(())
    }

    fn run(
        &mut self,
        start: Instant,
        inputs: &[&Tensor],
        outputs: &mut Vec<Tensor>,
    ) -> Result<ServiceTime, ort::Error> {
        self.bind(inputs)?;
        let Some(bindings) = self.bindings.as_mut() else { return Err(ort::Error::new("no buffers")) };
        bindings.fill(inputs, &self.info.model.outputs)?;
        let filled = Instant::now();
        bindings.upload()?;
        let copied = if self.device { Instant::now() } else { filled };
        let free = bindings.run(&mut self.session, &self.info.model.outputs)?;
        let computed = Instant::now();
        bindings.download()?;
        let back = if self.device { Instant::now() } else { computed };
        bindings.read(&self.info.model.outputs, free, outputs)?;
        self.proven = true;
        let end = Instant::now();
        Ok(ServiceTime {
            pre: span(start, filled),
            host_to_device: span(filled, copied),
            compute: span(copied, computed),
            device_to_host: span(computed, back),
            post: span(back, end),
            ..ServiceTime::default()
        })
    }

    /// If the first run with new buffers fails: without our own copies to the GPU, then with outputs that ONNX Runtime
    /// allocates, for a model whose declared output shapes are not those it computes.
    fn run_with_less(
        &mut self,
        start: Instant,
        inputs: &[&Tensor],
        outputs: &mut Vec<Tensor>,
    ) -> Result<ServiceTime, ort::Error> {
        let first = match self.run(start, inputs, outputs) {
            Ok(time) => return Ok(time),
            // With other buffers a CUDA graph would be another one.
            Err(e) if self.proven || self.info.cuda_graph => return Err(e),
            Err(e) => e,
        };
        if self.device {
            self.device = false;
            self.info.copies_apart = false;
            self.bindings = None;
            if let Ok(time) = self.run(start, inputs, outputs) {
                return Ok(time);
            }
        }
        let Ok(bindings) = Bindings::new(&self.session, &self.info.model, inputs, false, false) else {
            return Err(first);
        };
        self.bindings = Some(bindings);
        self.run(start, inputs, outputs).map_err(|_| first)
    }
}

impl Engine for OnnxRuntime {
    fn info(&self) -> &EngineInfo {
        &self.info
    }

    fn infer(&mut self, inputs: &[Tensor], outputs: &mut Vec<Tensor>) -> Result<ServiceTime, RuntimeError> {
        let start = Instant::now();
        let ordered = self.info.model.order(inputs)?;
        self.run_with_less(start, &ordered, outputs)
            .map_err(|e| RuntimeError::Engine { rung: self.info.obtained, reason: with_cause(&e) })
    }
}

impl Drop for OnnxRuntime {
    /// An engine for another shape may have been built since; unsealed, it would be thrown away.
    fn drop(&mut self) {
        if let Some(cache) = &mut self.cache {
            cache.seal_again();
        }
    }
}

/// Whether the rung can hold a model at all: tried with the smallest there is.
pub(crate) fn probe(library: &Library, rung: Rung, options: &Options) -> Result<String, String> {
    let identity = include_bytes!("identity.onnx").to_vec();
    let model = Model::check("identity.onnx".as_ref(), identity).map_err(|e| e.to_string())?;
    let wanted = Wanted::of(rung, &model, options)?;
    session(library, &model, rung, &wanted, options, None).map_err(|e| with_cause(&e))?;
    Ok(library.words(&setting(rung, &wanted)))
}

/// What stands beside the library of a rung on a GPU: `, TensorRT 10.16.1 fp16, NVIDIA Orin with CUDA 13.0`.
fn setting(rung: Rung, wanted: &Wanted) -> String {
    let mut text = String::new();
    if rung == Rung::TensorRt {
        let _ = write!(text, ", TensorRT {} {}", tensorrt::version().unwrap_or_default(), wanted.precision);
    }
    if let Some(core) = wanted.dla {
        let _ = write!(text, " on DLA core {core}");
    }
    if wanted.cuda_graph {
        text += " as a CUDA graph";
    }
    if let (true, Ok(gpu)) = (rung.on_gpu(), driver::gpu()) {
        let _ = write!(text, ", {} with CUDA {}", gpu.name, gpu.cuda);
    }
    text
}

pub(crate) fn span(from: Instant, to: Instant) -> Span {
    Span(i64::try_from(to.duration_since(from).as_nanos()).unwrap_or(i64::MAX))
}

/// An error's text, with what was logged beside it if that says more.
fn with_cause<R>(error: &ort::Error<R>) -> String {
    let text = one_line(error.message());
    let logged = std::mem::take(&mut *LAST_ERROR.lock().unwrap_or_else(PoisonError::into_inner));
    let logged = one_line(&logged);
    // How the loader of the C library says that a file is missing, or of another version.
    let said = [": cannot open shared object file", ": undefined symbol: ", ": version `"];
    if said.iter().any(|said| logged.contains(said)) && logged != text {
        return format!("{text} ({logged})");
    }
    text
}

/// Writes the graph as it is after optimisation.
pub(crate) fn optimise(library: &Library, model: &Model, options: &Options, to: &Path) -> Result<(), String> {
    let session = builder(library, model, options).and_then(|builder| {
        let mut builder = builder.with_optimized_model_path(to)?;
        builder.commit_from_memory(&model.bytes)
    });
    session.map(drop).map_err(|e| with_cause(&e))
}

/// Runs the model under ONNX Runtime's profiler, which writes a file whose name begins with `to`.
pub(crate) fn profile(
    library: &Library,
    model: &Model,
    options: &Options,
    to: &Path,
    inputs: &[Tensor],
    runs: usize,
) -> Result<(), String> {
    let run = || -> Result<(), ort::Error> {
        let mut session = builder(library, model, options)?.with_profiling(to)?.commit_from_memory(&model.bytes)?;
        let inputs: Vec<&Tensor> = inputs.iter().collect();
        let mut bindings = Bindings::new(&session, &model.info, &inputs, false, false)?;
        bindings.fill(&inputs, &model.info.outputs)?;
        for _ in 0..runs {
            bindings.run(&mut session, &model.info.outputs)?;
        }
        session.end_profiling().map(drop)
    };
    run().map_err(|e| with_cause(&e))
}

/// What sessions on every rung share.
fn builder(library: &Library, model: &Model, options: &Options) -> Result<SessionBuilder, ort::Error> {
    let level = match options.optimisation {
        Optimisation::Off => GraphOptimizationLevel::Disable,
        Optimisation::Basic => GraphOptimizationLevel::Level1,
        Optimisation::Extended => GraphOptimizationLevel::Level2,
        Optimisation::All => GraphOptimizationLevel::All,
    };
    // Spinning would keep a core busy that the control loop or the renderer needs.
    let mut builder = SessionBuilder::new(&library.environment)?
        .with_optimization_level(level)?
        .with_intra_threads(options.threads.max(1))?
        .with_inter_threads(1)?
        .with_intra_op_spinning(false)?
        .with_inter_op_spinning(false)?
        .with_no_environment_execution_providers()?
        // The pre-flight read the bytes as ONNX; ONNX Runtime must not read them as its other format.
        .with_config_entry("session.load_model_format", "ONNX")?;
    for (location, data) in &model.external {
        builder = builder.with_external_initializer_file_in_memory(location, data.clone())?;
    }
    Ok(builder)
}

fn session(
    library: &Library,
    model: &Model,
    rung: Rung,
    wanted: &Wanted,
    options: &Options,
    cache: Option<&Path>,
) -> Result<Session, ort::Error> {
    let mut builder = builder(library, model, options)?;
    if rung.on_gpu() {
        library::preload_nvidia(&library.path);
        builder = builder.with_execution_providers(providers(rung, wanted, cache))?;
    }
    builder.commit_from_memory(&model.bytes)
}

fn providers(rung: Rung, wanted: &Wanted, cache: Option<&Path>) -> Vec<ExecutionProviderDispatch> {
    let cuda = CUDA::default().with_device_id(0);
    if rung != Rung::TensorRt {
        return vec![cuda.with_cuda_graph(wanted.cuda_graph).build().error_on_failure()];
    }
    let mut tensorrt = TensorRT::default();
    for (name, value) in tensorrt::provider_options(wanted, cache) {
        tensorrt = tensorrt.with_arbitrary_config(name, value);
    }
    // What TensorRT cannot take runs on CUDA.
    vec![tensorrt.build().error_on_failure(), cuda.build().error_on_failure()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_told_without_their_noise() {
        let raised = "/onnxruntime_src/onnxruntime/core/session/provider_bridge_ort.cc:2465 onnxruntime::ProviderInfo_CUDA& \
                      onnxruntime::GetProviderInfo_CUDA() CUDA Provider not available, can't get interface for it\n";
        assert_eq!(one_line(raised), "CUDA Provider not available, can't get interface for it");
        let missing = "[ONNXRuntimeError] : 1 : FAIL : Failed to load library /x/libonnxruntime_providers_tensorrt.so with error: \
                       libnvinfer.so.10: cannot open shared object file: No such file or directory";
        assert_eq!(one_line(missing), "libnvinfer.so.10: cannot open shared object file");
        assert_eq!(one_line(""), "no reason given");
    }
}
