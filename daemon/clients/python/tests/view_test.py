#!/usr/bin/env python3
"""A group as its messages tell it: events and whole groups come to the same."""

import copy
import os
import random
import unittest

from fake_daemon import group
from ithaca import _view
from ithaca.groups.v1 import groups_pb2 as pb


def event(kind, sequence, epoch, member=None, **fields):
    return pb.GroupEvent(sequence=sequence, type="EVENT_TYPE_" + kind, epoch=epoch,
                         member=member, **fields)


def member(slot, life, **fields):
    return pb.Member(member_id="m%d" % life, slot=slot, incarnation=life, **fields)


class ViewTest(unittest.TestCase):
    def setUp(self):
        self.view = _view.View()
        self.view.replace(group(epoch=1, size=3, slots=(0, 1), sequence=4))

    def slots(self):
        return [m.slot for m in self.view.group.members]

    def test_a_join_completes_and_a_loss_begins_an_epoch(self):
        self.assertEqual(list(self.view.group.free_slots), [2])
        self.view.apply(event("MEMBER_JOINED", 5, 1, member(2, 300)))
        self.assertEqual(self.view.group.state, pb.GROUP_STATE_COMPLETE)
        self.view.apply(event("MEMBER_LOST", 6, 9, member(0, 100), reason_code="STREAM_BROKEN"))
        self.assertEqual((self.view.group.epoch, self.slots()), (9, [1, 2]))
        self.assertEqual(self.view.group.state, pb.GROUP_STATE_FORMING)
        self.assertEqual(self.view.group.reason_code, "STREAM_BROKEN")

    def test_events_that_the_group_holds_already_change_nothing(self):
        self.view.apply(event("MEMBER_LOST", 4, 9, member(0, 100)))
        self.view.apply(event("MEMBER_SUSPECT", 0, 0, member(0, 100)))
        self.assertEqual((self.view.group.epoch, self.slots()), (1, [0, 1]))

    def test_a_spare_takes_a_slot(self):
        self.view.apply(event("MEMBER_PARKED", 5, 1, member(0, 300, parked=True)))
        self.assertEqual((len(self.view.group.spares), self.slots()), (1, [0, 1]))
        self.view.apply(event("MEMBER_LOST", 6, 2, member(1, 101)))
        self.view.apply(event("MEMBER_PROMOTED", 7, 2, member(1, 300)))
        self.assertEqual((len(self.view.group.spares), self.slots()), (0, [0, 1]))
        self.assertEqual(self.view.group.members[1].incarnation, 300)

    def test_a_spare_that_leaves_is_no_loss(self):
        gone = event("MEMBER_LEFT", 5, 1, member(0, 300, parked=True))
        self.assertFalse(_view.is_loss(gone))
        self.assertTrue(_view.is_loss(event("MEMBER_SUSPECT", 0, 0, member(0, 100))))
        self.assertFalse(_view.is_loss(event("MEMBER_CLEARED", 6, 1, member(0, 100))))

    def test_a_whole_group_tells_the_losses_that_were_missed(self):
        missed = self.view.replace(group(epoch=7, size=3, slots=(1,), sequence=20,
                                         reason_code="MEMBER_LOST"))
        self.assertEqual([(m.member.member_id, m.epoch, m.reason_code) for m in missed],
                         [("m0", 7, "MEMBER_LOST")])
        self.assertEqual(self.view.replace(group(epoch=7, size=3, slots=(1,), sequence=21)), [])

    def test_a_member_that_is_parked_by_a_new_plan_is_no_loss(self):
        smaller = group(epoch=7, size=1, slots=(1,), sequence=20)
        smaller.spares.append(member(0, 100, parked=True))
        self.assertEqual(self.view.replace(smaller), [])

    def test_the_plan_stays_until_another_one_comes(self):
        with_plan = group(plan_hash="a")
        with_plan.plan.hash = "a"
        self.view.replace(with_plan)
        self.assertFalse(self.view.group.HasField("plan"))
        self.view.replace(group(plan_hash="a", sequence=9))
        self.assertEqual(self.view.plan.hash, "a")

    def test_random_histories_come_to_what_a_whole_group_says(self):
        seed = int(os.environ.get("ITHACA_TEST_SEED", "20260705"))
        print("seed", seed)
        rng = random.Random(seed)
        for _ in range(150):
            truth = Truth(rng.randint(1, 6))
            view = _view.View()
            view.replace(truth.group())
            for _ in range(40):
                view.apply(truth.step(rng))
                self.assertEqual(view.group, truth.group())


class Truth:
    """A group that changes by random events, by the proto's rules."""

    def __init__(self, size):
        self.size, self.sequence, self.epoch, self.life = size, 0, 1, 1000
        self.members, self.spares = {}, []

    def group(self):
        free = [slot for slot in range(self.size) if slot not in self.members]
        return copy.deepcopy(pb.Group(
            group_id="g", epoch=self.epoch, size=self.size, sequence=self.sequence,
            members=[self.members[slot] for slot in sorted(self.members)], spares=self.spares,
            free_slots=free, state="GROUP_STATE_FORMING" if free else "GROUP_STATE_COMPLETE"))

    def step(self, rng):
        self.sequence += 1
        free = [slot for slot in range(self.size) if slot not in self.members]
        if free and self.spares:
            return self.promote(free[0])
        if rng.random() < 0.3 and self.members:
            return self.change(rng)
        if free and rng.random() < 0.6:
            return self.join(rng.choice(free))
        if not free and rng.random() < 0.5:
            return self.park()
        if self.members:
            self.epoch += rng.randint(1, 1 << 20)
            lost = self.members.pop(rng.choice(list(self.members)))
            return event(rng.choice(("MEMBER_LOST", "MEMBER_LEFT")), self.sequence, self.epoch,
                         lost)
        return self.join(free[0])

    def join(self, slot):
        self.life += 1
        self.members[slot] = member(slot, self.life, host="h")
        return event("MEMBER_JOINED", self.sequence, self.epoch, self.members[slot])

    def park(self):
        self.life += 1
        self.spares.append(member(0, self.life, parked=True))
        return event("MEMBER_PARKED", self.sequence, self.epoch, self.spares[-1])

    def promote(self, slot):
        spare = self.spares.pop(0)
        self.members[slot] = member(slot, spare.incarnation)
        return event("MEMBER_PROMOTED", self.sequence, self.epoch, self.members[slot])

    def change(self, rng):
        kind, state = rng.choice((("SUSPECT", 3), ("CLEARED", 1), ("DETACHED", 2), ("RESUMED", 1)))
        changed = self.members[rng.choice(list(self.members))]
        changed.state = state
        return event("MEMBER_" + kind, self.sequence, self.epoch, changed)


if __name__ == "__main__":
    unittest.main()
