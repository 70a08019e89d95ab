//! From a scenario and the options of a command line to an episode and its driver.

use std::collections::BTreeMap;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use episode::{Driver, Episode, Summary, Supply};
use miette::{IntoDiagnostic, Report, Result, WrapErr, miette};
use runtime::{Engine, EngineInfo, Measurement, Optimisation, Options, Precision, Requested, Rung, Worker};
use scenario::{Compensation, Latency, PilotSpec, Setup};
use study::StudyError;
pub use study::{engine_name, runtime_line};
use timing::{Schedule, Source, Span, Trace};

use crate::assets;

/// What a command line may change about a scenario. Any of these switches `[expect]` off.
#[derive(Args, Clone, Debug, Default, PartialEq)]
pub struct Overrides {
    /// Who drives: a model that ships (pilot), an ONNX file, or expert, brake_on_sight, straight. A network that does not
    /// follow the pilot's contract is run and timed while the expert decides
    #[arg(long, value_name = "M")]
    pub model: Option<String>,
    /// Where latency comes from: measured, zero, fixed:MS (a pure delay), service:MS (occupies the device), replay:FILE
    /// (a trace or a log), profile:NAME (a device's published numbers, modelled), `device:NAME[@MODE][:NETWORK]` (a roofline of a
    /// device that runs this network, or a public one: modelled; `deadtime devices` lists them)
    #[arg(long, value_name = "L")]
    pub latency: Option<Latency>,
    /// The device's queue rule: newest, skip, fifo:DEPTH, batch:N:TIMEOUT_MS, pipeline
    #[arg(long, value_name = "S")]
    pub schedule: Option<Schedule>,
    /// Inferences that take longer are lost, milliseconds
    #[arg(long, value_name = "MS")]
    pub deadline: Option<f64>,
    /// What the robot does about late commands: hold, watchdog:MS, predict, governor
    #[arg(long, value_name = "C")]
    pub compensation: Option<Compensation>,
    /// Speed wanted on a free course, m/s
    #[arg(long, value_name = "M/S")]
    pub cruise: Option<f64>,
    /// A modelled network between robot and device: none, wifi, wifi-busy, lte, 5g, 5g-edge, cloud-near, cloud-far,
    /// FILE.toml#NAME
    #[arg(long, value_name = "N")]
    pub network: Option<String>,
}

/// How networks are run.
#[derive(Args, Clone, Debug)]
pub struct RuntimeOptions {
    /// auto (the first that works), tensorrt, cuda, onnxruntime, rten
    #[arg(long, value_name = "R", default_value = "auto")]
    pub runtime: Requested,
    /// TensorRT's precision: fp32, fp16, int8 (the model must carry its quantisation). Others run a model as it was exported
    #[arg(long, value_name = "P", default_value_t)]
    pub precision: Precision,
    /// Launch a GPU's kernels as one CUDA graph: less overhead for small networks (tensorrt, cuda)
    #[arg(long)]
    pub cuda_graph: bool,
    /// Build for core N of a Jetson's DLA (tensorrt, fp16 or int8); layers that are not for it stay on the GPU
    #[arg(long, value_name = "N")]
    pub dla: Option<u32>,
    /// Fetch nothing: where ONNX Runtime is missing, networks run on the built-in rten
    #[arg(long)]
    pub offline: bool,
    /// Graph optimisation: off (as exported), basic, extended (operators fused), all
    #[arg(long = "optimization", value_name = "L", default_value_t)]
    pub optimisation: Optimisation,
}

impl RuntimeOptions {
    /// The runtime crate's options.
    pub fn options(&self) -> Options {
        Options {
            requested: self.runtime,
            precision: self.precision,
            cuda_graph: self.cuda_graph,
            dla: self.dla,
            offline: self.offline,
            optimisation: self.optimisation,
            trusted: assets::trusted_models(),
            ..Options::default()
        }
    }

    /// What of it a log keeps, by option, as typed: how the network was run, not what the robot did.
    pub fn to_map(&self) -> BTreeMap<String, String> {
        let mut map = BTreeMap::new();
        if self.precision != Precision::default() {
            map.insert("precision".to_owned(), self.precision.to_string());
        }
        if self.cuda_graph {
            map.insert("cuda-graph".to_owned(), "true".to_owned());
        }
        map.extend(self.dla.map(|core| ("dla".to_owned(), core.to_string())));
        if self.optimisation != Optimisation::default() {
            map.insert("optimization".to_owned(), self.optimisation.to_string());
        }
        map
    }
}

