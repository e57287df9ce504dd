"""Attention in one process for the tests: explicit, in float64 where asked."""

import math

import torch


def documents(borders):
    """Document of each position."""
    of = torch.zeros(borders[-1], dtype=torch.int64)
    for border in borders[1:-1]:
        of[border:] += 1
    return of


def attention(q, k, v, borders, layout="bshd"):
    """Causal attention within packed documents; q, k, v with equally many heads."""
    if layout == "sbhd":
        q, k, v = (t.transpose(0, 1) for t in (q, k, v))
    if layout == "thd":
        q, k, v = (t.unsqueeze(0) for t in (q, k, v))
    of = documents(borders)
    position = torch.arange(len(of))
    allowed = (of[:, None] == of[None, :]) & (position[:, None] >= position[None, :])
    scores = torch.einsum("bshd,bthd->bhst", q.float(), k.float()) / math.sqrt(q.shape[-1])
    weights = scores.masked_fill(~allowed, float("-inf")).softmax(-1)
    o = torch.einsum("bhst,bthd->bshd", weights, v.float()).to(q.dtype)
    if layout == "sbhd":
        return o.transpose(0, 1).contiguous()
    return o[0] if layout == "thd" else o
