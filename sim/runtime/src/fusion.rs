//! What ONNX Runtime makes of a model's graph: its operators after optimisation, and the time that each takes.
//!
//! It writes optimised graphs and profiles as files, and runs the model to do so, so a child process does it, with limits,
//! whatever the model. What it writes is read here.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::anatomy::dissect;
use crate::model::Model;
use crate::{
    Anatomy, Optimisation, Options, Requested, Rung, RuntimeError, ladder, onnxruntime, serve, synthetic_inputs,
};

/// A graph after optimisation at one level.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Optimised {
    /// The level.
    pub level: Optimisation,
    /// Nodes by operator; those of ONNX Runtime's own as `domain:Operator`.
    pub operators: BTreeMap<String, usize>,
    /// Operators that took another into themselves, by what they took.
    pub absorbed: BTreeMap<String, BTreeSet<String>>,
    /// Time by operator, microseconds an inference: the sum over its nodes of the median over the runs. Profiling makes a run
    /// slower, so this says where time goes, not how much an inference takes.
    pub operator_us: BTreeMap<String, f64>,
}

/// What the child is told.
#[derive(Serialize, Deserialize)]
struct Errand {
    model: PathBuf,
    options: Options,
    folder: PathBuf,
    runs: usize,
    memory: u64,
}

/// A child that says nothing for so long is ended.
const PATIENCE: Duration = Duration::from_mins(5);
/// More is no profile of a model that one would drive with.
const MAX_PROFILE: u64 = 256 << 20;

/// Optimises a model at each level with ONNX Runtime on the processor and profiles `runs` inferences of each. The parts of
/// the model as it is come first.
///
/// # Errors
/// When the model is refused, ONNX Runtime is not there, or it cannot run the model.
pub fn fusion(path: &Path, options: &Options, runs: usize) -> Result<(Anatomy, Vec<Optimised>), RuntimeError> {
    let model = Model::read(path)?;
    let before = dissect(&model.bytes).map_err(|refusal| crate::model::refused(path, refusal))?;
    let folder = tempdir().map_err(|e| failed(format!("there is no folder for its files: {e}")))?;
    let rung = Rung::OnnxRuntimeCpu;
    let asked = Options { requested: Requested::Exactly(rung), ..options.clone() };
    let library = ladder::find_for(&asked).map_err(|reason| RuntimeError::Missing {
        rung,
        help: rung.help(&reason).to_owned(),
        reason,
    })?;
    let levels = Optimisation::ALL.map(|level| {
        let options = Options { optimisation: level, library: Some(library.clone()), ..asked.clone() };
        let errand = Errand {
            model: path.canonicalize().unwrap_or_else(|_| path.to_owned()),
            memory: options.child_memory,
            options,
            folder: folder.0.clone(),
            runs,
        };
        run_child(&errand)?;
        collect(&folder.0, level)
    });
    levels.into_iter().collect::<Result<_, _>>().map(|levels| (before, levels))
}

fn failed(reason: String) -> RuntimeError {
    RuntimeError::Engine { rung: Rung::OnnxRuntimeCpu, reason }
}

/// A folder of our own that goes with this value.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn tempdir() -> std::io::Result<Folder> {
    use std::os::unix::fs::DirBuilderExt;
    for n in 0..1000 {
        let path = std::env::temp_dir().join(format!("deadtime-fusion-{}-{n}", std::process::id()));
        match fs::DirBuilder::new().mode(0o700).create(&path) {
            Ok(()) => return Ok(Folder(path)),
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(e),
        }
    }
    Err(std::io::Error::other("a thousand names are taken"))
}

fn run_child(errand: &Errand) -> Result<(), RuntimeError> {
    let broken = |e: std::io::Error| failed(format!("the process that optimises it cannot be started: {e}"));
    let program = errand.options.child_program.clone().map_or_else(std::env::current_exe, Ok).map_err(broken)?;
    let mut child = Command::new(program)
        .arg("__dissect")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(broken)?;
    let told = serde_json::to_vec(errand).map_err(|e| failed(e.to_string()))?;
    // Closed at once, so that the child sees the end.
    let sent = child.stdin.take().map(|mut stdin| stdin.write_all(&told));
    let ended = wait(&mut child);
    let mut said = String::new();
    if let Some(mut stderr) = child.stderr.take() {
        let _ = stderr.read_to_string(&mut said);
    }
    match (sent, ended) {
        (Some(Ok(())), Ok(true)) => Ok(()),
        (_, Ok(_)) => {
            let reason = said.lines().rfind(|line| line.starts_with("reason: ")).map(|line| line[8..].to_owned());
            Err(failed(reason.unwrap_or_else(|| "the process that optimises it ended without a word".to_owned())))
        }
        (_, Err(reason)) => Err(failed(reason)),
    }
}

