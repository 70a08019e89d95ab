"""Quantises a pilot as TensorRT wants it: symmetric int8 in QDQ form. What ships is quantised for processors (unsigned activations).

    deadtime collect scenarios/lesson.toml scenarios/slalom.toml --seeds 0..20 --out data/int8     # for calibration
    python training/signed.py assets/models/pilot.onnx data/int8 pilot-signed.onnx
    deadtime measure pilot-signed.onnx --runtime tensorrt --precision int8
"""

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # read when onnxruntime is loaded

import argparse
from pathlib import Path

import numpy as np
import onnxruntime

import compress
import train


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="a pilot of scan and state, in fp32")
    parser.add_argument("samples", type=Path, help="a folder of `deadtime collect`")
    parser.add_argument("out", type=Path)
    parser.add_argument("--frames", type=int, default=400, help="how many of the samples calibrate")
    args = parser.parse_args()
    data = train.load([args.samples])
    index = np.random.default_rng(0).permutation(len(data[0]))[:args.frames]
    (scan, state), _ = train.batch(data, index, False)
    feeds = [{"scan": scan[i:i + 1].numpy(), "state": state[i:i + 1].numpy()} for i in range(len(index))]
    compress.quantise(args.model, args.out, feeds, signed=True)
    sessions = [onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"]) for path in (args.model, args.out)]
    wide, narrow = ([session.run(None, feed)[0] for feed in feeds] for session in sessions)
    off = np.linalg.norm(np.concatenate(wide) - np.concatenate(narrow)) / np.linalg.norm(np.concatenate(wide))
    print(f"{args.out}: {args.out.stat().st_size} bytes; its outputs are off by {off:.3f} of theirs (relative L2, calibration frames)")


if __name__ == "__main__":
    main()
