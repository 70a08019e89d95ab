"""Makes a network cheaper: channels removed, weights and activations in eight bits, weights in sixteen."""

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # read when onnxruntime is loaded

import copy
import math
import tempfile
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import nn

from camera_networks import ROWS, COLUMNS, Student

# Channels are removed by so many: what a vector register or a blocked layout holds.
GROUP = 16


def importance(network, batches):
    """For each convolution the first-order Taylor importance of its channels (Molchanov et al. 2017): how much the loss would
    change, to first order, were a channel's output zero."""
    convs = [*network.eyes, *network.ears]
    sums = [torch.zeros(conv.out_channels) for conv in convs]
    outputs = {}
    hooks = [conv.register_forward_hook(lambda m, i, o, k=k: outputs.__setitem__(k, o)) for k, conv in enumerate(convs)]
    network.eval()
    for inputs, target in batches:
        loss = nn.functional.cross_entropy(network(*inputs), target)
        grads = torch.autograd.grad(loss, [outputs[k] for k in range(len(convs))])
        for k, grad in enumerate(grads):
            active = torch.relu(outputs[k])
            sums[k] += (active * grad).sum((2, 3)).abs().sum(0).detach()
    for hook in hooks:
        hook.remove()
    return sums


def prune(network, batches, keep):
    """The network with only the share `keep` of every convolution's channels, the most important, in whole groups."""
    counts = [max(GROUP, round(keep * conv.out_channels / GROUP) * GROUP) for conv in (*network.eyes, *network.ears)]
    scores = importance(network, batches)
    return build(network, [score.argsort(descending=True)[:count].sort().values for score, count in zip(scores, counts)])


def build(network, kept):
    """A student with these channels of another."""
    eyes, ears = len(network.eyes), len(network.ears)
    slim = Student([len(k) for k in kept[:eyes]], [len(k) for k in kept[eyes:]], network.dense.out_features)
    with torch.no_grad():
        for old, new, chosen in ((network.eyes, slim.eyes, kept[:eyes]), (network.ears, slim.ears, kept[eyes:])):
            before = torch.arange(old[0].in_channels)
            for a, b, out in zip(old, new, chosen):
                b.weight.copy_(a.weight[out][:, before])
                b.bias.copy_(a.bias[out])
                before = out
        # Columns of the dense layer: channels of the image by pixels, channels of the scan by beams, the state.
        pixels, beams = ROWS * COLUMNS // 64, 23
        columns = torch.cat([
            (kept[eyes - 1][:, None] * pixels + torch.arange(pixels)).flatten(),
            network.eyes[-1].out_channels * pixels + (kept[-1][:, None] * beams + torch.arange(beams)).flatten(),
            torch.arange(network.dense.in_features - 32, network.dense.in_features)])
        slim.dense.weight.copy_(network.dense.weight[:, columns])
        slim.dense.bias.copy_(network.dense.bias)
        slim.state.load_state_dict(network.state.state_dict())
        slim.logits.load_state_dict(network.logits.state_dict())
    return slim


class Frames:
    """Collected frames, one at a time, for calibration."""

    def __init__(self, feeds):
        self.left = iter(feeds)

    def get_next(self):
        return next(self.left, None)


def quantise(source, target, feeds, matmul_only=False, signed=False):
    """Static quantisation in the form that is right and fast on processors: QDQ, unsigned activations, signed weights by channel,
    after ONNX Runtime's own preparation (which folds what can be folded). `signed` is the form that TensorRT reads: signed
    activations, zero points of 0, biases as they were."""
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quant_pre_process, quantize_static

    with tempfile.TemporaryDirectory() as folder:
        prepared = Path(folder) / "prepared.onnx"
        quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
        quantize_static(
            str(prepared), str(target), Frames(feeds), quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["MatMul", "Gemm"] if matmul_only else ["Conv", "Gemm", "MatMul", "Relu"],
            activation_type=QuantType.QInt8 if signed else QuantType.QUInt8, weight_type=QuantType.QInt8, per_channel=True,
            calibrate_method=CalibrationMethod.MinMax,
            extra_options={"ActivationSymmetric": True, "WeightSymmetric": True, "QuantizeBias": False} if signed else {})
    tidy(target)


