"""Pictures and boxes for training: a folder at the size of the network, and what is made of it step by step."""

from __future__ import annotations

import hashlib
import math
import os
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFilter
from torch import Tensor

from folder import Picture, read_folder
from loss import Target
from network import PAD

#: Boxes seen less than this are neither taught nor punished.
MIN_VISIBLE = 0.2
#: Shorter than this, in pixels of what the network is given, neither.
MIN_SIDE = 3.5
#: Of a box, the share that a cut must leave.
MIN_LEFT = 0.3
#: Batches made ahead.
AHEAD = 4


@dataclass
class Sample:
    """A picture `[height, width, 3]` RGB; boxes `[n, 4]` (corners), classes `[n]`, and whether each counts `[n]`."""

    pixels: np.ndarray
    boxes: np.ndarray
    classes: np.ndarray
    counts: np.ndarray


class Pictures:
    """A folder, scaled once to fit width × height as the adapter does, on disk and mapped into memory."""

    def __init__(self, folder: Path, classes: tuple[str, ...], width: int, height: int, cache: Path) -> None:
        self.folder = read_folder(folder)
        self.classes = classes
        self.width, self.height = width, height
        pictures = self.folder.pictures
        names = "".join(f"{one.path.name} {one.path.stat().st_size}\n" for one in pictures)
        key = hashlib.sha256(f"{names}{width}x{height}".encode()).hexdigest()[:16]
        cache.mkdir(parents=True, exist_ok=True)
        file = cache / f"{folder.name}-{key}.u8"
        shape = (len(pictures), height, width, 3)
        if not file.exists():
            unfinished = file.with_suffix(".part")
            store = np.memmap(unfinished, np.uint8, "w+", shape=shape)
            with ThreadPoolExecutor(2) as pool:
                for _ in pool.map(lambda index: self._scale(pictures[index], store[index]), range(len(pictures))):
                    pass
            store.flush()
            unfinished.rename(file)
        self.pixels = np.memmap(file, np.uint8, "r", shape=shape)
        self.samples = [self._boxes(picture) for picture in pictures]

    def __len__(self) -> int:
        return len(self.samples)

    def fitted(self, picture: Picture) -> tuple[int, int]:
        ratio = min(self.width / picture.width, self.height / picture.height)
        return max(1, round(picture.width * ratio)), max(1, round(picture.height * ratio))

    def _scale(self, picture: Picture, into: np.ndarray) -> None:
        width, height = self.fitted(picture)
        into[:] = PAD
        with Image.open(picture.path) as image:
            into[:height, :width] = np.asarray(image.convert("RGB").resize((width, height), Image.Resampling.BICUBIC))

    def _boxes(self, picture: Picture) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        width, height = self.fitted(picture)
        known = [one for one in picture.annotations if one.label in self.classes]
        boxes = np.array([one.box for one in known], np.float32).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        boxes *= np.array([width / picture.width, height / picture.height] * 2, np.float32)
        classes = np.array([self.classes.index(one.label) for one in known], np.int64)
        counts = np.array([not one.crowd and one.visible * one.inside >= MIN_VISIBLE for one in known], bool)
        return boxes, classes, counts

    def whole(self, index: int) -> Sample:
        """The picture without the padding."""
        boxes, classes, counts = self.samples[index]
        across, down = self.size(index)
        return Sample(np.array(self.pixels[index][:down, :across]), boxes.copy(), classes, counts)

    def size(self, index: int) -> tuple[int, int]:
        """Of the picture without the padding."""
        return self.fitted(self.folder.pictures[index])

    def window(self, rng: np.random.Generator, index: int, width: int, height: int) -> Sample:
        """A piece of the picture, up to 1.6 times larger or smaller, more often than not around something."""
        boxes, classes, counts = self.samples[index]
        across, down = self.size(index)
        scale = float(np.exp(rng.uniform(np.log(0.6), np.log(1.6))))
        wide, high = min(width / scale, across), min(height / scale, down)
        x, y = rng.uniform(0, across), rng.uniform(0, down)
        if len(boxes) and rng.random() < 0.8:
            box = boxes[rng.integers(len(boxes))]
            x = (box[0] + box[2]) / 2 + rng.uniform(-0.4, 0.4) * wide
            y = (box[1] + box[3]) / 2 + rng.uniform(-0.4, 0.4) * high
        left = float(np.clip(x - wide / 2, 0, across - wide))
        top = float(np.clip(y - high / 2, 0, down - high))
        size = (min(width, max(1, round(wide * scale))), min(height, max(1, round(high * scale))))
        at = (int(rng.integers(width - size[0] + 1)), int(rng.integers(height - size[1] + 1)))
        pixels = np.full((height, width, 3), PAD, np.uint8)
        x, y = math.floor(left), math.floor(top)
        part = self.pixels[index][y : min(down, math.ceil(top + high)), x : min(across, math.ceil(left + wide))]
        box = (left - x, top - y, min(left - x + wide, part.shape[1]), min(top - y + high, part.shape[0]))
        cut = Image.fromarray(np.ascontiguousarray(part)).resize(size, Image.Resampling.BILINEAR, box)
        pixels[at[1] : at[1] + size[1], at[0] : at[0] + size[0]] = np.asarray(cut)
        factor = np.array([size[0] / wide, size[1] / high] * 2, np.float32)
        moved = (boxes - np.array([left, top] * 2, np.float32)) * factor
        kept = moved.copy()
        kept[:, 0::2] = kept[:, 0::2].clip(0, size[0])
        kept[:, 1::2] = kept[:, 1::2].clip(0, size[1])
        share = _area(kept) / np.maximum(_area(moved), 1e-6)
        inside = share > 0.02
        kept += np.array(at * 2, np.float32)
        return Sample(pixels, kept[inside], classes[inside], counts[inside] & (share[inside] >= MIN_LEFT))


