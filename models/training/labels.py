#!/usr/bin/env python3
"""Checks a folder in COCO form and tells what is in it, before hours are spent on training with it.

Needs Python alone. Ends with 1 where something is wrong that training would stumble over.
"""

from __future__ import annotations

import argparse
import json
import struct
import sys
from collections import Counter
from pathlib import Path

from folder import Folder, FolderError, read_folder

#: Shown of each kind of problem.
SHOWN = 5
HEIGHTS = (0, 8, 12, 16, 24, 32, 48, 72, 96, 144, 216)
#: Fewer boxes than this teach a class badly.
FEW = 200


def jpeg_or_png_size(path: Path) -> tuple[int, int] | None:
    """Width and height from the file's head; None for what is neither."""
    with path.open("rb") as file:
        head = file.read(26)
        if head[:8] == b"\x89PNG\r\n\x1a\n":
            return struct.unpack(">II", head[16:24])
        if head[:2] != b"\xff\xd8":
            return None
        file.seek(2)
        while True:
            marker = file.read(4)
            if len(marker) < 4 or marker[0] != 0xFF:
                return None
            if 0xC0 <= marker[1] <= 0xCF and marker[1] not in (0xC4, 0xC8, 0xCC):
                height, width = struct.unpack(">xHH", file.read(5))
                return width, height
            file.seek(struct.unpack(">H", marker[2:])[0] - 2, 1)


def problems(folder: Folder) -> dict[str, list[str]]:
    """What is wrong, by kind."""
    found: dict[str, list[str]] = {}

    def add(kind: str, what: str) -> None:
        found.setdefault(kind, []).append(what)

    for picture in folder.pictures:
        name = picture.path.name
        if not picture.path.exists():
            add("picture is missing", name)
        else:
            size = jpeg_or_png_size(picture.path)
            if size is None:
                add("neither JPEG nor PNG", name)
            elif size != (picture.width, picture.height):
                add("size differs from instances.json", f"{name}: {size} for {(picture.width, picture.height)}")
        for annotation in picture.annotations:
            left, top, width, height = annotation.box
            if not (width > 0 and height > 0):
                add("empty box", f"{name}: {annotation.label} {annotation.box}")
            elif left < -1 or top < -1 or left + width > picture.width + 1 or top + height > picture.height + 1:
                add("box reaches out of the picture", f"{name}: {annotation.label} {annotation.box}")
        seen = Counter((annotation.label, annotation.box) for annotation in picture.annotations)
        for (label, box), count in seen.items():
            if count > 1:
                add("same box more than once", f"{name}: {label} {box}")
    if not folder.pictures:
        add("no pictures", str(folder.path))
    return found


def statistics(folder: Folder, width_px: int) -> dict[str, dict[str, object]]:
    """By class: boxes, pictures, boxes by height in pixels of a picture `width_px` wide, half hidden ones."""
    counts: dict[str, dict[str, object]] = {}
    for label in folder.labels:
        heights: Counter[int] = Counter()
        boxes = pictures = hidden = 0
        for picture in folder.pictures:
            own = [annotation for annotation in picture.annotations if annotation.label == label]
            boxes += len(own)
            pictures += bool(own)
            for annotation in own:
                height = annotation.box[3] * width_px / picture.width
                heights[max(limit for limit in HEIGHTS if limit <= max(height, 0))] += 1
                hidden += annotation.visible < 0.5
        counts[label] = {
            "boxes": boxes,
            "pictures": pictures,
            "half_hidden": hidden,
            "by_height_px": {str(limit): heights[limit] for limit in HEIGHTS if heights[limit]},
        }
    return counts


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder with instances.json and its pictures")
    parser.add_argument("--width-px", type=int, default=960, help="heights are told for a picture this wide (960)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    try:
        folder = read_folder(options.folder)
    except FolderError as error:
        print(error, file=sys.stderr)
        return 1
    wrong = problems(folder)
    counts = statistics(folder, options.width_px)
    empty = sum(not picture.annotations for picture in folder.pictures)
    if options.json:
        print(json.dumps({"pictures": len(folder.pictures), "empty": empty, "classes": counts, "problems": wrong}))
        return 1 if wrong else 0
    print(f"{len(folder.pictures)} pictures, {empty} of them without a box")
    width = max((len(label) for label in counts), default=0)
    for label, row in counts.items():
        few = "  (few)" if row["boxes"] < FEW else ""
        heights = "  ".join(f"{limit}+: {count}" for limit, count in row["by_height_px"].items())
        print(f"{label:{width}}  {row['boxes']:6} boxes in {row['pictures']:5} pictures{few}   height px  {heights}")
    for kind, where in wrong.items():
        print(f"{kind}: {len(where)}", *where[:SHOWN], sep="\n  ", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
