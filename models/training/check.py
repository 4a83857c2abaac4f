#!/usr/bin/env python3
"""Holds an exported model to its checkpoint: the same numbers from PyTorch and onnxruntime on real pictures.

Tells the time of a run on one core as well. Ends with 1 where the numbers differ.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import onnxruntime
import torch

from data import Pictures, to_tensor
from network import load

#: Of scores; boxes are held to as much in strides.
TOLERANCE = 1e-3
RUNS = 50


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("onnx", type=Path)
    parser.add_argument("--data", type=Path, help="folder in COCO form (default: noise alone)")
    parser.add_argument("--count", type=int, default=8, help="pictures compared (8)")
    options = parser.parse_args()
    detector, _ = load(options.checkpoint)
    design = detector.design
    session_options = onnxruntime.SessionOptions()
    session_options.intra_op_num_threads = session_options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(options.onnx), session_options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name

    rng = np.random.default_rng(1)
    pictures = [rng.integers(0, 256, (design.height, design.width, 3), np.uint8)]
    if options.data:
        with tempfile.TemporaryDirectory() as cache:
            known = Pictures(options.data, design.classes, design.width, design.height, Path(cache))
            pictures += [np.array(known.pixels[index]) for index in range(min(options.count, len(known)))]
    worst = 0.0
    for pixels in pictures:
        batch = to_tensor([pixels]).contiguous()
        with torch.inference_mode():
            raw = detector(batch)
            wanted = torch.cat((raw[..., :4], raw[..., 4:].sigmoid()), 2).numpy()
        (found,) = session.run(None, {name: batch.numpy()})
        if found.shape != wanted.shape:
            print(f"shape {found.shape} for {wanted.shape}", file=sys.stderr)
            return 1
        worst = max(worst, float(np.abs(found - wanted).max()))
    feed = {name: to_tensor([pictures[-1]]).contiguous().numpy()}
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        session.run(None, feed)
        times.append((time.perf_counter() - start) * 1000)
    times.sort()
    print(f"{len(pictures)} pictures, largest difference {worst:.2e} (allowed {TOLERANCE})")
    print(f"one core: median {times[RUNS // 2]:.1f} ms a run, fastest {times[0]:.1f} ms")
    return 0 if worst <= TOLERANCE else 1


if __name__ == "__main__":
    sys.exit(main())
