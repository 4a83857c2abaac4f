"""Folders in COCO form: `instances.json`, and the pictures that it names beside it or under `images/`.

Standard library only. Of an annotation also `visible` (share that nothing stands before) and `inside` (share
within the picture) are read, 0-1 and 1 where they are missing.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path


class FolderError(Exception):
    """What is wrong with a folder, for people."""


@dataclass
class Annotation:
    #: Left, top, width, height in pixels.
    box: tuple[float, float, float, float]
    label: str
    crowd: bool
    visible: float
    inside: float


@dataclass
class Picture:
    id: int
    path: Path
    width: int
    height: int
    annotations: list[Annotation] = field(default_factory=list)


@dataclass
class Folder:
    path: Path
    #: Names in the order of their ids.
    labels: list[str]
    categories: dict[str, int]
    pictures: list[Picture]


def read_folder(path: Path) -> Folder:
    """Reads and checks `instances.json`; pictures need not be there yet. Raises FolderError."""
    file = path / "instances.json"
    try:
        document = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise FolderError(f"{file}: {error}") from error
    try:
        categories = {row["name"]: row["id"] for row in sorted(document["categories"], key=lambda row: row["id"])}
        names = {number: name for name, number in categories.items()}
        pictures: dict[int, Picture] = {}
        for row in document["images"]:
            at = path / row["file_name"]
            at = at if at.exists() else path / "images" / row["file_name"]
            pictures[row["id"]] = Picture(row["id"], at, row["width"], row["height"])
        for row in document["annotations"]:
            left, top, width, height = (float(value) for value in row["bbox"])
            pictures[row["image_id"]].annotations.append(
                Annotation(
                    (left, top, width, height),
                    names[row["category_id"]],
                    bool(row.get("iscrowd", 0)),
                    float(row.get("visible", 1)),
                    float(row.get("inside", 1)),
                )
            )
    except (KeyError, TypeError, ValueError) as error:
        raise FolderError(f"{file}: {type(error).__name__} {error}") from error
    return Folder(path, list(categories), categories, list(pictures.values()))


def refuse_lacking(judged: Folder, classes: list[str], learnt: Path) -> None:
    """Boxes of a class that a folder does not have cannot be judged on it. Raises FolderError."""
    lacking = [label for label in classes if label not in judged.categories]
    if not lacking:
        return
    noun = "class" if len(lacking) == 1 else "classes"
    verb = "is" if len(lacking) == 1 else "are"
    kept = ",".join(label for label in classes if label in judged.categories)
    without = f", or leave it out: --classes {kept}" if kept else ""
    raise FolderError(
        f"{judged.path / 'instances.json'}: has no {noun} {', '.join(lacking)}, which {verb} to be learnt from {learnt}. "
        f"Add what is lacking to the categories there, with boxes or without{without}"
    )
