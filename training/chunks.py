"""The pilot that answers with its next commands: data, training, card (contract: `ChunkRover` in sim/pilot/src/contract.rs).

It learns from consecutive frames. For a frame at `c` the label of step k is what the expert says of the frame at `c + 50 ms k`, and the
*prefix* is what was commanded meanwhile, up to a step that is drawn anew for each sample, as an answer is late by one step or by eight
(training-time conditioning on the prefix, Black et al. 2025). A label counts as long as what was commanded since the prefix ended
was nearly as good as the expert's choice: after that it is the label of another way."""

import hashlib
import json
from dataclasses import dataclass

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import numpy_helper
from torch import nn

import reference
import train
import zoo_cards
from networks import BEAMS, CLASSES, STATE, STEPS, YAWS, Chunker, export
from train import COURSES, ROOT, TEST_SEEDS, say

TRAIN_SEED, HELD_OUT_SEED = 300_000, 910_000
# Of a row: state, costs, class, seed, frame; then costs, speed and yaw rate of each step.
HEAD, STEP = STATE + CLASSES + 3, CLASSES + 2
# Prefixes go up to this: beyond it an answer runs out before the next takes over.
FROZEN = STEPS // 2
# A command this much dearer than the expert's, in metres of way, leads elsewhere.
ELSEWHERE = 0.3
SENSE = ["--noise", "--chunks", "--hz", "40"]


def load(folders):
    """Scans (u16), states, costs above the least of each step (f16, NaN after the end), classes, commands of each step."""
    scans, parts = [], []
    for folder in folders:
        for path in sorted(folder.glob("*.rows")):
            rows = np.fromfile(path, np.float32).reshape(-1, HEAD + STEPS * STEP)
            steps = rows[:, HEAD:].reshape(-1, STEPS, STEP)
            costs = steps[..., :CLASSES]
            above = np.minimum(costs - costs.min(-1, keepdims=True), 1000.0).astype(np.float16)
            parts.append((rows[:, :STATE].copy(), above, rows[:, STATE + CLASSES].copy(), steps[..., CLASSES:].copy()))
            scans.append(np.fromfile(path.with_suffix(".scan"), np.uint16).reshape(-1, 3, BEAMS))
    return (np.concatenate(scans), *(np.concatenate(part) for part in zip(*parts)))


