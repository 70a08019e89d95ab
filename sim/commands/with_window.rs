//! The window joined with the rest: how its settings become runs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::Duration;

use episode::{Driver, Entry, Episode, Percentiles, Summary, Supply};
use miette::{IntoDiagnostic, Result, miette};
use record::{Keeper, Place};
use runtime::{Engine, MeasureOptions, Optimisation, Requested, Rung, Worker};
use scenario::{Latency, Scenario, Setup};
use timing::{Source, Trace};
use view::labs::{LabSheet, Settling, SettlingState};
use view::phase::MapState;
use view::snapshot::Blaming;
use view::{Choice, Choices, Launched, Launcher, Memory, OpenedLog, Settings, ViewOptions};

use super::{Args, DEFAULT, run::complaints};
use crate::blame_in_window::Accuser;
use crate::labs_in_window::Settler;
use crate::launch::{Labels, Overrides, RemoteOptions, RuntimeOptions, launch, over, source_of, trace_of, worker};
use crate::log::{self, header, memory_file, replay_command, runs_folder};
use crate::phase_in_window::Mapper;
use crate::{assets, labs};

/// Why no window can be opened here; `None` if one can. Bevy and winit panic where there is no display, so another
/// process of ours tries it first.
pub fn missing() -> Option<String> {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if cfg!(target_os = "linux") && !set("DISPLAY") && !set("WAYLAND_DISPLAY") {
        return Some("there is no display (DISPLAY is not set)".into());
    }
    let program = std::env::current_exe().ok()?;
    let mut child = Command::new(program)
        .arg("__probe-window")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .ok()?;
    // Far more than a working driver needs, on a busy machine too.
    for _ in 0..300 {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return None,
            Ok(Some(_)) => {
                let mut text = String::new();
                if let Some(mut stderr) = child.stderr.take() {
                    let _ = std::io::Read::read_to_string(&mut stderr, &mut text);
                }
                let reason = text.lines().rfind(|line| line.starts_with("reason: ")).map(|line| line[8..].to_owned());
                return Some(reason.unwrap_or_else(|| "the display or its driver does not work".into()));
            }
            _ => std::thread::sleep(Duration::from_millis(50)),
        }
    }
    let _ = child.kill();
    let _ = child.wait();
    Some("the display did not answer within 15 seconds".into())
}

/// `deadtime __probe-window`.
pub fn probe() -> Result<ExitCode> {
    let reason = view::probe();
    if let Err(reason) = &reason {
        eprintln!("reason: {reason}");
    }
    view::leave(u8::from(reason.is_err()))
}

/// Opens the window and stays until it is closed.
pub fn open(args: Args) -> Result<ExitCode> {
    let mut root = Root {
        calibrations: BTreeMap::new(),
        runtime: args.runtime.clone(),
        pace: 40.0,
        log: args.log,
        seats: BTreeMap::new(),
        network: args.overrides.network.clone(),
        settler: Settler::new(labs::all(&labs::folder(args.labs.as_deref()))?, args.runtime.options()),
        mapper: Mapper::new(args.runtime.options(), args.remote.target.is_some()),
        remote: args.remote,
    };
    let script = args.script.map(|path| view::Script::load(&path)).transpose().map_err(|why| miette!("{why}"))?;
    // A script plays the same everywhere.
    let file = memory_file().filter(|_| script.is_none());
    let (memory, mut note) = match file.as_deref().filter(|_| !args.fresh).map(Memory::load) {
        Some(Ok(memory)) => (memory, String::new()),
        Some(Err(why)) => (Some(Memory::default()), format!("what was remembered cannot be read: {why}")),
        None => (None, String::new()),
    };
    let first = memory.is_none() && file.is_some();
    let memory = memory.unwrap_or_default();
    let opened = args.scenario.clone().filter(|what| super::is_log(what));
    let remembered = memory.settings().filter(|_| args.scenario.is_none()).and_then(|settings| {
        let usable = settings.and_then(|settings| root.usable(&settings).map(|()| settings));
        usable.inspect_err(|why| note = format!("what was open last cannot be: {why}")).ok()
    });
    let scenario = args.scenario.filter(|_| opened.is_none()).unwrap_or_else(|| DEFAULT.into());
    let mut settings = match remembered {
        Some(settings) => settings,
        None => root.settings(&scenario.to_string_lossy()).map_err(|why| miette!("{why}"))?,
    };
    if !note.is_empty() {
        eprintln!("{note}");
    }
    settings.seed = args.seed.unwrap_or(settings.seed);
    if args.runtime.runtime != Requested::Auto {
        settings.runtime = args.runtime.runtime.to_string();
    }
    if args.runtime.optimisation != Optimisation::default() {
        settings.graph = args.runtime.optimisation.to_string();
    }
    let Overrides { model, latency, schedule, deadline, compensation, cruise, network } = args.overrides;
    settings.link = network.or(settings.link);
    settings.model = model.or(settings.model);
    settings.latency = latency.unwrap_or(settings.latency);
    settings.schedule = schedule.unwrap_or(settings.schedule);
    settings.deadline_ms = deadline.or(settings.deadline_ms);
    settings.compensation = compensation.unwrap_or(settings.compensation);
    settings.cruise = cruise.or(settings.cruise);
    let defaults = ViewOptions::default();
    let options = ViewOptions {
        size: args.size.or(memory.size()).unwrap_or(defaults.size),
        script,
        log: opened,
        shots: args.shots,
        memory: file.map(|file| (memory, file)),
        first,
        note,
        ..defaults
    };
    view::run(Box::new(root), settings, options).into_diagnostic()?;
    view::leave(0)
}