def _area(boxes: np.ndarray) -> np.ndarray:
    return np.maximum(boxes[:, 2] - boxes[:, 0], 0) * np.maximum(boxes[:, 3] - boxes[:, 1], 0)


def mosaic(pictures: Pictures, rng: np.random.Generator, indices: list[int], width: int, height: int) -> Sample:
    """Four pieces around a point near the middle."""
    x = int(rng.uniform(0.35, 0.65) * width)
    y = int(rng.uniform(0.35, 0.65) * height)
    pixels = np.empty((height, width, 3), np.uint8)
    parts = []
    corners = [(0, 0, x, y), (x, 0, width, y), (0, y, x, height), (x, y, width, height)]
    for index, (left, top, right, bottom) in zip(indices, corners):
        part = pictures.window(rng, index, right - left, bottom - top)
        pixels[top:bottom, left:right] = part.pixels
        parts.append((part.boxes + np.array([left, top] * 2, np.float32), part.classes, part.counts))
    boxes, classes, counts = (np.concatenate(column) for column in zip(*parts))
    return Sample(pixels, boxes, classes, counts)


def flipped(sample: Sample) -> Sample:
    width = sample.pixels.shape[1]
    boxes = sample.boxes.copy()
    boxes[:, [0, 2]] = width - boxes[:, [2, 0]]
    return Sample(sample.pixels[:, ::-1], boxes, sample.classes, sample.counts)


def distracted(rng: np.random.Generator, sample: Sample) -> Sample:
    """Round and angular patches in strong colours where no box is: not all that is yellow is a hat or a vest."""
    height, width = sample.pixels.shape[:2]
    image = Image.fromarray(np.ascontiguousarray(sample.pixels))
    pen = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(1, 5))):
        wide, high = (float(side) for side in np.exp(rng.uniform(np.log(4), np.log(40), 2)))
        left, top = rng.uniform(0, width - wide), rng.uniform(0, height - high)
        right, bottom = left + wide, top + high
        boxes = sample.boxes
        apart = (boxes[:, 0] > right) | (boxes[:, 2] < left) | (boxes[:, 1] > bottom) | (boxes[:, 3] < top)
        if not apart.all():
            continue
        colour = rng.integers(0, 256, 3)
        # Saturated ones are those that mislead.
        colour[rng.integers(3)], colour[rng.integers(3)] = rng.integers(180, 256), rng.integers(0, 60)
        shape = pen.ellipse if rng.random() < 0.5 else pen.rectangle
        shape((left, top, right, bottom), tuple(int(value) for value in colour))
        lit = tuple(int(value) for value in np.minimum(255, colour * rng.uniform(1.0, 1.4)))
        shape((left, top, right - wide * 0.25, top + high * 0.6), lit)
    return Sample(np.asarray(image), sample.boxes, sample.classes, sample.counts)


