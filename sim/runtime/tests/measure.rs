//! A measurement keeps its cadence, and says why it is not to be trusted when it is not.
#![allow(clippy::disallowed_methods, reason = "these tests time things")]

mod support;

use std::time::{Duration, Instant};

use runtime::{MeasureOptions, Rung, RuntimeError};
use support::{data, local};

fn measure(options: &MeasureOptions) -> runtime::Measurement {
    let mut engine = runtime::load(&data("mlp.onnx"), &local(Rung::Rten)).unwrap();
    runtime::measure(&mut *engine, options).unwrap()
}

#[test]
fn samples_come_at_the_cadence_with_their_idle_gaps() {
    let options = MeasureOptions { hz: 200.0, count: 100, warm_up: 5, ..MeasureOptions::default() };
    let start = Instant::now();
    let measured = measure(&options);
    let took = start.elapsed();
    assert!(took > Duration::from_millis(500) && took < Duration::from_secs(10), "{took:?}");
    assert_eq!(measured.samples.len(), 100);
    let mut cycles: Vec<f64> = measured.samples.iter().map(|(idle, time)| idle.ms() + time.total().ms()).collect();
    cycles.sort_unstable_by(f64::total_cmp);
    assert!((cycles[50] - 5.0).abs() < 1.0, "median of idle + run is {} ms, the period 5 ms", cycles[50]);
    assert_eq!(measured.trusted, measured.complaints.is_empty());
}

#[test]
fn a_cadence_that_cannot_be_kept_is_not_trusted() {
    let measured = measure(&MeasureOptions { hz: 1e6, count: 50, warm_up: 2, ..MeasureOptions::default() });
    assert!(!measured.trusted);
    assert!(measured.complaints.iter().any(|c| c.contains("not every start of the cadence was kept")), "{measured:?}");
}

#[test]
fn few_samples_are_not_trusted() {
    let measured = measure(&MeasureOptions { hz: 100.0, count: 10, warm_up: 0, ..MeasureOptions::default() });
    assert!(measured.complaints.iter().any(|c| c.contains("too few")), "{measured:?}");
}

#[test]
fn work_of_another_program_is_noticed() {
    let mut others: Vec<_> = (0..2)
        .map(|_| {
            // Not a child of ours in the end: its shell is gone.
            std::process::Command::new("sh").args(["-c", "timeout 4 sh -c 'while :; do :; done' & "]).spawn().unwrap()
        })
        .collect();
    for shell in &mut others {
        shell.wait().unwrap();
    }
    let measured = measure(&MeasureOptions { hz: 100.0, count: 100, ..MeasureOptions::default() });
    assert!(measured.complaints.iter().any(|c| c.contains("other programs used")), "{:?}", measured.complaints);
}

#[test]
fn an_impossible_rate_is_an_error() {
    let mut engine = runtime::load(&data("mlp.onnx"), &local(Rung::Rten)).unwrap();
    for hz in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let error = runtime::measure(&mut *engine, &MeasureOptions { hz, ..MeasureOptions::default() }).unwrap_err();
        assert!(matches!(error, RuntimeError::Input { .. }));
    }
}
