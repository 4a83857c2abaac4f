"""Boxes of a network over a folder, in COCO's results form: what the evaluator reads."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from data import Pictures, to_tensor
from loss import overlaps
from network import PAD, Detector, cells, decode

FLOOR = 0.02
NMS_IOU = 0.5
MOST = 100
REPOSITORY = Path(__file__).resolve().parents[2]


def best_boxes(output: Tensor, boxes: Tensor, floor: float = FLOOR) -> tuple[Tensor, Tensor, Tensor]:
    """Of one picture's output (scores after the sigmoid): boxes, scores, classes that suppression leaves."""
    scores, classes = (output[:, 4:5] * output[:, 5:]).max(1)
    kept = (scores >= floor).nonzero()[:, 0]
    order = kept[scores[kept].argsort(descending=True, stable=True)][:1000]
    boxes, scores, classes = boxes[order], scores[order], classes[order]
    doubles = (overlaps(boxes, boxes) > NMS_IOU) & (classes[:, None] == classes[None])
    alive = torch.ones(len(order), dtype=torch.bool)
    for index in range(len(order)):
        if alive[index]:
            alive[index + 1 :] &= ~doubles[index, index + 1 :]
    left = alive.nonzero()[:MOST, 0]
    return boxes[left], scores[left], classes[left]


@torch.inference_mode()
def predict(detector: Detector, pictures: Pictures) -> list[dict[str, Any]]:
    detector.eval()
    corners, strides = cells(pictures.height, pictures.width)
    rows: list[dict[str, Any]] = []
    for index, picture in enumerate(pictures.folder.pictures):
        pixels = np.array(pictures.pixels[index])
        across, down = pictures.size(index)
        pixels[down:], pixels[:, across:] = PAD, PAD
        raw = detector(to_tensor([pixels]).contiguous(memory_format=torch.channels_last))[0]
        output = torch.cat((raw[:, :4], raw[:, 4:].sigmoid()), 1)
        size = torch.tensor([across, down] * 2, dtype=torch.float32)
        boxes, scores, classes = best_boxes(output, decode(raw, corners, strides))
        scale = torch.tensor([picture.width, picture.height] * 2, dtype=torch.float32) / size
        boxes = boxes.clamp(min=0).minimum(size) * scale
        for (x1, y1, x2, y2), score, label in zip(boxes.tolist(), scores.tolist(), classes.tolist()):
            category = pictures.folder.categories[pictures.classes[label]]
            rows.append(
                {
                    "image_id": picture.id,
                    "category_id": category,
                    "bbox": [x1, y1, x2 - x1, y2 - y1],
                    "score": score,
                }
            )
    return rows


def judge(rows: list[dict[str, Any]], folder: Path, file: Path) -> dict[str, Any] | None:
    """Writes the rows and asks the repository's evaluator; None where Node 24 is not on PATH."""
    file.write_text(json.dumps(rows))
    node = shutil.which("node") or os.environ.get("NODE")
    if node is None:
        return None
    command = [node, "--disable-warning=ExperimentalWarning", str(REPOSITORY / "bench" / "run.ts"), "eval"]
    command += ["--coco", str(folder.resolve()), "--results", str(file.resolve()), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY, check=False)
    if done.returncode != 0:
        return None
    return json.loads(done.stdout)[0]["report"]
