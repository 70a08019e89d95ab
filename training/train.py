#!/usr/bin/env python
"""Trains the pilots: collect, imitate the expert, DAgger, export, evaluate, write cards and hashes.

    python training/train.py --all          # everything; resumes where it was stopped
    python training/train.py --quick        # minutes: shows that the pipeline works, not a good pilot
    python training/train.py --eight-bits   # pilot-int8 alone, from the pilot that ships

Seeds are fixed. Training uses seeds from 100,000 up; 1,000 to 1,099 are for evaluation and never trained on.
"""

import argparse
import hashlib
import json
import math
import shutil
import subprocess
import time
from pathlib import Path

import numpy as np
import torch

import compress
import reference
from networks import BEAMS, CLASSES, STATE, YAWS, Balancer, Pilot, export, widen

ROOT = Path(__file__).resolve().parent.parent
MODELS = ROOT / "assets/models"
COURSES = ["lesson", "step_out", "slalom", "corridor", "crowd"]
TRAIN_SEED, CALIBRATION_SEED, TEST_SEEDS = 100_000, 190_000, (1_000, 1_100)
# Of a row: state, costs, class, seed, frame.
COLUMNS = STATE + CLASSES + 3
# Softness of the expert's choice, in its unit of cost, a metre of way: actions this much worse count as nearly as good.
TEMPERATURE = 0.12

# A processor without these instructions imitates sixteen bits, at eight times the time of thirty-two.
CPUINFO = Path("/proc/cpuinfo")
SIXTEEN_BITS = CPUINFO.exists() and any(flag in CPUINFO.read_text() for flag in ("avx512_bf16", "amx_bf16"))


def say(text):
    print(f"[{time.strftime('%H:%M:%S')}] {text}", flush=True)


def collect(args, name, scenarios, seeds, *options):
    """Samples of a round, collected once; its outcomes."""
    out = args.data / name
    if not (out / "outcomes.json").exists():
        paths = [str(ROOT / f"scenarios/{s}.toml") for s in scenarios]
        command = [args.deadtime, "collect", *paths, "--seeds", f"{seeds[0]}..{seeds[1]}", "--out", str(out),
                   "--jobs", str(args.jobs), "--json", *options]
        text = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        (out / "outcomes.json").write_text(text)
    outcomes = [json.loads(line) for line in (out / "outcomes.json").read_text().splitlines()]
    say(f"{name}: " + ", ".join(f"{o['scenario']} {o['goal']}/{o['episodes']}" for o in outcomes))
    return out


def load(folders):
    """All samples in the folders: scans (u16), states, costs, classes."""
    scans, rows = [], []
    for folder in folders:
        for path in sorted(folder.glob("*.rows")):
            rows.append(np.fromfile(path, np.float32).reshape(-1, COLUMNS))
            scans.append(np.fromfile(path.with_suffix(".scan"), np.uint16).reshape(-1, 3, BEAMS))
    rows = np.concatenate(rows)
    return np.concatenate(scans), rows[:, :STATE], rows[:, STATE:STATE + CLASSES], rows[:, STATE + CLASSES]


