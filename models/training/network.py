"""The starter detector: a small network of YOLOX form (Ge et al. 2021, arXiv:2107.08430).

Input BGR 0-255, picture in the top-left corner, 114 around it; a cell each at strides 8, 16 and 32 gives
x, y (offset from the cell's corner, in strides), log w, log h (in strides), objectness and classes: what
`processors/detect/families/yolox.ts` decodes. Dense 3×3 convolutions in the early stages, where channels
are few and depth-wise ones are bound by memory; ReLU, which runtimes fold into the convolution.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

STRIDES = (8, 16, 32)
PAD = 114
BOX_AND_OBJECTNESS = 5


@dataclass(frozen=True)
class Design:
    """What a checkpoint must say so that its network can be built again."""

    classes: tuple[str, ...]
    width: int = 640
    height: int = 352
    #: Of the stages at strides 2, 4, 8, 16, 32.
    channels: tuple[int, int, int, int, int] = (16, 24, 48, 96, 160)
    #: Residual blocks of the stages from stride 4 on; 0: none, nor what leads round them.
    depths: tuple[int, int, int, int] = (0, 2, 2, 1)
    neck: int = 48

    def __post_init__(self) -> None:
        if self.width % STRIDES[-1] or self.height % STRIDES[-1]:
            raise ValueError("width and height must be multiples of 32")


class Conv(nn.Sequential):
    """Convolution, normalization, ReLU."""

    def __init__(self, into: int, out: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> None:
        super().__init__(
            nn.Conv2d(into, out, kernel, stride, kernel // 2, groups=groups, bias=False),
            nn.BatchNorm2d(out, eps=1e-3, momentum=0.03),
            nn.ReLU(inplace=True),
        )


class Separable(nn.Sequential):
    """Depth-wise, then point-wise."""

    def __init__(self, into: int, out: int, kernel: int = 5, stride: int = 1) -> None:
        super().__init__(Conv(into, into, kernel, stride, groups=into), Conv(into, out))


class Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(Conv(channels, channels), Conv(channels, channels, 3))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


class PartialStage(nn.Module):
    """Half of the channels through the residual blocks, half past them (cross-stage partial, Wang et al. 2019)."""

    def __init__(self, channels: int, depth: int) -> None:
        super().__init__()
        half = channels // 2
        self.past = Conv(channels, half)
        self.through = nn.Sequential(Conv(channels, half), *(Residual(half) for _ in range(depth)))
        self.join = Conv(2 * half, channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.join(torch.cat((self.through(x), self.past(x)), 1))


def stage(channels: int, depth: int) -> list[nn.Module]:
    return [PartialStage(channels, depth)] if depth else []


class Pyramid(nn.Module):
    """Pooling over growing squares, so that cells of the last stage know the whole picture around them."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        half = channels // 2
        self.into = Conv(channels, half)
        self.pool = nn.MaxPool2d(5, 1, 2)
        self.out = Conv(4 * half, channels)

    def forward(self, x: Tensor) -> Tensor:
        levels = [self.into(x)]
        for _ in range(3):
            levels.append(self.pool(levels[-1]))
        return self.out(torch.cat(levels, 1))


