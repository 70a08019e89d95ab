"""Makes the models of these tests: `python make.py` in this folder (needs onnx and numpy). Same seed, same bytes."""

import numpy as np
import onnx
from onnx import TensorProto as T
from onnx import helper as h
from onnx import numpy_helper as nh


def save(name, nodes, inputs, outputs, weights=()):
    graph = h.make_graph(nodes, "g", inputs, outputs, [nh.from_array(w, n) for n, w in weights])
    model = h.make_model(graph, opset_imports=[h.make_opsetid("", 17)], ir_version=8, producer_name="make.py")
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, name)


def value(name, kind, shape):
    return h.make_tensor_value_info(name, kind, shape)


def weights(rng, *shape, kind=np.float32):
    return (rng.standard_normal(shape) / np.sqrt(shape[0])).astype(kind)


rng = np.random.default_rng(7)

# A policy as small ones are: scan and state in, two numbers out, dynamic batch.
mlp = [("w1", weights(rng, 16, 24)), ("b1", weights(rng, 24)), ("w2", weights(rng, 24, 2))]
save(
    "mlp.onnx",
    [h.make_node("Gemm", ["x", "w1", "b1"], ["h"]), h.make_node("Relu", ["h"], ["r"]), h.make_node("MatMul", ["r", "w2"], ["y"])],
    [value("x", T.FLOAT, ["batch", 16])],
    [value("y", T.FLOAT, ["batch", 2])],
    mlp,
)

# A convolution with dynamic height and width.
save(
    "conv.onnx",
    [
        h.make_node("Conv", ["image", "w"], ["c"], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]),
        h.make_node("Relu", ["c"], ["r"]),
        h.make_node("GlobalAveragePool", ["r"], ["p"]),
        h.make_node("Flatten", ["p"], ["y"]),
    ],
    [value("image", T.FLOAT, ["n", 3, "height", "width"])],
    [value("y", T.FLOAT, ["n", 4])],
    [("w", weights(rng, 4, 3, 3, 3))],
)

# Half precision in and out.
save(
    "half.onnx",
    [h.make_node("MatMul", ["x", "w"], ["y"])],
    [value("x", T.FLOAT16, ["batch", 8])],
    [value("y", T.FLOAT16, ["batch", 3])],
    [("w", weights(rng, 8, 3, kind=np.float16))],
)

# Every other element type, each on its own way.
save(
    "types.onnx",
    [
        h.make_node("Cast", ["bytes"], ["bytes_out"], to=T.FLOAT),
        h.make_node("Add", ["long", "long"], ["long_out"]),
        h.make_node("Mul", ["int", "int"], ["int_out"]),
        h.make_node("Not", ["flag"], ["flag_out"]),
        h.make_node("Neg", ["double"], ["double_out"]),
    ],
    [value("bytes", T.UINT8, [4]), value("long", T.INT64, [2]), value("int", T.INT32, [2]), value("flag", T.BOOL, [3]), value("double", T.DOUBLE, [2])],
    [value("bytes_out", T.FLOAT, [4]), value("long_out", T.INT64, [2]), value("int_out", T.INT32, [2]), value("flag_out", T.BOOL, [3]), value("double_out", T.DOUBLE, [2])],
)

# As many rows out as there are numbers other than zero: a shape that is known only afterwards.
save("nonzero.onnx", [h.make_node("NonZero", ["x"], ["y"])], [value("x", T.FLOAT, [6])], [value("y", T.INT64, [1, None])])

# 0/0 where x is 0.
save("divide.onnx", [h.make_node("Div", ["x", "x"], ["y"])], [value("x", T.FLOAT, [3])], [value("y", T.FLOAT, [3])])

# Runs for as many turns as it is told, for hours if need be.
body = h.make_graph(
    [h.make_node("Identity", ["go"], ["go_out"]), h.make_node("MatMul", ["a", "a"], ["a_out"])],
    "body",
    [value("i", T.INT64, []), value("go", T.BOOL, []), value("a", T.FLOAT, [64, 64])],
    [value("go_out", T.BOOL, []), value("a_out", T.FLOAT, [64, 64])],
)
save(
    "loop.onnx",
    [h.make_node("Reshape", ["turns", "none"], ["count"]), h.make_node("Loop", ["count", "yes", "start"], ["y"], body=body)],
    [value("turns", T.INT64, [1])],
    [value("y", T.FLOAT, [64, 64])],
    [("none", np.array([], np.int64)), ("yes", np.array(True)), ("start", np.eye(64, dtype=np.float32))],
)

# One weight in a file beside the model.
save("external.onnx", [h.make_node("Add", ["x", "w"], ["y"])], [value("x", T.FLOAT, [2])], [value("y", T.FLOAT, [2])], [("w", np.array([1, 2], np.float32))])
model = onnx.load("external.onnx")
onnx.save(model, "external.onnx", save_as_external_data=True, location="external.onnx_data", size_threshold=0)

w = dict(mlp)
print("MLP_OF_ZERO:", np.maximum(w["b1"], 0) @ w["w2"])

# A pilot by the camera alone: full speed while what it sees is more than 3 m away in the mean, else it stops. And one that
# was meant as one, but calls the image by another name.
for name, image in [("camera.onnx", "depth"), ("almost.onnx", "image")]:
    go, stop = np.zeros((1, 65), np.float32), np.zeros(65, np.float32)
    go[0, 4 * 13 + 6], stop[6] = 200.0, 60.0
    save(
        name,
        [
            h.make_node("ReduceMean", [image], ["far"], axes=[1, 2, 3], keepdims=0),
            h.make_node("Unsqueeze", ["far", "last"], ["column"]),
            h.make_node("Gemm", ["column", "go", "stop"], ["logits"]),
        ],
        [value("scan", T.FLOAT, ["n", 3, 360]), value("state", T.FLOAT, ["n", 6]), value(image, T.FLOAT, ["n", 1, 48, 64])],
        [value("logits", T.FLOAT, ["n", 65])],
        [("last", np.array([1])), ("go", go), ("stop", stop)],
    )
