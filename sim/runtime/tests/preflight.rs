//! Crafted bad models give a typed error in two seconds, whatever the bytes, and no file outside their folder is read.
#![allow(clippy::disallowed_methods, reason = "these tests time things")]

mod support;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, Instant};

use runtime::RuntimeError;
use tempfile::TempDir;

/// A length-delimited field.
fn field(number: u64, payload: &[u8]) -> Vec<u8> {
    let mut bytes = varint(number << 3 | 2);
    bytes.extend(varint(payload.len() as u64));
    bytes.extend_from_slice(payload);
    bytes
}

/// A numeric field.
fn number(field: u64, value: u64) -> Vec<u8> {
    [varint(field << 3), varint(value)].concat()
}

fn varint(mut n: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while n >= 0x80 {
        bytes.push(n as u8 | 0x80);
        n >>= 7;
    }
    bytes.push(n as u8);
    bytes
}

fn value(name: &str, element: u64, dims: &[u64]) -> Vec<u8> {
    let dims: Vec<u8> = dims.iter().flat_map(|dim| field(1, &number(1, *dim))).collect();
    let tensor = [number(1, element), field(2, &dims)].concat();
    [field(1, name.as_bytes()), field(2, &field(1, &tensor))].concat()
}

fn node(operator: &str, domain: &str, attributes: &[u8]) -> Vec<u8> {
    let ends = [field(1, b"x"), field(2, b"y")].concat();
    [ends, field(4, operator.as_bytes()), field(7, domain.as_bytes()), attributes.to_vec()].concat()
}

fn graph(node: &[u8], more: &[u8]) -> Vec<u8> {
    let ends = [field(11, &value("x", 1, &[4])), field(12, &value("y", 1, &[4]))].concat();
    [field(1, node), ends, more.to_vec()].concat()
}

fn model(graph: &[u8]) -> Vec<u8> {
    [number(1, 8), field(8, &number(2, 17)), field(7, graph)].concat()
}

fn good() -> Vec<u8> {
    model(&graph(&node("Identity", "", &[]), &[]))
}

/// Keys and values of external data.
type Entries<'a> = &'a [(&'a str, &'a str)];

/// A float tensor `w` of these dimensions whose bytes are elsewhere.
fn external(dims: &[u64], entries: Entries) -> Vec<u8> {
    let dims: Vec<u8> = dims.iter().flat_map(|dim| number(1, *dim)).collect();
    let entries: Vec<u8> = entries
        .iter()
        .flat_map(|(key, value)| field(13, &[field(1, key.as_bytes()), field(2, value.as_bytes())].concat()))
        .collect();
    [dims, number(2, 1), field(8, b"w"), entries, number(14, 1)].concat()
}

fn with_external(entries: Entries) -> Vec<u8> {
    model(&graph(&node("Identity", "", &[]), &field(5, &external(&[4], entries))))
}

fn function(name: &str, calls: &str) -> Vec<u8> {
    let body = field(7, &node(calls, "mine", &[]));
    field(25, &[field(1, name.as_bytes()), field(10, b"mine"), body].concat())
}

fn nested(depth: usize) -> Vec<u8> {
    let mut inner = graph(&node("Identity", "", &[]), &[]);
    for _ in 0..depth {
        inner = graph(&node("If", "", &field(5, &field(6, &inner))), &[]);
    }
    model(&inner)
}

/// The error for these bytes, which must come in time.
fn refused(folder: &Path, bytes: &[u8]) -> RuntimeError {
    let path = folder.join("model.onnx");
    fs::write(&path, bytes).unwrap();
    inspected(&path).expect_err("the model was accepted")
}

