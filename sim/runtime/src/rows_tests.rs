use super::*;
use crate::{ModelInfo, Rung, RuntimeError, TensorSpec, block_on, in_lanes};

/// What a made-up engine does wrong.
#[derive(Clone, Copy, PartialEq)]
enum Quirk {
    None,
    /// The last row of a call knows how many there are.
    Neighbours,
    /// It takes one row alone.
    OneOnly,
    /// It fails on a row that begins with a negative number.
    Negative,
    Slow,
}

/// Sums up each row of `x` [N, 3]; tells how many rows its calls had.
struct Sums {
    info: EngineInfo,
    quirk: Quirk,
    calls: std::sync::Arc<std::sync::Mutex<Vec<usize>>>,
}

fn sums(quirk: Quirk) -> (Box<dyn Engine>, std::sync::Arc<std::sync::Mutex<Vec<usize>>>) {
    let spec = |name: &str, width| TensorSpec {
        name: name.into(),
        element: Element::F32,
        shape: vec![(quirk == Quirk::OneOnly).then_some(1), Some(width)],
    };
    let model = ModelInfo {
        path: "sums.onnx".into(),
        sha256: String::new(),
        inputs: vec![spec("x", 3)],
        outputs: vec![spec("y", 1)],
        bytes: 0,
    };
    let info = EngineInfo::new(Rung::Rten, model);
    let calls = std::sync::Arc::default();
    (Box::new(Sums { info, quirk, calls: std::sync::Arc::clone(&calls) }), calls)
}

impl Engine for Sums {
    fn info(&self) -> &EngineInfo {
        &self.info
    }

    fn infer(&mut self, inputs: &[Tensor], outputs: &mut Vec<Tensor>) -> Result<ServiceTime, RuntimeError> {
        let x = self.info.model.order(inputs)?[0].data.as_f32().unwrap_or_default();
        let rows = x.len() / 3;
        self.calls.lock().unwrap().push(rows);
        if self.quirk == Quirk::Negative && x.chunks(3).any(|row| row[0] < 0.0) {
            return Err(RuntimeError::Input { found: "a negative number".into(), expected: "none".into() });
        }
        let mut y: Vec<f32> = x.chunks(3).map(|row| row.iter().sum()).collect();
        if self.quirk == Quirk::Neighbours {
            y[rows - 1] += (rows - 1) as f32 * f32::EPSILON * 8.0;
        }
        *outputs = vec![Tensor::f32("y", [rows, 1], y)];
        let ms = if self.quirk == Quirk::Slow { 5.0 } else { 0.1 };
        Ok(ServiceTime::compute(Span::from_ms(ms)))
    }
}

/// Asks for so many rows at once, each three times.
fn ask(rows: &Rows, count: usize) -> Vec<Vec<Result<Vec<f32>, String>>> {
    let one = async |i: usize| {
        let mut answers = Vec::new();
        for turn in 0..3 {
            let values = [i as f32, turn as f32, 0.5];
            answers.push(rows.infer([("x", &[3][..], &values[..])]).await);
        }
        answers
    };
    block_on(in_lanes(count, (0..count).map(one)), || rows.settle())
}

fn expected(count: usize) -> Vec<Vec<Result<Vec<f32>, String>>> {
    (0..count).map(|i| (0..3).map(|turn| Ok(vec![i as f32 + turn as f32 + 0.5])).collect()).collect()
}

#[test]
fn everybody_gets_its_own_row_and_calls_are_full_or_for_one() {
    let (engine, calls) = sums(Quirk::None);
    let rows = Rows::new(engine);
    assert_eq!(rows.together(), ROWS);
    for (count, wanted) in [(1, vec![1; 3]), (5, vec![1; 15]), (7, vec![8; 3]), (8, vec![8; 3]), (16, vec![8; 6])] {
        calls.lock().unwrap().clear();
        assert_eq!(ask(&rows, count), expected(count), "{count} at once");
        assert_eq!(*calls.lock().unwrap(), wanted, "{count} at once");
    }
    assert!(!rows.settle(), "nobody waits");
}

#[test]
fn who_would_answer_otherwise_in_company_is_asked_alone() {
    for quirk in [Quirk::Neighbours, Quirk::OneOnly, Quirk::Slow] {
        let (engine, calls) = sums(quirk);
        let rows = Rows::new(engine);
        assert_eq!(rows.together(), 1);
        calls.lock().unwrap().clear();
        assert_eq!(ask(&rows, 9), expected(9));
        assert!(calls.lock().unwrap().iter().all(|n| *n == 1));
    }
}

#[test]
fn a_failure_is_that_of_one_row() {
    let (engine, _) = sums(Quirk::Negative);
    let rows = Rows::new(engine);
    let one = async |x: f32| rows.infer([("x", &[3][..], &[x, 0.0, 0.0][..])]).await;
    let answers = block_on(in_lanes(8, [1.0, -1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0].map(one)), || rows.settle());
    assert!(answers[1].as_ref().unwrap_err().contains("a negative number"));
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 7);
    assert_eq!(answers[7], Ok(vec![7.0]));
}

#[test]
fn a_batch_of_equal_rows_gives_the_first() {
    let (engine, calls) = sums(Quirk::None);
    let rows = Rows::new(engine);
    calls.lock().unwrap().clear();
    let (time, output) = rows.alone([("x", &[3][..], &[1.0, 2.0, 3.0][..])], 4).unwrap();
    assert_eq!((time.total(), output), (Span::from_ms(0.1), vec![6.0]));
    assert_eq!(*calls.lock().unwrap(), [4]);
}
