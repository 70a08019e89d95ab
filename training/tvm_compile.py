"""Compiles ONNX models with Apache TVM, checks them against ONNX Runtime, and writes them for tvm_serve.py.

    python tvm_compile.py assets/models/pilot.onnx --out data/tvm [--cpu znver4]

Each model becomes NAME.so and NAME.json (what it is fed and answers, the hash of the ONNX file, how it was compiled). The batch is
one. Nothing is tuned: TVM's schedules by default are many times slower than ONNX Runtime's kernels, and the numbers say so.
"""

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # read when onnxruntime is loaded

import argparse
import hashlib
import json
import pathlib
import sys

import numpy as np
import onnx
import onnxruntime
import tvm
from tvm import relax
from tvm.relax.frontend.onnx import from_onnx

# Largest difference to ONNX Runtime that is let through, as a share of the largest output.
TOLERANCE = 1e-3
DATATYPES = {"tensor(float)": ("FP32", np.float32)}


def with_batch_one(model):
    """Gives the dynamic first axis of every input and output the length one."""
    for value in [*model.graph.input, *model.graph.output]:
        axes = value.type.tensor_type.shape.dim
        if axes and not axes[0].dim_value:
            axes[0].Clear()
            axes[0].dim_value = 1
    return model


def describe(tensors):
    """Names, types and shapes as the Open Inference Protocol writes them."""
    found = []
    for tensor in tensors:
        if tensor.type not in DATATYPES:
            sys.exit(f"{tensor.name} is {tensor.type}; expected {', '.join(DATATYPES)}")
        shape = [1 if i == 0 or not isinstance(n, int) else n for i, n in enumerate(tensor.shape)]
        found.append({"name": tensor.name, "datatype": DATATYPES[tensor.type][0], "shape": shape})
    return found


def run(machine, inputs):
    """The outputs of a compiled model as arrays."""
    result = machine["main"](*[tvm.runtime.tensor(x) for x in inputs])
    return [t.numpy() for t in ([result] if hasattr(result, "numpy") else result)]


def largest_difference(machine, session, inputs, samples=8):
    """The largest difference to ONNX Runtime over random inputs, as a share of the largest output."""
    dice = np.random.default_rng(0)
    worst = 0.0
    for _ in range(samples):
        arrays = [dice.random(i["shape"], dtype=np.float32) for i in inputs]
        expected = session.run(None, {i["name"]: x for i, x in zip(inputs, arrays)})
        for theirs, ours in zip(expected, run(machine, arrays)):
            worst = max(worst, float(np.abs(theirs - ours).max() / max(np.abs(theirs).max(), 1e-9)))
    return worst


def compile_model(path, out, cpu):
    raw = path.read_bytes()
    model = with_batch_one(onnx.load(path))
    target = tvm.target.Target({"kind": "llvm", "mcpu": cpu} if cpu else {"kind": "llvm"})
    library = tvm.compile(from_onnx(model, keep_params_in_input=False), target=target)
    file = out / f"{path.stem}.so"
    library.export_library(str(file))
    session = onnxruntime.InferenceSession(raw, providers=["CPUExecutionProvider"])
    inputs, outputs = describe(session.get_inputs()), describe(session.get_outputs())
    machine = relax.VirtualMachine(tvm.runtime.load_module(str(file)), tvm.cpu())
    difference = largest_difference(machine, session, inputs)
    if not difference <= TOLERANCE:
        file.unlink()
        sys.exit(f"{path.stem}: TVM's output is {difference:.2g} off ONNX Runtime's; expected at most {TOLERANCE}")
    about = {
        "name": path.stem,
        "sha256": hashlib.sha256(raw).hexdigest(),
        "platform": f"tvm {tvm.__version__} ({target}, untuned)",
        "inputs": inputs,
        "outputs": outputs,
        "difference": difference,
    }
    (out / f"{path.stem}.json").write_text(json.dumps(about, indent=1) + "\n")
    print(f"{path.stem}: {file}, at most {difference:.1e} off ONNX Runtime")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("models", nargs="+", type=pathlib.Path, help="ONNX files")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("data/tvm"), help="where the libraries go")
    parser.add_argument("--cpu", default="", help="LLVM's name of the processor, such as znver4; a generic one by default")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    for path in args.models:
        compile_model(path, args.out, args.cpu)


if __name__ == "__main__":
    main()