def batch(data, index, mirror):
    """Inputs (scan, state) and soft target; `mirror` exchanges left and right."""
    scan = torch.from_numpy(data[0][index].astype(np.float32) / 65535)
    state, costs = torch.from_numpy(data[1][index]), torch.from_numpy(data[2][index])
    if mirror:
        scan = scan.flip(2)
        state = state * torch.tensor([1, -1, 1, 1, -1, 1.0])
        costs = costs.view(-1, CLASSES // YAWS, YAWS).flip(2).reshape(-1, CLASSES)
    target = torch.softmax(-(costs - costs.amin(1, keepdim=True)) / TEMPERATURE, 1)
    return (scan, state), target


def fit(network, data, steps, rate, seed, size=256, batch=batch, checkpoint=None):
    """One cosine cycle of AdamW on the cross entropy with the expert's distribution. Stops at speed are rare and are what
    the lesson is about: they are seen four times as often. `batch` gives inputs and target of some samples; a file
    `checkpoint` lets a fit that was cut off go on."""
    random = np.random.default_rng(seed)
    stops = (data[3] < YAWS) & (data[1][:, 0] > 0.25)
    every = np.concatenate([np.arange(len(data[0])), np.repeat(np.flatnonzero(stops), 3)])
    count = len(every)
    optimiser = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=1e-3)
    warm = min(100, steps // 10 + 1)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda k: min((k + 1) / warm, 0.5 + 0.5 * math.cos(math.pi * k / steps)))
    network.train()
    order, loss_mean, done = random.permutation(every), None, 0
    if checkpoint and checkpoint.exists():
        kept = torch.load(checkpoint)
        done, loss_mean = kept["done"], kept["loss"]
        for part, state in zip((network, optimiser, schedule), kept["states"]):
            part.load_state_dict(state)
        say(f"  goes on at step {done}")
    began = time.time()
    for step in range(steps):
        at = (step * size) % max(1, count - size)
        if at < size:
            order = random.permutation(every)
        if step < done:
            continue
        index = np.sort(order[at:at + size])
        inputs, target = batch(data, index, step % 2)
        with torch.autocast("cpu", torch.bfloat16, enabled=SIXTEEN_BITS):
            logits = network(*inputs)
        # Cross entropy; targets that are zero count for nothing.
        loss = -(target * torch.log_softmax(logits.float(), -1)).sum() / target.sum()
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        loss_mean = loss.item() if loss_mean is None else 0.99 * loss_mean + 0.01 * loss.item()
        if step % 500 == 0:
            say(f"  step {step}/{steps} loss {loss_mean:.4f}, {(time.time() - began) / (step + 1 - done) * 1e3:.0f} ms a step")
        if checkpoint and step % 250 == 249:
            torch.save({"done": step + 1, "loss": loss_mean,
                        "states": [part.state_dict() for part in (network, optimiser, schedule)]}, checkpoint)
    if checkpoint:
        checkpoint.unlink(missing_ok=True)
    say(f"  {count} samples, {steps} steps, loss {loss_mean:.4f}")


def train_pilot(args):
    per, rounds, steps = (4, 1, 60) if args.quick else (args.episodes, args.rounds, 2500)
    base = TRAIN_SEED
    folders = [collect(args, "clone", COURSES, (base, base + per), "--noise")]
    torch.manual_seed(1)
    network = Pilot()
    for round_ in range(rounds):
        path = args.data / f"round{round_}.pt"
        if path.exists():
            network.load_state_dict(torch.load(path))
        else:
            fit(network, load(folders), steps, 1.5e-3, seed=round_)
            torch.save(network.state_dict(), path)
        export(network, args.data / f"round{round_}.onnx")
        base += per
        folders.append(collect(args, f"dagger{round_}", COURSES, (base, base + per), "--noise", "--trust",
                               "--model", str(args.data / f"round{round_}.onnx"),
                               "--beta", str(0.3 if round_ == 0 else 0.0)))
        # No two crowds are alike, nor two who step out: it takes more of them.
        folders.append(collect(args, f"dagger{round_}-people", ["crowd", "step_out"], (base + 10_000, base + 10_000 + 2 * per),
                               "--noise", "--trust", "--model", str(args.data / f"round{round_}.onnx")))
    # Once more on all that was collected, and longer; then people again, without disturbance, as they are met in earnest.
    for name, longer in ("polished", 6), ("final", 3):
        path = args.data / f"{name}.pt"
        if path.exists():
            network.load_state_dict(torch.load(path))
        else:
            fit(network, load(folders), steps * longer, 1.2e-3, seed=rounds + longer)
            torch.save(network.state_dict(), path)
        if name == "polished":
            export(network, args.data / "polished.onnx")
            for course, times in ("step_out", 5), ("crowd", 2):
                folders.append(collect(args, f"last-{course}", [course], (base + 20_000, base + 20_000 + times * per), "--trust",
                                       "--model", str(args.data / "polished.onnx")))
    rows = sum(path.stat().st_size for folder in folders for path in folder.glob("*.rows"))
    return network, {"episodes": per * (len(COURSES) * (rounds + 1) + 4 * rounds + 7), "samples": rows // (4 * COLUMNS),
                     "seeds": [TRAIN_SEED, base + 20_000 + 5 * per], "dagger_rounds": rounds + 1}


def train_balancer(args):
    folder = collect(args, "balance", ["balance"], (TRAIN_SEED, TRAIN_SEED + (4 if args.quick else 30)), "--noise")
    rows = torch.from_numpy(np.fromfile(folder / "balance.rows", np.float32).reshape(-1, 7))
    torch.manual_seed(2)
    network = Balancer()
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-2)
    steps = 500 if args.quick else 3000
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(steps):
        some = rows[torch.randint(len(rows), (512,))]
        # Left and right are alike: the mirrored sample teaches that upright at rest needs nothing.
        body, wanted = torch.cat([some[:, :4], -some[:, :4]]), torch.cat([some[:, 4:5], -some[:, 4:5]])
        loss = torch.nn.functional.mse_loss(network(body), wanted)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    say(f"balancer: root mean square error {math.sqrt(loss.item()):.3f} m/s^2")
    return network, {"samples": len(rows), "seeds": [TRAIN_SEED, TRAIN_SEED + 30], "rms_error": math.sqrt(loss.item())}


