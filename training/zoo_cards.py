"""Cards of the pilots with a camera: what each costs, how far it is from the expert, how often it arrives."""

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # read when onnxruntime is loaded

import hashlib
import json
import shutil
import subprocess

import numpy as np
import onnxruntime
import torch

import reference
import train
from train import ROOT, TEST_SEEDS, say

CONTRACT = train.CONTRACT["pilot"].replace(
    "| `logits`", "| `depth` | [N, 1, 48, 64] f32 | depth along the optical axis / 10 m in [0, 1], 1 where nothing is met; row 0 at the top, "
    "column 0 at the left; the default camera: 90 degrees across, 0.25 m above the floor, level |\n| `logits`")
WHAT = {
    "teacher": "A vision transformer over patches of {patch} x {patch} pixels and {beams} beams: {tokens:,} tokens. The same weights serve "
               "all patch sizes (FlexiViT); trained with few tokens, then shortly with all sizes.",
    "student": "A small convolutional network, trained on the mean of the expert's and the teacher's distribution over actions.",
    "student-labels": "The same network as `student`, with the same start, data, steps and order, trained on the expert's distribution alone.",
    "student-fp16": "`{base}` with weights and arithmetic in sixteen bits. On a CPU it is no faster: it is widened again to compute.",
    "student-int8": "`{base}` in eight bits: static QDQ, unsigned activations calibrated on collected frames, signed weights by channel.",
    "student-pruned30": "`{base}` with the least important 30 % of each convolution's channels removed (to the next sixteen), and trained again.",
    "student-pruned50": "`{base}` with the least important half of each convolution's channels removed, and trained again.",
    "student-pruned50-int8": "`student-pruned50` in eight bits.",
}


def open_loop(path, held_out, count):
    """Of some held-out frames: divergence from the expert's distribution (nats), the expert's cost that the likeliest action adds
    to the best one's (metres of way, at most 5 a frame), and how often both are the same."""
    session = onnxruntime.InferenceSession(str(path), options(), providers=["CPUExecutionProvider"])
    from zoo import batch

    index = np.sort(np.random.default_rng(5).permutation(len(held_out[0]))[:count])
    size = 4 if "-p1" in path.stem else 32
    sums = np.zeros(3)
    for at in range(0, len(index), size):
        some = index[at:at + size]
        (scan, state, depth), target = batch(held_out, some, False)
        logits = torch.from_numpy(session.run(None, {"scan": scan.numpy(), "state": state.numpy(), "depth": depth.numpy()})[0])
        divergence = (target * (target.clamp_min(1e-12).log() - torch.log_softmax(logits, 1))).sum(1)
        costs = held_out[2][some]
        chosen = logits.argmax(1).numpy()
        regret = np.minimum(costs[np.arange(len(some)), chosen] - costs.min(1), 5.0)
        sums += [divergence.sum().item(), regret.sum(), (chosen == costs.argmin(1)).sum()]
    divergence, regret, same = sums / len(index)
    return {"frames": len(index), "divergence": round(divergence, 4), "regret_m": round(regret, 4), "same": round(same, 4)}


def options():
    wanted = onnxruntime.SessionOptions()
    wanted.intra_op_num_threads = 1
    return wanted


