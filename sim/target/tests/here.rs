//! A server on this very machine: what it does for the measurement is the measurement's own work, and what others do is not.
#![cfg(target_os = "linux")]
#![allow(clippy::disallowed_methods, reason = "that a server ends is seen on a clock")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use runtime::{Engine, Isolation, MeasureOptions, Options, Requested, Rung, Witness};
use target::{ServeOptions, Served, TargetOptions};

/// As long as this a server lives that nobody stopped.
const LIFE: Duration = Duration::from_secs(120);

#[test]
#[ignore = "the other test starts it, as a process of its own"]
fn server() {
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets/models/pilot-wide.onnx");
    let requested = Requested::Exactly(Rung::Rten);
    let options = Options { requested, isolate: Isolation::Never, offline: true, ..Options::default() };
    let served = Served::new("pilot-wide", vec![runtime::load(&model, &options).unwrap()]).unwrap();
    let options = ServeOptions { bind: "127.0.0.1:0".parse().unwrap(), token: None, parallel: 1 };
    let begun = Instant::now();
    target::serve(&options, vec![served], |at| println!("\n{at} {}", std::process::id()), || begun.elapsed() > LIFE)
        .unwrap();
}

/// A process that is no child of ours in the end: its shell is gone. What it prints, up to a line with two words.
fn apart(command: &str) -> (String, Ended) {
    let mut shell = Command::new("sh").args(["-c", &format!("{command} &")]).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(shell.stdout.take().unwrap()).lines().map_while(Result::ok);
    let words = |line: String| line.split_once(' ').map(|(first, id)| (first.to_owned(), id.to_owned()));
    let (first, id) = lines.filter_map(words).find(|(_, id)| id.parse::<u32>().is_ok()).unwrap();
    shell.wait().unwrap();
    (first, Ended(id))
}

/// The id of a process that ends with the test.
struct Ended(String);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(&self.0).status();
    }
}

fn of_others(complaints: Vec<String>) -> Option<String> {
    complaints.into_iter().find(|complaint| complaint.contains("other programs used"))
}

/// What is said of other programs by a measurement that knows of its server, and by a witness that does not.
fn told(engine: &mut dyn Engine) -> (Option<String>, Option<String>) {
    let unaware = Witness::begin(&[]);
    let options = MeasureOptions { hz: 25.0, count: 40, warm_up: 0, ..MeasureOptions::default() };
    let complaints = runtime::measure(engine, &options).unwrap().complaints;
    (of_others(complaints), of_others(unaware.complaints(engine.info())))
}

fn quiet(engine: &dyn Engine) -> bool {
    let witness = Witness::begin(&[]);
    sleep(Duration::from_millis(500));
    of_others(witness.complaints(engine.info())).is_none()
}

#[test]
fn its_work_is_the_measurements_and_other_work_is_not() {
    let program = std::env::current_exe().unwrap();
    let (address, _server) = apart(&format!("'{}' --exact server --ignored --nocapture", program.display()));
    let options = TargetOptions::new(format!("grpc://{address}").parse().unwrap());
    let mut engine = target::connect("pilot-wide", &options).unwrap();

    let (mut quiet_times, mut aware) = (0, None);
    for _ in 0..40 {
        if !quiet(engine.as_ref()) {
            continue;
        }
        quiet_times += 1;
        let (known, unknown) = told(engine.as_mut());
        assert!(unknown.is_some(), "the server did too little to be noticed");
        aware = known;
        if aware.is_none() || quiet_times == 3 {
            break;
        }
    }
    assert_eq!(aware, None, "on a quiet machine, {quiet_times} times");
    if quiet_times == 0 {
        eprintln!(
            "SKIPPED: other programs use this machine, so that it cannot be seen that the server is none of them"
        );
    }

    let (_, _busy) = apart("timeout 20 sh -c 'echo busy $$; while :; do :; done'");
    assert!(told(engine.as_mut()).0.is_some(), "a program beside the server");
}
