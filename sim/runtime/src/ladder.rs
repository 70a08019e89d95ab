//! Walks the rungs, best first, and says of each what it found.
#![allow(clippy::result_large_err, reason = "what fails gives its cache back, once a load")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::child::ChildEngine;
use crate::embedded::{self, Embedded};
use crate::engine_cache::EngineCache;
use crate::model::Model;
use crate::onnxruntime::{self, OnnxRuntime};
use crate::synthetic::{shape, synthetic};
use crate::tensorrt::{self, Wanted};
use crate::waiting::waiting;
use crate::{
    Engine, EngineInfo, Isolation, ModelInfo, Options, Precision, Requested, Rung, RuntimeError, Tensor, driver, fetch,
    library,
};

/// No model takes longer to load on a processor.
const CPU_LOAD: Duration = Duration::from_mins(2);

/// Checks the model, finds the best engine for it (or exactly the one asked for) and warms it up.
///
/// Takes from milliseconds to minutes (TensorRT building an engine, the first fetch of ONNX Runtime), so it belongs
/// outside any episode.
///
/// ```no_run
/// use runtime::{Options, load, synthetic_inputs};
/// let mut engine = load("policy.onnx".as_ref(), &Options::default())?;
/// let inputs = synthetic_inputs(&engine.info().model, 1, 0);
/// let mut outputs = Vec::new();
/// let time = engine.infer(&inputs, &mut outputs)?;
/// println!("{} took {}", engine.info().obtained, time.total());
/// # Ok::<(), runtime::RuntimeError>(())
/// ```
pub fn load(model: &Path, options: &Options) -> Result<Box<dyn Engine>, RuntimeError> {
    let checked = Model::read(model)?;
    let isolate = match options.isolate {
        Isolation::Always => true,
        Isolation::Never => false,
        Isolation::Auto => !options.trusted.contains(&checked.info.sha256),
    };
    if isolate { isolated(checked.info, options) } else { walk(&checked, options) }
}

/// Searches and fetches ONNX Runtime here, because the child has limits, and starts the child.
fn isolated(model: ModelInfo, options: &Options) -> Result<Box<dyn Engine>, RuntimeError> {
    let library = find_for(options);
    if let (Requested::Exactly(rung @ Rung::OnnxRuntimeCpu), Err(reason)) = (options.requested, &library) {
        return Err(RuntimeError::Missing { rung, reason: reason.clone(), help: rung.help(reason).to_owned() });
    }
    let options = Options { library: library.as_ref().ok().cloned(), ..options.clone() };
    let mut engine = match ChildEngine::start(model.clone(), options.clone()) {
        Err(lost @ (RuntimeError::Child { .. } | RuntimeError::TimedOut { .. }))
            if options.requested == Requested::Auto =>
        {
            step_down(&model, &options, &lost)?
        }
        started => started?,
    };
    if let Err(reason) = library {
        engine.explain(Rung::OnnxRuntimeCpu, reason);
    }
    Ok(Box::new(engine))
}

/// A broken GPU library takes a process down instead of giving a reason. Then the rungs on the processor are tried, each
/// in a child of its own.
fn step_down(model: &ModelInfo, options: &Options, lost: &RuntimeError) -> Result<ChildEngine, RuntimeError> {
    let gpu = driver::gpu().as_ref().map_or_else(Clone::clone, |_| lost.to_string());
    let mut refused = vec![(Rung::TensorRt, gpu.clone()), (Rung::Cuda, gpu)];
    for rung in [Rung::OnnxRuntimeCpu, Rung::Rten] {
        let requested = Requested::Exactly(rung);
        let load_timeout = options.load_timeout.min(CPU_LOAD);
        match ChildEngine::start(model.clone(), Options { requested, load_timeout, ..options.clone() }) {
            Ok(engine) => return Ok(engine.instead_of(refused)),
            Err(e) => refused.push((rung, e.to_string())),
        }
    }
    Err(RuntimeError::NoEngine { refused })
}

/// The library a child should use.
pub(crate) fn find_for(options: &Options) -> Result<PathBuf, String> {
    match (&options.library, options.requested) {
        (Some(library), _) => Ok(library.clone()),
        (None, Requested::Exactly(Rung::Rten)) => Err("not asked for".to_owned()),
        (None, requested) => find_library(options, may_fetch(requested)),
    }
}

/// Fetching gives the processor's build only.
fn may_fetch(requested: Requested) -> bool {
    matches!(requested, Requested::Auto | Requested::Exactly(Rung::OnnxRuntimeCpu))
}

