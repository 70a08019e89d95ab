#!/usr/bin/env python
"""Plots success against the teacher's number of tokens, without latency and with its own, from what `deadtime compare --json` wrote.

    python training/tokens.py COMPARE.json... --out docs/zoo/tokens.svg
"""

import argparse
import json
import re
from pathlib import Path

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams |= {"svg.hashsalt": "deadtime", "font.size": 11}
import matplotlib.pyplot as plt

from camera_networks import Teacher


def points(paths):
    """By number of tokens: the model of a comparison, and how many cases it had. The comparison with the most cases counts."""
    found = {}
    for path in paths:
        comparison = json.loads(path.read_text())
        cases = comparison["seeds"]["count"] * len(comparison["scenarios"])
        for model in comparison["models"]:
            name = re.fullmatch(r"(?:.*/)?teacher-p(\d)(?:\.onnx)?", model["name"])
            if name:
                tokens = Teacher(patch=int(name[1])).tokens()
                if cases > found.get(tokens, (None, 0))[1]:
                    found[tokens] = (model, cases)
    return dict(sorted(found.items()))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("comparisons", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    found = points(args.comparisons)
    if not found:
        parser.error("no comparison has a model named teacher-p1, -p2, -p4 or -p8")
    figure, axes = plt.subplots(figsize=(7.6, 4.4))
    for key, label, colour, marker in (("success_zero", "without latency", "#0072b2", "o"), ("success_real", "with its own latency", "#d55e00", "s")):
        rates = [model[key] for model, _ in found.values()]
        middle = [100 * r["rate"] for r in rates]
        spread = [[m - 100 * r["lo"] for m, r in zip(middle, rates)], [100 * r["hi"] - m for m, r in zip(middle, rates)]]
        axes.errorbar(list(found), middle, spread, color=colour, marker=marker, capsize=4, label=label)
    labels = [f"{tokens:,}\n{model['latency_ms']['p50']:.0f} ms\n{cases} cases" for tokens, (model, cases) in found.items()]
    axes.set_xscale("log")
    axes.set_xticks(list(found), labels)
    axes.minorticks_off()
    axes.set_ylim(-3, 103)
    axes.set_xlabel("tokens; measured latency, p50; scenarios times seeds")
    axes.set_ylabel("goal reached, %")
    axes.set_title("The teacher, by its number of tokens (95 % intervals)", loc="left", fontsize=12)
    axes.grid(axis="y", color="#dddddd")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(args.out, bbox_inches="tight", metadata={"Date": None})


if __name__ == "__main__":
    main()