/// Times of a network alone on the machine, before a window or anything else loads it.
fn calibrate(engine: &mut dyn Engine, hz: f64) -> Option<Trace> {
    // A second: enough for a median, short enough to wait for.
    let options = MeasureOptions { hz, count: hz.ceil() as usize, warm_up: 5, ..MeasureOptions::default() };
    let measurement = runtime::measure(engine, &options).ok()?;
    Some(trace_of(engine.info(), &measurement))
}

/// The composition root as the window sees it.
struct Root {
    runtime: RuntimeOptions,
    /// By model and runtime: calibrated once, alone, before the window plays.
    calibrations: BTreeMap<String, Arc<Trace>>,
    /// Frames a second of the scenario being launched.
    pace: f64,
    /// Where the log of the first lane goes, if a person said so.
    log: Option<PathBuf>,
    /// By lane.
    seats: BTreeMap<usize, Seat>,
    /// A modelled network, if one was asked for.
    network: Option<String>,
    /// The labs.
    settler: Settler,
    /// A device elsewhere, if one was asked for.
    remote: RemoteOptions,
    /// The phase map of the run at hand.
    mapper: Mapper,
}

/// What belongs to a lane.
#[derive(Default)]
struct Seat {
    /// Of logs; `None` where there is no place for them.
    keeper: Option<Keeper>,
    /// What the run that goes on was set up as.
    setup: Option<Arc<Setup>>,
    /// What it is called in its summary.
    labels: Option<Labels>,
    /// Why inferences of that run failed.
    failures: Vec<String>,
    /// How far the graph of the network at hand was rewritten.
    optimised: Optimisation,
    /// What the log of that run says of it.
    header: Option<record::Header>,
    /// The log that is looked at.
    opened: Option<PathBuf>,
    /// Finds out whose fault its collision was.
    accuser: Accuser,
}

/// Before the path of a log that is set up again as a scenario, `log:PATH`.
const LOG: &str = "log:";

/// Logs that are kept, without being asked.
const MOST_KEPT: usize = 20;

impl Root {
    /// Whether a run that was remembered can still be set up, as far as that is told without a network: an error says why not.
    fn usable(&self, settings: &Settings) -> Result<(), String> {
        load(&self.settler, &settings.scenario).map_err(|report| report.to_string())?;
        let gone = |path: &Path| format!("{} is no longer there", path.display());
        if let Some(model) = settings.model.as_deref().filter(|model| Path::new(model).components().count() > 1)
            && !assets::model(model).exists()
        {
            return Err(gone(Path::new(model)));
        }
        if let Some(link) = settings.link.as_deref() {
            scenario::network(link).map_err(|error| error.to_string())?;
        }
        match &settings.latency {
            Latency::Replay(path) if !path.exists() => Err(gone(path)),
            _ => Ok(()),
        }
    }

