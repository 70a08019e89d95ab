"""What a run costs as it grows: obstacles, actors, beams, robots with a network, and the episodes of a sweep. Writes docs/cost.svg and docs/cost.md.

    python3 benches/cost.py target/release/deadtime

Give it the machine alone. Every number is the fastest of several runs; it fails where something grows faster than linearly.
"""

import json
import math
import os
import pathlib
import platform
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).parent.parent
SECONDS = 4  # simulated, in a run
REPEATS = 7
MOST = 500  # things in a scatter
DENSITY = 0.068  # things a square metre, as in bench_60
LINEAR = 1.15  # the local exponent that is still called linear: the rest is caches and noise

HALL = """title = "cost"
duration_s = {seconds}
[physics]
tick_hz = 1000
[robot]
cruise = 2.0
[lidar]
beams = {beams}
[capture]
hz = 20
[controller]
pilot = "{pilot}"
[latency]
source = "zero"
"""

SIDE = """[[scatter]]
kind = "{kind}"
name = "{name}"
count = {count}
x = {{ min = -{reach}, max = {reach} }}
y = {{ min = {low}, max = {high} }}
size = {size}
apart = {apart}
{more}
"""


def hall(obstacles, actors, beams, pilot):
    """A scenario: as many things as asked around a lane that is kept free, always as dense."""
    text = HALL.format(seconds=SECONDS, beams=beams, pilot=pilot)
    for kind, count, size, apart, more in (
        ("box", obstacles, 0.6, 0.8, ""),
        ("actor", actors, 0.5, 0.3, "speed = 0.6\nwalk = 3.0\nheading_deg = 0"),
    ):
        reach = max(12.0, math.sqrt(count / DENSITY / 4))
        for sign in (1, -1):
            low, high = sorted((1.2 * sign, (1.2 + max(6.0, reach)) * sign))
            half = count // 2 if sign < 0 else count - count // 2
            for first in range(0, half, MOST):
                text += SIDE.format(
                    kind=kind, name=f"{kind} {low:.0f} {first}", count=min(MOST, half - first), reach=reach, low=low, high=high,
                    size=size, apart=apart, more=more,
                )  # fmt: skip
    return text


def run(program, folder, obstacles=40, actors=10, beams=360, pilot="straight"):
    """Wall milliseconds of a simulated second, and seconds of the whole command less those."""
    path = pathlib.Path(folder) / "cost.toml"
    path.write_text(hall(obstacles, actors, beams, pilot), encoding="utf-8")
    best, rest = math.inf, math.inf
    for _ in range(REPEATS):
        began = time.perf_counter()
        said = json.loads(subprocess.run([program, "run", path, "--json"], cwd=ROOT, capture_output=True, check=False).stdout)
        whole = time.perf_counter() - began
        best = min(best, said["wall_seconds"] / said["sim_seconds"] * 1e3)
        rest = min(rest, whole - said["wall_seconds"])
    return best, rest * 1e3