def recoloured(rng: np.random.Generator, pixels: np.ndarray) -> np.ndarray:
    """Other light, other camera: white balance, exposure, contrast, gamma, colour; noise, blur and compression."""
    levels = np.arange(256, dtype=np.float32) / 255
    gamma = np.exp(rng.uniform(-0.35, 0.35))
    contrast = rng.uniform(0.75, 1.25)
    balance = rng.uniform(0.88, 1.12, 3) * rng.uniform(0.75, 1.25)
    curves = ((levels[:, None] ** gamma - 0.5) * contrast + 0.5) * balance
    table = (curves.clip(0, 1) * 255).astype(np.uint8)
    image = Image.fromarray(np.ascontiguousarray(pixels)).point(table.T.ravel().tolist())
    # Cameras see no colour at night.
    colour = 0.0 if rng.random() < 0.08 else rng.uniform(0.5, 1.5)
    image = Image.blend(image.convert("L").convert("RGB"), image, colour)
    if rng.random() < 0.15:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 1.2)))
    if rng.random() < 0.3:
        strength = rng.uniform(2, 14)
        noise = rng.integers(-127, 128, pixels.shape, np.int8) * np.float32(strength / 73)
        image = Image.fromarray((np.asarray(image) + noise).clip(0, 255).astype(np.uint8))
    if rng.random() < 0.2:
        packed = BytesIO()
        image.save(packed, "JPEG", quality=int(rng.integers(25, 80)))
        image = Image.open(packed)
    return np.asarray(image)


def _step_back() -> None:
    """The threads that learn wait for each other: one more at their priority would hold all of them up."""
    if hasattr(os, "setpriority"):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)


def to_target(sample: Sample) -> Target:
    sides = np.minimum(sample.boxes[:, 2] - sample.boxes[:, 0], sample.boxes[:, 3] - sample.boxes[:, 1])
    counts = sample.counts & (sides >= MIN_SIDE)
    return Target(
        torch.from_numpy(sample.boxes[counts]),
        torch.from_numpy(sample.classes[counts]),
        torch.from_numpy(sample.boxes[~counts]),
    )


def to_tensor(pixels: list[np.ndarray]) -> Tensor:
    """RGB bytes to `[batch, 3, height, width]` BGR 0-255, laid out as the convolutions want it."""
    batch = np.ascontiguousarray(np.stack(pixels)[..., ::-1])
    return torch.from_numpy(batch).permute(0, 3, 1, 2).float()


class Batches:
    """Batches by number: the same seed and number give the same batch, whatever else the machine does."""

    def __init__(self, pictures: Pictures, batch: int, crop: tuple[int, int], seed: int, distract: float = 0) -> None:
        self.pictures, self.batch, self.crop, self.seed, self.distract = pictures, batch, crop, seed, distract

    def make(self, step: int, whole: bool) -> tuple[Tensor, list[Target]]:
        rng = np.random.default_rng((self.seed, step))
        count = max(1, self.batch // 2) if whole else self.batch
        samples = [self._whole(rng) if whole else self._pieces(rng) for _ in range(count)]
        return to_tensor([sample.pixels for sample in samples]), [to_target(sample) for sample in samples]

    def ahead(self, plan: Iterator[tuple[int, bool]]) -> Iterator[tuple[Tensor, list[Target]]]:
        """Batches of the plan in order, made in another thread meanwhile."""
        with ThreadPoolExecutor(1, initializer=_step_back) as pool:
            waiting: list[Future[tuple[Tensor, list[Target]]]] = []
            for step, whole in plan:
                waiting.append(pool.submit(self.make, step, whole))
                if len(waiting) > AHEAD:
                    yield waiting.pop(0).result()
            while waiting:
                yield waiting.pop(0).result()

    def _pieces(self, rng: np.random.Generator) -> Sample:
        width, height = self.crop
        indices = [int(index) for index in rng.integers(len(self.pictures), size=4)]
        if rng.random() < 0.35:
            sample = mosaic(self.pictures, rng, indices, width, height)
        else:
            sample = self.pictures.window(rng, indices[0], width, height)
        return self._finish(rng, sample)

    def _whole(self, rng: np.random.Generator) -> Sample:
        sample = self._finish(rng, self.pictures.whole(int(rng.integers(len(self.pictures)))))
        padded = np.full((self.pictures.height, self.pictures.width, 3), PAD, np.uint8)
        padded[: sample.pixels.shape[0], : sample.pixels.shape[1]] = sample.pixels
        sample.pixels = padded
        return sample

    def _finish(self, rng: np.random.Generator, sample: Sample) -> Sample:
        if rng.random() < 0.5:
            sample = flipped(sample)
        if rng.random() < self.distract:
            sample = distracted(rng, sample)
        return Sample(recoloured(rng, sample.pixels), sample.boxes, sample.classes, sample.counts)
