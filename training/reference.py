"""What a model must answer: outputs for inputs made of a seed, kept beside it as NAME.json with its facts, and checked on every
runtime by sim/runtime/tests/shipped.rs."""

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # read when onnxruntime is loaded

import hashlib
import json

import numpy as np
import onnx

SEED = 7
# By the precision of its weights, in units of 1 + the largest reference output: rounding in another order; sixteen bits; and
# eight bits, where a runtime may choose what it keeps in them.
TOLERANCES = {"fp32": 1e-4, "fp16": 2e-2, "int8": 1e-1}


def uniform(seed, count):
    """Floats in [0, 1) by SplitMix64, as `runtime::synthetic_inputs` makes them."""
    with np.errstate(over="ignore"):
        z = np.uint64(seed) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    return ((z >> np.uint64(40)).astype(np.float64) / 2**24).astype(np.float32)


def synthetic(graph):
    """Inputs of the declared shapes, with a batch of 1."""
    feed = {}
    for i, value in enumerate(graph.input):
        shape = [d.dim_value or 1 for d in value.type.tensor_type.shape.dim]
        feed[value.name] = uniform(SEED ^ (i << 32), int(np.prod(shape))).reshape(shape)
    return feed


def precision(graph):
    """That of most of the weights."""
    kinds = {onnx.TensorProto.FLOAT: "fp32", onnx.TensorProto.FLOAT16: "fp16", onnx.TensorProto.INT8: "int8"}
    counts = {}
    for weight in graph.initializer:
        kind = kinds.get(weight.data_type)
        counts[kind] = counts.get(kind, 0) + int(np.prod(weight.dims))
    return max((kind for kind in counts if kind), key=counts.get)


def write(path, **facts):
    """NAME.json beside the model: its hash, its reference output, and facts, those already there kept."""
    import onnxruntime

    kept = path.with_suffix(".json")
    known = json.loads(kept.read_text()) if kept.exists() else {}
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if known.get("sha256") != digest:
        graph = onnx.load(path).graph
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        output = session.run(None, synthetic(graph))[0].flatten()
        kind = precision(graph)
        known = {
            "sha256": digest, "precision": kind, "inputs": [value.name for value in graph.input],
            "bytes": path.stat().st_size, "seed": SEED, "tolerance": TOLERANCES[kind],
            "output": [float(f"{x:.6g}") for x in output]}
    known |= facts
    kept.write_text(json.dumps(known, indent=1) + "\n")
    return known


def precision_of(path):
    return precision(onnx.load(path).graph)


if __name__ == "__main__":
    # Renews the references and hashes of all models that ship.
    import train

    train.hashes()
