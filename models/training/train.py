#!/usr/bin/env python3
"""Trains the detector on folders in COCO form.

Without --steps the schedule is laid over --minutes, and no two runs are quite the same. With --steps the same
data, seed and threads on the same machine and versions give the same weights; --minutes then only cuts it off.
Written to --out: last.pt (averaged weights, every --check-minutes and at the end) and log.jsonl.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import time
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path

# Before PyTorch comes: threads that spin while they wait take the time of the one that makes batches.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# But a moment of it costs less than being woken.
os.environ.setdefault("GOMP_SPINCOUNT", "30000")

import torch

from data import Batches, Pictures
from folder import FolderError, read_folder, refuse_lacking
from loss import detection_loss
from network import Design, Detector, cells, load, save
from predict import judge, predict

#: Whichever is over first.
WARM_UP_STEPS, WARM_UP_SHARE = 200, 0.05
#: Of the averaged weights; approached from the start, so that a short run is averaged as well.
AVERAGE = 0.999
CLIP_NORM = 20.0
LAST_RATE = 0.02
TOLD_EVERY = 20


class Schedule:
    """How far along, 0-1: by steps where they are given, else by minutes."""

    def __init__(self, steps: int | None, minutes: float) -> None:
        self.steps, self.limit_s = steps, minutes * 60
        self.start = time.monotonic()

    def progress(self, step: int) -> float:
        share = (time.monotonic() - self.start) / self.limit_s
        if share >= 1 or self.steps is None:
            return min(1.0, share)
        return min(1.0, step / self.steps)


def average(into: Detector, of: Detector, step: int) -> None:
    keep = AVERAGE * (1 - math.exp(-step / 500))
    with torch.no_grad():
        for mean, value in zip(into.state_dict().values(), of.state_dict().values()):
            if mean.is_floating_point():
                mean.mul_(keep).add_(value, alpha=1 - keep)
            else:
                mean.copy_(value)


def parameter_groups(detector: Detector, decay: float) -> list[dict[str, object]]:
    """Only the weights of convolutions decay."""
    decayed = [weight for weight in detector.parameters() if weight.ndim > 1]
    others = [weight for weight in detector.parameters() if weight.ndim <= 1]
    return [{"params": decayed, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}]


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--data", type=Path, required=True, help="folder to learn from (instances.json and pictures)")
    add("--val", type=Path, help="folder to judge on; never learnt from")
    add("--out", type=Path, required=True, help="folder for checkpoints and the log")
    add("--init", type=Path, help="checkpoint to begin with; its classes and input size are kept")
    add("--classes", help="names in the order of the outputs, with commas (default: those of --data)")
    add("--size", default="640x352", help="input of the network, multiples of 32 (640x352)")
    add("--crop", default="320x320", help="size of the pieces learnt from, multiples of 32 (320x320)")
    add("--minutes", type=float, default=90, help="time limit (90)")
    add("--steps", type=int, help="length of the schedule (default: what the minutes hold)")
    add("--whole", type=float, default=0.4, help="share of the schedule, at its end, on whole pictures (0.4)")
    add("--distract", type=float, default=0.3, help="share of pictures with patches that are nothing (0.3)")
    add("--batch", type=int, default=16, help="pieces a step; a step of whole pictures takes half as many (16)")
    add("--rate", type=float, default=2e-3, help="largest learning rate (0.002)")
    add("--decay", type=float, default=0.02, help="weight decay (0.02)")
    add("--seed", type=int, default=1)
    add("--threads", type=int, default=2, help="of PyTorch (2)")
    add("--check-minutes", type=float, default=15, help="judge and save this often (15)")
    add("--cache", type=Path, help="folder for scaled pictures (default: cache in --out)")
    return parser.parse_args()


def size(text: str) -> tuple[int, int]:
    width, height = (int(part) for part in text.split("x"))
    return width, height


def main() -> int:
    options = parse()
    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)
    torch.use_deterministic_algorithms(True)
    # Nothing here reads what it has not written.
    torch.utils.deterministic.fill_uninitialized_memory = False
    options.out.mkdir(parents=True, exist_ok=True)
    cache = options.cache or options.out / "cache"
    try:
        detector, pictures, val = prepare(options, cache)
    except (FolderError, OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    detector = detector.to(memory_format=torch.channels_last).train()
    weights = sum(weight.numel() for weight in detector.parameters())
    classes = ", ".join(detector.design.classes)
    print(f"{len(pictures)} pictures, classes {classes}, {weights / 1e6:.2f} M weights", flush=True)
    train(options, detector, pictures, val)
    return 0


def prepare(options: argparse.Namespace, cache: Path) -> tuple[Detector, Pictures, Pictures | None]:
    if options.init:
        detector, _ = load(options.init)
        classes = list(detector.design.classes)
    else:
        classes = options.classes.split(",") if options.classes else read_folder(options.data).labels
        width, height = size(options.size)
        detector = Detector(Design(tuple(classes), width, height))
    # Else said at the first check, a quarter of an hour later.
    if options.val:
        refuse_lacking(read_folder(options.val), classes, options.data)
    design = detector.design
    pictures = Pictures(options.data, design.classes, design.width, design.height, cache)
    val = Pictures(options.val, design.classes, design.width, design.height, cache) if options.val else None
    return detector, pictures, val


def train(options: argparse.Namespace, detector: Detector, pictures: Pictures, val: Pictures | None) -> None:
    mean = deepcopy(detector).eval()
    groups = parameter_groups(detector, options.decay)
    optimizer = torch.optim.AdamW(groups, lr=options.rate, betas=(0.9, 0.99), fused=True)
    schedule = Schedule(options.steps, options.minutes)
    crop = size(options.crop)
    design = detector.design
    grids = {crop: cells(crop[1], crop[0]), (design.width, design.height): cells(design.height, design.width)}
    batches = Batches(pictures, options.batch, crop, options.seed, options.distract)
    log = (options.out / "log.jsonl").open("a")
    sums: dict[str, float] = {}
    checked = told = time.monotonic()

    def say(row: dict[str, object]) -> None:
        print(json.dumps(row), file=log, flush=True)
        print(json.dumps(row), flush=True)

    def check(step: int) -> None:
        note = {"step": step, "seed": options.seed, "minutes": (time.monotonic() - schedule.start) / 60}
        save(options.out / "last.pt", mean, note)
        if val is None:
            return
        report = judge(predict(mean, val), val.folder.path, options.out / "results.json")
        if report is not None:
            classes = {name: round(row["ap50"], 3) for name, row in report["classes"].items()}
            say({"step": step, "map50": report["map50"], "ap50": classes, "person": report["person"]})

    def plan() -> Iterator[tuple[int, bool]]:
        step = 0
        while (at := schedule.progress(step)) < 1:
            yield step, at >= 1 - options.whole
            step += 1

    step = 0
    for step, (inputs, targets) in enumerate(batches.ahead(plan())):
        at = schedule.progress(step)
        rate = options.rate * (LAST_RATE + (1 - LAST_RATE) * (1 + math.cos(math.pi * at)) / 2)
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1.0, max((step + 1) / WARM_UP_STEPS, at / WARM_UP_SHARE))
        height, width = inputs.shape[2:]
        raw = detector(inputs.contiguous(memory_format=torch.channels_last))
        loss, parts = detection_loss(raw, targets, *grids[(width, height)], exact=(width, height) != crop)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(detector.parameters(), CLIP_NORM)
        optimizer.step()
        average(mean, detector, step)
        for key, value in parts.items():
            sums[key] = sums.get(key, 0.0) + value / TOLD_EVERY
        now = time.monotonic()
        if (step + 1) % TOLD_EVERY == 0:
            row = {key: round(value, 4) for key, value in sums.items()}
            say({"step": step + 1, "of": round(at, 4), **row, "s": round((now - told) / TOLD_EVERY, 3)})
            sums.clear()
            told = now
        if now - checked > options.check_minutes * 60:
            check(step + 1)
            checked = told = time.monotonic()
    check(step + 1)


if __name__ == "__main__":
    sys.exit(main())