pub(crate) fn walk(model: &Model, options: &Options) -> Result<Box<dyn Engine>, RuntimeError> {
    let mut refused = Vec::new();
    for rung in options.requested.rungs() {
        match climb(rung, model, options, &refused) {
            Ok(engine) => return Ok(engine),
            Err(reason) => refused.push((rung, reason)),
        }
    }
    match (options.requested, refused.pop()) {
        (Requested::Exactly(rung), Some((_, reason))) => {
            let help = rung.help(&reason).to_owned();
            Err(RuntimeError::Missing { rung, reason, help })
        }
        (_, last) => {
            refused.extend(last);
            Err(RuntimeError::NoEngine { refused })
        }
    }
}

/// An engine on this rung that has run, or why not in one line.
fn climb(rung: Rung, model: &Model, options: &Options, refused: &[(Rung, String)]) -> Result<Box<dyn Engine>, String> {
    let mut info = EngineInfo {
        requested: options.requested,
        refused: refused.to_vec(),
        optimisation: options.optimisation,
        precision: options.precision,
        threads: options.threads,
        ..EngineInfo::new(rung, model.info.clone())
    };
    if rung == Rung::Rten {
        Wanted::of(rung, model, options)?.tell(&mut info);
        let mut engine = Embedded::new(model, info, options)?;
        let warm = warm_up(&mut engine, options)?;
        engine.set_warm(warm);
        return Ok(Box::new(engine));
    }
    let library = open_library(rung, options)?;
    let mut wanted = Wanted::of(rung, model, options)?;
    loop {
        match attempt(&library, model, &info, &wanted, options) {
            Ok(engine) => return Ok(Box::new(engine)),
            Err(reason) if wanted.less(&reason) => {}
            Err(reason) => return Err(reason),
        }
    }
}

/// A warm engine with exactly what is wanted, from TensorRT's cache where it is there.
fn attempt(
    library: &Arc<onnxruntime::Library>,
    model: &Model,
    info: &EngineInfo,
    wanted: &Wanted,
    options: &Options,
) -> Result<OnnxRuntime, String> {
    let build = |cache| warm(library, model, info.clone(), wanted, options, cache);
    if info.obtained.on_gpu() {
        library::preload_nvidia(&library.path);
    }
    // Where TensorRT is missing nothing is built: ONNX Runtime says what is missing.
    if info.obtained != Rung::TensorRt || !library::has_tensorrt(&library.path) || tensorrt::version().is_none() {
        return build(None).map_err(|(reason, _)| reason);
    }
    // What TensorRT leaves over runs on CUDA: where that is missing, nothing is built either.
    let plain = Options { precision: Precision::Fp32, cuda_graph: false, dla: None, ..options.clone() };
    onnxruntime::probe(library, Rung::Cuda, &plain)?;
    let mut cache = open_cache(library, model, wanted, options);
    if !cache.as_ref().is_some_and(EngineCache::built) {
        return build_engine(cache, model, options, build);
    }
    match build(cache) {
        Ok(engine) => Ok(engine),
        // Whole as it was sealed, it may still be one that TensorRT does not take: then it would fail for ever.
        Err((reason, taken)) if reason.contains(tensorrt::REFUSED) => {
            cache = taken;
            let Some(kept) = &mut cache else { return Err(reason) };
            kept.discard(format!("TensorRT does not take it: {reason}"))?;
            say_discarded(kept, options);
            build_engine(cache, model, options, build)
        }
        Err((reason, _)) => Err(reason),
    }
}

/// Where TensorRT keeps the engine of this model; `None` where it must build at every start.
fn open_cache(
    library: &onnxruntime::Library,
    model: &Model,
    wanted: &Wanted,
    options: &Options,
) -> Option<EngineCache> {
    let waiting = || options.say("another program builds the TensorRT engine of this model; waiting for it ...");
    let cache = tensorrt::key(model, &library.version, wanted, options).and_then(|key| EngineCache::open(key, waiting));
    match cache {
        Ok(mut cache) => {
            say_discarded(&mut cache, options);
            Some(cache)
        }
        Err(reason) => {
            options.say(&format!("TensorRT builds its engine at every start: {reason}"));
            None
        }
    }
}

fn say_discarded(cache: &mut EngineCache, options: &Options) {
    if let Some(why) = cache.discarded() {
        options.say(&format!("the TensorRT engine in {} is built anew: {why}", cache.folder().display()));
    }
}

/// Builds, which takes long, and shows it.
fn build_engine(
    cache: Option<EngineCache>,
    model: &Model,
    options: &Options,
    build: impl FnOnce(Option<EngineCache>) -> Result<OnnxRuntime, (String, Option<EngineCache>)>,
) -> Result<OnnxRuntime, String> {
    let name = model.info.path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let kept = cache.as_ref().map_or_else(String::new, |cache| format!(", kept in {}", cache.folder().display()));
    options.say(&format!(
        "TensorRT builds an engine for {name}: some seconds on a large GPU, up to ten minutes on a Jetson; once for this \
         model, GPU and version{kept}"
    ));
    let begun = Instant::now();
    let what = format!("building the TensorRT engine of {name}");
    let mut engine = waiting(&what, options, || build(cache)).map_err(|(reason, _)| reason)?;
    engine.info_mut().built_ms = Some(begun.elapsed().as_millis() as u64);
    Ok(engine)
}

