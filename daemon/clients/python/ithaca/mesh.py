"""Which ranks of a plan belong together along the axes of its mesh. Pure; needs no daemon."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Dict, List, Tuple

from ithaca.planner.v1 import planner_pb2 as pb

#: The axes of a mesh by name, in the order of the proto's enum: data parallel, pipeline,
#: ring, Ulysses, tensor.
AXES = ("dp", "pp", "ring", "ulysses", "tp")

_FIELD = dict(zip(AXES, ("data_parallel", "pipeline", "ring", "ulysses", "tensor")))
_NAME = {
    pb.MESH_AXIS_DATA_PARALLEL: "dp",
    pb.MESH_AXIS_PIPELINE: "pp",
    pb.MESH_AXIS_RING: "ring",
    pb.MESH_AXIS_ULYSSES: "ulysses",
    pb.MESH_AXIS_TENSOR: "tp",
}


@dataclass(frozen=True)
class SubGroup:
    """The ranks that differ from one rank along one axis alone.

    Attributes:
      axis: name of the axis, one of AXES.
      ranks: numbers of the ranks, ascending, which is by their index along the axis.
      index: position of the rank in ``ranks``.
    """

    axis: str
    ranks: Tuple[int, ...]
    index: int


def degree(plan: pb.Plan, axis: str) -> int:
    """Ranks along an axis. ValueError for a name that is not one of AXES."""
    if axis not in AXES:
        raise ValueError("%r is no axis of a mesh; these are: %s" % (axis, ", ".join(AXES)))
    return max(1, getattr(plan.mesh, _FIELD[axis]))


def groups_along(plan: pb.Plan, *axes: str) -> List[List[int]]:
    """All groups of ranks that differ along ``axes`` and agree along the others.

    With several axes, as in ``groups_along(plan, "ring", "ulysses")``, a group spans all
    of them together. The groups are disjoint, cover every rank, and come by their lowest
    rank, so every process computes the same list. ``plan`` may be a summary.
    """
    strides = _strides(plan)
    for axis in axes:
        degree(plan, axis)
    inside = _numbers(plan, strides, [axis for axis in AXES if axis in axes])
    outside = _numbers(plan, strides, [axis for axis in AXES if axis not in axes])
    return [[base + offset for offset in inside] for base in outside]


def sub_groups(plan: pb.Plan, rank: int) -> Dict[str, SubGroup]:
    """For each axis of AXES, the group of ``rank``; of itself alone where the degree is 1."""
    result = {}
    for axis in AXES:
        ranks = next(group for group in groups_along(plan, axis) if rank in group)
        result[axis] = SubGroup(axis, tuple(ranks), ranks.index(rank))
    return result


def _strides(plan: pb.Plan) -> Dict[str, int]:
    """How far apart neighbours along each axis are in rank numbers."""
    order = [_NAME.get(axis, "") for axis in plan.rank_order]
    if sorted(order) != sorted(AXES):
        raise ValueError("the plan's rank_order does not name each axis once; "
                         "take a plan as the planner made it")
    strides, stride = {}, 1
    for axis in reversed(order):  # the fastest is last
        strides[axis] = stride
        stride *= degree(plan, axis)
    return strides


def _numbers(plan: pb.Plan, strides: Dict[str, int], axes: List[str]) -> List[int]:
    """Rank numbers over all indices along ``axes``, others 0; ascending."""
    steps = [[i * strides[axis] for i in range(degree(plan, axis))] for axis in axes]
    return sorted(sum(choice) for choice in itertools.product(*steps))