def evaluate(args, scenarios, *options):
    low, high = TEST_SEEDS
    high = low + 5 if args.quick else high
    command = [args.deadtime, "collect", *(str(ROOT / f"scenarios/{s}.toml") for s in scenarios), "--seeds",
               f"{low}..{high}", "--jobs", str(args.jobs), "--json", *options]
    text = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return {o["scenario"]: o for o in map(json.loads, text.splitlines())}


def ship_int8(args):
    """`pilot` in eight bits, calibrated on frames that it meets on seeds of their own."""
    trained, made = MODELS / "pilot.onnx", args.data / "pilot-int8.onnx"
    source = trained if trained.exists() else ROOT / "assets/models/pilot.onnx"
    drives = ["--trust", "--model", str(source)]
    per, count = (1, 20) if args.quick else (6, 400)
    data = load([collect(args, "calibration", COURSES, (CALIBRATION_SEED, CALIBRATION_SEED + per), "--noise", *drives)])
    some = np.random.default_rng(21).choice(len(data[0]), count, replace=False)
    frames = ({name: value.numpy() for name, value in zip(("scan", "state"), batch(data, np.array([i]), False)[0])} for i in some)
    compress.quantise(source, made, frames)
    eight = ["--trust", "--model", str(made)]
    results = {
        "in eight bits": evaluate(args, COURSES, *eight),
        "in eight bits, 100 ms late": evaluate(args, COURSES, *eight, "--latency", "100"),
        "`pilot`": evaluate(args, COURSES, *drives),
        "`pilot`, 100 ms late": evaluate(args, COURSES, *drives, "--latency", "100"),
    }
    facts = {"calibration_seeds": [CALIBRATION_SEED, CALIBRATION_SEED + per], "frames": count}
    ship("pilot-int8", Pilot(), "`pilot` with weights and activations in eight bits (static quantisation, QDQ, weights by channel).",
         facts, results, made)


CONTRACT = {
    "pilot": """| tensor | shape | what |
|---|---|---|
| `scan` | [N, 3, 360] f32 | range / 10 m in [0, 1], 1 where nothing is met; beam i at bearing -pi + 2 pi (i + 0.5) / 360, base frame (x forward, y left). Newest capture, then those 100 and 200 ms older moved into the newest base frame by odometry |
| `state` | [N, 6] f32 | speed / 2 m/s, yaw rate / 2 rad/s, goal distance / 5 m in [0, 1], cosine and sine of the goal's bearing, cruise / 2 m/s |
| `logits` (out) | [N, 65] f32 | of the classes: 5 speeds (0, 1/4, 1/2, 3/4, 1 of cruise) times 13 yaw rates (-2 to 2 rad/s), yaw rates fastest |""",
    "balancer": """| tensor | shape | what |
|---|---|---|
| `body` | [N, 4] f32 | pitch (rad, positive forward), pitch rate (rad/s), speed (m/s), position along world x (m) |
| `acceleration` (out) | [N, 1] f32 | of the base, m/s^2, positive forward; the robot clamps it |""",
}


def card(name, network, what, facts, results):
    contract = CONTRACT["balancer" if name == "balancer" else "pilot"]
    path = MODELS / f"{name}.onnx"
    table = "\n".join(
        f"| {title} | " + " | ".join(f"{o['goal']} of {o['episodes']}" for o in found.values()) + " |"
        for title, found in results.items())
    courses = list(next(iter(results.values())))
    (MODELS / f"{name}.md").write_text(f"""# {name}

{what}

{contract}

- Parameters: {sum(p.numel() for p in network.parameters()):,}; multiply-accumulates an inference: {network.macs():,}; file: {path.stat().st_size:,} bytes, {reference.precision_of(path)}.
- Made by `training/train.py`: {json.dumps(facts)}
- Training seeds start at {TRAIN_SEED:,}; evaluation seeds are {TEST_SEEDS[0]:,} to {TEST_SEEDS[1] - 1:,} and were never trained on.

Goal reached without touching anything (a balancer's goal is to stand until the time is up), at zero latency unless it says otherwise (of the seeds evaluated):

| who | {' | '.join(courses)} |
|---|{'---|' * len(courses)}
{table}

{"It knows this robot alone." if name == "balancer" else
 "Trained on these courses alone: on others it may do anything. Ranges are of a 360-beam scanner with 1 cm noise."}
""")


