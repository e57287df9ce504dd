#!/usr/bin/env python3
"""Sub-groups along the axes of a mesh."""

import itertools
import os
import random
import unittest

from ithaca import mesh
from ithaca.planner.v1 import planner_pb2 as pb

FIELDS = ("data_parallel", "pipeline", "ring", "ulysses", "tensor")


def make(order=(1, 2, 3, 4, 5), **degrees):
    return pb.Plan(mesh=pb.Mesh(**{name: degrees.get(name, 1) for name in FIELDS}),
                   rank_order=order)


def coordinates(plan):
    """Rank -> index along each axis, by counting through the order."""
    sizes = [getattr(plan.mesh, FIELDS[axis - 1]) for axis in plan.rank_order]
    names = [mesh.AXES[axis - 1] for axis in plan.rank_order]
    return [dict(zip(names, index)) for index in itertools.product(*map(range, sizes))]


class MeshTest(unittest.TestCase):
    def test_dp_outside_ulysses(self):
        plan = make(data_parallel=2, ulysses=3)
        self.assertEqual(mesh.groups_along(plan, "ulysses"), [[0, 1, 2], [3, 4, 5]])
        self.assertEqual(mesh.groups_along(plan, "dp"), [[0, 3], [1, 4], [2, 5]])
        self.assertEqual(mesh.groups_along(plan, "dp", "ulysses"), [[0, 1, 2, 3, 4, 5]])
        self.assertEqual(mesh.groups_along(plan), [[r] for r in range(6)])
        self.assertEqual(mesh.sub_groups(plan, 4)["ulysses"],
                         mesh.SubGroup("ulysses", (3, 4, 5), 1))
        self.assertEqual(mesh.sub_groups(plan, 4)["tp"], mesh.SubGroup("tp", (4,), 0))

    def test_ring_inside_ulysses(self):
        plan = make(order=(1, 2, 4, 3, 5), ring=2, ulysses=3)
        self.assertEqual(mesh.groups_along(plan, "ring"), [[0, 1], [2, 3], [4, 5]])
        self.assertEqual(mesh.groups_along(plan, "ulysses"), [[0, 2, 4], [1, 3, 5]])

    def test_random_meshes_against_counting(self):
        seed = int(os.environ.get("ITHACA_TEST_SEED", "20260705"))
        print("seed", seed)
        rng = random.Random(seed)
        for _ in range(300):
            order = rng.sample(range(1, 6), 5)
            plan = make(order, **{name: rng.randint(1, 3) for name in FIELDS})
            where = coordinates(plan)
            axes = rng.sample(mesh.AXES, rng.randint(0, 3))
            groups = mesh.groups_along(plan, *axes)
            self.assertEqual(sorted(sum(groups, [])), list(range(len(where))))
            self.assertEqual(groups, sorted(groups))
            for group in groups:
                self.assertEqual(group, sorted(group))
                fixed = {tuple(where[r][a] for a in mesh.AXES if a not in axes) for r in group}
                self.assertEqual(len(fixed), 1)
            if len(axes) == 1:
                for group in groups:
                    self.assertEqual([where[r][axes[0]] for r in group], list(range(len(group))))

    def test_what_is_wrong_is_named(self):
        with self.assertRaisesRegex(ValueError, "'sp' is no axis.*dp, pp, ring"):
            mesh.groups_along(make(), "sp")
        with self.assertRaisesRegex(ValueError, "rank_order"):
            mesh.groups_along(make(order=(1, 2, 3)), "dp")


if __name__ == "__main__":
    unittest.main()
