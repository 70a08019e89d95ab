#!/usr/bin/env python
"""Makes the pilots with a depth camera: a teacher, students, and the students made cheaper; and the one that answers with its next
commands; with cards, references and hashes.

    python training/zoo.py --all                    # everything; resumes where it was stopped
    python training/zoo.py --quick                  # minutes: shows that the pipeline works, not a good pilot
    python training/zoo.py --only teacher           # one stage (and what it needs)
    python training/zoo.py --memory-bound DIR       # a pilot whose weights do not fit in the cache, fp32 and int8

Seeds are fixed. Training uses seeds from 200,000 up, the open-loop error those from 900,000 up; 1,000 to 1,099 are for
evaluation in the loop and never trained on.
"""

import argparse
import itertools
import json
import subprocess
from pathlib import Path

import numpy as np
import torch

import chunks
import compress
import train
import zoo_cards
from camera_networks import COLUMNS, ROWS, Fixed, Student, Teacher
from networks import export
from train import ROOT, say

COURSES = ["warehouse", "step_out", "crowd", "lesson"]
TRAIN_SEED, HELD_OUT_SEED, HZ = 200_000, 900_000, 10
PATCHES = (8, 4, 2, 1)


def load(folders):
    """As train.load, and the depth images (u16) as a fifth."""
    paths = [path for folder in folders for path in sorted(folder.glob("*.depth"))]
    depth = np.concatenate([np.fromfile(path, np.uint16).reshape(-1, 1, ROWS, COLUMNS) for path in paths])
    return (*train.load(folders), depth)


def batch(data, index, mirror):
    """Inputs (scan, state, depth) and soft target; `mirror` exchanges left and right."""
    (scan, state), target = train.batch(data, index, mirror)
    depth = torch.from_numpy(data[4][index].astype(np.float32) / 65535)
    return (scan, state, depth.flip(3) if mirror else depth), target


class Taught:
    """Targets half the expert's, half the teacher's (Hinton et al. 2015)."""

    def __init__(self, teacher):
        self.teacher = teacher

    def __call__(self, data, index, mirror):
        inputs, target = batch(data, index, mirror)
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            logits = self.teacher(*inputs)
        return inputs, (target + torch.softmax(logits.float(), 1)) / 2


