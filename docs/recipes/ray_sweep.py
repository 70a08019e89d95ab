#!/usr/bin/env python3
"""A sweep over a Ray cluster: one task a shard.

    ray_sweep.py PLAN.toml --shards 8 --out /shared/run [--deadtime deadtime] [--address auto]

The folder must be one that every node sees, and every node needs the same program, scenarios and models. A task that is lost is
started again and goes on from its journal. The result is the same, byte for byte, as that of one machine.
"""

import argparse
import subprocess
from pathlib import Path

import ray


@ray.remote(num_cpus=1, max_retries=5, retry_exceptions=True)
def shard(deadtime: str, plan: str, number: int, of: int, out: str) -> int:
    command = [deadtime, "sweep", "run", plan, "--shard", f"{number}/{of}", "--jobs", "1", "--out", out]
    if (Path(out) / f"shard-{number}-of-{of}.jsonl").exists():
        command.append("--resume")
    subprocess.run(command, check=True)
    return number


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("plan")
    parser.add_argument("--shards", type=int, required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--deadtime", default="deadtime")
    parser.add_argument("--address", help="of a running cluster; without it, Ray starts on this machine")
    args = parser.parse_args()
    ray.init(address=args.address)
    left = [
        shard.remote(args.deadtime, args.plan, number, args.shards, args.out) for number in range(1, args.shards + 1)
    ]
    while left:
        done, left = ray.wait(left)
        print(f"shard {ray.get(done[0])} is done, {len(left)} left", flush=True)
    subprocess.run([args.deadtime, "sweep", "merge", args.out], check=True)


if __name__ == "__main__":
    main()
