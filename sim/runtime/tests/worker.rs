//! The worker's clock: what the pacer may conclude while an inference runs, and what it is told afterwards.
#![allow(clippy::disallowed_methods, reason = "these tests time things")]

use std::thread;
use std::time::{Duration, Instant};

use runtime::{Engine, EngineInfo, Isolation, Job, ModelInfo, Options, Rung, Running, RuntimeError, Tensor, Worker};
use timing::{ServiceTime, Span};

/// Does what its input says: sleep so many milliseconds, fail below zero, panic at 666.
struct Fake(EngineInfo);

impl Engine for Fake {
    fn info(&self) -> &EngineInfo {
        &self.0
    }

    fn infer(&mut self, inputs: &[Tensor], outputs: &mut Vec<Tensor>) -> Result<ServiceTime, RuntimeError> {
        let ms = inputs[0].data.as_f32().unwrap()[0];
        assert!(ms != 666.0, "as I was told");
        if ms < 0.0 {
            return Err(RuntimeError::Input { found: "a negative time".to_owned(), expected: "another".to_owned() });
        }
        let start = Instant::now();
        thread::sleep(Duration::from_secs_f32(ms / 1e3));
        outputs.push(inputs[0].clone());
        Ok(ServiceTime::compute(Span(start.elapsed().as_nanos() as i64)))
    }
}

fn worker() -> Worker {
    let model = ModelInfo { path: "fake".into(), sha256: String::new(), inputs: vec![], outputs: vec![], bytes: 0 };
    Worker::spawn(Box::new(Fake(EngineInfo::new(Rung::Rten, model))))
}

fn job(id: u64, ms: f32) -> Job {
    Job { id, inputs: vec![Tensor::f32("x", [1], vec![ms])] }
}

const LONG: Duration = Duration::from_secs(5);

#[test]
fn an_inference_never_ends_before_what_was_said_of_it() {
    let mut worker = worker();
    assert_eq!(worker.elapsed(), Running::Idle);
    for id in 0..60 {
        let ms = 0.05 * id as f32;
        worker.submit(job(id, ms));
        let (mut most, mut seen) = (Span::ZERO, false);
        loop {
            match worker.elapsed() {
                Running::Done => break,
                Running::For(elapsed) => {
                    assert!(elapsed >= most, "time ran backwards");
                    (most, seen) = (elapsed, true);
                }
                Running::Waiting => assert!(!seen, "it had started"),
                Running::Idle | Running::Away(_) => panic!("a job is out, and here"),
            }
        }
        let finished = worker.recv(LONG).unwrap();
        assert_eq!((finished.id, finished.inputs.len()), (id, 1));
        let (time, outputs) = finished.result.unwrap();
        assert!(time.total() >= most, "said {most}, took {}", time.total());
        assert!(time.total().ms() >= f64::from(ms));
        assert_eq!(outputs[0].data.as_f32().unwrap(), [ms]);
        assert_eq!(worker.elapsed(), Running::Idle);
    }
}

#[test]
fn a_failure_is_known_no_earlier_than_what_was_said() {
    let mut worker = worker();
    worker.submit(job(1, -1.0));
    let failure = worker.recv(LONG).unwrap().result.unwrap_err();
    assert_eq!(failure.message, "a negative time; the model expects another");
    assert!(failure.after > Span::ZERO && failure.after.ms() < 1e3);
    worker.submit(job(2, 1.0));
    assert!(worker.recv(LONG).unwrap().result.is_ok(), "one failure is not the end");
}

#[test]
fn a_panicking_engine_is_an_event_and_is_not_used_again() {
    let mut worker = worker();
    for id in [1, 2] {
        worker.submit(job(id, 666.0));
        let finished = worker.recv(LONG).unwrap();
        let failure = finished.result.unwrap_err();
        assert!(failure.message.contains("the engine panicked: as I was told"), "{}", failure.message);
        assert_eq!(finished.inputs.len(), 1, "inputs come back");
    }
}

#[test]
fn submit_waits_try_submit_does_not_and_nothing_is_lost() {
    let mut worker = worker();
    worker.submit(job(1, 30.0));
    assert_eq!(worker.try_submit(job(2, 0.0)).unwrap_err().id, 2);
    for id in 3..=6 {
        worker.submit(job(id, 1.0));
    }
    let order: Vec<u64> = (0..5).map(|_| worker.recv(LONG).unwrap().id).collect();
    assert_eq!(order, [1, 3, 4, 5, 6]);
    assert!(worker.recv(Duration::from_millis(1)).is_none(), "there is no job");
}

#[test]
fn recv_gives_up_in_time_and_the_result_comes_later() {
    let mut worker = worker();
    worker.submit(job(1, 1000.0));
    let start = Instant::now();
    assert!(worker.recv(Duration::from_millis(5)).is_none());
    assert!(start.elapsed() < Duration::from_millis(900));
    assert_eq!(worker.recv(LONG).unwrap().id, 1);
}

#[test]
fn a_worker_amid_an_endless_inference_can_be_dropped() {
    let mut worker = worker();
    worker.submit(job(1, 20_000.0));
    thread::sleep(Duration::from_millis(20));
    let start = Instant::now();
    drop(worker);
    assert!(start.elapsed() < Duration::from_secs(2));
}

#[test]
fn hand_over_is_told_apart_and_is_short() {
    let mut worker = worker();
    let mut times: Vec<Duration> = (0..200)
        .map(|id| {
            worker.submit(job(id, 0.0));
            worker.recv(LONG).unwrap().hand_over
        })
        .collect();
    times.sort_unstable();
    assert!(times[100] < Duration::from_millis(5), "median hand-over {:?}", times[100]);
}

#[test]
fn options_default_to_isolation_and_one_thread() {
    let options = Options::default();
    assert_eq!((options.isolate, options.threads), (Isolation::Auto, 1));
}
