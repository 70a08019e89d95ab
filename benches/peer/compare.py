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
ROUNDS = 5
EACH = 40  # episodes a core in a round
CORES = os.cpu_count() or 1


def ours(program, model, trace, seeds, jobs, folder, processes=1):
    """Simulated seconds and wall seconds of the whole command: with its start, the loading of the network, and the files it writes.
    So many processes share the seeds."""
    share = len(seeds) // processes
    runs, outs = [], []
    began = time.perf_counter()
    for first in range(seeds.start, seeds.stop, share):
        outs.append(pathlib.Path(folder) / f"{model}-{first}-{share}-{jobs}-{processes}")
        grid = [f"--grid=model={model}"] if model else []
        what = ["bench_60", *grid, f"--grid=latency=replay:{trace}", f"--seeds={first}..{first + share}"]
        args = [program, "sweep", "run", *what, f"--jobs={jobs}", "--out", outs[-1]]
        runs.append(subprocess.Popen(args, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE))
    for run in runs:
        said = run.communicate()[1]
        # 3: the trace is no certified measurement, which does not matter here.
        assert run.returncode in (0, 3), said.decode()
    wall = time.perf_counter() - began
    simulated = 0.0
    for out in outs:
        with open(out / "sweep.csv", encoding="utf-8", newline="") as file:
            simulated += sum(float(row["time_s"]) for row in csv.DictReader(file))
    return simulated, wall


def theirs(model, trace, seeds, jobs):
    """Simulated seconds, and wall seconds of the slowest of as many processes: of their loops alone, without their start."""
    share = len(seeds) // jobs
    command = [sys.executable, HERE / "loop.py", model, trace]
    parts = [f"{first}..{first + share}" for first in range(seeds.start, seeds.stop, share)]
    runs = [subprocess.Popen([*command, part], stdout=subprocess.PIPE) for part in parts]
    said = [json.loads(run.communicate()[0]) for run in runs]
    return sum(one["sim_seconds"] for one in said), max(one["wall_seconds"] for one in said)


def main():
    program = pathlib.Path(sys.argv[1]).resolve()
    pilot = ROOT / "assets/models/pilot-int8.onnx"
    with tempfile.TemporaryDirectory() as folder:
        trace = pathlib.Path(folder) / "trace.json"
        measure = [program, "measure", "pilot-int8", "--hz", "20", "--count", "100", "--out", trace]
        subprocess.run(measure, cwd=ROOT, check=False, stdout=subprocess.DEVNULL)
        for model, peer, what in (("pilot-int8", str(pilot), "with the network"), ("", "none", "without one")):
            names = (f"deadtime, {CORES} jobs", "deadtime, 1 job", f"deadtime, {CORES} processes", f"MuJoCo, {CORES} processes")
            rates = {name: [] for name in names}
            for turn in range(ROUNDS):
                seeds = range(turn * EACH * CORES, (turn + 1) * EACH * CORES)
                half = range(seeds.start, seeds.start + EACH)
                runs = (
                    ours(program, model, trace, seeds, CORES, folder),
                    ours(program, model, trace, half, 1, folder),
                    ours(program, model, trace, seeds, 1, folder, CORES),
                    theirs(peer, trace, seeds, CORES),
                )
                for (name, known), (simulated, wall) in zip(rates.items(), runs):
                    known.append(simulated / wall)
                    print(f"{what}, round {turn}, {name:20}: {simulated:6.1f} s simulated in {wall:.3f} s")
            here, there = (statistics.median(rates[name]) for name in (names[0], names[-1]))
            jobs, apart = (statistics.median(a / b for a, b in zip(rates[name], rates[names[1]])) for name in (names[0], names[2]))
            print(
                f"{what}: deadtime {here:.0f}, MuJoCo {there:.0f} simulated s a second (medians); ratio {here / there:.2f}; "
                f"{CORES} jobs {jobs:.2f} times one, {CORES} processes that share nothing {apart:.2f}"
            )


if __name__ == "__main__":
    main()
