//! What TensorRT is asked for, and what of it cannot be had.

// Calling a C library by name cannot be checked by the compiler.
#![allow(unsafe_code, reason = "one call into libnvinfer, whose signature has been the same since TensorRT 4")]

use std::ffi::c_int;
use std::path::Path;

use libloading::Library;

use crate::anatomy::{Quantised, quantised};
use crate::engine_cache::Key;
use crate::model::Model;
use crate::{EngineInfo, Options, Precision, Rung, driver};

/// The library as ONNX Runtime 1.31 and later ask for it.
pub(crate) const LIBRARY: &str = "libnvinfer.so.10";

/// In what ONNX Runtime says of an engine that TensorRT does not take ("could not deserialize engine from cache").
pub(crate) const REFUSED: &str = "deserialize engine";

/// What a rung on a GPU is asked for beyond the model; one by one they may be forgone.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Wanted {
    pub(crate) precision: Precision,
    pub(crate) cuda_graph: bool,
    pub(crate) dla: Option<u32>,
    /// What was asked for and cannot be had, with the reason.
    pub(crate) forgone: Vec<String>,
}

impl Wanted {
    /// Of a rung, less what it cannot have whatever the library says. An error where the model itself forbids it.
    pub(crate) fn of(rung: Rung, model: &Model, options: &Options) -> Result<Self, String> {
        // The pre-flight has read it before.
        let form = || quantised(&model.bytes).unwrap_or(Quantised::No);
        Self::on(rung, options, form, driver::is_jetson())
    }

    fn on(rung: Rung, options: &Options, form: impl FnOnce() -> Quantised, jetson: bool) -> Result<Self, String> {
        let Options { precision, cuda_graph, dla, .. } = *options;
        let mut wanted = Self { precision, cuda_graph, dla, forgone: Vec::new() };
        if rung != Rung::TensorRt && precision != Precision::Fp32 {
            wanted.precision = Precision::Fp32;
            wanted.forgo(
                &format!("no {precision}"),
                "TensorRT alone changes a precision; the model runs as it was exported",
            );
        }
        if !rung.on_gpu() && cuda_graph {
            wanted.cuda_graph = false;
            wanted.forgo("no CUDA graph", "it runs on no NVIDIA GPU");
        }
        if let Some(core) = dla
            && let Some(why) = no_dla(rung, precision, jetson)
        {
            wanted.dla = None;
            wanted.forgo(&format!("no DLA core {core}"), why);
        }
        if wanted.precision == Precision::Int8 {
            int8_form(form())?;
        }
        Ok(wanted)
    }

    fn forgo(&mut self, what: &str, why: &str) {
        self.forgone.push(format!("{what}: {why}"));
    }

    /// Gives up one thing because of `why`; false where there is nothing left to give up.
    pub(crate) fn less(&mut self, why: &str) -> bool {
        if std::mem::take(&mut self.cuda_graph) {
            self.forgo("no CUDA graph", why);
        } else if let Some(core) = self.dla.take() {
            self.forgo(&format!("no DLA core {core}"), why);
        } else {
            return false;
        }
        true
    }

    /// What the library said while it built: a DLA that is missing, or layers that are not for it, are but warnings.
    pub(crate) fn heed(&mut self, warnings: &[String]) {
        let Some(core) = self.dla else { return };
        if warnings.iter().any(|line| line.contains("doesn't have any DLA core")) {
            self.dla = None;
            self.forgo(&format!("no DLA core {core}"), "this Jetson has none");
        }
        if warnings.iter().any(|line| line.contains("maximum DLA core number")) {
            self.dla = Some(0);
            self.forgo(&format!("DLA core 0 instead of {core}"), "this Jetson has fewer");
        }
        let left = warnings
            .iter()
            .filter(|line| line.contains("falling back to GPU") || line.contains("not supported on DLA"));
        match left.count() {
            0 => {}
            n => self.forgo(&format!("{n} layers are not on the DLA"), "they are not for it and run on the GPU"),
        }
    }

    /// Into what is told of the engine.
    pub(crate) fn tell(self, info: &mut EngineInfo) {
        (info.precision, info.cuda_graph, info.dla, info.forgone) =
            (self.precision, self.cuda_graph, self.dla, self.forgone);
    }
}

fn no_dla(rung: Rung, precision: Precision, jetson: bool) -> Option<&'static str> {
    if rung != Rung::TensorRt {
        Some("TensorRT alone reaches it")
    } else if !jetson {
        Some("only a Jetson has one")
    } else if precision == Precision::Fp32 {
        Some("it computes in fp16 and int8 only; give --precision")
    } else {
        None
    }
}

/// How the reason begins for which a model cannot be run in int8.
pub(crate) const INT8: &str = "int8 needs a model with its own symmetric int8 quantisation";

