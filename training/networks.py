"""The networks, their contracts (see sim/pilot/src/contract.rs) and their export."""

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # read when onnxruntime is loaded

import math

import torch
from torch import nn

BEAMS, CLASSES, YAWS, STATE = 360, 65, 13, 6
# Commands in an action chunk.
STEPS = 16


class Pilot(nn.Module):
    """Scan [N, 3, 360] and state [N, 6] to logits [N, 65]: 1-D convolutions over the beams, then two dense layers."""

    def __init__(self, widths=(32, 48, 64, 64, 64), dense=128, echoes=0):
        super().__init__()
        self.echoes = echoes
        bearing = -math.pi + 2 * math.pi * (torch.arange(BEAMS) + 0.5) / BEAMS
        self.register_buffer("unit", torch.stack([bearing.cos(), bearing.sin()])[None])
        kernels, strides, sizes = (7, 5, 5, 3, 3), (2, 2, 2, 1, 2), (10, *widths)
        self.convs = nn.ModuleList(
            nn.Conv1d(a, b, k, s, k // 2) for a, b, k, s in zip(sizes, widths, kernels, strides)
        )
        self.echo = nn.Conv1d(widths[0], widths[0], 3, 1, 1) if echoes else None
        self.state = nn.Linear(STATE, 32)
        self.dense = nn.Linear(23 * widths[-1] + 32, dense)
        self.logits = nn.Linear(dense, CLASSES)

    def see(self, scan):
        """Features of the scan, [N, 1472]."""
        # Nearness tells a metre from two better than range does; x and y tell what is in the way.
        near = 0.1 / (scan + 0.1)
        newest, nearest = scan[:, 0:1], near[:, 0:1]
        x = torch.cat([scan, near, newest * self.unit, nearest * self.unit], 1)
        for i, conv in enumerate(self.convs):
            x = torch.relu(conv(x))
            for _ in range(self.echoes if i == 0 else 0):
                x = torch.relu(self.echo(x))
        return x.flatten(1)

    def trunk(self, seen, state):
        return self.dense(torch.cat([seen, torch.relu(self.state(state))], 1))

    def forward(self, scan, state):
        return self.logits(torch.relu(self.trunk(self.see(scan), state)))

    def examples(self):
        """Inputs by name, and the name of the output."""
        return {"scan": torch.rand(2, 3, BEAMS), "state": torch.rand(2, STATE)}, "logits"

    def macs(self):
        length, total = BEAMS, self.echoes * BEAMS // 2 * self.echo.weight.numel() if self.echo else 0
        for conv in self.convs:
            length = math.ceil(length / conv.stride[0])
            total += length * conv.weight.numel()
        return total + sum(layer.weight.numel() for layer in (self.state, self.dense, self.logits))


class Chunker(Pilot):
    """Scan [N, 3, 360], state [N, 6] and prefix [N, 16, 3] to logits [N, 16, 65] of the next commands: the trunk of `Pilot`, then some
    features of each step."""

    def __init__(self, features=32):
        super().__init__()
        self.prefix = nn.Linear(3 * STEPS, 128)
        self.step = nn.Linear(128, STEPS * features)
        self.logits = nn.Linear(features, CLASSES)

    def forward(self, scan, state, prefix):
        return self.think(self.see(scan), state, prefix)

    def think(self, seen, state, prefix):
        steps = torch.relu(self.step(torch.relu(self.trunk(seen, state) + self.prefix(prefix.flatten(1)))))
        return self.logits(steps.unflatten(1, (STEPS, -1)))

    def examples(self):
        inputs, _ = super().examples()
        return inputs | {"prefix": torch.rand(2, STEPS, 3)}, "chunk"

    def macs(self):
        more = self.prefix.weight.numel() + self.step.weight.numel() + (STEPS - 1) * self.logits.weight.numel()
        return super().macs() + more


class Balancer(nn.Module):
    """Body [N, 4] to acceleration [N, 1] in m/s^2: a dense network with one hidden layer."""

    def __init__(self, hidden=32):
        super().__init__()
        self.register_buffer("unit", torch.tensor([0.3, 1.5, 1.0, 1.0]))
        self.hidden = nn.Linear(4, hidden)
        self.out = nn.Linear(hidden, 1)

    def forward(self, body):
        return self.out(torch.tanh(self.hidden(body / self.unit))) * 8.0

    def examples(self):
        return {"body": torch.randn(2, 4) * 0.2}, "acceleration"

    def macs(self):
        return self.hidden.weight.numel() + self.out.weight.numel()


def widen(pilot, times, echoes):
    """The same function, dearer (Net2Net, Chen et al. 2016). `times` as many channels in all convolutions but the last: each
    channel is copied, and what reads the copies takes an equal part of each. And after the first convolution, `echoes` passes
    of one more that hands everything on as it is."""
    widths = [conv.out_channels for conv in pilot.convs]
    wide = Pilot([*(width * times for width in widths[:-1]), widths[-1]], pilot.dense.out_features, echoes)
    weights = pilot.state_dict()
    last = len(widths) - 1
    for i in range(len(widths)):
        weight, bias = weights[f"convs.{i}.weight"], weights[f"convs.{i}.bias"]
        if i > 0:
            weight = weight.repeat(1, times, 1) / times
        if i < last:
            weight, bias = weight.repeat(times, 1, 1), bias.repeat(times)
        weights[f"convs.{i}.weight"], weights[f"convs.{i}.bias"] = weight, bias
    weights["echo.weight"], weights["echo.bias"] = wide.echo.weight.detach().zero_(), wide.echo.bias.detach().zero_()
    for channel in range(widths[0] * times):
        weights["echo.weight"][channel, channel, 1] = 1.0
    wide.load_state_dict(weights)
    return wide


def export(network, path):
    """Writes ONNX with a dynamic batch axis, opset 18, and checks it against PyTorch."""
    import numpy as np
    import onnx
    import onnxruntime

    network.eval()
    inputs, output = network.examples()
    batch = torch.export.Dim("batch", min=1, max=4096)
    program = torch.onnx.export(
        network, tuple(inputs.values()), dynamo=True, opset_version=18, input_names=list(inputs),
        output_names=[output], dynamic_shapes=tuple({0: batch} for _ in inputs), verbose=False,
    )
    program.optimize()
    model = program.model_proto
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    del model.graph.value_info[:]
    model.producer_name, model.producer_version = "deadtime training", ""
    onnx.checker.check_model(model)
    onnx.save(model, path)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    for count in (1, 5):
        feed = {name: torch.rand(count, *value.shape[1:]) for name, value in inputs.items()}
        with torch.no_grad():
            wanted = network(*feed.values()).numpy()
        found = session.run(None, {name: value.numpy() for name, value in feed.items()})[0]
        assert np.abs(found - wanted).max() < 1e-3, np.abs(found - wanted).max()