fn inspected(path: &Path) -> Result<runtime::ModelInfo, RuntimeError> {
    let start = Instant::now();
    let result = runtime::inspect(path);
    assert!(start.elapsed() < Duration::from_secs(2), "took {:?}", start.elapsed());
    result
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn the_models_these_tests_bend_are_good_unbent() {
    let folder = folder();
    let path = folder.path().join("model.onnx");
    fs::write(folder.path().join("w.bin"), [0; 16]).unwrap();
    for bytes in [good(), nested(10), with_external(&[("location", "w.bin")])] {
        fs::write(&path, bytes).unwrap();
        let info = inspected(&path).unwrap();
        assert_eq!(info.inputs[0].to_string(), "`x` f32 [4]");
        assert_eq!(info.sha256.len(), 64);
    }
}

#[test]
fn what_is_not_a_whole_model_is_not_onnx() {
    let folder = folder();
    let good = good();
    let cases: [(&str, Vec<u8>); 7] = [
        ("empty", Vec::new()),
        ("text", b"<!DOCTYPE html><html>404".to_vec()),
        ("zeros", vec![0; 4096]),
        ("ones", vec![0xff; 4096]),
        ("no operator set", [number(1, 8), field(7, &graph(&node("Identity", "", &[]), &[]))].concat()),
        ("two graphs", [good.clone(), good.clone()].concat()),
        ("data too short", model(&graph(&node("Identity", "", &[]), &field(5, &short_tensor())))),
    ];
    for (what, bytes) in cases {
        let error = refused(folder.path(), &bytes);
        assert!(matches!(error, RuntimeError::NotOnnx { .. }), "{what}: {error:?}");
    }
}

fn short_tensor() -> Vec<u8> {
    [number(1, 1000), number(2, 1), field(8, b"w"), field(9, &[0; 16])].concat()
}

#[test]
fn a_model_cut_anywhere_is_an_error_and_never_a_panic() {
    let folder = folder();
    let bytes = fs::read(support::data("mlp.onnx")).unwrap();
    let path = folder.path().join("model.onnx");
    for cut in 0..bytes.len() {
        fs::write(&path, &bytes[..cut]).unwrap();
        let cut_short = inspected(&path);
        // A cut between two fields leaves a whole message, which may lack nothing but its last fields.
        if let Err(error) = cut_short {
            assert!(
                matches!(error, RuntimeError::NotOnnx { .. } | RuntimeError::Graph { .. }),
                "cut at {cut}: {error:?}"
            );
        }
    }
}

#[test]
fn flipped_bytes_never_panic() {
    let folder = folder();
    let path = folder.path().join("model.onnx");
    let bytes = fs::read(support::data("types.onnx")).unwrap();
    for at in 0..bytes.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut bent = bytes.clone();
            bent[at] ^= flip;
            fs::write(&path, bent).unwrap();
            let _ = inspected(&path);
        }
    }
}