    /// The worker of the last run if it is the same model on the same runtime, else a new one, calibrated.
    fn worker(
        &mut self,
        lane: usize,
        model: &str,
        options: &RuntimeOptions,
        batch: usize,
        reuse: Option<Supply>,
    ) -> Result<Worker> {
        if let Some(engine) = self.remote.engine(model, batch) {
            return Ok(Worker::spawn(engine?));
        }
        let seat = self.seats.entry(lane).or_default();
        if let Some(Supply::Worker { worker, .. }) = reuse {
            let info = worker.info();
            let alike = info.requested == options.runtime && seat.optimised == options.optimisation;
            if info.model.path == assets::model(model) && alike {
                return Ok(worker);
            }
        }
        seat.optimised = options.optimisation;
        let key = calibrated(model, options);
        let hz = self.pace;
        worker(model, options, |engine| {
            // Once is enough: in another lane the run of the first would disturb it.
            if !self.calibrations.contains_key(&key)
                && let Some(trace) = calibrate(engine, hz)
            {
                self.calibrations.insert(key, Arc::new(trace));
            }
        })
    }

    /// Where the runs of a lane are kept.
    fn keeper(&self, lane: usize) -> Result<Option<Keeper>> {
        let file = self.log.clone().filter(|_| lane == 0).map(Place::File);
        let place = file.or_else(|| runs_folder().map(|folder| Place::Folder(folder, MOST_KEPT)));
        place.map(Keeper::start).transpose().into_diagnostic()
    }

    /// Sets a run up in a lane; `from`: the lane that it forks from, whose log its own begins as.
    fn launch(
        &mut self,
        lane: usize,
        settings: &Settings,
        reuse: Option<Supply>,
        from: Option<usize>,
    ) -> Result<Launched> {
        let keeper = match self.seats.get(&lane) {
            Some(seat) if seat.keeper.is_some() => None,
            _ => self.keeper(lane)?,
        };
        let seat = self.seats.entry(lane).or_default();
        seat.keeper = keeper.or(seat.keeper.take());
        seat.opened = None;
        seat.accuser.give_up();
        // The run before is over, whether the next can be set up or not; one that is forked again goes on where it cannot.
        if let (Some(keeper), None) = (&mut seat.keeper, from) {
            keeper.leave();
        }
        self.mapper.refine(false);
        let (scenario, logged) = load(&self.settler, &settings.scenario)?;
        let network = logged.as_ref().and_then(|header| header.overrides.get("network").cloned());
        let network = settings.link.clone().or(network);
        let overrides = Overrides {
            model: settings.model.clone(),
            latency: Some(settings.latency.clone()),
            schedule: Some(settings.schedule),
            deadline: settings.deadline_ms,
            compensation: Some(settings.compensation),
            cruise: settings.cruise,
            network,
        };
        let mut setup = overrides.setup(&scenario, settings.seed)?;
        if let Some(header) = &logged {
            setup.name.clone_from(&header.scenario_name);
        }
        let runtime = settings.runtime.parse().map_err(|e| miette!("{e}"))?;
        let optimisation = settings.graph.parse().map_err(|e| miette!("{e}"))?;
        let options = RuntimeOptions { runtime, optimisation, ..self.runtime.clone() };
        self.pace = setup.line.capture.rate.hz();
        let batch = episode::batch_size(setup.line.schedule);
        let launched = launch(setup, |model| self.worker(lane, model, &options, batch, reuse))?;
        let labels = launched.labels.clone();
        let forked = from.and_then(|from| self.seats.get(&from)?.header.clone());
        let header = match forked {
            // What runs it from here on is this program on this machine.
            Some(header) => {
                let record::Header { deadtime, arch, .. } = record::Header::default();
                record::Header { deadtime, arch, ..header }
            }
            None => header(&launched, &scenario, settings.seed, &overrides, &options),
        };
        let seat = self.seats.entry(lane).or_default();
        seat.header = Some(header.clone());
        if let Some(keeper) = &mut seat.keeper {
            if from == Some(lane) {
                // The log that begins holds all that this one does.
                keeper.discard();
            }
            keeper.begin(header);
        }
        seat.labels = Some(labels.clone());
        seat.setup = Some(launched.episode.setup().clone());
        seat.failures.clear();
        // The remarks name the model, and what they say must not be cut off behind a long path.
        let calibration = self.calibrations.get(&calibrated(&labels.model, &options)).cloned();
        let model = if labels.remarks.is_empty() { labels.model.clone() } else { labels.remarks.join("; ") };
        let model_line = calibration.as_deref().map(alone).into_iter().chain([model]).collect::<Vec<_>>().join("; ");
        Ok(Launched {
            settings: Settings { cruise: Some(launched.episode.setup().cruise), ..settings.clone() },
            runtime_line: labels.runtime_line.clone(),
            model_line,
            calibration,
            episode: launched.episode,
            driver: launched.driver,
        })
    }