/// Whether the child ended well. Its few lines on stderr fit into the pipe.
fn wait(child: &mut Child) -> Result<bool, String> {
    let until = Instant::now() + PATIENCE;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(status.success()),
            Ok(None) if Instant::now() < until => std::thread::sleep(Duration::from_millis(5)),
            Ok(None) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("the process that optimises it did not end within {PATIENCE:?}"));
            }
            Err(e) => return Err(e.to_string()),
        }
    }
}

/// Reads what the child left.
fn collect(folder: &Path, level: Optimisation) -> Result<Optimised, RuntimeError> {
    let graph = folder.join(format!("{level}.onnx"));
    let bytes = fs::read(&graph).map_err(|e| failed(format!("it wrote no optimised graph: {e}")))?;
    let after = dissect(&bytes).map_err(|refusal| crate::model::refused(&graph, refusal))?;
    let profile =
        fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).find(|path| {
            path.file_name().is_some_and(|n| n.to_string_lossy().starts_with(&format!("{level}-profile")))
        });
    let profile = profile.ok_or_else(|| failed("it wrote no profile".to_owned()))?;
    let mut text = Vec::new();
    let file = fs::File::open(profile).map_err(|e| failed(e.to_string()))?;
    file.take(MAX_PROFILE).read_to_end(&mut text).map_err(|e| failed(e.to_string()))?;
    let operator_us = operator_us(&text).map_err(|e| failed(format!("its profile cannot be read: {e}")))?;
    Ok(Optimised { level, operators: after.operators, absorbed: after.absorbed, operator_us })
}

/// An entry of ONNX Runtime's profile, in Chrome's trace format.
#[derive(Deserialize)]
struct Event {
    #[serde(default)]
    cat: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    dur: f64,
    #[serde(default)]
    args: BTreeMap<String, serde_json::Value>,
}

fn operator_us(profile: &[u8]) -> Result<BTreeMap<String, f64>, serde_json::Error> {
    let events: Vec<Event> = serde_json::from_slice(profile)?;
    let mut nodes: BTreeMap<(String, String), Vec<f64>> = BTreeMap::new();
    for event in events {
        let kernel = event.cat == "Node" && event.name.ends_with("_kernel_time");
        let operator = event.args.get("op_name").and_then(|name| name.as_str()).filter(|_| kernel);
        if let Some(operator) = operator {
            nodes.entry((operator.to_owned(), event.name)).or_default().push(event.dur);
        }
    }
    let mut sums = BTreeMap::new();
    for ((operator, _), mut times) in nodes {
        times.sort_by(f64::total_cmp);
        *sums.entry(operator).or_default() += times[times.len() / 2];
    }
    Ok(sums)
}

/// What `program __dissect` must do: one errand of [`fusion`], read from standard input.
pub fn dissect_main() -> ExitCode {
    let mut told = Vec::new();
    let errand = std::io::stdin().take(1 << 20).read_to_end(&mut told).map_err(|e| e.to_string());
    let done = errand
        .and_then(|_| {
            serde_json::from_slice::<Errand>(&told).map_err(|e| format!("this is for deadtime's own use: {e}"))
        })
        .and_then(|errand| run(&errand));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("reason: {reason}");
            ExitCode::from(2)
        }
    }
}

fn run(errand: &Errand) -> Result<(), String> {
    let Errand { model, options, folder, runs, memory } = errand;
    let size = fs::metadata(model).map_or(0, |meta| meta.len());
    // An optimised graph may hold its weights twice, folded and not.
    serve::limit(Some(*memory), 4 * size + MAX_PROFILE);
    let model = Model::read(model).map_err(|e| e.to_string())?;
    let library = options.library.as_ref().ok_or("no library was named")?;
    let library = onnxruntime::open(library)?;
    let graph = folder.join(format!("{}.onnx", options.optimisation));
    let profile = folder.join(format!("{}-profile", options.optimisation));
    let inputs = synthetic_inputs(&model.info, options.batch, 0);
    onnxruntime::optimise(&library, &model, options, &graph)?;
    onnxruntime::profile(&library, &model, options, &profile, &inputs, *runs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_medians_of_nodes_summed_by_operator() {
        let event = |name: &str, operator: &str, dur: u32| {
            format!(r#"{{"cat":"Node","name":"{name}_kernel_time","dur":{dur},"args":{{"op_name":"{operator}"}}}}"#)
        };
        let events = [
            event("a", "Conv", 10),
            event("b", "Conv", 5),
            event("c", "Relu", 1),
            event("a", "Conv", 90),
            event("b", "Conv", 5),
            event("c", "Relu", 1),
            event("a", "Conv", 12),
            event("b", "Conv", 6),
            event("c", "Relu", 2),
        ];
        let text = format!(r#"[{{"cat":"Session","name":"model_run","dur":99,"ts":0}},{}]"#, events.join(","));
        let found = operator_us(text.as_bytes()).unwrap();
        assert_eq!(found, [("Conv".to_owned(), 17.0), ("Relu".to_owned(), 1.0)].into());
        assert!(operator_us(b"[{").is_err());
    }
}