/// An engine that has run. On failure its cache comes back, for another attempt.
fn warm(
    library: &Arc<onnxruntime::Library>,
    model: &Model,
    info: EngineInfo,
    wanted: &Wanted,
    options: &Options,
    cache: Option<EngineCache>,
) -> Result<OnnxRuntime, (String, Option<EngineCache>)> {
    // What others were warned of is not ours.
    let _ = onnxruntime::warnings();
    let mut engine = OnnxRuntime::new(library, model, info, wanted, options, cache)?;
    match warm_up(&mut engine, options) {
        Ok(warm) => engine.info_mut().warm = warm,
        Err(reason) => return Err((reason, engine.into_cache())),
    }
    let mut heard = wanted.clone();
    heard.heed(&onnxruntime::warnings());
    match engine.seal() {
        Ok(Some(0)) if engine.info().warm => {
            heard.forgone.push("nothing of this model is TensorRT's: it runs on CUDA".to_owned());
        }
        Ok(_) => {}
        Err(reason) => options.say(&format!("the TensorRT engine is not kept: {reason}")),
    }
    heard.tell(engine.info_mut());
    Ok(engine)
}

/// What a rung of ONNX Runtime needs before a model comes into it.
fn open_library(rung: Rung, options: &Options) -> Result<Arc<onnxruntime::Library>, String> {
    if rung.on_gpu() {
        driver::gpu().as_ref().map_err(Clone::clone)?;
    }
    if let Some(library) = onnxruntime::opened() {
        return Ok(library);
    }
    onnxruntime::open(&find_library(options, may_fetch(options.requested) && !rung.on_gpu())?)
}

/// The first library that is new enough; fetched where there is none.
pub(crate) fn find_library(options: &Options, may_fetch: bool) -> Result<PathBuf, String> {
    let given = options.library.clone();
    let others = given.is_none().then(library::candidates).into_iter().flatten();
    let mut reasons = Vec::new();
    for candidate in given.into_iter().chain(others) {
        match library::check_floor(&candidate) {
            Ok(()) => return Ok(candidate),
            Err(reason) => reasons.push(reason),
        }
    }
    let none = "no libonnxruntime found (pip install onnxruntime, or set ORT_DYLIB_PATH)";
    let found = if reasons.is_empty() { none.to_owned() } else { reasons.join("; ") };
    if !may_fetch || options.library.is_some() {
        return Err(found);
    }
    fetch::fetch(options).map_err(|reason| format!("{found}; {reason}"))
}

/// Runs the engine on made-up inputs. `Ok(false)`: it refuses them, and their dynamic axes were only guessed.
fn warm_up(engine: &mut dyn Engine, options: &Options) -> Result<bool, String> {
    let inputs = warm_up_inputs(&engine.info().model, options);
    let guessed = engine
        .info()
        .model
        .inputs
        .iter()
        .any(|spec| !options.shapes.contains_key(&spec.name) && spec.shape.iter().skip(1).any(Option::is_none));
    let mut outputs = Vec::new();
    for _ in 0..options.warm_up {
        match engine.infer(&inputs, &mut outputs) {
            Ok(_) => {}
            Err(_) if guessed => return Ok(false),
            Err(RuntimeError::Engine { reason, .. }) => return Err(reason),
            Err(other) => return Err(other.to_string()),
        }
    }
    Ok(true)
}

fn warm_up_inputs(model: &ModelInfo, options: &Options) -> Vec<Tensor> {
    let input = |(i, spec): (usize, _)| {
        let spec: &crate::TensorSpec = spec;
        let shape = options.shapes.get(&spec.name).cloned().unwrap_or_else(|| shape(spec, options.batch));
        synthetic(spec, &shape, i as u64)
    };
    model.inputs.iter().enumerate().map(input).collect()
}

/// What each rung would say on this machine: for a person who wants to know what to install.
///
/// `Ok` names what was found, `Err` what is missing and how to get it. `offline` forbids the fetch of ONNX Runtime.
pub fn survey(offline: bool) -> Vec<(Rung, Result<String, String>)> {
    let options = Options { offline, requested: Requested::Auto, ..Options::default() };
    Rung::ALL.into_iter().map(|rung| (rung, look(rung, &options))).collect()
}

fn look(rung: Rung, options: &Options) -> Result<String, String> {
    if rung == Rung::Rten {
        return Ok(embedded::VERSION.to_owned());
    }
    let with_help = |reason: String| format!("{reason}; {}", rung.help(&reason));
    let library = open_library(rung, options).map_err(with_help)?;
    onnxruntime::probe(&library, rung, options).map_err(with_help)
}
