//! How many inferences a server runs at once is what it was told, each on an engine of its own, and whoever asks is told of the others.
#![allow(clippy::disallowed_methods, reason = "engines that take their time take it of a clock")]

use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use runtime::{Engine, EngineInfo, Isolation, Options, Requested, Rung, RuntimeError, Tensor, Worker};
use target::{ServeOptions, Served, TargetOptions};
use timing::{ServiceTime, Span};

const TAKES: Duration = Duration::from_millis(40);

/// A network that takes its time, and counts those who run at once.
struct Slow {
    engine: Box<dyn Engine>,
    busy: AtomicBool,
    now: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

impl Engine for Slow {
    fn info(&self) -> &EngineInfo {
        self.engine.info()
    }

    fn infer(&mut self, inputs: &[Tensor], outputs: &mut Vec<Tensor>) -> Result<ServiceTime, RuntimeError> {
        assert!(!self.busy.swap(true, Ordering::SeqCst), "one engine is never asked by two");
        self.most.fetch_max(self.now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        thread::sleep(TAKES);
        let mut time = self.engine.infer(inputs, outputs)?;
        self.now.fetch_sub(1, Ordering::SeqCst);
        self.busy.store(false, Ordering::SeqCst);
        time.compute += Span(TAKES.as_nanos() as i64);
        Ok(time)
    }
}

/// The most that ran at once, and what two clients who ask as often as they can have to complain of.
fn two_clients(parallel: usize) -> (usize, Vec<Vec<String>>) {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../runtime/tests/data/mlp.onnx");
    let rten = Options {
        requested: Requested::Exactly(Rung::Rten),
        isolate: Isolation::Never,
        offline: true,
        ..Options::default()
    };
    let slow = |_| -> Box<dyn Engine> {
        let engine = runtime::load(&model, &rten).unwrap();
        Box::new(Slow { engine, busy: AtomicBool::new(false), now: now.clone(), most: most.clone() })
    };
    let served = Served::new("mlp", (0..parallel).map(slow).collect()).unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let (ready, address) = mpsc::channel();
    let server = {
        let stop = stop.clone();
        let options = ServeOptions { bind: "127.0.0.1:0".parse().unwrap(), token: None, parallel };
        let ready = move |address: SocketAddr| ready.send(address).unwrap();
        thread::spawn(move || target::serve(&options, vec![served], ready, || stop.load(Ordering::SeqCst)).unwrap())
    };
    let address = format!("grpc://{}", address.recv().unwrap());
    let client = |_| {
        let options = TargetOptions::new(address.parse().unwrap());
        thread::spawn(move || {
            let mut worker = Worker::spawn(target::connect("mlp", &options).unwrap());
            for id in 0..25 {
                let inputs = runtime::synthetic_inputs(&worker.info().model, 1, id);
                worker.submit(runtime::Job { id, inputs });
                let (time, outputs) = worker.recv(Duration::from_secs(10)).unwrap().result.unwrap();
                assert!(time.total().ms() >= 40.0 && outputs[0].shape == [1, 2], "{time:?}");
            }
            worker.complaints()
        })
    };
    let clients: Vec<_> = (0..2).map(client).collect();
    let complaints = clients.into_iter().map(|client| client.join().unwrap()).collect();
    stop.store(true, Ordering::SeqCst);
    server.join().unwrap();
    (most.load(Ordering::SeqCst), complaints)
}

#[test]
fn one_at_a_time_makes_others_wait_and_says_so() {
    let (most, complaints) = two_clients(1);
    assert_eq!(most, 1);
    for complaints in complaints {
        let told = complaints.join("; ");
        assert!(told.contains("frames waited for others on the target") && !told.contains("beside"), "{told}");
    }
}

#[test]
fn several_at_a_time_run_side_by_side_and_say_so() {
    let (most, complaints) = two_clients(2);
    assert_eq!(most, 2);
    for complaints in complaints {
        let told = complaints.join("; ");
        assert!(told.contains("frames ran beside those of others"), "{told}");
    }
}
