//! Every engine computes the same, takes and gives every element type, and says when inputs do not fit.

mod support;

use runtime::{Data, Engine, Rung, RuntimeError, Tensor, synthetic_inputs};
use support::{data, local, onnxruntime};

fn run(engine: &mut dyn Engine, inputs: &[Tensor]) -> Vec<Tensor> {
    let mut outputs = Vec::new();
    let time = engine.infer(inputs, &mut outputs).unwrap();
    assert!(time.compute.0 > 0 && time.pre.0 >= 0 && time.post.0 >= 0);
    outputs
}

fn rten(model: &str) -> Box<dyn Engine> {
    runtime::load(&data(model), &local(Rung::Rten)).unwrap()
}

fn ort(model: &str) -> Option<Box<dyn Engine>> {
    onnxruntime(model, &local(Rung::OnnxRuntimeCpu))
}

fn floats(tensor: &Tensor) -> Vec<f64> {
    match &tensor.data {
        Data::F32(v) => v.iter().map(|x| f64::from(*x)).collect(),
        Data::F64(v) => v.clone(),
        Data::I64(v) => v.iter().map(|x| *x as f64).collect(),
        Data::I32(v) => v.iter().map(|x| f64::from(*x)).collect(),
        Data::U8(v) => v.iter().map(|x| f64::from(*x)).collect(),
        Data::Bool(v) => v.iter().map(|x| f64::from(u8::from(*x))).collect(),
    }
}

fn assert_close(a: &[Tensor], b: &[Tensor], tolerance: f64) {
    assert_eq!(a.len(), b.len());
    for (a, b) in a.iter().zip(b) {
        assert_eq!((&a.name, &a.shape), (&b.name, &b.shape));
        assert_eq!(std::mem::discriminant(&a.data), std::mem::discriminant(&b.data), "{}", a.name);
        for (x, y) in floats(a).iter().zip(floats(b)) {
            assert!((x - y).abs() <= tolerance * (1.0 + x.abs()), "{}: {x} and {y}", a.name);
        }
    }
}

#[test]
fn rten_and_onnx_runtime_agree() {
    for (model, tolerance) in [("mlp.onnx", 1e-5), ("conv.onnx", 1e-5), ("half.onnx", 5e-3), ("types.onnx", 1e-6)] {
        let mut rten = rten(model);
        let Some(mut ort) = ort(model) else { return };
        for seed in 0..5 {
            let inputs = synthetic_inputs(&rten.info().model, 2, seed);
            assert_close(&run(&mut *rten, &inputs), &run(&mut *ort, &inputs), tolerance);
        }
    }
}

#[test]
fn what_the_network_says_is_what_numpy_says() {
    // x w1 + b1, relu, w2 for x = 0: relu(b1) w2, printed by make.py's weights.
    let mut engine = rten("mlp.onnx");
    let zero = run(&mut *engine, &[Tensor::f32("x", [1, 16], vec![0.0; 16])]);
    let [a, b] = zero[0].data.as_f32().unwrap() else { panic!("two numbers") };
    assert!((a - MLP_OF_ZERO[0]).abs() < 1e-5 && (b - MLP_OF_ZERO[1]).abs() < 1e-5, "{a}, {b}");
}

const MLP_OF_ZERO: [f32; 2] = [0.145_081_15, -0.172_840_74];

#[test]
fn the_batch_may_change_from_call_to_call() {
    for mut engine in [Some(rten("mlp.onnx")), ort("mlp.onnx")].into_iter().flatten() {
        let one = synthetic_inputs(&engine.info().model, 1, 3);
        let alone = run(&mut *engine, &one);
        for batch in [1, 4, 2, 16, 1] {
            let Data::F32(row) = &one[0].data else { panic!("floats") };
            let many = Tensor::f32("x", [batch, 16], row.repeat(batch));
            let outputs = run(&mut *engine, &[many]);
            assert_eq!(outputs[0].shape, [batch, 2]);
            let expected = floats(&alone[0]).repeat(batch);
            let close = floats(&outputs[0]).iter().zip(expected).all(|(x, y)| (x - y).abs() < 1e-5);
            assert!(close, "batch {batch}");
        }
    }
}

#[test]
fn spatial_axes_may_change_too() {
    for mut engine in [Some(rten("conv.onnx")), ort("conv.onnx")].into_iter().flatten() {
        for side in [8usize, 32, 224] {
            let image = Tensor::f32("image", [1, 3, side, side], vec![0.5; 3 * side * side]);
            assert_eq!(run(&mut *engine, &[image])[0].shape, [1, 4]);
        }
    }
}