    fn open_log(&mut self, path: &Path) -> Result<OpenedLog> {
        let path = log::find(path);
        let recording = record::read(&path).into_diagnostic()?;
        let header = recording.header;
        let setup = super::replay::recorded_setup(&header, &path)?;
        let overrides = Overrides::from_map(&header.overrides)?;
        let settings = Settings {
            scenario: format!("{LOG}{}", path.display()),
            seed: header.seed,
            model: overrides.model,
            runtime: header.runtime_requested.clone(),
            graph: header.runtime_options.get("optimization").cloned().unwrap_or_else(|| Optimisation::All.to_string()),
            link: None,
            latency: header.latency.parse().map_err(|why| miette!("the log's latency: {why}"))?,
            schedule: setup.line.schedule,
            cruise: Some(setup.cruise),
            compensation: setup.compensation,
            deadline_ms: setup.line.deadline.map(timing::Span::ms),
            speed: 1.0,
        };
        let source = Source::Recorded { occupies: header.occupies };
        let mut episode = Episode::new(Arc::new(setup), source).into_diagnostic()?;
        episode.schedule_edits(recording.edits);
        let cut = (!recording.complete).then_some(recording.digests.len() as u64);
        let launched = Launched {
            episode,
            driver: Driver::new(Supply::Recorded(recording.answers)),
            settings,
            runtime_line: format!("recorded: {} -> {}", header.runtime_requested, header.runtime_obtained),
            model_line: header.model.clone(),
            calibration: None,
        };
        self.seats.insert(0, Seat { opened: Some(path), header: Some(header), ..Seat::default() });
        Ok(OpenedLog { launched, cut })
    }
}

/// A scenario by name or path, that of a run of a lab, or that of a log, with what the log says.
fn load(settler: &Settler, scenario: &str) -> Result<(Scenario, Option<record::Header>)> {
    if let Some(path) = scenario.strip_prefix(LOG) {
        let header = record::read(path).into_diagnostic()?.header;
        let name = format!("{} (in {path})", header.scenario_name);
        return Ok((scenario::parse(&header.scenario_toml, &name)?, Some(header)));
    }
    let loaded = match settler.run(scenario) {
        Some((lab, run)) => labs::scenario_of(lab, run),
        None => assets::load_scenario(Path::new(scenario)),
    };
    Ok((loaded?, None))
}

/// What a network is calibrated as.
fn calibrated(model: &str, options: &RuntimeOptions) -> String {
    format!("{model} {} {}", options.runtime, options.optimisation)
}

/// How long inferences took when nothing else was asked of the machine, in words.
fn alone(trace: &Trace) -> String {
    let totals: Vec<_> = trace.samples.iter().map(|sample| sample.service.total()).collect();
    let Percentiles { p50, p99, .. } = Percentiles::of(&totals);
    format!("timed alone: {p50:.2} ms, one in a hundred above {p99:.2} ms")
}

/// What a run in the window came to. How long it took in wall time says nothing: it was paused, slowed and hastened.
fn summary(episode: &Episode, labels: &Labels, failures: &[String]) -> Summary {
    let mut summary = labels.complete(Summary::of(episode));
    summary.complaints = complaints(failures, episode.stats().invalid);
    if labels.latency == Latency::Measured || *episode.line().source() == Source::Measured {
        summary.complaints.push("measured beside a window, which took its share of the processor".into());
    }
    summary.trusted = summary.complaints.is_empty();
    summary
}

fn scenarios() -> Vec<Choice> {
    let paths = scenario::find_scenarios([assets::root().join("scenarios")]);
    let mut choices: Vec<Choice> = paths
        .iter()
        .filter_map(|path| scenario::load(path).ok())
        .map(|s| Choice { id: s.name().to_owned(), title: s.name().to_owned(), description: s.title.clone() })
        .collect();
    // The lesson first: it is where a student begins.
    choices.sort_by_key(|choice| (choice.id != super::DEFAULT, choice.id.clone()));
    choices
}