/// TensorRT reads int8 from QDQ pairs whose zero points are 0; it leaves unsigned ones to CUDA, piece by piece.
fn int8_form(form: Quantised) -> Result<(), String> {
    let why = match form {
        Quantised::Signed => return Ok(()),
        Quantised::No => "this one has none",
        Quantised::Unsigned => "this one's is unsigned, as processors like it",
    };
    Err(format!("{INT8} (QuantizeLinear and DequantizeLinear with zero points of 0), and {why}"))
}

/// The options of ONNX Runtime's TensorRT provider, by its own names.
pub(crate) fn provider_options(wanted: &Wanted, cache: Option<&Path>) -> Vec<(&'static str, String)> {
    let flag = |on: bool| u8::from(on).to_string();
    let mut options = vec![
        ("device_id", "0".to_owned()),
        // An int8 engine may keep in 16 bits what the model does not quantise.
        ("trt_fp16_enable", flag(wanted.precision != Precision::Fp32)),
        ("trt_int8_enable", flag(wanted.precision == Precision::Int8)),
        ("trt_cuda_graph_enable", flag(wanted.cuda_graph)),
    ];
    if let Some(core) = wanted.dla {
        options.extend([("trt_dla_enable", flag(true)), ("trt_dla_core", core.to_string())]);
    }
    if let Some(folder) = cache {
        let folder = folder.display().to_string();
        options.extend([
            ("trt_engine_cache_enable", flag(true)),
            ("trt_engine_cache_path", folder.clone()),
            ("trt_timing_cache_enable", flag(true)),
            ("trt_timing_cache_path", folder),
        ]);
    }
    options
}

/// What an engine of this model would be built for here.
pub(crate) fn key(model: &Model, onnxruntime: &str, wanted: &Wanted, options: &Options) -> Result<Key, String> {
    let gpu = driver::gpu().as_ref().map_err(Clone::clone)?;
    Ok(Key {
        model: model.info.sha256.clone(),
        gpu: format!("{} ({})", gpu.name, gpu.compute),
        driver: format!("{}, CUDA {}", driver::version(), gpu.cuda),
        tensorrt: version().ok_or_else(|| format!("{LIBRARY} does not tell its version"))?,
        onnxruntime: onnxruntime.to_owned(),
        precision: wanted.precision,
        dla: wanted.dla,
        optimisation: options.optimisation.to_string(),
    })
}

/// Of the TensorRT that ONNX Runtime would load, such as 10.16.1; `None` where it is missing.
pub(crate) fn version() -> Option<String> {
    // SAFETY: the library runs only its own initialisers, as it does when ONNX Runtime loads it. It stays loaded: ONNX Runtime
    // keeps it too.
    let number = unsafe {
        let library = Library::new(LIBRARY).ok()?;
        let get: libloading::Symbol<unsafe extern "C" fn() -> c_int> = library.get("getInferLibVersion").ok()?;
        let number = get();
        std::mem::forget(library);
        number
    };
    Some(words(number))
}