/// A device elsewhere that runs the network.
#[derive(Args, Clone, Debug)]
pub struct RemoteOptions {
    /// Run the network on a device elsewhere: grpc://HOST:PORT of `deadtime serve` or of any server of the Open Inference
    /// Protocol
    #[arg(long, value_name = "URL")]
    pub target: Option<target::Address>,
    /// Shown to the target, where it asks for one; DEADTIME_TOKEN by default
    #[arg(long, value_name = "T")]
    pub token: Option<String>,
    /// How long the target may take for each call, milliseconds: an inference that takes longer has failed
    #[arg(long, value_name = "MS", default_value_t = 1000.0)]
    pub target_timeout: f64,
}

impl Default for RemoteOptions {
    fn default() -> Self {
        Self { target: None, token: None, target_timeout: 1000.0 }
    }
}

impl RemoteOptions {
    /// The model on the target, if there is one.
    pub fn engine(&self, model: &str, batch: usize) -> Option<Result<Box<dyn Engine>>> {
        let address = self.target.clone()?;
        Some(self.connect(model, batch, address))
    }

    fn connect(&self, model: &str, batch: usize, address: target::Address) -> Result<Box<dyn Engine>> {
        let ms = self.target_timeout;
        if !(1.0..=600_000.0).contains(&ms) {
            return Err(miette!("found --target-timeout {ms}; expected milliseconds from 1 to 600000"));
        }
        let options = target::TargetOptions {
            token: token(self.token.as_deref()),
            timeout: Duration::from_secs_f64(ms / 1e3),
            batch,
            ..target::TargetOptions::new(address)
        };
        target::connect(&model_name(model), &options).into_diagnostic()
    }

    /// The worker of a model, on the target or here.
    pub fn worker(&self, model: &str, runtime: &RuntimeOptions, batch: usize) -> Result<Worker> {
        match self.engine(model, batch) {
            Some(engine) => Ok(Worker::spawn(engine?)),
            None => worker(model, runtime, |_| {}),
        }
    }
}

/// The token that was given, or that of the environment.
pub fn token(given: Option<&str>) -> Option<String> {
    let kept = || std::env::var("DEADTIME_TOKEN").ok();
    given.map(str::to_owned).or_else(kept).filter(|token| !token.is_empty())
}

/// What a target calls a model: its file's name.
pub fn model_name(model: &str) -> String {
    let path = Path::new(model);
    let named = path.file_stem().filter(|_| path.extension().is_some_and(|extension| extension == "onnx"));
    named.map_or_else(|| model.to_owned(), |name| name.to_string_lossy().into_owned())
}

/// What a reader must know of a network that runs elsewhere.
fn of_the_target(info: &EngineInfo, model: &str) -> Vec<String> {
    let mut remarks = Vec::new();
    if info.model.sha256.is_empty() {
        remarks.push(
            "the target does not tell the SHA-256 of its model: nobody knows that it is the one meant".to_owned(),
        );
    } else if let Ok(here) = runtime::inspect(&assets::model(model))
        && here.sha256 != info.model.sha256
    {
        remarks.push(format!("the target's {model} is another file than the one here (SHA-256 {})", info.model.sha256));
    }
    remarks
}

/// An episode that is ready to run.
pub struct Launched {
    /// The episode.
    pub episode: Episode,
    /// Its driver.
    pub driver: Driver,
    /// What a summary says of the source.
    pub labels: Labels,
}

/// A measurement, on this machine or a target, as a trace file holds it.
pub fn trace_of(info: &EngineInfo, measurement: &Measurement) -> Trace {
    let remote = info.obtained == Rung::Remote;
    let device = if remote { info.version.clone() } else { crate::commands::doctor::processor() };
    study::trace_of(info, measurement, device)
}

/// An error and what led to it, in one line, with its help.
pub fn in_words(report: &Report) -> String {
    let chain: Vec<String> = report.chain().map(ToString::to_string).collect();
    let help = report.help().map_or_else(String::new, |help| format!("\nhelp: {help}"));
    format!("{}{help}", chain.join(": "))
}

/// Gives engines to studies, which are told in words what failed. `MODEL@grpc://HOST:PORT` is a model of a target.
pub fn loader(options: runtime::Options) -> impl Fn(&str) -> Result<Box<dyn Engine>, String> + Sync {
    move |name| {
        let engine = match name.split_once("@grpc://") {
            Some((model, place)) => on_target(model, &format!("grpc://{place}")),
            None => engine(name, &options),
        };
        engine.map_err(|report| in_words(&report))
    }
}

