"""Both loops alternately, on one trace, with the network and without: simulated seconds a second, and their ratio."""

import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parent.parent
ROUNDS = 5


def main():
    program = pathlib.Path(sys.argv[1]).resolve()
    pilot = ROOT / "assets/models/pilot.onnx"
    with tempfile.TemporaryDirectory() as folder:
        trace = pathlib.Path(folder) / "trace.json"
        measure = [program, "measure", "pilot", "--hz", "20", "--count", "100", "--out", trace]
        subprocess.run(measure, cwd=ROOT, check=False, stdout=subprocess.DEVNULL)
        for ours, theirs, what in (("pilot", str(pilot), "with the network"), ("straight", "none", "without one")):
            rates = {"deadtime": [], "MuJoCo": []}
            for seed in range(ROUNDS):
                args = ["run", "bench_60", "--model", ours, "--latency", f"replay:{trace}", "--seed", str(seed), "--json"]
                run = subprocess.run([program, *args], cwd=ROOT, capture_output=True, check=False)
                peer = [sys.executable, HERE / "loop.py", theirs, trace, str(seed)]
                other = subprocess.run(peer, capture_output=True, check=True)
                for name, output in (("deadtime", run.stdout), ("MuJoCo", other.stdout)):
                    said = json.loads(output)
                    rates[name].append(said["sim_seconds"] / said["wall_seconds"])
                    print(
                        f"{what}, seed {seed}, {name:8}: {said['sim_seconds']:5.1f} s simulated in "
                        f"{said['wall_seconds']:.3f} s, {said['inferences']} frames"
                    )
            here, there = (statistics.median(rates[name]) for name in ("deadtime", "MuJoCo"))
            print(f"{what}: deadtime {here:.0f}, MuJoCo {there:.0f} simulated s a second (medians); ratio {here / there:.1f}")


if __name__ == "__main__":
    main()
