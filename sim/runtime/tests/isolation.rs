//! A model in a child process: the same results, and whatever happens to the child is an error here and nothing worse.
#![allow(clippy::disallowed_methods, reason = "these tests time things")]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use runtime::{
    Engine, Isolation, Job, Options, Requested, Rung, Running, RuntimeError, Tensor, Worker, synthetic_inputs,
};
use rustix::process::{Pid, Signal, kill_process};
use support::{data, engine_program, isolated, local};
use tempfile::TempDir;
use timing::Span;

/// A child program of one line of shell.
fn script(folder: &TempDir, line: &str) -> PathBuf {
    let path = folder.path().join("child.sh");
    fs::write(&path, format!("#!/bin/sh\n{line}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

fn start_of(line: &str) -> RuntimeError {
    let folder = tempfile::tempdir().unwrap();
    let child_program = Some(script(&folder, line));
    let options = Options { child_program, load_timeout: Duration::from_millis(800), ..isolated(Rung::Rten) };
    let start = Instant::now();
    let error = runtime::load(&data("mlp.onnx"), &options).err().expect("it was loaded");
    assert!(start.elapsed() < Duration::from_secs(3));
    error
}

/// An engine in the real child, whose process number stands in a file.
struct Watched {
    folder: TempDir,
    options: Options,
}

impl Watched {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let line = format!("echo $$ > {}/pid\nexec {} \"$@\"", folder.path().display(), engine_program().display());
        let child_program = Some(script(&folder, &line));
        Self { folder, options: Options { child_program, ..isolated(Rung::Rten) } }
    }

    fn load(&self, model: &str) -> Box<dyn Engine> {
        runtime::load(&data(model), &self.options).unwrap()
    }

    fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    fn pid(&self) -> Pid {
        let text = fs::read_to_string(self.folder.path().join("pid")).unwrap();
        Pid::from_raw(text.trim().parse().unwrap()).unwrap()
    }
}

/// Gone, or a zombie that nobody has asked for yet.
fn ended(pid: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
    stat.map_or(true, |stat| stat[stat.rfind(')').unwrap()..].starts_with(") Z"))
}

fn wait_for_end(pid: Pid) {
    let start = Instant::now();
    while !ended(pid) {
        assert!(start.elapsed() < Duration::from_secs(5), "the child lives on");
        thread::sleep(Duration::from_millis(5));
    }
}

/// `loop.onnx`, told to turn for about this long.
fn turns(engine: &mut dyn Engine, ms: f64) -> Tensor {
    let turns = |n: i64| Tensor { name: "turns".to_owned(), shape: vec![1], data: runtime::Data::I64(vec![n]) };
    let time = engine.infer(&[turns(2000)], &mut Vec::new()).unwrap();
    turns((2000.0 * ms / time.total().ms()) as i64)
}

#[test]
fn a_child_computes_what_the_parent_would() {
    let mut here = runtime::load(&data("mlp.onnx"), &local(Rung::Rten)).unwrap();
    let mut there = runtime::load(&data("mlp.onnx"), &isolated(Rung::Rten)).unwrap();
    assert!(there.info().isolated && !here.info().isolated);
    assert_eq!(there.info().model, here.info().model);
    let (mut a, mut b) = (Vec::new(), Vec::new());
    for (seed, batch) in [(1, 1), (2, 1), (3, 8)] {
        let inputs = synthetic_inputs(&here.info().model, batch, seed);
        here.infer(&inputs, &mut a).unwrap();
        let time = there.infer(&inputs, &mut b).unwrap();
        assert_eq!(a, b);
        assert!(time.compute > Span::ZERO);
    }
}

#[test]
fn trusted_models_stay_and_others_are_isolated() {
    let sha256 = runtime::inspect(&data("mlp.onnx")).unwrap().sha256;
    let options = Options { isolate: Isolation::Auto, ..isolated(Rung::Rten) };
    assert!(runtime::load(&data("mlp.onnx"), &options).unwrap().info().isolated);
    let options = Options { trusted: vec![sha256], ..options };
    assert!(!runtime::load(&data("mlp.onnx"), &options).unwrap().info().isolated);
    assert!(runtime::load(&data("divide.onnx"), &options).unwrap().info().isolated);
}

#[test]
fn a_child_that_cannot_start_dies_hangs_or_babbles_is_an_error() {
    let absent = Options { child_program: Some("/nowhere/program".into()), ..isolated(Rung::Rten) };
    let error = runtime::load(&data("mlp.onnx"), &absent).err().unwrap();
    assert!(error.to_string().contains("could not be started"), "{error}");
    assert!(start_of("exit 3").to_string().contains("exit status: 3"), "{}", start_of("exit 3"));
    assert!(start_of("kill -9 $$").to_string().contains("signal: 9"));
    let hung = start_of("exec sleep 60");
    assert!(matches!(hung, RuntimeError::TimedOut { .. }), "{hung:?}");
    // Its standard input is the socket to the parent.
    let babbling = start_of("echo 'HTTP/1.1 200 OK, and more of it' >&0; exec sleep 60");
    assert!(babbling.to_string().contains("answered nonsense"), "{babbling}");
    let silent = start_of("exec 0>&-; exec sleep 60");
    assert!(matches!(silent, RuntimeError::Child { .. } | RuntimeError::TimedOut { .. }), "{silent:?}");
}

#[test]
fn a_child_that_is_killed_is_replaced_three_times() {
    let watched = Watched::new();
    let mut engine = watched.load("mlp.onnx");
    let inputs = synthetic_inputs(&engine.info().model, 1, 0);
    let mut outputs = Vec::new();
    for _ in 0..3 {
        engine.infer(&inputs, &mut outputs).unwrap();
        watched.signal(Signal::KILL);
        wait_for_end(watched.pid());
        let error = engine.infer(&inputs, &mut outputs).unwrap_err();
        assert!(matches!(&error, RuntimeError::Child { what } if what.contains("signal: 9")), "{error:?}");
    }
    engine.infer(&inputs, &mut outputs).unwrap();
    watched.signal(Signal::KILL);
    wait_for_end(watched.pid());
    engine.infer(&inputs, &mut outputs).unwrap_err();
    let error = engine.infer(&inputs, &mut outputs).unwrap_err();
    assert!(error.to_string().contains("lost 4 times and is not started again"), "{error}");
}

#[test]
fn a_child_killed_amid_an_inference_fails_no_earlier_than_was_said() {
    let watched = Watched::new();
    let mut engine = watched.load("loop.onnx");
    let long = turns(&mut *engine, 30_000.0);
    let mut worker = Worker::spawn(engine);
    worker.submit(Job { id: 1, inputs: vec![long.clone()] });
    let mut most = Span::ZERO;
    while most.ms() < 50.0 {
        if let Running::For(elapsed) = worker.elapsed() {
            most = most.max(elapsed);
        }
    }
    watched.signal(Signal::KILL);
    loop {
        match worker.elapsed() {
            Running::For(elapsed) => most = most.max(elapsed),
            Running::Done => break,
            other => panic!("{other:?}"),
        }
    }
    let failure = worker.recv(Duration::from_secs(5)).unwrap().result.unwrap_err();
    assert!(failure.after >= most && failure.message.contains("signal: 9"), "{failure:?} after {most}");
}

#[test]
fn a_stopped_child_is_ended_in_time() {
    let mut watched = Watched::new();
    watched.options.infer_timeout = Duration::from_millis(300);
    let mut engine = watched.load("mlp.onnx");
    let inputs = synthetic_inputs(&engine.info().model, 1, 0);
    watched.signal(Signal::STOP);
    let pid = watched.pid();
    let start = Instant::now();
    let error = engine.infer(&inputs, &mut Vec::new()).unwrap_err();
    assert!(matches!(error, RuntimeError::TimedOut { .. }) && start.elapsed() < Duration::from_secs(2), "{error:?}");
    wait_for_end(pid);
}

#[test]
fn an_endless_model_is_ended_in_time() {
    let mut watched = Watched::new();
    watched.options.infer_timeout = Duration::from_millis(300);
    let mut engine = watched.load("loop.onnx");
    let endless =
        Tensor { name: "turns".to_owned(), shape: vec![1], data: runtime::Data::I64(vec![i64::from(i32::MAX)]) };
    let error = engine.infer(&[endless], &mut Vec::new()).unwrap_err();
    assert!(matches!(error, RuntimeError::TimedOut { .. }), "{error:?}");
}

#[test]
fn a_child_out_of_memory_is_an_error() {
    let options = Options { child_memory: 600 << 20, ..isolated(Rung::Rten) };
    let mut engine = runtime::load(&data("conv.onnx"), &options).unwrap();
    let image = Tensor::f32("image", [1, 3, 6000, 6000], vec![0.5; 3 * 6000 * 6000]);
    engine.infer(&[image], &mut Vec::new()).unwrap_err();
    let inputs = synthetic_inputs(&engine.info().model, 1, 0);
    engine.infer(&inputs, &mut Vec::new()).expect("a new child serves on");
}

#[test]
fn nothing_said_of_a_child_exceeds_what_it_took() {
    let mut engine = runtime::load(&data("loop.onnx"), &isolated(Rung::Rten)).unwrap();
    let jobs: Vec<Tensor> = [1.0, 5.0, 40.0].map(|ms| turns(&mut *engine, ms)).into();
    let mut worker = Worker::spawn(engine);
    let mut bounds = 0;
    for id in 0..60 {
        worker.submit(Job { id, inputs: vec![jobs[id as usize % jobs.len()].clone()] });
        let mut most = Span::ZERO;
        loop {
            match worker.elapsed() {
                Running::For(elapsed) => most = most.max(elapsed),
                Running::Done => break,
                Running::Waiting => thread::yield_now(),
                Running::Idle | Running::Away(_) => panic!("a job is out, and here"),
            }
        }
        let (time, _) = worker.recv(Duration::from_secs(5)).unwrap().result.unwrap();
        assert!(time.total() >= most, "said {most}, took {}", time.total());
        bounds += usize::from(most.0 * 2 > time.total().0);
    }
    // How many depends on who else uses the processor; none would mean that nothing is ever claimed.
    assert!(bounds > 0, "no inference was followed beyond its middle");
}

#[test]
fn a_rung_that_is_missing_is_told_through_the_child() {
    let options =
        Options { library: Some("/nowhere/libonnxruntime.so.1.32.0".into()), ..isolated(Rung::OnnxRuntimeCpu) };
    let error = runtime::load(&data("mlp.onnx"), &options).err().unwrap();
    assert!(matches!(&error, RuntimeError::Missing { rung: Rung::OnnxRuntimeCpu, .. }), "{error:?}");
}

#[test]
fn a_child_that_dies_on_the_ladder_is_followed_by_one_on_the_processor() {
    let folder = tempfile::tempdir().unwrap();
    let (flag, engine) = (folder.path().join("flag"), engine_program());
    let line = format!("[ -e {0} ] || {{ touch {0}; kill -9 $$; }}\nexec {1} \"$@\"", flag.display(), engine.display());
    let child_program = Some(script(&folder, &line));
    let options = Options { child_program, requested: Requested::Auto, ..isolated(Rung::Rten) };
    let engine = runtime::load(&data("mlp.onnx"), &options).unwrap();
    assert!(engine.info().obtained >= Rung::OnnxRuntimeCpu && engine.info().requested == Requested::Auto);
    assert_eq!(engine.info().refused[0].0, Rung::TensorRt);
}

#[test]
fn a_child_goes_with_its_engine() {
    let watched = Watched::new();
    let engine = watched.load("mlp.onnx");
    let pid = watched.pid();
    assert!(!ended(pid));
    drop(engine);
    wait_for_end(pid);
}

#[test]
fn a_child_goes_with_its_parent_even_amid_an_inference() {
    let model = data("mlp.onnx");
    let mut parent = Command::new(engine_program())
        .args([&model, Path::new("rten"), Path::new("20"), Path::new("100000")])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let children = format!("/proc/{0}/task/{0}/children", parent.id());
    let start = Instant::now();
    let child = loop {
        let text = fs::read_to_string(&children).unwrap_or_default();
        if let Some(pid) = text.split_whitespace().next().and_then(|pid| Pid::from_raw(pid.parse().ok()?)) {
            break pid;
        }
        assert!(start.elapsed() < Duration::from_secs(5), "no child was seen");
    };
    thread::sleep(Duration::from_millis(100));
    parent.kill().unwrap();
    parent.wait().unwrap();
    wait_for_end(child);
}