fn on_target(model: &str, address: &str) -> Result<Box<dyn Engine>> {
    let address = address.parse().map_err(|why| miette!("{why}"))?;
    RemoteOptions::default().connect(model, 1, address)
}

/// An error of a study with all that it has to say.
pub fn report(error: StudyError) -> Report {
    match error {
        StudyError::Scenario(error) => error.into(),
        other => miette!("{other}"),
    }
}

/// What a summary says beyond what the episode knows.
#[derive(Clone, Debug)]
pub struct Labels {
    /// The model, or the pilot that needs none.
    pub model: String,
    /// Where latency comes from.
    pub latency: Latency,
    /// The runtime obtained.
    pub runtime: String,
    /// What was asked for, what was obtained, and why not more.
    pub runtime_line: String,
    /// Remarks for the reader, such as a surrogate's badge.
    pub remarks: Vec<String>,
}

impl Labels {
    /// Fills in what the episode alone cannot say.
    pub fn complete(&self, mut summary: Summary) -> Summary {
        summary.model.clone_from(&self.model);
        summary.latency = self.latency.to_string();
        summary.runtime.clone_from(&self.runtime);
        summary
    }
}

impl Overrides {
    /// Whether nothing is changed.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// As a log keeps them: by option, as typed.
    pub fn to_map(&self) -> BTreeMap<String, String> {
        let text = |value: Option<String>, name: &str| value.map(|value| (name.to_owned(), value));
        [
            text(self.model.clone(), "model"),
            text(self.latency.as_ref().map(Latency::to_string), "latency"),
            text(self.schedule.map(|s| s.to_string()), "schedule"),
            text(self.deadline.map(|ms| ms.to_string()), "deadline"),
            text(self.compensation.map(|c| c.to_string()), "compensation"),
            text(self.cruise.map(|v| v.to_string()), "cruise"),
            text(self.network.clone(), "network"),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// What [`Overrides::to_map`] wrote; what cannot be read is an error that names it.
    pub fn from_map(map: &BTreeMap<String, String>) -> Result<Self> {
        fn read<T: FromStr>(map: &BTreeMap<String, String>, name: &str) -> Result<Option<T>>
        where
            T::Err: std::fmt::Display,
        {
            let parse = |text: &String| text.parse().map_err(|e| miette!("the log's option {name} = `{text}`: {e}"));
            map.get(name).map(parse).transpose()
        }
        Ok(Self {
            model: read(map, "model")?,
            latency: read(map, "latency")?,
            schedule: read(map, "schedule")?,
            deadline: read(map, "deadline")?,
            compensation: read(map, "compensation")?,
            cruise: read(map, "cruise")?,
            network: read(map, "network")?,
        })
    }

    /// The scenario's setup for a seed, with these changes.
    pub fn setup(&self, scenario: &scenario::Scenario, seed: u64) -> Result<Setup> {
        let mut setup = scenario.setup(seed)?;
        if let Some(model) = &self.model {
            setup.pilot = study::pilot_named(model, &setup).map_err(report)?;
        }
        if let Some(latency) = &self.latency {
            setup.latency = latency.clone();
        }
        if let Some(schedule) = self.schedule {
            setup.line.schedule = schedule;
        }
        if let Some(ms) = self.deadline {
            if !(ms > 0.0 && ms <= 1e7) {
                return Err(miette!("found --deadline {ms}; expected a number of milliseconds above 0"));
            }
            setup.line.deadline = Some(Span::from_ms(ms));
        }
        if let Some(compensation) = self.compensation {
            setup.compensation = compensation;
        }
        if let Some(cruise) = self.cruise {
            if !(cruise > 0.0 && cruise <= 20.0) {
                return Err(miette!("found --cruise {cruise}; expected a speed above 0 and at most 20 m/s"));
            }
            setup.cruise = cruise;
        }
        if let Some(network) = &self.network {
            setup.line.network = self::network(scenario, network)?.map(Arc::new);
        }
        Ok(setup)
    }
}

/// The network of a name. A log holds the network itself, so that it does not depend on a file.
fn network(scenario: &scenario::Scenario, text: &str) -> Result<Option<timing::Network>> {
    if text.starts_with('{') {
        return serde_json::from_str(text).into_diagnostic().wrap_err("the network in the log cannot be read");
    }
    Ok(scenario::network(text)?.map(|network| scenario.loaded(network)))
}

/// A scenario with the network of a name in it; with that of a log only where it is at hand.
#[cfg(feature = "window")]
pub fn over(scenario: &scenario::Scenario, text: &str) -> Result<scenario::Scenario> {
    if text == scenario::NO_NETWORK && scenario.latency.network.is_none() {
        return Ok(scenario.clone());
    }
    let mut name = text.to_owned();
    if text.starts_with('{')
        && let Some(logged) = network(scenario, text)?
    {
        let timing::Network { frame_bytes, answer_bytes, .. } = logged;
        let known = scenario::network(&logged.name).ok().flatten();
        let known = known.map(|known| timing::Network { frame_bytes, answer_bytes, ..known });
        if known.as_ref() != Some(&logged) {
            return Err(miette!("the log's network `{}` is not one of those that are here", logged.name));
        }
        name = logged.name;
    }
    Ok(scenario.vary([("latency.network", &name.into())])?)
}

/// Where service times come from, as a change on the way: a modelled device must name its network.
pub fn source(latency: &Latency) -> Result<Source> {
    study::source(latency).map_err(report)
}

/// Where the service times of a setup come from: a modelled device runs the network that drives.
pub fn source_of(setup: &Setup) -> Result<Source> {
    study::source_of(setup, &assets::model).map_err(report)
}

/// Loads a model and starts its worker; what `meanwhile` does with the engine happens before.
pub fn worker(model: &str, runtime: &RuntimeOptions, meanwhile: impl FnOnce(&mut dyn Engine)) -> Result<Worker> {
    let mut engine = engine(model, &runtime.options())?;
    meanwhile(engine.as_mut());
    Ok(Worker::spawn(engine))
}

/// Loads a model by path or by the name of one that ships.
pub fn engine(model: &str, options: &Options) -> Result<Box<dyn Engine>> {
    let path = assets::model(model);
    if !path.exists() {
        let known = assets::models().join(", ");
        return Err(miette!(
            help = format!(
                "give the path of an ONNX file, a model that ships ({known}), or expert, straight, brake_on_sight"
            ),
            "there is no model `{model}`"
        ));
    }
    runtime::load(&path, options)
        .into_diagnostic()
        .wrap_err_with(|| format!("the model {} cannot be run", path.display()))
}

/// Joins a setup with what runs its network; `load` gives the worker of a model.
pub fn launch(setup: Setup, load: impl FnOnce(&str) -> Result<Worker>) -> Result<Launched> {
    // Before a worker is started: what is wrong with it is told at once.
    let source = source_of(&setup)?;
    launch_from(setup, source, load)
}

/// The same with another source of service times than the setup's.
pub fn launch_from(mut setup: Setup, source: Source, load: impl FnOnce(&str) -> Result<Worker>) -> Result<Launched> {
    let latency = setup.latency.clone();
    let mut remarks = Vec::new();
    if let Some(device) = source.device() {
        remarks.push(format!("modelled: {} ({})", device.profile.label, device.profile.source));
    }
    let (supply, model, engine) = match &setup.pilot {
        PilotSpec::Network { model } | PilotSpec::Surrogate { model } => {
            let (worker, name) = (load(model)?, model.clone());
            let info = worker.info().clone();
            let contract = match &setup.pilot {
                PilotSpec::Network { .. } => episode::fit(&info.model, &setup.world.robot).into_diagnostic()?,
                _ => None,
            };
            if contract.is_some_and(pilot::Contract::needs_camera) && setup.give_camera() {
                remarks.push(format!(
                    "{name} needs a depth camera: the scenario has no [camera], so the default one is on"
                ));
            }
            if contract.is_some() {
                episode::chunks_possible(contract, &setup, &source).into_diagnostic()?;
            }
            if contract.is_none() {
                remarks.push(format!("decisions by the expert: {name} is run and timed, its output is not used"));
                setup.pilot = PilotSpec::Surrogate { model: name.clone() };
            }
            if info.obtained == Rung::Remote {
                remarks.extend(of_the_target(&info, &name));
            }
            if info.isolated {
                remarks.push(format!("{name} is not one of ours: it runs in a process of its own, with limits"));
            }
            (Supply::Worker { worker, contract }, name, Some(info))
        }
        other => (Supply::Nobody, other.name().to_owned(), None),
    };
    if let Some(network) = &setup.line.network {
        remarks.push(format!("network {}: {} ({})", network.name, network.label, network.source));
    }
    let labels = Labels {
        model,
        latency,
        runtime: engine.as_ref().map_or_else(|| "none".into(), engine_name),
        runtime_line: engine.as_ref().map_or_else(|| "no network is run".into(), runtime_line),
        remarks,
    };
    let episode = Episode::new(Arc::new(setup), source).into_diagnostic()?;
    Ok(Launched { episode, driver: Driver::new(supply), labels })
}
