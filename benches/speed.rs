//! How fast the simulator is: `cargo bench`. Numbers are of the machine at hand; ratios are what a change is judged by.

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use episode::{Driver, Episode, Supply};
use pilot::{Contract, Input, Tensor};
use scenario::Setup;
use timing::{SimTime, Source};

fn setup(name: &str) -> Setup {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(name).with_extension("toml");
    scenario::load(&path).and_then(|s| s.setup(0)).expect("a scenario that ships")
}

/// Simulated milliseconds a second: "elements" are simulated milliseconds.
fn simulated_time(c: &mut Criterion) {
    let mut group = c.benchmark_group("one simulated second at 1 kHz");
    group.throughput(Throughput::Elements(1000)).measurement_time(Duration::from_secs(5));
    for name in ["empty_bench", "bench_60"] {
        let mut start = Episode::new(Arc::new(setup(name)), Source::ZERO).expect("a valid setup");
        let mut driver = Driver::new(Supply::Nobody);
        // From the middle of the hall on.
        driver.pump(&mut start, SimTime(10_000_000_000), Duration::ZERO);
        group.bench_function(name, |b| {
            b.iter(|| {
                let mut episode = start.clone();
                driver.pump(&mut episode, SimTime(11_000_000_000), Duration::ZERO);
                black_box(episode.digest())
            });
        });
    }
    group.finish();
}

/// What a frame costs beside the network: encode and decode.
fn pipeline(c: &mut Criterion) {
    let mut episode = Episode::new(Arc::new(setup("bench_60")), Source::ZERO).expect("a valid setup");
    let mut driver = Driver::new(Supply::Nobody);
    let mut seen = Vec::new();
    for k in 0..6 {
        driver.pump(&mut episode, SimTime(10_000_000_000 + k * 50_000_000), Duration::ZERO);
        seen.push(episode.newest().expect("an observation").clone());
    }
    let now = seen.last().expect("an observation").clone();
    let mut inputs: Vec<Tensor> = Vec::new();
    c.bench_function("encode", |b| {
        b.iter(|| {
            let input = Input::new(&now, seen.iter().map(AsRef::as_ref), 2.0);
            Contract::Rover.encode(&input, 10.0, &mut inputs);
            black_box(inputs.len())
        });
    });
    let logits: Vec<f32> = (0..Contract::Rover.output_len()).map(|i| (i % 7) as f32).collect();
    c.bench_function("decode", |b| b.iter(|| black_box(Contract::Rover.decode(black_box(&logits), 2.0))));
}

/// The price of asking "what if".
fn fork(c: &mut Criterion) {
    let mut episode = Episode::new(Arc::new(setup("bench_60")), Source::ZERO).expect("a valid setup");
    Driver::new(Supply::Nobody).pump(&mut episode, SimTime(5_000_000_000), Duration::ZERO);
    c.bench_function("fork", |b| b.iter(|| black_box(episode.clone())));
}

criterion_group!(benches, simulated_time, pipeline, fork);
criterion_main!(benches);
