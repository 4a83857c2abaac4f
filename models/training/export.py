#!/usr/bin/env python3
"""Writes a checkpoint as ONNX with the manifest that banksman reads, side by side in --out.

    banksman models check ID -c site.yaml      # with the manifest under models.manifests of the site file
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from pathlib import Path

import torch

from network import Exported, load


def manifest(options: argparse.Namespace, file: Path, labels: tuple[str, ...], size: tuple[int, int]) -> str:
    """YAML; strings as JSON, which YAML reads."""
    data = file.read_bytes()
    lines = [
        f"id: {options.id}",
        "family: yolox",
        f"description: {json.dumps(options.description)}",
        f"file: {file.name}",
        "weights:",
        f"  - {{ sha256: {hashlib.sha256(data).hexdigest()}, bytes: {len(data)} }}",
        f"licence: {options.licence}",
        f"input: {{ width: {size[0]}, height: {size[1]}, layout: nchw }}",
        f"labels: {json.dumps(list(labels))}",
        f"threshold: {options.threshold}",
        f"nms_iou: {options.nms_iou}",
    ]
    if options.report:
        rows = json.loads(options.report.read_text())[0]["report"]["personByHeight"]
        lines.append("recall_by_height_px:")
        lines += [f"  - {{ height_px: {row['heightPx']}, recall: {row['recall']:.2f} }}" for row in rows]
        lines.append("recall_width_px: 960")
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("checkpoint", type=Path, help="last.pt of a training")
    add("--out", type=Path, required=True, help="folder for ID.onnx and ID.yaml")
    add("--id", default="own", help="name of the model in site files: lower-case letters, digits, dashes (own)")
    add("--description", default="Trained on pictures of its own site.")
    add("--licence", default="proprietary", help="of the weights")
    add("--threshold", type=float, default=0.4, help="score from which it is worth believing (0.4)")
    add("--nms-iou", type=float, default=0.5, help="boxes that overlap more are one thing (0.5)")
    add("--report", type=Path, help="what `npm run bench -- eval --json` gave: fills in recall by height")
    options = parser.parse_args()
    detector, note = load(options.checkpoint)
    design = detector.design
    options.out.mkdir(parents=True, exist_ok=True)
    file = options.out / f"{options.id}.onnx"
    torch.onnx.export(
        Exported(detector).eval(),
        (torch.zeros(1, 3, design.height, design.width),),
        str(file),
        input_names=["images"],
        output_names=["output"],
        opset_version=17,
        dynamo=False,
    )
    path = options.out / f"{options.id}.yaml"
    path.write_text(manifest(options, file, design.classes, (design.width, design.height)))
    print(f"{file}: {file.stat().st_size / 1e6:.2f} MB, {path}; trained {json.dumps(note)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