/// 101601 is 10.16.1; before TensorRT 10 it was 8601 for 8.6.1.
fn words(number: c_int) -> String {
    let major = if number >= 100_000 { 10_000 } else { 1000 };
    format!("{}.{}.{}", number / major, number % major / 100, number % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(precision: Precision, cuda_graph: bool, dla: Option<u32>) -> Options {
        Options { precision, cuda_graph, dla, ..Options::default() }
    }

    fn wanted(rung: Rung, options: &Options, jetson: bool) -> Wanted {
        Wanted::on(rung, options, || Quantised::Signed, jetson).unwrap()
    }

    fn value(options: &[(&str, String)], name: &str) -> Option<String> {
        options.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone())
    }

    #[test]
    fn what_is_asked_for_is_what_tensorrt_is_given() {
        let given = |options: &Options| provider_options(&wanted(Rung::TensorRt, options, true), None);
        for (precision, fp16, int8) in
            [(Precision::Fp32, "0", "0"), (Precision::Fp16, "1", "0"), (Precision::Int8, "1", "1")]
        {
            let options = given(&asked(precision, false, None));
            assert_eq!(value(&options, "trt_fp16_enable").as_deref(), Some(fp16), "{precision}");
            assert_eq!(value(&options, "trt_int8_enable").as_deref(), Some(int8), "{precision}");
            assert_eq!(value(&options, "trt_cuda_graph_enable").as_deref(), Some("0"));
            assert_eq!(value(&options, "trt_dla_enable"), None);
            assert_eq!(value(&options, "trt_engine_cache_enable"), None);
        }
        let options = given(&asked(Precision::Int8, true, Some(1)));
        assert_eq!(value(&options, "trt_cuda_graph_enable").as_deref(), Some("1"));
        assert_eq!(value(&options, "trt_dla_enable").as_deref(), Some("1"));
        assert_eq!(value(&options, "trt_dla_core").as_deref(), Some("1"));
    }

    #[test]
    fn engines_and_timings_are_kept_in_the_folder_of_the_key() {
        let wanted = wanted(Rung::TensorRt, &asked(Precision::Fp16, false, None), false);
        let options = provider_options(&wanted, Some("/cache/key".as_ref()));
        for name in ["trt_engine_cache", "trt_timing_cache"] {
            assert_eq!(value(&options, &format!("{name}_enable")).as_deref(), Some("1"));
            assert_eq!(value(&options, &format!("{name}_path")).as_deref(), Some("/cache/key"));
        }
    }

    #[test]
    fn what_a_rung_cannot_have_is_forgone_with_its_reason() {
        let all = asked(Precision::Fp16, true, Some(0));
        let there = wanted(Rung::TensorRt, &all, true);
        assert_eq!((there.cuda_graph, there.dla, &there.forgone[..]), (true, Some(0), &[][..]));
        let desk = wanted(Rung::TensorRt, &all, false);
        assert_eq!((desk.dla, desk.forgone.join("; ").as_str()), (None, "no DLA core 0: only a Jetson has one"));
        let full = wanted(Rung::TensorRt, &asked(Precision::Fp32, false, Some(0)), true);
        assert!(full.forgone[0].contains("fp16 and int8 only"), "{:?}", full.forgone);
        let cuda = wanted(Rung::Cuda, &all, true);
        assert_eq!((cuda.precision, cuda.cuda_graph, cuda.dla, cuda.forgone.len()), (Precision::Fp32, true, None, 2));
        let processor = wanted(Rung::OnnxRuntimeCpu, &all, true);
        assert_eq!((processor.cuda_graph, processor.forgone.len()), (false, 3));
        assert!(processor.forgone[0].starts_with("no fp16: TensorRT alone"), "{:?}", processor.forgone);
        let nothing = wanted(Rung::Rten, &Options::default(), false);
        assert_eq!(nothing.forgone, [""; 0]);
    }

    #[test]
    fn int8_of_a_model_that_is_not_quantised_for_it_is_refused() {
        let options = asked(Precision::Int8, false, None);
        for (form, expected) in [(Quantised::No, "this one has none"), (Quantised::Unsigned, "this one's is unsigned")]
        {
            let why = Wanted::on(Rung::TensorRt, &options, || form, false).unwrap_err();
            assert!(why.contains(expected) && Rung::TensorRt.help(&why).contains("signed.py"), "{why}");
            assert!(Wanted::on(Rung::OnnxRuntimeCpu, &options, || form, false).is_ok(), "others run it as it is");
        }
        let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
        let of = |name| quantised(&Model::read(&data.join(name)).unwrap().bytes).unwrap();
        assert_eq!(of("mlp.onnx"), Quantised::No);
        assert_eq!(of("qdq.onnx"), Quantised::Unsigned);
        assert_eq!(of("signed.onnx"), Quantised::Signed);
    }

    #[test]
    fn one_thing_after_the_other_is_given_up() {
        let mut wanted = wanted(Rung::TensorRt, &asked(Precision::Fp16, true, Some(1)), true);
        assert!(wanted.less("not all nodes are TensorRT's"));
        assert!(wanted.less("out of memory"));
        assert!(!wanted.less("it is something else"));
        assert_eq!(wanted.forgone, ["no CUDA graph: not all nodes are TensorRT's", "no DLA core 1: out of memory"]);
    }

    #[test]
    fn warnings_about_the_dla_are_heeded() {
        let jetson = || wanted(Rung::TensorRt, &asked(Precision::Fp16, false, Some(1)), true);
        let heard = |lines: &[&str]| {
            let mut wanted = jetson();
            wanted.heed(&lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>());
            (wanted.dla, wanted.forgone.join("; "))
        };
        assert_eq!(heard(&["[TensorRT EP] something else"]), (Some(1), String::new()));
        let (core, why) = heard(&["[TensorRT EP] Try to use DLA core, but platform doesn't have any DLA core"]);
        assert!(core.is_none() && why.starts_with("no DLA core 1: "), "{why}");
        let beyond = "[TensorRT EP] Try to use DLA core #1, but it exceeds platform's maximum DLA core number 1. Use DLA core 0 instead.";
        let (core, why) = heard(&[beyond]);
        assert!(core == Some(0) && why.starts_with("DLA core 0 instead of 1: "), "{why}");
        let layer = "Layer 'Softmax_1' (SOFTMAX): Unsupported on DLA. Switching this layer's device type to GPU. falling back to GPU";
        assert_eq!(heard(&[layer, layer]).1, "2 layers are not on the DLA: they are not for it and run on the GPU");
    }

    #[test]
    fn versions_are_read_from_their_numbers() {
        assert_eq!((words(101_601), words(8601), words(110_400)), ("10.16.1".into(), "8.6.1".into(), "11.4.0".into()));
    }
}