@dataclass
class Batches:
    """Inputs (scan, state, prefix) and soft targets, which are zero where there is no label."""

    seed: int
    frozen: int = FROZEN
    # Features of the scans and of their mirror images, in the place of scans.
    seen: tuple = None

    def __post_init__(self):
        self.random = np.random.default_rng(self.seed)

    def __call__(self, data, index, mirror):
        if self.seen:
            scan = torch.from_numpy(self.seen[mirror][index].astype(np.float32))
        else:
            scan = torch.from_numpy(data[0][index].astype(np.float32) / 65535)
            scan = scan.flip(2) if mirror else scan
        state, costs = torch.from_numpy(data[1][index]), torch.from_numpy(data[2][index].astype(np.float32))
        commands = torch.from_numpy(data[4][index])
        delay = torch.from_numpy(self.random.integers(-self.frozen // 2, self.frozen + 1, len(index)).clip(0))
        if mirror:
            state = state * torch.tensor([1, -1, 1, 1, -1, 1.0])
            costs = costs.view(-1, STEPS, CLASSES // YAWS, YAWS).flip(3).reshape(-1, STEPS, CLASSES)
            commands = commands * torch.tensor([1.0, -1.0])
        step = torch.arange(STEPS)
        told = (step < delay[:, None]).float()[..., None]
        prefix = torch.cat([commands / 2.0, torch.ones_like(commands[..., :1])], 2) * told
        # The class next to what was commanded.
        cruise = (state[:, 5:6] * 2.0).clamp_min(1e-3)
        speed = (commands[..., 0] / cruise * 4.0).round().clamp(0, 4)
        yaw = ((commands[..., 1] + 2.0) * 3.0).round().clamp(0, YAWS - 1)
        paid = costs.gather(2, (speed * YAWS + yaw).long()[..., None])[..., 0]
        astray = ((paid > ELSEWHERE) & (step >= delay[:, None])).float().cumsum(1)
        before = torch.cat([torch.zeros_like(astray[:, :1]), astray[:, :-1]], 1)
        counts = (step >= delay[:, None]) & (before == 0) & ~costs.isnan().any(2)
        target = torch.softmax(-costs.nan_to_num(0.0) / train.TEMPERATURE, 2) * counts[..., None]
        return (scan, state, prefix), target


class Head(nn.Module):
    """All but the convolutions, which are left as they are: fed what they made of the scans."""

    def __init__(self, network):
        super().__init__()
        self.network = network
        network.convs.requires_grad_(False)

    def forward(self, seen, state, prefix):
        return self.network.think(seen, state, prefix)


def see(network, scans):
    """What the convolutions make of the scans, and of their mirror images."""
    found = []
    for mirror in False, True:
        parts = []
        for at in range(0, len(scans), 256):
            some = torch.from_numpy(scans[at:at + 256].astype(np.float32) / 65535)
            with torch.no_grad():
                parts.append(network.see(some.flip(2) if mirror else some).numpy().astype(np.float16))
        found.append(np.concatenate(parts))
    return tuple(found)


def start():
    """The convolutions of `pilot`, which have learnt to see, and what else fits; what makes a chunk of it is new."""
    torch.manual_seed(4)
    network = Chunker()
    graph = onnx.load(ROOT / "assets/models/pilot.onnx").graph
    known = {weight.name: torch.from_numpy(numpy_helper.to_array(weight).copy()) for weight in graph.initializer}
    weights = network.state_dict()
    taken = [name for name in weights if name in known and weights[name].shape == known[name].shape]
    assert any(name.startswith("convs.0") for name in taken), sorted(known)
    network.load_state_dict({name: known[name] if name in taken else weight for name, weight in weights.items()})
    return network


def make(zoo):
    """Collects, trains, exports: the network and its file. Resumes as the other stages do."""
    args, quick = zoo.args, zoo.args.quick
    episodes, steps, fine = (3, 40, 10) if quick else (args.chunk_episodes, args.chunk_steps, args.chunk_fine_steps)
    courses = COURSES[:2] if quick else COURSES
    # No two crowds are alike, nor two who step out: it takes more of them.
    people = ["step_out"] if quick else ["lesson", "step_out", "crowd"]
    pilot = ["--trust", "--model", str(ROOT / "assets/models/pilot.onnx")]
    seed = TRAIN_SEED
    folders = []

    def collect(name, some, count, *options):
        nonlocal seed
        folders.append(train.collect(args, f"chunks-{name}", some, (seed, seed + count), *SENSE, *options))
        seed += 10_000

    collect("expert", courses, episodes)
    collect("expert-people", people, 2 * episodes)
    collect("pilot", courses, episodes, *pilot)
    network = start()

    def head(name):
        def work(network):
            data = load(folders)
            seen = see(network, data[0])
            train.fit(Head(network), data, steps, 2e-3, len(folders), 256, Batches(len(folders), seen=seen), zoo.path(f"{name}.unfinished"))
        return work

    def all_of_it(network):
        network.requires_grad_(True)
        train.fit(network, load(folders), fine, 3e-4, 5, 192, Batches(5), zoo.path("chunks.unfinished"))

    for name, work in ("chunks-first", head("chunks-first")), ("chunks-second", head("chunks-second")), ("chunks", all_of_it):
        network = zoo.kept(name, network, work)
        path = zoo.path(f"{name}.onnx")
        if not path.exists():
            export(network, path)
        if name == "chunks-first":
            drives = ["--trust", "--model", str(path)]
            collect("dagger", courses, episodes, *drives)
            collect("dagger-people", people, 2 * episodes, *drives)
    facts = {"training_seeds": TRAIN_SEED, "held_out_seeds": HELD_OUT_SEED, "steps": [steps, steps, fine], "rounds": 1,
             "episodes": episodes * (3 * len(courses) + 4 * len(people)), "trunk": "pilot"}
    return network, path, facts


def open_loop(zoo, path):
    """Of held-out frames on which the expert drives: divergence from its distribution, in nats, by step, without a prefix and after one of
    four steps."""
    folder = train.collect(zoo.args, "chunks-held-out", COURSES[:2] if zoo.args.quick else COURSES,
                           (HELD_OUT_SEED, HELD_OUT_SEED + (2 if zoo.args.quick else 20)), *SENSE)
    data = load([folder])
    some = np.sort(np.random.default_rng(6).permutation(len(data[0]))[:3000])
    session = onnxruntime.InferenceSession(str(path), zoo_cards.options(), providers=["CPUExecutionProvider"])
    found = {}
    for frozen in 0, 4:
        batches = Batches(7)
        batches.random = Always(frozen)
        sums, counts = np.zeros(STEPS), np.zeros(STEPS)
        for at in range(0, len(some), 64):
            inputs, target = batches(data, some[at:at + 64], False)
            feed = dict(zip(("scan", "state", "prefix"), (value.numpy() for value in inputs)))
            logp = torch.log_softmax(torch.from_numpy(session.run(None, feed)[0]), 2)
            sums += (target * (target.clamp_min(1e-12).log() - logp)).sum((0, 2)).numpy()
            counts += target.sum((0, 2)).numpy()
        found[frozen] = [round(float(s / n), 3) if n else None for s, n in zip(sums, counts)]
    return {"frames": len(some), "divergence": found}


@dataclass
class Always:
    """In the place of a generator: every delay is this."""

    delay: int

    def integers(self, low, high, count):
        return np.full(count, self.delay)


def card(zoo, network, path, facts, error, rows):
    parameters = sum(p.numel() for p in network.parameters())
    by_step = "\n".join(
        f"| {frozen} steps | " + " | ".join("" if x is None else f"{x:.2f}" for x in values) + " |"
        for frozen, values in error["divergence"].items())
    outcomes = "\n".join(f"| {title} | {arrivals(found)} |" for title, found in rows)
    return f"""# chunks

Drives the rover, and answers with its next sixteen commands, 50 ms apart: an action chunk. The trunk is `pilot`'s. It is told the
commands that will hold until its answer can (the frozen prefix), and was trained for prefixes of up to eight steps.
`--compensation chunks` lets each command take hold at the instant that it is meant for; with any other compensation the
first is all that counts. What that is worth: `deadtime study compensation slalom --model chunks --latency service:350`.

| tensor | shape | what |
|---|---|---|
{train.CONTRACT['pilot'].splitlines()[2]}
{train.CONTRACT['pilot'].splitlines()[3]}
| `prefix` | [N, 16, 3] f32 | row k, for the time from k to k + 1 times 50 ms after the capture: speed / 2 m/s, yaw rate / 2 rad/s, 1; rows that are not frozen are 0 |
| `chunk` (out) | [N, 16, 65] f32 | logits of the classes of `pilot`, for k times 50 ms after the capture; frozen rows mean nothing |

- Parameters: {parameters:,}; multiply-accumulates an inference: {network.macs():,}; file: {path.stat().st_size:,} bytes, {reference.precision_of(path)}.
- Made by `training/zoo.py`: {json.dumps(facts)}
- Evaluation seeds are {TEST_SEEDS[0]:,} to {TEST_SEEDS[1] - 1:,} and were never trained on.

Divergence from the expert's distribution, nats, on {error['frames']:,} held-out frames, by step, without a prefix and after one:

| prefix | {' | '.join(str(k) for k in range(STEPS))} |
|---|{'---|' * STEPS}
{by_step}

Goal reached without touching anything, by the first command of each answer, at zero latency unless it says otherwise, 40 frames a second
(with a 95 % interval):

| who | {' | '.join(COURSES)} |
|---|{'---|' * len(COURSES)}
{outcomes}

Trained on these courses alone: on others it may do anything. Ranges are of a 360-beam scanner with 1 cm noise.
"""


def arrivals(found):
    def one(outcome):
        low, high = zoo_cards.wilson(outcome["goal"], outcome["episodes"])
        return f"{outcome['goal']} of {outcome['episodes']} ({low:.0%} to {high:.0%})"
    return " | ".join(one(found[c]) if c in found else "" for c in COURSES)


def write(zoo):
    """Makes it, evaluates it, and puts it beside the other models."""
    network, made, facts = make(zoo)
    low, high = TEST_SEEDS[0], TEST_SEEDS[0] + (2 if zoo.args.quick else zoo.args.test_seeds)
    some = COURSES[:1] if zoo.args.quick else COURSES
    outcomes = lambda path, *more: closed_loop(zoo, path, some, (low, high), *more)
    rows = [("chunks", outcomes(made)), ("chunks, 100 ms late", outcomes(made, "--latency", "100")),
            ("`pilot`", outcomes(ROOT / "assets/models/pilot.onnx")), ("the expert", outcomes(None))]
    error = open_loop(zoo, made)
    train.MODELS = zoo.args.models
    path = train.MODELS / "chunks.onnx"
    path.write_bytes(made.read_bytes())
    path.with_suffix(".md").write_text(card(zoo, network, path, facts, error, rows))
    reference.write(path, parameters=sum(p.numel() for p in network.parameters()), macs=network.macs(),
                    open_loop_error=error["divergence"][0][0])
    train.hashes()
    say(f"chunks: {path.stat().st_size:,} bytes; {rows[0][1]}")


def closed_loop(zoo, path, courses, seeds, *more):
    return zoo_cards.closed_loop(zoo, path, courses, seeds, "--hz", "40", *more)