def sweep(program, folder, episodes, what=("braking", "--grid=latency=fixed:100")):
    """Wall seconds of a sweep of so many episodes on all cores, and the most memory it held, MiB."""
    best, most = math.inf, 0.0
    for turn in range(REPEATS if episodes < 10_000 else 1):
        out = pathlib.Path(folder) / f"{what[0]}-{episodes}-{turn}"
        args = ["sweep", "run", *what, f"--seeds={episodes}", "--out", out]
        began = time.perf_counter()
        child = subprocess.Popen([program, *args], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(child.pid, 0)
        assert status == 0, f"the sweep of {episodes} episodes failed"
        best, most = min(best, time.perf_counter() - began), max(most, usage.ru_maxrss / 1024)
    return best, most


def measure(program):
    """Panels: title, unit across, unit up, and named series of (size, cost)."""
    with tempfile.TemporaryDirectory() as folder:
        things = (10, 30, 100, 300, 1000, 3000, 10_000)
        straight = [(n, *run(program, folder, obstacles=n, actors=0)) for n in things]
        expert = [(n, run(program, folder, obstacles=n, actors=0, pilot="expert")[0]) for n in things]
        people = [(n, run(program, folder, actors=n)[0]) for n in (1, 3, 10, 30, 100, 200)]
        rays = [(n, run(program, folder, beams=n)[0]) for n in (90, 180, 360, 720, 1440, 2880, 4096)]
        many = [(n, *sweep(program, folder, n)) for n in (10, 100, 1000, 10_000, 100_000)]
        hall = ("bench_60", "--grid=model=pilot-int8", "--grid=latency=fixed:20")
        robots = [(n, sweep(program, folder, n, hall)[0]) for n in (1, 2, 4, 8, 16, 32, 64)]
    run_ms = "ms a simulated second"
    return [
        ("obstacles", run_ms, {"straight": [row[:2] for row in straight], "expert": expert}),
        ("obstacles", "ms to begin", {"start": [(row[0], row[2]) for row in straight]}),
        ("actors", run_ms, {"straight": people}),
        ("beams", run_ms, {"straight": rays}),
        ("robots", "s, all cores", {"network": robots}),
        ("episodes", "s, all cores", {"sweep": [row[:2] for row in many]}),
        ("episodes", "MiB", {"sweep": [(row[0], row[2]) for row in many]}),
    ]


def exponents(points):
    """Local slopes in log-log."""
    pairs = zip(points, points[1:])
    return [math.log(b[1] / a[1]) / math.log(b[0] / a[0]) for a, b in pairs]


def knee(points):
    """The size whose own part is as large as the fixed one: a / b of a + b n through the ends; none where it never shows."""
    (n0, c0), (n1, c1) = points[0], points[-1]
    each = (c1 - c0) / (n1 - n0)
    return None if c1 < 2 * c0 else max(c0 / each - n0, 0.0)


COLOURS = {"network": "#2171b5", "straight": "#2171b5", "expert": "#b35806", "start": "#2171b5", "sweep": "#2171b5"}
WIDE, HIGH, LEFT, TOP = 320, 250, 52, 40


def panel(at, title, unit, series):
    """One log-log plot with a dashed line of slope 1."""
    sizes = [n for points in series.values() for n, _ in points]
    costs = [c for points in series.values() for _, c in points]
    x0, x1 = math.log10(min(sizes)), math.log10(max(sizes))
    y0, y1 = math.floor(math.log10(min(costs))), math.ceil(math.log10(max(costs)) + 1e-9)
    left, top, wide, high = at[0] + LEFT, at[1] + TOP, WIDE - LEFT - 16, HIGH - TOP - 36

    def spot(n, c):
        return left + (math.log10(n) - x0) / (x1 - x0) * wide, top + high - (math.log10(c) - y0) / (y1 - y0) * high

    text = [f'<text x="{at[0] + LEFT}" y="{at[1] + 24}" class="head">{title}: {unit}</text>']
    text.append(f'<rect x="{left}" y="{top}" width="{wide}" height="{high}" fill="none" stroke="#888"/>')
    for power in range(y0, y1 + 1):
        y = spot(min(sizes), 10.0**power)[1]
        text.append(f'<line x1="{left}" x2="{left + wide}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>')
        text.append(f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{10.0**power:g}</text>')
    for power in range(math.ceil(x0 - 1e-9), math.floor(x1 + 1e-9) + 1):
        x = spot(10.0**power, 10.0**y0)[0]
        text.append(f'<text x="{x:.1f}" y="{top + high + 16}" text-anchor="middle">{10**power:,}</text>')
    for i, (name, points) in enumerate(series.items()):
        last = points[-1]
        guide = [(n, last[1] * n / last[0]) for n in (max(min(sizes), last[0] * 10.0**y0 / last[1]), last[0])]
        for line, more in ((guide, 'stroke-dasharray="3 4" stroke-width="1"'), (points, 'stroke-width="2"')):
            spots = " ".join("{:.1f},{:.1f}".format(*spot(n, c)) for n, c in line)
            text.append(f'<polyline points="{spots}" fill="none" stroke="{COLOURS[name]}" {more}/>')
        text += [
            '<circle cx="{:.1f}" cy="{:.1f}" r="3" fill="{}"/>'.format(*spot(n, c), COLOURS[name]) for n, c in points
        ]
        if len(series) > 1:
            text.append(f'<text x="{left + 10}" y="{top + 18 + 16 * i}" style="fill:{COLOURS[name]}">{name}</text>')
    return "\n".join(text)


def picture(panels):
    """All of them, in two columns."""
    rows = (len(panels) + 1) // 2
    body = "\n".join(panel((i % 2 * WIDE, i // 2 * HIGH), *one) for i, one in enumerate(panels))
    style = "text{font:12px sans-serif;fill:#333}.head{font-weight:bold}"
    size = f'viewBox="0 0 {2 * WIDE} {rows * HIGH}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size}><style>{style}</style>'
        f'<rect width="100%" height="100%" fill="white"/>\n{body}\n</svg>\n'
    )


def words(panels):
    """The same as a table, with the steepest step and the knee."""
    text = (
        "# Cost against work\n\n"
        f"Written by `benches/cost.py` on {machine()}. A hall as in `bench_60` (1 kHz, 20 scans a second), one thing "
        "varied at a time, always as dense; dashed: exactly linear.\n\n![Cost against work, log-log](cost.svg)\n\n"
        "| work | cost | numbers | steepest step | knee |\n|---|---|---|---|---|\n"
    )
    for title, unit, series in panels:
        for name, points in series.items():
            who = f" ({name})" if len(series) > 1 else ""
            numbers = ", ".join(f"{n:,}: {c:.3g}" for n, c in points)
            bend = knee(points)
            bend = "beyond" if bend is None else f"about {float(f'{bend:.2g}'):,.0f}"
            text += f"| {title}{who} | {unit} | {numbers} | {max(exponents(points)):.2f} | {bend} |\n"
    return text + (
        "\nA step of 1 is linear. The knee is the size at which what grows with it costs as much as all the rest; *beyond* where the rest "
        "is more than half to the end. Robots drive by `pilot-int8`, each for a minute in a hall of its own: a world holds one.\n"
    )


def machine():
    """The processor."""
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        name = next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        name = platform.processor() or platform.machine()
    return f"{name}, {os.cpu_count()} cores"


def main():
    panels = measure(pathlib.Path(sys.argv[1]).resolve())
    (ROOT / "docs/cost.svg").write_text(picture(panels), encoding="utf-8")
    (ROOT / "docs/cost.md").write_text(words(panels), encoding="utf-8")
    steep = [
        f"{title} ({unit}, {name}): exponent {max(exponents(points)):.2f}"
        for title, unit, series in panels
        for name, points in series.items()
        if max(exponents(points)) > LINEAR
    ]
    print("\n".join(steep) or "nothing grows faster than linearly")
    sys.exit(bool(steep))


if __name__ == "__main__":
    main()
