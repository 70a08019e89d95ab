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

# An image network of two layers, quantised: as pairs of QuantizeLinear and DequantizeLinear, and with fused operators.
rng = np.random.default_rng(8)


def int8(*shape):
    return rng.integers(-127, 128, shape).astype(np.int8)


scale, zero, point = np.float32(0.02), np.uint8(128), np.int8(0)
layers = [
    ("w", int8(4, 3, 3, 3)), ("b", rng.integers(-99, 99, 4).astype(np.int32)), ("v", int8(256, 5)), ("c", rng.integers(-99, 99, 5).astype(np.int32)),
    ("s", np.array(scale)), ("z", np.array(zero)), ("p", np.array(point)), ("s2", np.array(scale * scale)), ("p2", np.array(np.int32(0))),
]
conv = dict(kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
quantise = h.make_node("QuantizeLinear", ["image", "s", "z"], ["q"])
save(
    "qdq.onnx",
    [
        quantise,
        h.make_node("DequantizeLinear", ["q", "s", "z"], ["x"]),
        h.make_node("DequantizeLinear", ["w", "s", "p"], ["wf"]),
        h.make_node("DequantizeLinear", ["b", "s2", "p2"], ["bf"]),
        h.make_node("Conv", ["x", "wf", "bf"], ["h"], **conv),
        h.make_node("Relu", ["h"], ["r"]),
        h.make_node("QuantizeLinear", ["r", "s", "z"], ["rq"]),
        h.make_node("DequantizeLinear", ["rq", "s", "z"], ["rf"]),
        h.make_node("Flatten", ["rf"], ["f"]),
        h.make_node("DequantizeLinear", ["v", "s", "p"], ["vf"]),
        h.make_node("DequantizeLinear", ["c", "s2", "p2"], ["cf"]),
        h.make_node("Gemm", ["f", "vf", "cf"], ["y"]),
    ],
    [value("image", T.FLOAT, ["n", 3, 16, 16])],
    [value("y", T.FLOAT, ["n", 5])],
    layers,
)
save(
    "qlinear.onnx",
    [
        quantise,
        h.make_node("QLinearConv", ["q", "s", "z", "w", "s", "p", "s", "z", "b"], ["h"], **conv),
        h.make_node("Flatten", ["h"], ["f"]),
        h.make_node("QLinearMatMul", ["f", "s", "z", "v", "s", "p", "s", "z"], ["m"]),
        h.make_node("DequantizeLinear", ["m", "s", "z"], ["y"]),
    ],
    [value("image", T.FLOAT, ["n", 3, 16, 16])],
    [value("y", T.FLOAT, ["n", 5])],
    layers[:3] + layers[4:7],
)

# Shapes made of shapes: [n, 6, 16] to its first half [n * 6, 8], by a matrix to [6, 4], to six steps of a GRU of 5.
ints = lambda *x: np.array(x, np.int64)
save(
    "shapes.onnx",
    [
        h.make_node("Slice", ["x", "from", "to", "last"], ["half"]),
        h.make_node("Shape", ["half"], ["shape"]),
        h.make_node("Gather", ["shape", "two"], ["wide"], axis=0),
        h.make_node("Concat", ["open", "wide"], ["flat"], axis=0),
        h.make_node("Reshape", ["half", "flat"], ["rows"]),
        h.make_node("MatMul", ["rows", "w"], ["m"]),
        h.make_node("Split", ["m", "halves"], ["left", "right"], axis=1),
        h.make_node("Concat", ["right", "left"], ["turned"], axis=1),
        h.make_node("Unsqueeze", ["turned", "one"], ["steps"]),
        h.make_node("GRU", ["steps", "gw", "gr"], ["all", "y"], hidden_size=5),
    ],
    [value("x", T.FLOAT, ["n", 6, 16])],
    [value("y", T.FLOAT, [1, 1, 5])],
    [
        ("from", ints(0)), ("to", ints(8)), ("last", ints(-1)), ("two", ints(2)), ("open", ints(-1)), ("halves", ints(2, 2)), ("one", ints(1)),
        ("w", weights(rng, 8, 4)), ("gw", weights(rng, 1, 15, 4)), ("gr", weights(rng, 1, 15, 5)),
    ],
)

# A pilot by its names and shapes, whose answer is no number.
save(
    "nan.onnx",
    [h.make_node("Gemm", ["state", "w", "b"], ["logits"])],
    [value("scan", T.FLOAT, ["n", 3, 360]), value("state", T.FLOAT, ["n", 6])],
    [value("logits", T.FLOAT, ["n", 65])],
    [("w", np.zeros((6, 65), np.float32)), ("b", np.full(65, np.nan, np.float32))],
)

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

# The same network with signed activations whose zero points are 0, as TensorRT wants it.
signed = [(name, np.array(point) if name == "z" else array) for name, array in layers]
image = onnx.load("qdq.onnx")
save("signed.onnx", list(image.graph.node), list(image.graph.input), list(image.graph.output), signed)