def half(source, target):
    """Weights and arithmetic in sixteen bits, inputs and outputs as they were."""
    from onnxruntime.transformers.float16 import convert_float_to_float16

    model = convert_float_to_float16(onnx.load(source), keep_io_types=True)
    # The conversion puts its casts last.
    known, left, ordered = {value.name for value in (*model.graph.input, *model.graph.initializer)}, list(model.graph.node), []
    while left:
        ready = [node for node in left if all(name in known or not name for name in node.input)]
        ordered += ready
        known |= {name for node in ready for name in node.output}
        left = [node for node in left if node not in ready]
    del model.graph.node[:]
    model.graph.node.extend(ordered)
    onnx.save(model, target)
    tidy(target)


def tidy(path):
    """Takes out what differs from run to run, and checks."""
    model = onnx.load(path)
    for node in model.graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    del model.graph.value_info[:]
    del model.metadata_props[:]
    model.producer_name, model.producer_version = "deadtime training", ""
    onnx.checker.check_model(model)
    onnx.save(model, path)


def last_level_cache():
    """Bytes; 32 MiB where the system does not say."""
    sizes = [0]
    for path in Path("/sys/devices/system/cpu/cpu0/cache").glob("index*/size"):
        text = path.read_text().strip()
        sizes.append(int(text[:-1]) * {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}[text[-1]])
    return max(sizes) or 32 << 20


def memory_bound(source, folder, say):
    """`source`, a pilot whose last layer is dense, with dense layers put before that one that hand everything on as it is:
    the same decisions (fp32; in eight bits nearly), and at batch 1 every weight is read for one multiplication. The weights
    are eight times the last-level cache in fp32, so twice it in eight bits."""
    from onnx import helper, numpy_helper

    folder.mkdir(parents=True, exist_ok=True)
    width = 4096
    count = math.ceil(8 * last_level_cache() / (4 * width * width))
    model = onnx.load(source)
    graph = model.graph
    last = next(node for node in graph.node if "logits" in node.output)
    given = last.input[0]
    size = min(next(i.dims for i in graph.initializer if i.name == last.input[1]), key=lambda n: n if n != 65 else 1 << 30)
    nodes, weights, at = [], [], given
    for k, (rows, columns) in enumerate([(size, width)] + [(width, width)] * count + [(width, size)]):
        weights.append(numpy_helper.from_array(np.eye(rows, columns, dtype=np.float32), f"pass_{k}"))
        nodes.append(helper.make_node("MatMul", [at, f"pass_{k}"], [f"passed_{k}"], name=f"pass_{k}"))
        at = f"passed_{k}"
    last.input[0] = at
    where = list(graph.node).index(last)
    every = [*list(graph.node)[:where], *nodes, *list(graph.node)[where:]]
    del graph.node[:]
    graph.node.extend(every)
    graph.initializer.extend(weights)
    out = folder / "memory-bound.onnx"
    onnx.save(model, out)
    tidy(out)
    say(f"{out}: {out.stat().st_size / 2**20:.0f} MiB, last-level cache {last_level_cache() / 2**20:.0f} MiB")
    random = np.random.default_rng(0)
    feeds = [{"scan": random.random((1, 3, 360), np.float32), "state": random.random((1, 6), np.float32)} for _ in range(8)]
    quantise(out, folder / "memory-bound-int8.onnx", feeds, matmul_only=True)
    say(f"{folder / 'memory-bound-int8.onnx'}: {(folder / 'memory-bound-int8.onnx').stat().st_size / 2**20:.0f} MiB")