class Head(nn.Module):
    """One stride's outputs; boxes and classes apart after a common step."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.common = Separable(channels, channels)
        self.box_tower = Separable(channels, channels)
        self.class_tower = Separable(channels, channels)
        self.box = nn.Conv2d(channels, 4, 1)
        self.objectness = nn.Conv2d(channels, 1, 1)
        self.classes = nn.Conv2d(channels, classes, 1)
        # Nearly all cells are empty: begin there, or the first steps are spent on saying so.
        nn.init.constant_(self.objectness.bias, -4.6)
        nn.init.constant_(self.classes.bias, -2.0)

    def forward(self, x: Tensor) -> Tensor:
        x = self.common(x)
        boxes = self.box_tower(x)
        return torch.cat((self.box(boxes), self.objectness(boxes), self.classes(self.class_tower(x))), 1)


class Detector(nn.Module):
    """Raw outputs `[batch, cells, 5 + classes]`: objectness and classes before the sigmoid."""

    def __init__(self, design: Design) -> None:
        super().__init__()
        self.design = design
        self.range = 255
        c2, c4, c8, c16, c32 = design.channels
        d4, d8, d16, d32 = design.depths
        neck = design.neck
        self.stem = Conv(3, c2, 3, 2)
        self.stage4 = nn.Sequential(Conv(c2, c4, 3, 2), *stage(c4, d4))
        self.stage8 = nn.Sequential(Conv(c4, c8, 3, 2), *stage(c8, d8))
        self.stage16 = nn.Sequential(Conv(c8, c16, 3, 2), *stage(c16, d16))
        self.stage32 = nn.Sequential(Conv(c16, c32, 3, 2), Pyramid(c32), *stage(c32, d32))
        self.lateral = nn.ModuleList(Conv(channels, neck) for channels in (c8, c16, c32))
        self.up = nn.ModuleList(Separable(neck, neck) for _ in range(2))
        self.down = nn.ModuleList(Separable(neck, neck, stride=2) for _ in range(2))
        self.heads = nn.ModuleList(Head(neck, len(design.classes)) for _ in STRIDES)

    def forward(self, pictures: Tensor) -> Tensor:
        if self.range != 1:
            pictures = pictures / self.range
        x8 = self.stage8(self.stage4(self.stem(pictures)))
        x16 = self.stage16(x8)
        x32 = self.stage32(x16)
        n8, n16, n32 = (lateral(x) for lateral, x in zip(self.lateral, (x8, x16, x32)))
        n16 = self.up[0](n16 + F.interpolate(n32, scale_factor=2.0, mode="nearest"))
        n8 = self.up[1](n8 + F.interpolate(n16, scale_factor=2.0, mode="nearest"))
        n16 = n16 + self.down[0](n8)
        n32 = n32 + self.down[1](n16)
        outputs = [head(x).flatten(2) for head, x in zip(self.heads, (n8, n16, n32))]
        return torch.cat(outputs, 2).transpose(1, 2)


class Exported(nn.Module):
    """As the adapter wants it: objectness and classes through the sigmoid. Changes the detector given."""

    def __init__(self, detector: Detector) -> None:
        super().__init__()
        self.detector = detector
        # The first convolution takes 0-255 as it is: one pass less over the picture.
        with torch.no_grad():
            detector.stem[0].weight.div_(detector.range)
        detector.range = 1

    def forward(self, pictures: Tensor) -> Tensor:
        raw = self.detector(pictures)
        return torch.cat((raw[..., :4], raw[..., 4:].sigmoid()), 2)


def cells(height: int, width: int) -> tuple[Tensor, Tensor]:
    """Corners `[cells, 2]` in strides and strides `[cells]`, in the order of the outputs."""
    corners, strides = [], []
    for stride in STRIDES:
        rows, columns = height // stride, width // stride
        y, x = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
        corners.append(torch.stack((x, y), 2).reshape(-1, 2).float())
        strides.append(torch.full((rows * columns,), float(stride)))
    return torch.cat(corners), torch.cat(strides)


def decode(raw: Tensor, corners: Tensor, strides: Tensor) -> Tensor:
    """Boxes `[..., cells, 4]` x1, y1, x2, y2 in pixels of the input."""
    centre = (raw[..., :2] + corners) * strides[:, None]
    # Bounded, so that a wild guess early in training is no infinity.
    half = raw[..., 2:4].clamp(max=8).exp() * strides[:, None] / 2
    return torch.cat((centre - half, centre + half), -1)


def save(path: Path, detector: Detector, note: dict[str, Any]) -> None:
    torch.save({"design": asdict(detector.design), "weights": detector.state_dict(), "note": note}, path)


def load(path: Path) -> tuple[Detector, dict[str, Any]]:
    """The network of a checkpoint and what was noted with it."""
    saved = torch.load(path, map_location="cpu", weights_only=True)
    fields = {key: tuple(value) if isinstance(value, list) else value for key, value in saved["design"].items()}
    detector = Detector(Design(**fields))
    detector.load_state_dict(saved["weights"])
    return detector.eval(), saved["note"]