#[test]
fn graphs_that_cannot_run_are_refused_with_a_reason() {
    let folder = folder();
    let identity = node("Identity", "", &[]);
    let only_input = [field(1, &identity), field(11, &value("x", 1, &[4]))].concat();
    let sequence = [field(1, b"s"), field(2, &field(4, &[]))].concat();
    let cases: [(Vec<u8>, &str); 9] = [
        (model(&only_input), "it has no outputs"),
        (nested(100), "nested more than 16 deep"),
        (model(&graph(&identity, &field(11, &value("big", 1, &[1 << 40])))), "at most 2^31 elements"),
        (model(&graph(&identity, &field(11, &value("big", 1, &[1 << 40, 1 << 40])))), "at most 2^31 elements"),
        (model(&graph(&identity, &field(11, &value("text", 8, &[1])))), "ONNX element type 8"),
        (model(&graph(&identity, &field(12, &sequence))), "is not a tensor"),
        (model(&graph(&identity, &field(11, &value("", 1, &[1])))), "has no name"),
        ([good(), field(20, &[])].concat(), "training"),
        ([function("a", "b"), function("b", "a"), good()].concat(), "call themselves without end: a, b"),
    ];
    for (bytes, expected) in cases {
        let error = refused(folder.path(), &bytes);
        assert!(matches!(error, RuntimeError::Graph { .. }) && error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn a_weight_of_impossible_size_is_refused() {
    let dims = [number(1, 1 << 40), number(1, 1 << 40), number(2, 1), field(8, b"w")].concat();
    let error = refused(folder().path(), &model(&graph(&node("Identity", "", &[]), &field(5, &dims))));
    assert!(error.to_string().contains("tensor `w` has shape [1099511627776, 1099511627776]"), "{error}");
}

#[test]
fn embedded_engines_and_unknown_operators_are_refused() {
    let folder = folder();
    let deep = node("If", "", &field(5, &field(6, &graph(&node("EPContext", "com.microsoft", &[]), &[]))));
    let in_function = [field(1, b"f"), field(10, b"mine"), field(7, &node("EPContext", "com.microsoft", &[]))].concat();
    let cases = [
        (model(&graph(&node("EPContext", "com.microsoft", &[]), &[])), "`EPContext` of domain `com.microsoft`"),
        (model(&graph(&node("EPContext", "", &[]), &[])), "`EPContext` of domain `ai.onnx`"),
        (model(&graph(&deep, &[])), "executable code"),
        ([good(), field(25, &in_function)].concat(), "executable code"),
        (model(&graph(&node("Evil", "com.example", &[]), &[])), "`Evil` of domain `com.example`"),
        (model(&graph(&node("", "", &[]), &[])), "it has no name"),
    ];
    for (bytes, expected) in cases {
        let error = refused(folder.path(), &bytes);
        assert!(matches!(error, RuntimeError::Operator { .. }) && error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn external_data_stays_in_the_models_folder() {
    let outer = folder();
    let inner = outer.path().join("inner");
    fs::create_dir(&inner).unwrap();
    let secret = outer.path().join("secret.bin");
    fs::write(&secret, [7; 64]).unwrap();
    fs::write(inner.join("w.bin"), [0; 64]).unwrap();
    fs::create_dir(inner.join("folder")).unwrap();
    symlink(&secret, inner.join("link.bin")).unwrap();
    symlink(outer.path(), inner.join("linked")).unwrap();
    fs::hard_link(&secret, inner.join("hard.bin")).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, inner.join("fifo.bin"), rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0)
        .unwrap();
    let absolute = secret.to_str().unwrap().to_owned();
    let cases: [(&str, Entries, &str); 15] = [
        ("absolute", &[("location", &absolute)], "the path is absolute"),
        ("parent", &[("location", "../secret.bin")], "leaves the model's folder"),
        ("parent, hidden", &[("location", "folder/../../secret.bin")], "leaves the model's folder"),
        ("symbolic link", &[("location", "link.bin")], "symbolic link"),
        ("linked folder", &[("location", "linked/secret.bin")], "symbolic link"),
        ("hard link", &[("location", "hard.bin")], "hard link"),
        ("FIFO", &[("location", "fifo.bin")], "not a regular file"),
        ("folder", &[("location", "folder")], "not a regular file"),
        ("absent", &[("location", "nowhere.bin")], "No such file"),
        ("unnamed", &[("offset", "0")], "no file is named"),
        (
            "offset overflow",
            &[("location", "w.bin"), ("offset", "18446744073709551615")],
            "are not all in a file of 64 bytes",
        ),
        ("offset too far", &[("location", "w.bin"), ("offset", "60")], "are not all in a file of 64 bytes"),
        ("negative offset", &[("location", "w.bin"), ("offset", "-1")], "`-1` is not a byte count"),
        ("wrong length", &[("location", "w.bin"), ("length", "64")], "it names 64 bytes, the shape needs 16"),
        ("length of text", &[("location", "w.bin"), ("length", "lots")], "`lots` is not a byte count"),
    ];
    for (what, entries, expected) in cases {
        let error = refused(&inner, &with_external(entries));
        let text = error.to_string();
        assert!(matches!(error, RuntimeError::ExternalData { .. }) && text.contains(expected), "{what}: {text}");
        assert!(text.contains("tensor `w`"), "{text}");
    }
}

#[test]
fn external_data_of_an_operators_constant_is_refused() {
    let attribute = field(5, &field(5, &external(&[4], &[("location", "w.bin")])));
    let error = refused(folder().path(), &model(&graph(&node("Constant", "", &attribute), &[])));
    assert!(error.to_string().contains("save the model as one file"), "{error}");
}

#[test]
fn a_path_that_is_no_plain_file_is_unreadable() {
    let folder = folder();
    let fifo = folder.path().join("fifo.onnx");
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0).unwrap();
    for path in [folder.path(), &fifo, &folder.path().join("nowhere.onnx")] {
        let error = inspected(path).unwrap_err();
        assert!(matches!(error, RuntimeError::Unreadable { .. }), "{error:?}");
    }
}

#[test]
fn a_file_beyond_two_gibibytes_is_not_read() {
    let folder = folder();
    let path = folder.path().join("huge.onnx");
    // Sparse: it has a length and no blocks.
    fs::File::create(&path).unwrap().set_len(5 << 30).unwrap();
    let error = inspected(&path).unwrap_err();
    assert!(matches!(error, RuntimeError::TooLarge { found: 5_368_709_120, .. }), "{error:?}");
}

#[test]
fn what_engines_do_with_the_good_ones_is_an_answer_too() {
    let folder = folder();
    let path = folder.path().join("model.onnx");
    // Sound as far as the pre-flight reads, yet no engine has such an operator.
    fs::write(&path, model(&graph(&node("NoSuchOperator", "", &[]), &[]))).unwrap();
    let error = runtime::load(&path, &support::local(runtime::Rung::Rten)).err().expect("it was loaded");
    assert!(matches!(error, RuntimeError::Missing { rung: runtime::Rung::Rten, .. }), "{error:?}");
}
