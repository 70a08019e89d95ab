"""Networks with a depth camera (contract: sim/pilot/src/contract.rs): a vision transformer that works at any token count, and a
small convolutional network."""

import copy
import math

import torch
from torch import nn
from torch.nn import functional as F

from networks import BEAMS, CLASSES, STATE

ROWS, COLUMNS = 48, 64
# The default camera (sim/scenario/src/format/mod.rs): its focal length in pixels and the height of its lens, metres.
FOCAL, MOUNT = COLUMNS / 2, 0.25
SCAN_CHANNELS, DEPTH_CHANNELS = 10, 4
# Pixels and beams of a patch, by the pixels.
BEAMS_OF_PATCH = {8: 15, 4: 9, 2: 5, 1: 3}


def rays():
    """Of each pixel: metres up and to the left a metre ahead."""
    rise = (ROWS / 2 - torch.arange(ROWS) - 0.5) / FOCAL
    side = (COLUMNS / 2 - torch.arange(COLUMNS) - 0.5) / FOCAL
    return rise[:, None].expand(ROWS, COLUMNS), side[None].expand(ROWS, COLUMNS)


def bearings():
    return -math.pi + 2 * math.pi * (torch.arange(BEAMS) + 0.5) / BEAMS


def examples():
    """Inputs by name, and the name of the output."""
    return {"scan": torch.rand(2, 3, BEAMS), "state": torch.rand(2, STATE), "depth": torch.rand(2, 1, ROWS, COLUMNS)}, "logits"


