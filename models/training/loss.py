"""Which cells answer for which boxes, and what they are told.

Assignment by cost and dynamic count as SimOTA has it (Ge et al. 2021, arXiv:2107.08430, section 2.1), with
one addition: a box is offered only to strides that fit its size, so that the first steps, when all
predictions are equally wrong, do not teach small things to coarse cells.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from network import decode

#: Longer side in pixels of the input that a stride may answer for; they overlap.
SIZES = {8: (0.0, 72.0), 16: (40.0, 200.0), 32: (120.0, float("inf"))}
#: Cells this far from the centre of a box may answer for it, in strides.
RADIUS = 1.5
#: Overlaps that are summed up to say how many cells answer for a box.
OVERLAPS = 10
OVERLAP_COST = 3.0
BOX_WEIGHT = 5.0


@dataclass
class Target:
    """Of one picture: boxes `[n, 4]` in pixels, classes `[n]`; `ignore` `[m, 4]`: neither there nor not."""

    boxes: Tensor
    classes: Tensor
    ignore: Tensor


def overlaps(a: Tensor, b: Tensor) -> Tensor:
    """IoU of every box of `a` `[n, 4]` with every one of `b` `[m, 4]`: `[n, m]`."""
    low = torch.maximum(a[:, None, :2], b[None, :, :2])
    high = torch.minimum(a[:, None, 2:], b[None, :, 2:])
    both = (high - low).clamp(min=0).prod(2)
    return both / (area(a)[:, None] + area(b)[None] - both).clamp(min=1e-6)


def area(boxes: Tensor) -> Tensor:
    return (boxes[..., 2:] - boxes[..., :2]).clamp(min=0).prod(-1)


def generalized(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """IoU and generalized IoU (Rezatofighi et al. 2019) of pairs `[n, 4]`."""
    both = (torch.minimum(a[:, 2:], b[:, 2:]) - torch.maximum(a[:, :2], b[:, :2])).clamp(min=0).prod(1)
    union = (area(a) + area(b) - both).clamp(min=1e-6)
    hull = (torch.maximum(a[:, 2:], b[:, 2:]) - torch.minimum(a[:, :2], b[:, :2])).prod(1).clamp(min=1e-6)
    iou = both / union
    return iou, iou - (hull - union) / hull


@torch.no_grad()
def assign(
    target: Target, boxes: Tensor, scores: Tensor, centres: Tensor, strides: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Cells that answer, the box each answers for, and their overlap with it now.

    `boxes` `[cells, 4]` and `scores` `[cells, classes]` (objectness times class) are predictions.
    """
    none = torch.zeros(0, dtype=torch.long)
    if len(target.boxes) == 0:
        return none, none, torch.zeros(0)
    size = (target.boxes[:, 2:] - target.boxes[:, :2]).amax(1)
    low = torch.zeros_like(strides)
    high = torch.zeros_like(strides)
    for stride, (smallest, largest) in SIZES.items():
        low[strides == stride], high[strides == stride] = smallest, largest
    middle = (target.boxes[:, :2] + target.boxes[:, 2:]) / 2
    near = ((centres[None] - middle[:, None]).abs().amax(2)) < RADIUS * strides[None]
    fits = near & (size[:, None] >= low[None]) & (size[:, None] < high[None])
    among = fits.any(0).nonzero()[:, 0]
    if len(among) == 0:
        return none, none, torch.zeros(0)
    fits = fits[:, among]
    iou = overlaps(target.boxes, boxes[among])
    chance = scores[among].clamp(1e-6, 1 - 1e-6).sqrt()
    # Cross-entropy of all classes: the wrong ones' share is the cell's, the right one's replaces its own.
    absent = -(1 - chance).log()
    class_cost = absent.sum(1)[None] + (-chance.log() - absent)[:, target.classes].T
    cost = class_cost - OVERLAP_COST * iou.clamp(min=1e-6).log() + 1e6 * ~fits
    kept = iou * fits
    count = kept.topk(min(OVERLAPS, len(among)), 1).values.sum(1).int().clamp(min=1)
    rank = cost.argsort(dim=1, stable=True).argsort(dim=1, stable=True)
    wanted = (rank < count[:, None]) & fits
    # A cell that several boxes want answers for the cheapest.
    cost = torch.where(wanted, cost, torch.full_like(cost, float("inf")))
    best, owner = cost.min(0)
    taken = best.isfinite()
    return among[taken], owner[taken], iou[owner[taken], taken.nonzero()[:, 0]]


def encode(boxes: Tensor, corners: Tensor, strides: Tensor) -> Tensor:
    """What cells must say to mean `boxes` `[n, 4]`, the inverse of `decode`: `corners` `[n, 2]`, `strides` `[n]`."""
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2 / strides[:, None] - corners
    sides = (boxes[:, 2:] - boxes[:, :2]).clamp(min=1e-3) / strides[:, None]
    return torch.cat((middle, sides.log()), 1)


def detection_loss(
    raw: Tensor, targets: list[Target], corners: Tensor, strides: Tensor, exact: bool = False
) -> tuple[Tensor, dict[str, float]]:
    """Loss of a batch `[batch, cells, 5 + classes]`, and its parts to be told.

    With `exact` the numbers that make the boxes are held to the truth as well: overlap alone is flat near
    the end, where a box is mostly right (as YOLOX trains its last epochs).
    """
    batch, count, fields = raw.shape
    centres = (corners + 0.5) * strides[:, None]
    boxes = decode(raw, corners, strides)
    probability = raw[..., 4:].detach().sigmoid()
    scores = probability[..., :1] * probability[..., 1:]
    objectness = torch.zeros(batch, count)
    weight = torch.ones(batch, count)
    at, truth, classes = [], [], []
    for index, target in enumerate(targets):
        found, owner, iou = assign(target, boxes[index].detach(), scores[index], centres, strides)
        if len(target.ignore):
            x, y = centres[:, 0, None], centres[:, 1, None]
            left, top, right, bottom = target.ignore.unbind(1)
            weight[index][((x > left) & (x < right) & (y > top) & (y < bottom)).any(1)] = 0
        weight[index, found] = 1
        objectness[index, found] = 1
        at.append(index * count + found)
        truth.append(target.boxes[owner])
        classes.append(F.one_hot(target.classes[owner], fields - 5) * iou[:, None])
    chosen = torch.cat(at)
    number = max(len(chosen), 1)
    object_loss = F.binary_cross_entropy_with_logits(raw[..., 4], objectness, weight, reduction="sum") / number
    box_loss = class_loss = exact_loss = raw.sum() * 0
    mean_iou = 0.0
    if len(chosen):
        wanted = torch.cat(truth)
        iou, giou = generalized(boxes.reshape(-1, 4)[chosen], wanted)
        box_loss = (1 - giou).mean()
        mean_iou = iou.detach().mean().item()
        guesses = raw.reshape(-1, fields)[chosen, 5:]
        class_loss = F.binary_cross_entropy_with_logits(guesses, torch.cat(classes), reduction="sum") / number
        if exact:
            cell = chosen % count
            said = raw.reshape(-1, fields)[chosen, :4]
            exact_loss = F.l1_loss(said, encode(wanted, corners[cell], strides[cell]), reduction="sum") / number
    total = BOX_WEIGHT * box_loss + exact_loss + object_loss + class_loss
    parts = {
        "loss": total.item(),
        "box": box_loss.item(),
        "exact": exact_loss.item(),
        "object": object_loss.item(),
        "class": class_loss.item(),
        "iou": mean_iou,
        "cells": len(chosen) / batch,
    }
    return total, parts
