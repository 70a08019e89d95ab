//! Several engines measured in one run, in turn, so that what changes on the machine meanwhile changes all of them alike.

use std::thread;
use std::time::{Duration, Instant};

use timing::{Rate, ServiceTime};

use crate::{Engine, MeasureOptions, RuntimeError, Witness, synthetic_inputs};

/// Service times of each engine, and what disturbed them.
#[derive(Clone, Debug, PartialEq)]
pub struct Together {
    /// In the order of the engines.
    pub times: Vec<Vec<ServiceTime>>,
    /// Why they are not to be trusted; empty if they are.
    pub complaints: Vec<String>,
}

/// Runs each engine once in each period of the cadence, in an order that moves on by one every time. The caches are colder
/// than in a loop with one engine, alike for all.
///
/// Where they take longer than a period, the next begins as soon as the last has ended.
pub fn measure_together(engines: &mut [Box<dyn Engine>], options: &MeasureOptions) -> Result<Together, RuntimeError> {
    let Some(rate) = Rate::from_hz(options.hz) else {
        let found = format!("a cadence of {} Hz", options.hz);
        return Err(RuntimeError::Input { found, expected: "0.001 to 1,000,000 Hz".to_owned() });
    };
    let inputs: Vec<_> =
        engines.iter().map(|engine| synthetic_inputs(&engine.info().model, options.batch, options.seed)).collect();
    let mut times = vec![Vec::with_capacity(options.count); engines.len()];
    let served_at: Vec<_> = engines.iter().flat_map(|engine| engine.info().served_at.clone()).collect();
    let (mut outputs, witness, base) = (Vec::new(), Witness::begin(&served_at), Instant::now());
    for round in 0..options.warm_up + options.count {
        let due = base + Duration::from_nanos(rate.event(round as u64).0.max(0) as u64);
        thread::sleep(due.saturating_duration_since(Instant::now()));
        for turn in 0..engines.len() {
            let i = (round + turn) % engines.len();
            let time = engines[i].infer(&inputs[i], &mut outputs)?;
            if round >= options.warm_up {
                times[i].push(time);
            }
        }
    }
    let complaints = engines.first().map(|engine| witness.complaints(engine.info())).unwrap_or_default();
    Ok(Together { times, complaints })
}