def ship(name, network, what, facts, results, made=None):
    """Writes a model, or takes the file that was made of it, with card, reference and facts."""
    if made:
        shutil.copyfile(made, MODELS / f"{name}.onnx")
    else:
        export(network, MODELS / f"{name}.onnx")
    card(name, network, what, facts, results)
    reference.write(MODELS / f"{name}.onnx", parameters=sum(p.numel() for p in network.parameters()), macs=network.macs())
    say(f"{name}: {(MODELS / f'{name}.onnx').stat().st_size:,} bytes")


def hashes():
    lines, toml = [], ["# The models that ship. Written by training/train.py.\n"]
    for path in sorted(MODELS.glob("*.onnx")):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        lines.append(f"{digest}  {path.name}\n")
        kind = "balancer" if path.stem.startswith("balancer") else "rover"
        toml.append(f'\n[[model]]\nname = "{path.stem}"\nfile = "{path.name}"\nsha256 = "{digest}"\nkind = "{kind}"\n')
        facts = reference.write(path)
        for name in ("precision", "inputs", "bytes", "parameters", "macs", "open_loop_error"):
            if name in facts:
                toml.append(f"{name} = {json.dumps(facts[name])}\n")
    (MODELS / "SHA256SUMS").write_text("".join(lines))
    (MODELS / "MODELS.toml").write_text("".join(toml))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", action="store_true", help="everything")
    parser.add_argument("--quick", action="store_true", help="everything, tiny, and nothing in assets/ is touched")
    parser.add_argument("--eight-bits", action="store_true", help="make pilot-int8 alone, from the pilot that ships")
    parser.add_argument("--deadtime", default=str(ROOT / "target/release/deadtime"), help="the program")
    parser.add_argument("--data", type=Path, default=None, help="samples and checkpoints; default data/training")
    parser.add_argument("--models", type=Path, default=None, help="where the models go; default assets/models")
    parser.add_argument("--episodes", type=int, default=60, help="episodes a course and round")
    parser.add_argument("--rounds", type=int, default=4, help="rounds of DAgger")
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()
    if not (args.all or args.quick or args.eight_bits):
        parser.error("say --all, --quick or --eight-bits")
    torch.set_num_threads(1)  # two are twice as fast on a free machine, and many times slower than one beside other work
    args.data = args.data or ROOT / "data" / ("training-quick" if args.quick else "training")
    args.data.mkdir(parents=True, exist_ok=True)
    global MODELS
    MODELS = args.models or (args.data / "models" if args.quick else MODELS)
    MODELS.mkdir(parents=True, exist_ok=True)
    if not args.eight_bits:
        train_all(args)
    ship_int8(args)
    hashes()


def train_all(args):
    balancer, balancer_facts = train_balancer(args)
    pilot, facts = train_pilot(args)
    final = args.data / "final.onnx"
    export(pilot, final)
    results = {
        "network": evaluate(args, COURSES, "--model", str(final), "--trust"),
        "network, 100 ms late": evaluate(args, COURSES, "--model", str(final), "--trust", "--latency", "100"),
        "expert": evaluate(args, COURSES),
        "straight": evaluate(args, COURSES, "--straight"),
    }
    (args.data / "results.json").write_text(json.dumps(results, indent=1))
    ship("pilot", pilot, "Drives the rover: imitates the privileged expert from range scans (DAgger).", facts, results)
    wide = widen(pilot, *((2, 2) if args.quick else (7, 20)))
    ship("pilot-wide", wide, "`pilot` with seven times the channels in all convolutions but the last, and twenty passes of a convolution that "
         "hands everything on as it is: the same function (Net2Net), so the same decisions at some 200 times the compute, and "
         "whatever differs is latency. The outcomes below are `pilot`'s.", facts, results)
    final_balancer = args.data / "balancer.onnx"
    export(balancer, final_balancer)
    found = {"network": evaluate(args, ["balance"], "--model", str(final_balancer), "--trust"), "expert": evaluate(args, ["balance"])}
    ship("balancer", balancer, "Holds the balancing robot upright for the whole run: imitates a linear law on its state.", balancer_facts, found)
    for who, found in results.items():
        say(f"{who}: " + ", ".join(f"{name} {o['goal']}/{o['episodes']}" for name, o in found.items()))


if __name__ == "__main__":
    main()