fn models() -> Vec<Choice> {
    let shipped = assets::models().into_iter().map(|name| (name, "a network that ships"));
    let without = [("expert", "sees the exact world in line of sight"), ("straight", "sees nothing")];
    shipped
        .chain(without.map(|(name, what)| (name.to_owned(), what)))
        .map(|(id, what)| Choice { title: id.clone(), id, description: what.to_owned() })
        .collect()
}

fn runtimes() -> Vec<Choice> {
    let rungs = Rung::ALL.map(|rung| (rung.to_string(), String::new()));
    std::iter::once(("auto".to_owned(), "the best that works here".to_owned()))
        .chain(rungs)
        .map(|(id, description)| Choice { title: id.clone(), id, description })
        .collect()
}

fn graphs() -> Vec<Choice> {
    let hint = |level| match level {
        Optimisation::Off => "the graph as it was exported",
        Optimisation::Basic => "constants folded, what does nothing left out",
        Optimisation::Extended => "operators fused",
        Optimisation::All => "operators fused, memory laid out",
    };
    let choice = |level: Optimisation| Choice {
        id: level.to_string(),
        title: level.to_string(),
        description: hint(level).into(),
    };
    Optimisation::ALL.into_iter().rev().map(choice).collect()
}

/// Modelled networks between robot and device.
fn links() -> Vec<Choice> {
    let none = Choice {
        id: scenario::NO_NETWORK.into(),
        title: scenario::NO_NETWORK.into(),
        description: "the device is on the robot".into(),
    };
    let modelled = scenario::networks().into_iter().map(|network| Choice {
        title: network.name.clone(),
        id: network.name,
        description: network.label,
    });
    std::iter::once(none).chain(modelled).collect()
}

/// Devices that can be modelled: those with published numbers, then those of the roofline, in each of their modes.
fn devices() -> Vec<Choice> {
    let latency = |latency: Latency| latency.to_string();
    let published = scenario::profiles().into_iter().map(|profile| Choice {
        id: latency(Latency::Profile(profile.name)),
        title: profile.label,
        description: format!("modelled, from {}", profile.source),
    });
    // What the network that drives would take there.
    let roofline = scenario::roofline().devices;
    let of_network = roofline.iter().flat_map(|spec| {
        let board = spec.label.split(" (").next().unwrap_or_default();
        crate::commands::devices::with_modes(spec).into_iter().map(move |name| Choice {
            title: match name.split_once('@') {
                Some((_, mode)) => format!("{board} at {mode}, this network"),
                None => format!("{board}, this network"),
            },
            id: latency(Latency::Device(name)),
            description: format!("modelled, by a roofline, for the network that drives; it warms up. {}", spec.label),
        })
    });
    published.chain(of_network).collect()
}

impl Launcher for Root {
    fn launch(&mut self, lane: usize, settings: &Settings, reuse: Option<Supply>) -> Result<Launched, String> {
        Root::launch(self, lane, settings, reuse, None).map_err(|report| format!("{report:?}"))
    }

    fn fork(&mut self, lane: usize, settings: &Settings, from: usize) -> Result<Launched, String> {
        Root::launch(self, lane, settings, None, Some(from)).map_err(|report| format!("{report:?}"))
    }

    fn open_log(&mut self, path: &Path) -> Result<OpenedLog, String> {
        Root::open_log(self, path).map_err(|report| format!("{report:?}"))
    }

    fn close(&mut self, lane: usize) {
        self.seats.remove(&lane);
    }

    fn settings(&mut self, scenario: &str) -> Result<Settings, String> {
        let (loaded, _) = load(&self.settler, scenario).map_err(|report| format!("{report:?}"))?;
        let setup = loaded.setup(loaded.seed).map_err(|e| format!("{:?}", miette::Report::from(e)))?;
        Ok(Settings {
            scenario: scenario.to_owned(),
            seed: loaded.seed,
            model: None,
            runtime: self.settler.runtime(scenario).unwrap_or_else(|| self.runtime.runtime.to_string()),
            graph: self.settler.graph(scenario).unwrap_or(self.runtime.optimisation).to_string(),
            latency: setup.latency,
            link: self.network.clone(),
            schedule: setup.line.schedule,
            cruise: None,
            compensation: setup.compensation,
            deadline_ms: setup.line.deadline.map(timing::Span::ms),
            speed: 1.0,
        })
    }

