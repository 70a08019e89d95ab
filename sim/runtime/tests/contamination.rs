//! What makes a measurement a lie is noticed: each is caused here.
#![allow(clippy::disallowed_methods, reason = "these tests time things")]

mod support;

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use runtime::{Engine, MeasureOptions, Rung, Witness, unsteady};
use support::{data, local};
use timing::{ServiceTime, Span};

fn engine() -> Box<dyn Engine> {
    runtime::load(&data("mlp.onnx"), &local(Rung::Rten)).unwrap()
}

/// Tests of one program run side by side and would disturb each other, which is what they look for.
static ALONE: std::sync::Mutex<()> = std::sync::Mutex::new(());

fn alone() -> std::sync::MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn write(root: &Path, file: &str, text: &str) {
    let path = root.join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// What a witness says that sees only this folder, when `cause` happens in it.
fn told(before: &[(&str, &str)], cause: &[(&str, &str)]) -> String {
    let root = tempfile::tempdir().unwrap();
    for (file, text) in before {
        write(root.path(), file, text);
    }
    let witness = Witness::begin_under(root.path());
    for (file, text) in cause {
        write(root.path(), file, text);
    }
    witness.complaints(engine().info()).join("; ")
}

#[test]
fn a_renderer_or_another_episode_in_this_program_is_noticed() {
    let _alone = alone();
    let stop = AtomicBool::new(false);
    let measured = std::thread::scope(|scope| {
        let busy = std::thread::Builder::new().name("render".to_owned()).spawn_scoped(scope, || {
            let mut x = 0u64;
            while !stop.load(Ordering::Relaxed) {
                x = std::hint::black_box(x.wrapping_add(1));
            }
        });
        let options = MeasureOptions { hz: 100.0, count: 100, ..MeasureOptions::default() };
        let measured = runtime::measure(engine().as_mut(), &options).unwrap();
        stop.store(true, Ordering::Relaxed);
        busy.unwrap().join().unwrap();
        measured
    });
    let complaint = measured.complaints.iter().find(|c| c.contains("other threads of this program"));
    assert!(complaint.is_some() && !measured.trusted, "{:?}", measured.complaints);
}

#[test]
fn the_engines_own_threads_are_not_others() {
    let _alone = alone();
    let options = MeasureOptions { hz: 1000.0, count: 500, ..MeasureOptions::default() };
    let measured = runtime::measure(engine().as_mut(), &options).unwrap();
    let complaint = measured.complaints.iter().find(|c| c.contains("other threads of this program"));
    assert_eq!(complaint, None);
}

#[test]
fn a_cold_engine_is_noticed() {
    let cold = engine();
    let mut info = cold.info().clone();
    info.warm = false;
    let root = tempfile::tempdir().unwrap();
    let complaints = Witness::begin_under(root.path()).complaints(&info).join("; ");
    assert!(complaints.contains("never warmed up"), "{complaints}");
    let sample = |ms| (Span::ZERO, ServiceTime::compute(Span::from_ms(ms)));
    let warming: Vec<_> = (0..100).map(|i| sample(if i < 25 { 3.0 } else { 2.0 })).collect();
    assert!(unsteady(&warming)[0].contains("still cold"));
}

#[test]
fn clocks_of_an_idling_machine_are_noticed() {
    let cpu = "sys/devices/system/cpu/cpu0/cpufreq";
    let (current, limit) = (format!("{cpu}/scaling_cur_freq"), format!("{cpu}/scaling_max_freq"));
    let governor = format!("{cpu}/scaling_governor");
    let idle = [(&current[..], "800000\n"), (&limit[..], "3600000\n"), (&governor[..], "powersave\n")];
    assert!(told(&idle, &[]).contains("ran at 800 of 3600 MHz (governor powersave)"), "{}", told(&idle, &[]));
    let awake = [(&current[..], "3400000\n")];
    assert_eq!(told(&idle, &awake), "");
    assert!(told(&idle, &[awake[0], (&limit, "1500000\n")]).contains("fell from 3600 to 1500 MHz"));
}

#[test]
fn throttling_is_noticed_on_a_pc_and_on_a_jetson() {
    let count = "sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count";
    assert_eq!(told(&[(count, "5\n")], &[(count, "5\n")]), "");
    assert!(told(&[(count, "5\n")], &[(count, "6\n")]).contains("because of its heat"));
    let (alert, state) = ("sys/class/thermal/cooling_device3/type", "sys/class/thermal/cooling_device3/cur_state");
    let jetson = [(alert, "gpu-throttle-alert\n"), (state, "0\n")];
    assert_eq!(told(&jetson, &[]), "");
    assert!(told(&jetson, &[(state, "1\n")]).contains("heat (gpu-throttle-alert)"));
    let fan = [(alert, "pwm-fan\n"), (state, "0\n")];
    assert_eq!(told(&fan, &[(state, "3\n")]), "", "a fan slows nothing");
    // What a server tells of itself.
    let root = tempfile::tempdir().unwrap();
    write(root.path(), count, "5\n");
    let mut witness = Witness::begin_under(root.path());
    assert_eq!(witness.slowed(), [""; 0]);
    write(root.path(), count, "6\n");
    assert_eq!(witness.slowed(), ["the processor was slowed down because of its heat"]);
    assert_eq!(witness.slowed(), [""; 0], "not since it was last asked");
}

#[test]
fn swap_is_noticed() {
    let before = [("proc/vmstat", "pgfault 9\npswpin 100\npswpout 0\n")];
    assert_eq!(told(&before, &[("proc/vmstat", "pgfault 9\npswpin 103\n")]), "");
    assert!(told(&before, &[("proc/vmstat", "pgfault 9\npswpin 900\n")]).contains("800 pages came back from swap"));
}

#[test]
fn an_engine_that_is_built_meanwhile_is_noticed() {
    let cached = [("engines/key/model.engine", "as built before")];
    assert_eq!(told(&cached, &[]), "");
    assert!(told(&cached, &[("engines/other/model.engine", "new")]).contains("an engine was built meanwhile"));
    assert!(told(&cached, &[("engines/key/model.engine", "built anew")]).contains("an engine was built meanwhile"));
    let sample = |ms| (Span::ZERO, ServiceTime::compute(Span::from_ms(ms)));
    let mut times: Vec<_> = (0..100).map(|_| sample(2.0)).collect();
    assert_eq!(unsteady(&times), [""; 0]);
    times[60] = sample(9_500.0);
    assert!(unsteady(&times)[0].contains("an engine was built on the way"), "{:?}", unsteady(&times));
}

#[test]
fn another_programs_work_is_noticed() {
    let _alone = alone();
    let witness = Witness::begin(&[]);
    // Not a child of ours in the end: its shell is gone.
    let shell = "timeout 2 sh -c 'while :; do :; done' &";
    std::process::Command::new("sh").args(["-c", shell]).spawn().unwrap().wait().unwrap();
    let start = Instant::now();
    let mut complaints = String::new();
    while start.elapsed() < Duration::from_secs(2) && !complaints.contains("other programs used") {
        std::thread::sleep(Duration::from_millis(200));
        complaints = witness.complaints(engine().info()).join("; ");
    }
    assert!(complaints.contains("other programs used"), "{complaints}");
}
