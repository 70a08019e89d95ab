"""The network and nothing else, in calls of eight rows on one thread: what two processes get of it bounds what two cores can give."""

import json
import sys
import time

import numpy as np

from loop import BEAMS, load

ROWS, SECONDS = 8, 1.5


def main():
    """MODEL: rows a second."""
    session, random = load(sys.argv[1]), np.random.default_rng(0)
    feeds = {"scan": random.random((ROWS, 3, BEAMS), np.float32), "state": random.random((ROWS, 6), np.float32)}
    for _ in range(100):
        session.run(None, feeds)
    calls, began = 0, time.perf_counter()
    while time.perf_counter() - began < SECONDS:
        session.run(None, feeds)
        calls += 1
    print(json.dumps(ROWS * calls / (time.perf_counter() - began)))


if __name__ == "__main__":
    main()
