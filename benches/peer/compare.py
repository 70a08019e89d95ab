"""Both loops alternately, on one trace, with the network and without, on all cores: simulated seconds a second, and their ratio."""

import csv
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parent.parent
ROUNDS = 7
EACH = 40  # episodes a core in a round
CORES = os.cpu_count() or 1


def ours(program, model, trace, seeds, jobs, folder):
    """Simulated seconds and wall seconds of the whole command: with its start, the loading of the network, and the files it writes."""
    grid = [f"--grid=model={model}"] if model else []
    out = pathlib.Path(folder) / f"{model}-{seeds.start}-{jobs}"
    args = ["sweep", "run", "bench_60", *grid, f"--grid=latency=replay:{trace}", f"--seeds={seeds.start}..{seeds.stop}"]
    began = time.perf_counter()
    done = subprocess.run([program, *args, f"--jobs={jobs}", "--out", out], cwd=ROOT, capture_output=True, check=False)
    wall = time.perf_counter() - began
    # 3: the trace is no certified measurement, which does not matter here.
    assert done.returncode in (0, 3), done.stderr.decode()
    with open(out / "sweep.csv", encoding="utf-8", newline="") as file:
        return sum(float(row["time_s"]) for row in csv.DictReader(file)), wall


def theirs(model, trace, seeds, jobs):
    """Simulated seconds, and wall seconds of the slowest of as many processes: of their loops alone, without their start."""
    share = len(seeds) // jobs
    command = [sys.executable, HERE / "loop.py", model, trace]
    parts = [f"{first}..{first + share}" for first in range(seeds.start, seeds.stop, share)]
    runs = [subprocess.Popen([*command, part], stdout=subprocess.PIPE) for part in parts]
    said = [json.loads(run.communicate()[0]) for run in runs]
    return sum(one["sim_seconds"] for one in said), max(one["wall_seconds"] for one in said)


def bare(model, processes):
    """Rows of the network a second, by so many processes that do nothing else."""
    runs = [subprocess.Popen([sys.executable, HERE / "bare.py", model], stdout=subprocess.PIPE) for _ in range(processes)]
    return sum(json.loads(run.communicate()[0]) for run in runs)


def main():
    program = pathlib.Path(sys.argv[1]).resolve()
    pilot = ROOT / "assets/models/pilot-int8.onnx"
    with tempfile.TemporaryDirectory() as folder:
        trace = pathlib.Path(folder) / "trace.json"
        measure = [program, "measure", "pilot-int8", "--hz", "20", "--count", "100", "--out", trace]
        subprocess.run(measure, cwd=ROOT, check=False, stdout=subprocess.DEVNULL)
        for model, peer, what in (("pilot-int8", str(pilot), "with the network"), ("", "none", "without one")):
            rates = {f"deadtime, {CORES} jobs": [], "deadtime, 1 job": [], f"MuJoCo, {CORES} processes": []}
            for turn in range(ROUNDS):
                seeds = range(turn * EACH * CORES, (turn + 1) * EACH * CORES)
                half = range(seeds.start, seeds.start + EACH)
                runs = (
                    ours(program, model, trace, seeds, CORES, folder),
                    ours(program, model, trace, half, 1, folder),
                    theirs(peer, trace, seeds, CORES),
                )
                for (name, known), (simulated, wall) in zip(rates.items(), runs):
                    known.append(simulated / wall)
                    print(f"{what}, round {turn}, {name:20}: {simulated:6.1f} s simulated in {wall:.3f} s")
            here, alone, there = (statistics.median(known) for known in rates.values())
            scaled = statistics.median(a / b for a, b in zip(*list(rates.values())[:2]))
            print(
                f"{what}: deadtime {here:.0f}, MuJoCo {there:.0f} simulated s a second (medians); ratio {here / there:.2f}; "
                f"{CORES} jobs {scaled:.2f} times one (median of the rounds' ratios)"
            )
        several = [bare(pilot, CORES) / bare(pilot, 1) for _ in range(ROUNDS)]
        print(f"the network alone: {CORES} processes {statistics.median(several):.2f} times one ({min(several):.2f} to {max(several):.2f})")


if __name__ == "__main__":
    main()
