#!/usr/bin/env python
"""Opens a timeline (`deadtime replay RUN.mcap --timeline F.json`) in a viewer that is not ours, and asks it what it sees.

    npm pack speedscope@1.25.0 && tar xzf speedscope-1.25.0.tgz     # leaves package/dist/release
    pip install websockets
    python tests/peers/timeline.py F.json --speedscope package/dist/release --chromium chromium

speedscope reads Chrome's trace format as Perfetto does: a track for each thread, of complete events that must nest. The page is
driven in headless Chromium over its debugging protocol. For every track of stages its name, the order of the tracks and the bars
that its table shows first must be those of the file. (Perfetto's own trace processor comes as a binary from outside the package
registries, so it is not what is asked here.) Ends with 1 where something differs.
"""

import argparse
import asyncio
import functools
import http.server
import json
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import defaultdict
from pathlib import Path

import websockets


class Quiet(http.server.SimpleHTTPRequestHandler):
    """The viewer's files, and the timeline beside them."""

    timeline = Path()

    def log_message(self, *_):
        pass

    def translate_path(self, path):
        return str(self.timeline) if path.startswith("/timeline.json") else super().translate_path(path)


def expected(path):
    """Tracks in the order of their threads: title, and the bars with the milliseconds that they may be shown with."""
    events = json.loads(path.read_text())["traceEvents"]
    named = {(e["pid"], e.get("tid")): e["args"]["name"] for e in events if e["name"] in ("process_name", "thread_name")}
    bars = defaultdict(dict)
    threads = defaultdict(list)
    for e in events:
        if e["ph"] == "X":
            threads[e["pid"], e["tid"]].append(e)
    for thread, own in threads.items():
        for e, after in zip(own, [*own[1:], None]):
            key = f"{e['name']} {json.dumps(e['args'], separators=(',', ':'))}"
            long = e["dur"] / 1e3
            # The viewer counts from a track's first event, and rounds anew: of two bars that touch it may nest the second.
            touch = after and after["ts"] - e["ts"] - e["dur"] < 1e-6
            bars[thread][key] = [long, long + after["dur"] / 1e3] if touch else [long]
    return [(f"{named[pid, None]} (pid {pid}), {named[pid, tid]} (tid {tid})", bars[pid, tid]) for pid, tid in sorted(bars)]


def milliseconds(text):
    """`25.00ms (0.40%)`."""
    number = text.split(" ")[0]
    for unit, factor in ("ms", 1.0), ("µs", 1e-3), ("ns", 1e-6), ("s", 1e3):
        if number.endswith(unit):
            return float(number.removesuffix(unit)) * factor
    raise ValueError(text)


class Page:
    """A page of Chromium."""

    def __init__(self, socket):
        self.socket, self.count = socket, 0

    async def call(self, method, **params):
        self.count += 1
        await self.socket.send(json.dumps({"id": self.count, "method": method, "params": params}))
        while True:
            answer = json.loads(await self.socket.recv())
            if answer.get("id") == self.count:
                return answer["result"]

    async def lines(self):
        answer = await self.call("Runtime.evaluate", expression="document.body?.innerText ?? ''", returnByValue=True)
        return [line.strip() for line in answer["result"].get("value", "").splitlines()]

    async def next_track(self):
        for kind in "keyDown", "keyUp":
            await self.call("Input.dispatchKeyEvent", type=kind, key="n", code="KeyN", **({"text": "n"} if kind == "keyDown" else {}))


async def check(page, address, tracks):
    await page.call("Page.navigate", url=f"{address}/index.html#profileURL={address}/timeline.json&view=sandwich")
    seen = 0
    for k, (title, bars) in enumerate(tracks):
        wanted = f"{title} ({k + 1}/{len(tracks)})" if len(tracks) > 1 else title
        for _ in range(60):
            lines = await page.lines()
            if wanted in lines:
                break
            await asyncio.sleep(0.5)
        else:
            raise SystemExit(f"expected the track {wanted!r}, found {lines[:4]}")
        table = lines[next(i for i, line in enumerate(lines) if line.startswith("Total")) + 1:]
        for total, _, name in zip(table[0::3], table[1::3], table[2::3]):
            if all(abs(long - milliseconds(total)) > 0.005 * max(1.0, long) for long in bars[name]):
                raise SystemExit(f"{title}: {name} is {total}, expected {bars[name][0]} ms")
            seen += 1
        if not seen:
            raise SystemExit(f"{title} shows no bars")
        await page.next_track()
    return seen


async def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("timeline", type=Path)
    parser.add_argument("--speedscope", type=Path, required=True, help="its dist/release")
    parser.add_argument("--chromium", default="chromium")
    parser.add_argument("--port", type=int, default=9334, help="of the debugging protocol")
    args = parser.parse_args()
    tracks = expected(args.timeline)
    Quiet.timeline = args.timeline.resolve()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=args.speedscope))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        chromium = subprocess.Popen(
            [args.chromium, "--headless=new", "--no-sandbox", "--disable-gpu", "--enable-unsafe-swiftshader", "--window-size=1400,1000",
             f"--remote-debugging-port={args.port}", f"--user-data-dir={folder}", "about:blank"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            for _ in range(120):
                try:
                    pages = json.load(urllib.request.urlopen(f"http://127.0.0.1:{args.port}/json"))
                    break
                except OSError:
                    time.sleep(0.5)
            else:
                raise SystemExit("Chromium does not answer")
            address = next(page["webSocketDebuggerUrl"] for page in pages if page["type"] == "page")
            async with websockets.connect(address, max_size=None) as socket:
                seen = await check(Page(socket), f"http://127.0.0.1:{server.server_port}", tracks)
        finally:
            chromium.terminate()
            chromium.wait()
    print(f"{len(tracks)} tracks, {seen} bars as in the file")


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