def closed_loop(zoo, path, courses, seeds, *more):
    """Outcomes by course, kept by the model's hash."""
    args = zoo.args
    key = hashlib.sha256((path.read_bytes() if path else b"") + repr((courses, seeds, more)).encode()).hexdigest()[:16]
    kept = zoo.path(f"evaluations/{key}.json")
    if not kept.exists():
        kept.parent.mkdir(exist_ok=True)
        model = ["--model", str(path), "--trust"] if path else []
        command = [args.deadtime, "collect", *(str(ROOT / f"scenarios/{c}.toml") for c in courses), *model,
                   "--seeds", f"{seeds[0]}..{seeds[1]}", *([] if "--hz" in more else ["--hz", "10"]), "--jobs", str(args.jobs), "--json", *more]
        kept.write_text(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    return {o["scenario"]: o for o in map(json.loads, kept.read_text().splitlines())}


def evaluate(zoo, name, path, held_out):
    """The errors of one artefact. Where an inference takes long, fewer frames and seeds."""
    from zoo import COURSES

    low, high = TEST_SEEDS[0], TEST_SEEDS[0] + zoo.args.test_seeds
    slow = name.endswith(("-p1", "-p2"))
    if zoo.args.quick:
        frames, courses, seeds = 16, COURSES[:1], (low, low + 2)
        if slow:
            courses = []
    elif slow:
        frames, courses, seeds = 20 * zoo.args.fine_seeds, COURSES[:1], (low, low + zoo.args.fine_seeds)
    elif name.endswith("-p4"):
        frames, courses, seeds = 3000, COURSES, (low, min(high, low + 5 * zoo.args.fine_seeds))
    else:
        frames, courses, seeds = 3000, COURSES, (low, high)
    kept = zoo.path(f"evaluations/{name}.json")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if kept.exists() and json.loads(kept.read_text())["sha256"] == digest:
        return json.loads(kept.read_text())
    say(f"{name}: evaluating")
    found = {"sha256": digest, "open_loop": open_loop(path, held_out, frames),
             "closed_loop": closed_loop(zoo, path, courses, seeds) if courses else {}}
    kept.parent.mkdir(exist_ok=True)
    kept.write_text(json.dumps(found))
    return found


def wilson(count, of):
    """95 % interval of a share."""
    if of == 0:
        return 0.0, 1.0
    z, p = 1.96, count / of
    middle, half = p + z * z / (2 * of), z * (p * (1 - p) / of + z * z / (4 * of * of)) ** 0.5
    return max(0.0, (middle - half) / (1 + z * z / of)), min(1.0, (middle + half) / (1 + z * z / of))


def arrivals(found):
    def one(outcome):
        low, high = wilson(outcome["goal"], outcome["episodes"])
        return f"{outcome['goal']} of {outcome['episodes']} ({low:.0%} to {high:.0%})"
    return " | ".join(one(found[c]) if c in found else "" for c in courses())


def courses():
    from zoo import COURSES
    return COURSES


def latency(path):
    """A table of what `zoo.py --only latency` measured, if it did."""
    if not path.exists():
        return "Latency: not measured; `deadtime measure NAME --hz 10` does it on the machine at hand."
    rows = json.loads(path.read_text())
    doubts = {c for row in rows for c in row["complaints"]}
    lines = "\n".join(
        f"| {r['runtime']} | {r['total_ms']['p50']:.2f} | {r['total_ms']['p90']:.2f} | {r['total_ms']['p99']:.2f} | {r['samples']} |" for r in rows)
    doubt = f"\n\nNot certified: {'; '.join(sorted(doubts))}." if doubts else ""
    return f"| runtime, one thread, at 10 Hz | p50 ms | p90 ms | p99 ms | of |\n|---|---|---|---|---|\n{lines}{doubt}"


def card(zoo, name, path, network, found, others):
    macs, weights = network.macs(), path.stat().st_size
    parameters = sum(p.numel() for p in network.parameters())
    text = WHAT["teacher"] if name.startswith("teacher") else WHAT[name]
    if name.startswith("teacher"):
        from camera_networks import BEAMS_OF_PATCH
        patch = network.teacher.patch
        text = text.format(patch=patch, beams=BEAMS_OF_PATCH[patch], tokens=network.teacher.tokens())
    else:
        text = text.format(base=zoo.base())
    error = found["open_loop"]
    rows = "\n".join(f"| {title} | {arrivals(row)} |" for title, row in others)
    facts = {"training_seeds": 200_000, "held_out_seeds": 900_000, "steps": zoo.steps, "rounds": zoo.rounds,
             "episodes_a_course": zoo.episodes * (2 + zoo.rounds)}
    return f"""# {name}

{text}

{CONTRACT}

- Parameters: {parameters:,}; multiply-accumulates an inference: {macs:,}; file: {weights:,} bytes, {reference.precision_of(path)}; {2 * macs / weights:.1f} floating-point operations for each byte of weights read, at batch 1.
- Open loop, on {error['frames']:,} held-out frames: {error['divergence']:.3f} nats from the expert's distribution over actions; the likeliest action costs {error['regret_m']:.3f} m of way more than the expert's (at most 5 m counted a frame); it is the same in {error['same']:.1%}.
- Made by `training/zoo.py`: {json.dumps(facts)}
- Evaluation seeds are {TEST_SEEDS[0]:,} to {TEST_SEEDS[1] - 1:,} (as many of them as the table says) and were never trained on.

Goal reached without touching anything, at zero latency, 10 frames a second (with a 95 % interval):

| who | {' | '.join(courses())} |
|---|{'---|' * len(courses())}
{rows}

{latency(zoo.path(f'latency/{name}.json'))}

Trained on these courses alone: on others it may do anything.
"""


def table(zoo, networks, evaluated):
    """All artefacts in one: also those that are not shipped, such as the teacher at every number of tokens."""
    tokens = {name: getattr(network, "teacher", None) for name, network in networks.items()}
    tokens = {name: f"{teacher.tokens():,}" if teacher else "" for name, teacher in tokens.items()}
    lines = [f"| model | tokens | MMACs | divergence, nats | regret, m | frames | {' | '.join(courses())} |", f"|---|---|---|---|---|---|{'---|' * len(courses())}"]
    for name, found in evaluated.items():
        error = found["open_loop"]
        macs = networks[name].macs() / 1e6
        lines.append(f"| {name} | {tokens[name]} | {macs:,.1f} | {error['divergence']:.3f} | {error['regret_m']:.3f} | {error['frames']:,} | {arrivals(found['closed_loop'])} |")
    return "\n".join(lines) + "\n"


def write(zoo, artefacts, networks):
    """Evaluates all artefacts, copies those that ship, and writes their cards, references, hashes and one table."""
    from zoo import load

    held_out = load([zoo.held_out()])
    evaluated = {name: evaluate(zoo, name, path, held_out) for name, path in artefacts.items()}
    low, high = TEST_SEEDS[0], TEST_SEEDS[0] + (2 if zoo.args.quick else zoo.args.test_seeds)
    some = courses() if not zoo.args.quick else courses()[:1]
    others = [("the expert", closed_loop(zoo, None, some, (low, high))),
              ("straight on", closed_loop(zoo, None, some, (low, high), "--straight"))]
    pilot = ROOT / "assets/models/pilot.onnx"
    others.append(("`pilot`, by the scan alone", closed_loop(zoo, pilot, some, (low, high))))
    shipped = [name for name in artefacts if not name.startswith("teacher") or int(name[-1]) in zoo.args.ship]
    models = zoo.args.models
    for name in shipped:
        path, network = models / f"{name}.onnx", networks[name]
        shutil.copyfile(artefacts[name], path)
        rows = [(name, evaluated[name]["closed_loop"]), *others]
        (models / f"{name}.md").write_text(card(zoo, name, path, network, evaluated[name], rows))
        reference.write(path, parameters=sum(p.numel() for p in network.parameters()), macs=network.macs(),
                        open_loop_error=evaluated[name]["open_loop"]["divergence"])
    train.MODELS = models
    train.hashes()
    text = table(zoo, networks, evaluated)
    (models / "ZOO.md").write_text(f"""# The pilots with a depth camera

Written by `training/zoo.py`; teachers that are not in this folder differ by their patch size alone, and the script writes them.
Goal reached without touching anything, at zero latency, 10 frames a second, on seeds from {TEST_SEEDS[0]:,} (95 % interval). The
divergence is from the expert's distribution over actions, the regret what the likeliest action costs more than the expert's
(metres of way, at most 5 a frame), both on held-out frames.

{text}""")
    print(text)
