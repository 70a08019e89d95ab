//! The engine on ONNX Runtime, loaded at run time: processor, CUDA and TensorRT.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use ort::environment::Environment;
use ort::ep::{CUDA, ExecutionProviderDispatch, TensorRT};
use ort::logging::LogLevel;
use ort::session::Session;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};
use timing::{ServiceTime, Span};

use crate::bindings::Bindings;
use crate::model::Model;
use crate::{Engine, EngineInfo, Optimisation, Options, Precision, Rung, RuntimeError, Tensor, cache, driver, library};

/// The library and its one environment; a process can have no second.
pub(crate) struct Library {
    environment: Environment,
    /// Name, version and path, for people.
    pub(crate) version: String,
    pub(crate) path: PathBuf,
}

static LIBRARY: Mutex<Option<Arc<Library>>> = Mutex::new(None);
/// What ONNX Runtime logged last as an error: the cause of an error is often only there.
static LAST_ERROR: Mutex<String> = Mutex::new(String::new());

/// The library this process has loaded, or `path`.
pub(crate) fn open(path: &Path) -> Result<Arc<Library>, String> {
    let mut slot = LIBRARY.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(library) = slot.as_ref() {
        return Ok(library.clone());
    }
    // Never `ort::init()`: it panics when the library is missing.
    let builder = ort::init_from(path).map_err(|e| one_line(&e.to_string()))?;
    let environment = builder
        .with_name("deadtime")
        .with_telemetry(false)
        .with_logger(Arc::new(|level: LogLevel, _: &str, _: &str, _: &str, message: &str| {
            if matches!(level, LogLevel::Error | LogLevel::Fatal) {
                message.clone_into(&mut LAST_ERROR.lock().unwrap_or_else(PoisonError::into_inner));
            }
        }))
        .build()
        .map_err(|e| one_line(&e.to_string()))?;
    environment.set_log_level(LogLevel::Error);
    let version = format!("ONNX Runtime {} ({})", version_of(path), path.display());
    let library = Arc::new(Library { environment, version, path: path.to_owned() });
    *slot = Some(library.clone());
    Ok(library)
}

/// The library this process has loaded already, if any.
pub(crate) fn opened() -> Option<Arc<Library>> {
    LIBRARY.lock().unwrap_or_else(PoisonError::into_inner).clone()
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
    _library: Arc<Library>,
}

impl OnnxRuntime {
    pub(crate) fn new(
        library: &Arc<Library>,
        model: &Model,
        mut info: EngineInfo,
        options: &Options,
    ) -> Result<Self, String> {
        let rung = info.obtained;
        let session = session(library, model, rung, options).map_err(|e| with_cause(&e))?;
        info.version.clone_from(&library.version);
        if let (true, Ok(gpu)) = (rung.on_gpu(), driver::gpu()) {
            info.version = format!("{}, {} with CUDA {}", info.version, gpu.name, gpu.cuda);
        }
        info.copies_apart = rung.on_gpu();
        Ok(Self { info, session, bindings: None, proven: false, device: rung.on_gpu(), _library: library.clone() })
    }

    /// Records whether the warm-up ran.
    pub(crate) fn set_warm(&mut self, warm: bool) {
        self.info.warm = warm;
    }

    /// Buffers for these shapes: those of the last call, or new ones.
    fn bind(&mut self, inputs: &[&Tensor]) -> Result<(), ort::Error> {
        let fits = |bindings: &Bindings| bindings.fits(inputs);
        if !self.bindings.as_ref().is_some_and(fits) {
            (self.bindings, self.proven) = (None, false);
            self.bindings = Some(Bindings::new(&self.session, &self.info.model, inputs, self.device, true)?);
        }
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
            Err(e) if self.proven => return Err(e),
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

/// Whether the rung can hold a model at all: tried with the smallest there is.
pub(crate) fn probe(library: &Library, rung: Rung, options: &Options) -> Result<String, String> {
    let identity = include_bytes!("identity.onnx").to_vec();
    let model = Model::check("identity.onnx".as_ref(), identity).map_err(|e| e.to_string())?;
    session(library, &model, rung, options).map_err(|e| with_cause(&e))?;
    let gpu = driver::gpu().as_ref().ok().filter(|_| rung.on_gpu());
    let gpu = gpu.map_or_else(String::new, |gpu| format!(", {} with CUDA {}", gpu.name, gpu.cuda));
    Ok(format!("{}{gpu}", library.version))
}

pub(crate) fn span(from: Instant, to: Instant) -> Span {
    Span(i64::try_from(to.duration_since(from).as_nanos()).unwrap_or(i64::MAX))
}

/// An error's text, with what was logged beside it if that says more.
fn with_cause<R>(error: &ort::Error<R>) -> String {
    let text = one_line(error.message());
    let logged = std::mem::take(&mut *LAST_ERROR.lock().unwrap_or_else(PoisonError::into_inner));
    let logged = one_line(&logged);
    if logged.contains(": cannot open shared object file") && logged != text {
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

fn session(library: &Library, model: &Model, rung: Rung, options: &Options) -> Result<Session, ort::Error> {
    let mut builder = builder(library, model, options)?;
    if rung.on_gpu() {
        library::preload_nvidia(&library.path);
        builder = builder.with_execution_providers(providers(library, model, rung, options))?;
    }
    builder.commit_from_memory(&model.bytes)
}

fn providers(library: &Library, model: &Model, rung: Rung, options: &Options) -> Vec<ExecutionProviderDispatch> {
    let cuda = CUDA::default().with_device_id(0).build().error_on_failure();
    match rung {
        // What TensorRT cannot take runs on CUDA.
        Rung::TensorRt => vec![tensorrt(library, model, options).build().error_on_failure(), cuda],
        _ => vec![cuda],
    }
}

fn tensorrt(library: &Library, model: &Model, options: &Options) -> TensorRT {
    let provider = TensorRT::default()
        .with_device_id(0)
        .with_fp16(options.precision != Precision::Fp32)
        .with_int8(options.precision == Precision::Int8);
    // A cached engine is executable code, and fits one model, GPU, driver and library only.
    let gpu = driver::gpu().as_ref().map_or_else(|_| "gpu".to_owned(), |gpu| format!("{}-cuda{}", gpu.name, gpu.cuda));
    let key = format!("{}-{gpu}-ort{}-{:?}", &model.info.sha256[..16], version_of(&library.path), options.precision);
    let key: String = key.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).collect();
    match cache::private(&["tensorrt", &key]) {
        Ok(folder) => provider
            .with_engine_cache(true)
            .with_engine_cache_path(folder.display())
            .with_timing_cache(true)
            .with_timing_cache_path(folder.display()),
        Err(reason) => {
            options.say(&format!("TensorRT builds its engine at every start: {reason}"));
            provider
        }
    }
}