class Senses(nn.Module):
    """Scan and depth image as channels that tell near things apart: nearness, place, and height over the floor, by which
    what is low differs from the floor."""

    def __init__(self):
        super().__init__()
        rise, side = rays()
        self.register_buffer("unit", torch.stack([bearings().cos(), bearings().sin()])[None], persistent=False)
        self.register_buffer("rise", (rise * 10.0)[None, None].contiguous(), persistent=False)
        self.register_buffer("side", (side * 10.0)[None, None].contiguous(), persistent=False)

    def forward(self, scan, depth):
        near, newest = 0.1 / (scan + 0.1), scan[:, 0:1]
        beams = torch.cat([scan, near, newest * self.unit, near[:, 0:1] * self.unit], 1)
        height = torch.clamp((depth * self.rise + MOUNT) * 4.0, -1.0, 2.0)
        aside = torch.clamp(depth * self.side, -2.0, 2.0)
        return beams, torch.cat([depth, 0.1 / (depth + 0.1), height, aside], 1)


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        # For export: plain products, which every runtime knows.
        self.plain = False

    def forward(self, x):
        count, tokens, width = x.shape
        q, k, v = self.qkv(x).view(count, tokens, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        if self.plain:
            weights = torch.softmax(torch.matmul(q * (width // self.heads) ** -0.5, k.transpose(2, 3)), -1)
            mixed = torch.matmul(weights, v)
        else:
            mixed = F.scaled_dot_product_attention(q, k, v)
        return self.out(mixed.transpose(1, 2).reshape(count, tokens, width))


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.norms = nn.ModuleList([nn.LayerNorm(width), nn.LayerNorm(width)])
        self.attention = Attention(width, heads)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        x = x + self.attention(self.norms[0](x))
        return x + self.down(F.gelu(self.up(self.norms[1](x))))


class Teacher(nn.Module):
    """Scan, state and depth image to logits [N, 65]: a transformer over patches whose size can be chosen after training.

    After FlexiViT (Beyer et al. 2023) one embedding serves all sizes: that of a smaller patch is what the largest's would say
    of the same patch magnified. Positions are Fourier features of bearing and elevation, so that there is no table to resize.

    It may have a companion, a network with the same inputs: then both are asked, and the mean of their logits is the answer.
    A transformer needs far more samples than convolutions to learn what is near; what it adds is what they miss.
    """

    def __init__(self, width=96, blocks=4, heads=3, patch=8):
        super().__init__()
        self.senses = Senses()
        self.pixels = nn.Parameter(torch.randn(width, DEPTH_CHANNELS, 8, 8) / math.sqrt(DEPTH_CHANNELS * 64))
        self.beams = nn.Parameter(torch.randn(width, SCAN_CHANNELS, 15) / math.sqrt(SCAN_CHANNELS * 15))
        self.biases = nn.Parameter(torch.zeros(2, width))
        self.place = nn.Linear(4 * self.OCTAVES, width, bias=False)
        self.state = nn.Sequential(nn.Linear(STATE, width), nn.GELU(), nn.Linear(width, width))
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(blocks))
        self.norm = nn.LayerNorm(width)
        self.dense, self.logits = nn.Linear(2 * width, 128), nn.Linear(128, CLASSES)
        self.patch, self.companion = patch, None

    OCTAVES = 6

    @staticmethod
    def fourier(bearing, elevation):
        octaves = 2.0 ** torch.arange(Teacher.OCTAVES)
        angles = torch.stack([bearing, elevation], -1)[..., None] * octaves
        return torch.cat([angles.sin(), angles.cos()], -1).flatten(-2)

    def places(self):
        """Fourier features of the middle of each patch: pixels, then beams."""
        rise, side = rays()
        patch, beams = self.patch, BEAMS_OF_PATCH[self.patch]
        middle = lambda x: F.avg_pool2d(x[None, None].contiguous(), patch).flatten()
        pixels = self.fourier(torch.atan(middle(side)), torch.atan(middle(rise)))
        bearing = bearings().view(-1, beams).mean(1)
        return torch.cat([pixels, self.fourier(bearing, torch.zeros_like(bearing))])

    def embeddings(self):
        """The weights of the largest patch, summed over the pixels that one of a smaller patch stands for."""
        patch, beams = self.patch, BEAMS_OF_PATCH[self.patch]
        pixels = F.avg_pool2d(self.pixels, 8 // patch) * (8 // patch) ** 2
        if 15 % beams == 0:
            return pixels, F.avg_pool1d(self.beams, 15 // beams) * (15 // beams)
        # Where sizes do not divide, each of the largest's beams goes to those it covers, in parts.
        share = torch.zeros(15, beams)
        for i in range(15):
            for j in range(beams):
                share[i, j] = max(0.0, min((i + 1) / 15, (j + 1) / beams) - max(i / 15, j / beams)) * 15
        return pixels, self.beams @ share.to(self.beams)

    def examples(self):
        return examples()

    def tokens(self):
        return (ROWS // self.patch) * (COLUMNS // self.patch) + BEAMS // BEAMS_OF_PATCH[self.patch] + 1

    def forward(self, scan, state, depth):
        return self.run(scan, state, depth, *self.embeddings(), self.place(self.places()))

    def run(self, scan, state, depth, pixel_weights, beam_weights, places):
        beams, image = self.senses(scan, depth)
        pixels = F.conv2d(image, pixel_weights, self.biases[0], stride=self.patch).flatten(2)
        beams = F.conv1d(beams, beam_weights, self.biases[1], stride=beam_weights.shape[2])
        tokens = torch.cat([pixels, beams], 2).transpose(1, 2) + places
        x = torch.cat([self.state(state)[:, None], tokens], 1)
        for block in self.blocks:
            x = block(x)
        x = self.norm(x)
        logits = self.logits(F.gelu(self.dense(torch.cat([x[:, 0], x[:, 1:].mean(1)], 1))))
        return logits if self.companion is None else (logits + self.companion(scan, state, depth)) / 2

    def macs(self):
        """Multiply-accumulates of one inference; a FLOP count is twice this."""
        tokens, width = self.tokens(), self.norm.normalized_shape[0]
        linear = sum(p.numel() for b in self.blocks for m in (b.attention.qkv, b.attention.out, b.up, b.down) for p in [m.weight])
        attention = len(self.blocks) * 2 * tokens * tokens * width
        embedding = DEPTH_CHANNELS * ROWS * COLUMNS * width + SCAN_CHANNELS * BEAMS * width
        head = sum(m.weight.numel() for m in (self.state[0], self.state[2], self.dense, self.logits))
        return tokens * linear + attention + embedding + head + (self.companion.macs() if self.companion else 0)


class Fixed(nn.Module):
    """A teacher at one patch size, with its embedding and positions worked out: what is exported."""

    def __init__(self, teacher, patch):
        super().__init__()
        self.teacher = copy.deepcopy(teacher)
        self.teacher.patch = patch
        for block in self.teacher.blocks:
            block.attention.plain = True
        with torch.no_grad():
            parts = (*self.teacher.embeddings(), self.teacher.place(self.teacher.places()))
        for name, part in zip(("pixels", "beams", "places"), parts):
            self.register_buffer(name, part.contiguous())
        for name in ("pixels", "beams", "place"):
            delattr(self.teacher, name)

    def forward(self, scan, state, depth):
        return self.teacher.run(scan, state, depth, self.pixels, self.beams, self.places)

    def examples(self):
        return examples()

    def macs(self):
        return self.teacher.macs()


class Student(nn.Module):
    """Scan, state and depth image to logits [N, 65]: convolutions over the image and over the beams, then two dense layers.

    `eyes` and `ears` are the channels of the convolutions over pixels and beams."""

    STEPS = ((2, 2), (2, 2), (1, 1), (1, 1), (2, 2))
    BEAM_KERNELS, BEAM_STEPS = (7, 5, 5, 3, 3), (2, 2, 2, 1, 2)

    def __init__(self, eyes=(32, 96, 96, 128, 64), ears=(32, 96, 96, 96, 64), dense=128):
        super().__init__()
        self.senses = Senses()
        self.eyes = nn.ModuleList(
            nn.Conv2d(a, b, 3, s, 1) for a, b, s in zip((DEPTH_CHANNELS, *eyes), eyes, self.STEPS))
        self.ears = nn.ModuleList(
            nn.Conv2d(a, b, (1, k), (1, s), (0, k // 2))
            for a, b, k, s in zip((SCAN_CHANNELS, *ears), ears, self.BEAM_KERNELS, self.BEAM_STEPS))
        self.state = nn.Linear(STATE, 32)
        self.dense = nn.Linear(48 * eyes[-1] + 23 * ears[-1] + 32, dense)
        self.logits = nn.Linear(dense, CLASSES)

    def widths(self):
        return tuple(c.out_channels for c in self.eyes), tuple(c.out_channels for c in self.ears)

    def forward(self, scan, state, depth):
        beams, image = self.senses(scan, depth)
        beams = beams.unsqueeze(2)
        for conv in self.eyes:
            image = torch.relu(conv(image))
        for conv in self.ears:
            beams = torch.relu(conv(beams))
        x = torch.cat([image.flatten(1), beams.flatten(1), torch.relu(self.state(state))], 1)
        return self.logits(torch.relu(self.dense(x)))

    def examples(self):
        return examples()

    def conv_macs(self):
        """Multiply-accumulates of each convolution."""
        found, rows, columns, beams = [], ROWS, COLUMNS, BEAMS
        for conv in self.eyes:
            rows, columns = math.ceil(rows / conv.stride[0]), math.ceil(columns / conv.stride[1])
            found.append(rows * columns * conv.weight.numel())
        for conv in self.ears:
            beams = math.ceil(beams / conv.stride[1])
            found.append(beams * conv.weight.numel())
        return found

    def macs(self):
        return sum(self.conv_macs()) + sum(m.weight.numel() for m in (self.state, self.dense, self.logits))