class Patched:
    """Turns through patch sizes, each with as many samples as it can afford."""

    def __init__(self, network, turns, share):
        self.network, self.turns, self.share = network, itertools.cycle(turns), share

    def __call__(self, data, index, mirror):
        patch = next(self.turns)
        self.network.patch = patch
        # Spread, since the index is sorted.
        some = index[:: max(1, len(index) // self.share[patch])][: self.share[patch]]
        return batch(data, some, mirror)


class Zoo:
    """The stages. Each leaves files in args.data, and is passed over where they are."""

    def __init__(self, args):
        self.args, quick = args, args.quick
        self.episodes, self.rounds = (3, 1) if quick else (args.episodes, args.rounds)
        self.steps = {"round": 40, "student": 60, "teacher": 20, "fine": 4, "pruned": 20} if quick else {
            "round": args.round_steps, "student": args.steps, "teacher": args.teacher_steps, "fine": args.fine_steps, "pruned": args.pruned_steps}

    def path(self, name):
        return self.args.data / name

    def kept(self, name, network, work):
        """The network of a stage, from its file or made by `work`."""
        path = self.path(f"{name}.pt")
        if path.exists():
            network.load_state_dict(torch.load(path))
        else:
            say(f"{name}: training")
            work(network)
            torch.save(network.state_dict(), path)
        return network.eval()

    def fit(self, name, network, data, steps, rate, seed, batch, size=128):
        train.fit(network, data, steps, rate, seed, size, batch, self.path(f"{name}.unfinished"))

    def collect(self):
        """The folders of samples: the expert's, then those of rounds in which a student drives (DAgger). The last round's
        network is where both students start."""
        sense = ["--noise", "--depth", "--hz", str(HZ)]
        seed = TRAIN_SEED
        folders = [train.collect(self.args, "zoo-expert", COURSES, (seed, seed + 2 * self.episodes), *sense)]
        torch.manual_seed(1)
        network = Student()
        for k in range(self.rounds):
            seed += 10_000
            name = f"round{k}"
            network = self.kept(name, network, lambda n: self.fit(
                name, n, load(folders), self.steps["round"], 2e-3, k, batch))
            if not self.path(f"{name}.onnx").exists():
                export(network, self.path(f"{name}.onnx"))
            folders.append(train.collect(
                self.args, f"zoo-{name}", COURSES, (seed, seed + self.episodes), *sense, "--trust",
                "--model", str(self.path(f"{name}.onnx")), "--beta", str(0.3 if k == 0 else 0.0)))
        return folders

    def held_out(self):
        count = 2 if self.args.quick else 30
        sense = ["--noise", "--depth", "--hz", str(HZ)]
        return train.collect(self.args, "zoo-held-out", COURSES, (HELD_OUT_SEED, HELD_OUT_SEED + count), *sense)

    def data(self):
        if not hasattr(self, "loaded"):
            self.loaded = load(self.collect())
        return self.loaded

    def start(self):
        self.collect()
        network = Student()
        network.load_state_dict(torch.load(self.path(f"round{self.rounds - 1}.pt")))
        return network

    def labels(self):
        return self.kept("student-labels", self.start(), lambda n: self.fit(
            "student-labels", n, self.data(), self.steps["student"], 1.5e-3, 11, batch))

    def teacher(self):
        torch.manual_seed(3)
        # Few tokens first. An odd number of turns, so that each size sees both hands.
        coarse = self.kept("teacher-coarse", Teacher(), lambda n: self.fit(
            "teacher-coarse", n, self.data(), self.steps["teacher"], 1e-3, 12, Patched(n, (8, 8, 4), {8: 128, 4: 64})))
        # Then together with a student, which it completes.
        fine = Teacher()
        fine.load_state_dict(coarse.state_dict())
        fine.companion = Student()
        fine.companion.load_state_dict(self.labels().state_dict())
        return self.kept("teacher", fine, lambda n: self.fit(
            "teacher", n, self.data(), self.steps["fine"], 2e-4, 13, Patched(n, (8, 4, 2, 1, 4, 2, 1), {8: 128, 4: 64, 2: 8, 1: 2})))

    def taught(self):
        """Targets by the teacher with the patch that --teach names."""
        teacher = self.teacher().eval()
        teacher.patch = self.args.teach
        return Taught(teacher)

    def student(self):
        return self.kept("student", self.start(), lambda n: self.fit(
            "student", n, self.data(), self.steps["student"], 1.5e-3, 11, self.taught()))

    def base(self):
        """The student that is made cheaper: the one nearer to the expert on held-out frames. A teacher that has not learnt enough
        teaches nothing good, and then it is the one from labels alone."""
        path = self.path("base.json")
        if not path.exists():
            held_out = load([self.held_out()])
            off = {name: zoo_cards.open_loop(self.path(f"onnx/{name}.onnx"), held_out, 3000)["divergence"]
                   for name in ("student", "student-labels")}
            say(f"divergence from the expert: {off}")
            path.write_text(json.dumps(min(off, key=off.get)))
        return json.loads(path.read_text())

    def cheapened(self):
        """The network of the base, and the targets on which it learnt."""
        return (self.student(), self.taught()) if self.base() == "student" else (self.labels(), batch)

    def pruned(self, percent):
        name = f"student-pruned{percent}"
        widths = self.path(f"{name}.json")
        if widths.exists() and self.path(f"{name}.pt").exists():
            return self.kept(name, Student(*json.loads(widths.read_text())), None)
        random = np.random.default_rng(percent)
        some = [np.sort(random.choice(len(self.data()[0]), min(256, len(self.data()[0])), replace=False)) for _ in range(8)]
        network, target = self.cheapened()
        slim = compress.prune(network, (target(self.data(), index, k % 2) for k, index in enumerate(some)), 1 - percent / 100)
        widths.write_text(json.dumps(slim.widths()))
        say(f"{name}: {slim.widths()}, {slim.macs():,} multiply-accumulates")
        return self.kept(name, slim, lambda n: self.fit(name, n, self.data(), self.steps["pruned"], 1e-3, percent, target))

    def frames(self, count):
        """Inputs for calibration, from what was collected for training."""
        data = self.data()
        for i in np.random.default_rng(21).choice(len(data[0]), count, replace=False):
            (scan, state, depth), _ = batch(data, np.array([i]), False)
            yield {"scan": scan.numpy(), "state": state.numpy(), "depth": depth.numpy()}

    def artefacts(self):
        """Every network as ONNX: path by name."""
        teacher, student = self.teacher(), self.student()
        made = {f"teacher-p{patch}": lambda path, patch=patch: export(Fixed(teacher, patch), path) for patch in PATCHES}
        made |= {"student": lambda path: export(student, path), "student-labels": lambda path: export(self.labels(), path)}
        made |= {f"student-pruned{p}": lambda path, p=p: export(self.pruned(p), path) for p in (30, 50)}
        frames = 20 if self.args.quick else 400
        onnx = lambda name: self.path(f"onnx/{name}.onnx")
        made["student-fp16"] = lambda path: compress.half(onnx(self.base()), path)
        made["student-int8"] = lambda path: compress.quantise(onnx(self.base()), path, self.frames(frames))
        made["student-pruned50-int8"] = lambda path: compress.quantise(onnx("student-pruned50"), path, self.frames(frames))
        if self.args.quick:
            made = {name: work for name, work in made.items() if name not in ("teacher-p4", "teacher-p2")}
        self.path("onnx").mkdir(exist_ok=True)
        for name, work in made.items():
            if not onnx(name).exists():
                say(f"{name}: writing")
                work(onnx(name))
        return {name: onnx(name) for name in made}

    def networks(self):
        """By artefact the network with its parameters and multiply-accumulates."""
        teacher, student, labels = self.teacher(), self.student(), self.labels()
        found = {f"teacher-p{patch}": Fixed(teacher, patch) for patch in PATCHES}
        base = self.cheapened()[0]
        found |= {"student": student, "student-fp16": base, "student-int8": base, "student-labels": labels}
        for percent in (30, 50):
            found[f"student-pruned{percent}"] = self.pruned(percent)
        return found | {"student-pruned50-int8": found["student-pruned50"]}

    def latency(self):
        """Times every artefact on this machine, alone: run it while nothing else does. The cards take them in. What was timed
        since it was written is passed over."""
        self.path("latency").mkdir(exist_ok=True)
        for name, path in self.artefacts().items():
            kept, found = self.path(f"latency/{name}.json"), []
            if kept.exists() and kept.stat().st_mtime > path.stat().st_mtime:
                continue
            for runtime in ("onnxruntime", "rten"):
                count = "20" if name.endswith(("-p1", "-p2")) else "200"
                command = [self.args.deadtime, "measure", str(path), "--runtime", runtime, "--hz", str(HZ), "--count", count, "--json"]
                # Exit code 3: measured, but not to be trusted; its complaints are kept.
                done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
                if done.returncode not in (0, 3):
                    raise SystemExit(f"{' '.join(command)} failed with {done.returncode}")
                found.append(json.loads(done.stdout))
                say(f"{name} on {found[-1]['runtime']}: p50 {found[-1]['total_ms']['p50']:.2f} ms")
            kept.write_text(json.dumps(found))

    def chunks(self):
        chunks.write(self)

    def all(self):
        zoo_cards.write(self, self.artefacts(), self.networks())
        self.chunks()


STAGES = ["collect", "held_out", "labels", "teacher", "student", "artefacts", "latency", "chunks", "all"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", action="store_true", help="everything")
    parser.add_argument("--quick", action="store_true", help="everything, tiny, and nothing in assets/ is touched")
    parser.add_argument("--only", choices=STAGES, help="one stage: stages that do not need each other may run side by side")
    parser.add_argument("--memory-bound", type=Path, metavar="DIR", help="write the memory-bound pilot there, no more")
    parser.add_argument("--deadtime", default=str(ROOT / "target/release/deadtime"), help="the program")
    parser.add_argument("--data", type=Path, default=None, help="samples and checkpoints; default data/zoo")
    parser.add_argument("--models", type=Path, default=None, help="where the models go; default assets/models")
    parser.add_argument("--episodes", type=int, default=150, help="episodes a course and round; twice that of the expert")
    parser.add_argument("--rounds", type=int, default=2, help="rounds of DAgger")
    parser.add_argument("--round-steps", type=int, default=600, help="steps before each round of DAgger, from the second on from the network before")
    parser.add_argument("--steps", type=int, default=3000, help="steps of a student")
    parser.add_argument("--pruned-steps", type=int, default=1500, help="steps of a student after channels were removed")
    parser.add_argument("--teacher-steps", type=int, default=3500, help="steps of the teacher with few tokens")
    parser.add_argument("--fine-steps", type=int, default=300, help="steps of the teacher with all numbers of tokens, after these")
    parser.add_argument("--teach", type=int, default=8, choices=PATCHES, help="the patch with which the teacher teaches")
    parser.add_argument("--ship", type=int, nargs="+", default=[1, 8], help="the patches whose teacher goes to the models")
    parser.add_argument("--test-seeds", type=int, default=100, help="test seeds of the others, on each course")
    parser.add_argument("--fine-seeds", type=int, default=20, help="test seeds of the teachers with 841 tokens and more, on the first course; five times that of the one with 233")
    parser.add_argument("--chunk-episodes", type=int, default=24, help="episodes a course and round of the pilot that answers with chunks")
    parser.add_argument("--chunk-steps", type=int, default=3000, help="steps of each of its trainings without the convolutions")
    parser.add_argument("--chunk-fine-steps", type=int, default=500, help="steps of the last training, of all weights")
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()
    if args.memory_bound:
        return compress.memory_bound(ROOT / "assets/models/pilot.onnx", args.memory_bound, say)
    if not (args.all or args.quick or args.only):
        parser.error("say --all, --quick, --only STAGE or --memory-bound DIR")
    torch.set_num_threads(1)  # two are many times slower than one beside other work
    args.data = args.data or ROOT / "data" / ("zoo-quick" if args.quick else "zoo")
    args.data.mkdir(parents=True, exist_ok=True)
    args.models = args.models or (args.data / "models" if args.quick else ROOT / "assets/models")
    args.models.mkdir(parents=True, exist_ok=True)
    getattr(Zoo(args), args.only or "all")()


if __name__ == "__main__":
    main()