    fn choices(&self) -> Choices {
        Choices {
            scenarios: scenarios(),
            models: models(),
            runtimes: runtimes(),
            graphs: graphs(),
            links: links(),
            devices: devices(),
        }
    }

    fn source(&mut self, lane: usize, latency: &Latency) -> Result<Source, String> {
        let setup = self.seats.get(&lane).and_then(|seat| seat.setup.as_deref());
        let setup = setup.ok_or("there is no run to change")?;
        source_of(&Setup { latency: latency.clone(), ..setup.clone() }).map_err(|report| format!("{report:?}"))
    }

    fn labs(&self) -> Vec<LabSheet> {
        self.settler.sheets()
    }

    fn settle(&mut self, lab: &str, predicted: usize) {
        self.mapper.refine(false);
        self.settler.settle(lab, predicted);
    }

    fn settling(&mut self) -> Settling {
        self.settler.settling()
    }

    fn phase_map(&mut self, settings: &Settings) -> MapState {
        let Self { mapper, settler, .. } = self;
        mapper.map(settings, || {
            let (scenario, logged) = load(settler, &settings.scenario)?;
            let logged = logged.and_then(|header| header.overrides.get("network").cloned());
            match settings.link.as_ref().or(logged.as_ref()) {
                Some(network) => over(&scenario, network),
                None => Ok(scenario),
            }
        })
    }

    fn refine(&mut self, may: bool) {
        // A lab may be timing networks.
        let settles = matches!(self.settler.settling().state, SettlingState::Running { .. });
        self.mapper.refine(may && !settles);
    }

    fn record(&mut self, lane: usize, episode: &Episode, entries: Vec<Entry>, over: bool) {
        let Some(Seat { keeper: Some(keeper), labels, failures, .. }) = self.seats.get_mut(&lane) else { return };
        for entry in &entries {
            if let Entry::Failed(failure) = entry
                && !failure.why.is_empty()
            {
                failures.push(failure.why.clone());
            }
        }
        keeper.push(entries);
        if let (true, Some(labels)) = (over, labels) {
            keeper.end(summary(episode, labels, failures));
            if let Some(path) = keeper.kept().path {
                eprintln!("log: {}; `{}` re-runs it", path.display(), replay_command(&path));
            }
        }
    }

    fn blame(&mut self, lane: usize) {
        let Some(seat) = self.seats.get_mut(&lane) else { return };
        let kept = seat.opened.clone().or_else(|| seat.keeper.as_mut()?.kept().path);
        match kept {
            Some(path) => seat.accuser.begin(path, self.runtime.clone()),
            None => seat.accuser.fail("this run is not kept, so it cannot be run again with other latencies".into()),
        }
    }

    fn blaming(&mut self, lane: usize) -> Blaming {
        self.seats.get(&lane).map(|seat| seat.accuser.blaming()).unwrap_or_default()
    }

    fn kept(&mut self, lane: usize) -> view::Kept {
        let nowhere = || "runs are not kept: neither XDG_DATA_HOME nor HOME names a folder; choose a file with --log";
        let Some(Seat { keeper: Some(keeper), .. }) = self.seats.get_mut(&lane) else {
            return view::Kept { problem: nowhere().into(), ..Default::default() };
        };
        let kept = keeper.kept();
        view::Kept {
            command: kept.path.as_deref().map(replay_command).unwrap_or_default(),
            path: kept.path.map(|path| path.display().to_string()).unwrap_or_default(),
            problem: kept.problem.unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_device_that_is_offered_can_be_chosen() {
        let setup = assets::load_scenario(Path::new(DEFAULT)).unwrap().setup(1).unwrap();
        let offered = devices();
        for Choice { id, title, .. } in &offered {
            let latency: Latency = id.parse().unwrap();
            let source = source_of(&Setup { latency, ..setup.clone() }).unwrap();
            assert!(source.device().is_some() == id.starts_with("device:"), "{title}");
        }
        assert!(offered.iter().any(|choice| choice.id == "device:agx-orin@15w"), "in its modes, too");
    }
}