#[test]
fn an_output_whose_shape_is_known_only_afterwards() {
    for mut engine in [Some(rten("nonzero.onnx")), ort("nonzero.onnx")].into_iter().flatten() {
        for (x, expected) in
            [([1.0, 0.0, 2.0, 0.0, 0.0, 3.0], vec![0, 2, 5]), ([0.0; 6], vec![]), ([1.0; 6], (0..6).collect())]
        {
            let outputs = run(&mut *engine, &[Tensor::f32("x", [6], x.to_vec())]);
            assert_eq!(outputs[0].shape, [1, expected.len()]);
            assert_eq!(outputs[0].data, Data::I64(expected));
        }
    }
}

#[test]
fn not_a_number_is_data() {
    for mut engine in [Some(rten("divide.onnx")), ort("divide.onnx")].into_iter().flatten() {
        let outputs = run(&mut *engine, &[Tensor::f32("x", [3], vec![0.0, 2.0, f32::INFINITY])]);
        let values = outputs[0].data.as_f32().unwrap();
        assert!(values[0].is_nan() && values[1] == 1.0 && values[2].is_nan(), "{values:?}");
    }
}

#[test]
fn outputs_are_refilled_not_appended() {
    for mut engine in [Some(rten("mlp.onnx")), ort("mlp.onnx")].into_iter().flatten() {
        let inputs = synthetic_inputs(&engine.info().model, 1, 3);
        let mut outputs = vec![Tensor::f32("old", [9], vec![1.0; 9]); 3];
        engine.infer(&inputs, &mut outputs).unwrap();
        assert_eq!((outputs.len(), &outputs[0].name[..], &outputs[0].shape[..]), (1, "y", &[1, 2][..]));
    }
}

#[test]
fn inputs_that_do_not_fit_say_what_was_expected() {
    let right = || Tensor::f32("x", [1, 16], vec![0.0; 16]);
    let cases = [
        (vec![], "inputs []; the model expects `x` f32 [?, 16]"),
        (vec![right(), right()], "inputs [`x`, `x`]; the model expects `x` f32 [?, 16]"),
        (vec![Tensor { name: "z".to_owned(), ..right() }], "inputs [`z`]; the model expects `x` f32 [?, 16]"),
        (
            vec![Tensor { shape: vec![1, 15], ..right() }],
            "input `x` is f32 [1, 15] with 16 elements; the model expects `x` f32 [?, 16]",
        ),
        (
            vec![Tensor { shape: vec![usize::MAX, 16], ..right() }],
            "input `x` is f32 [18446744073709551615, 16] with 16 elements; the model expects `x` f32 [?, 16]",
        ),
        (
            vec![Tensor { data: Data::I64(vec![0; 16]), ..right() }],
            "input `x` is i64 [1, 16] with 16 elements; the model expects `x` f32 [?, 16]",
        ),
    ];
    for mut engine in [Some(rten("mlp.onnx")), ort("mlp.onnx")].into_iter().flatten() {
        for (inputs, expected) in &cases {
            let error = engine.infer(inputs, &mut Vec::new()).unwrap_err();
            assert!(matches!(error, RuntimeError::Input { .. }));
            assert_eq!(error.to_string(), *expected);
        }
        assert_eq!(run(&mut *engine, &[right()]).len(), 1, "and then it goes on");
    }
}

#[test]
fn every_level_of_optimisation_computes_the_same() {
    use runtime::{Optimisation, Options};
    let inputs = synthetic_inputs(&rten("conv.onnx").info().model, 1, 1);
    let expected = run(&mut *rten("conv.onnx"), &inputs);
    for rung in [Rung::Rten, Rung::OnnxRuntimeCpu] {
        for optimisation in [Optimisation::Off, Optimisation::Basic, Optimisation::Extended, Optimisation::All] {
            let options = Options { optimisation, threads: 2, ..local(rung) };
            let Some(mut engine) = onnxruntime("conv.onnx", &options) else { return };
            assert_eq!((engine.info().optimisation, engine.info().threads), (optimisation, 2));
            assert_close(&expected, &run(&mut *engine, &inputs), 1e-5);
        }
    }
}

#[test]
fn external_data_reaches_both_engines() {
    use std::fs;
    let folder = tempfile::tempdir().unwrap();
    for name in ["external.onnx", "external.onnx_data"] {
        fs::copy(data(name), folder.path().join(name)).unwrap();
    }
    let path = folder.path().join("external.onnx");
    let input = Tensor::f32("x", [2], vec![10.0, 20.0]);
    for rung in [Rung::Rten, Rung::OnnxRuntimeCpu] {
        match runtime::load(&path, &local(rung)) {
            Ok(mut engine) => {
                assert_eq!(run(&mut *engine, std::slice::from_ref(&input))[0].data, Data::F32(vec![11.0, 22.0]));
            }
            Err(RuntimeError::Missing { reason, .. }) if reason.starts_with("no libonnxruntime found") => {
                eprintln!("SKIPPED: {reason}");
            }
            Err(other) => panic!("{rung}: {other}"),
        }
    }
}
