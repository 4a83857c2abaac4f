#!/usr/bin/env python3
"""Makes a toy folder in COCO form: coloured rectangles, ellipses and triangles on noise. For trying the steps:
a training that does not learn this in minutes learns nothing else."""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path

from PIL import Image, ImageDraw

CLASSES = ("rectangle", "ellipse", "triangle")


def draw(rng: random.Random, width: int, height: int, most: int) -> tuple[Image.Image, list[tuple[int, list[float]]]]:
    coarse = (width // 4, height // 4)
    noise = Image.frombytes("L", coarse, bytes(96 + byte // 4 for byte in rng.randbytes(coarse[0] * coarse[1])))
    ground = noise.resize((width, height), Image.Resampling.BICUBIC)
    shades = [rng.randint(-40, 40) for _ in range(3)]
    image = Image.merge("RGB", [ground.point([value + shade for value in range(256)]) for shade in shades])
    pen = ImageDraw.Draw(image)
    boxes: list[tuple[int, list[float]]] = []
    for _ in range(rng.randint(1, most)):
        label = rng.randrange(len(CLASSES))
        high = round(min(height * 0.7, 12 * 2 ** rng.uniform(0, 3.5)))
        wide = round(min(width * 0.7, high * rng.uniform(0.4, 1.6)))
        left, top = rng.randint(0, width - wide - 1), rng.randint(0, height - high - 1)
        right, bottom = left + wide, top + high
        if any(left < x + w and x < right and top < y + h and y < bottom for _, (x, y, w, h) in boxes):
            continue
        colour = tuple(rng.randint(0, 255) for _ in range(3))
        if label == 0:
            pen.rectangle((left, top, right - 1, bottom - 1), colour)
        elif label == 1:
            pen.ellipse((left, top, right - 1, bottom - 1), colour)
        else:
            pen.polygon(((left, bottom - 1), ((left + right) / 2, top), (right - 1, bottom - 1)), colour)
        boxes.append((label, [left, top, wide, high]))
    return image, boxes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--count", type=int, default=16)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--size", default="640x360")
    parser.add_argument("--most", type=int, default=6, help="things in a picture (6)")
    options = parser.parse_args()
    width, height = (int(part) for part in options.size.split("x"))
    (options.out / "images").mkdir(parents=True, exist_ok=True)
    rng = random.Random(options.seed)
    images, annotations = [], []
    for index in range(options.count):
        image, boxes = draw(rng, width, height, options.most)
        name = f"{index:05}.jpg"
        image.save(options.out / "images" / name, quality=90)
        images.append({"id": index + 1, "file_name": name, "width": width, "height": height})
        for label, box in boxes:
            number = len(annotations) + 1
            annotations.append(
                {
                    "id": number,
                    "image_id": index + 1,
                    "category_id": label + 1,
                    "bbox": box,
                    "area": box[2] * box[3],
                    "iscrowd": 0,
                }
            )
    categories = [{"id": index + 1, "name": name} for index, name in enumerate(CLASSES)]
    document = {"images": images, "annotations": annotations, "categories": categories}
    (options.out / "instances.json").write_text(json.dumps(document))


if __name__ == "__main__":
    main()
