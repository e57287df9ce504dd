"""A group as its stream of messages tells it. Pure: messages in, the group and losses out.

Confined to whoever holds the lock around it (see _stream.py).
"""

from __future__ import annotations

from typing import List, Optional

from ithaca.groups.v1 import groups_pb2 as pb
from ithaca.planner.v1 import planner_pb2

_LOSSES = frozenset((pb.EVENT_TYPE_MEMBER_LOST, pb.EVENT_TYPE_MEMBER_LEFT,
                     pb.EVENT_TYPE_MEMBER_SUSPECT))
# The event's member is in the group, in the state that the event tells.
_THERE = frozenset((pb.EVENT_TYPE_MEMBER_JOINED, pb.EVENT_TYPE_MEMBER_RESUMED,
                    pb.EVENT_TYPE_MEMBER_SUSPECT, pb.EVENT_TYPE_MEMBER_CLEARED,
                    pb.EVENT_TYPE_MEMBER_PROMOTED, pb.EVENT_TYPE_MEMBER_DETACHED,
                    pb.EVENT_TYPE_MEMBER_PARKED))


class View:
    """The group as known now, and the latest plan that was sent with it."""

    def __init__(self) -> None:
        self.group = pb.Group()
        self.plan: Optional[planner_pb2.Plan] = None

    def replace(self, fresh: pb.Group) -> List[pb.GroupEvent]:
        """Takes a whole group; returns the losses between what was known and it."""
        group = pb.Group()
        group.CopyFrom(fresh)
        if group.HasField("plan"):
            self.plan = planner_pb2.Plan()
            self.plan.CopyFrom(group.plan)
            group.ClearField("plan")
        missed = _losses_between(self.group, group)
        self.group = group
        self._settle()
        return missed

    def apply(self, event: pb.GroupEvent) -> None:
        """Takes an event; those that the group holds already change nothing."""
        group = self.group
        if event.sequence <= group.sequence:  # 0: a suspicion that is not recorded
            return
        group.sequence, group.epoch = event.sequence, event.epoch
        group.reason_code, group.reason = event.reason_code, event.reason
        if event.HasField("member"):
            self._place(event)
        self._settle()

    def _place(self, event: pb.GroupEvent) -> None:
        """Takes the event's member out of slots and spares, and puts it where it is now."""
        group, member = self.group, event.member
        for people in (group.members, group.spares):
            others = [_copy(other) for other in people
                      if other.incarnation != member.incarnation]
            del people[:]
            people.extend(others)
        if event.type in _THERE:
            (group.spares if member.parked else group.members).append(member)
            group.members.sort(key=lambda other: other.slot)

    def _settle(self) -> None:
        """Recomputes what follows from the members."""
        group = self.group
        held = {member.slot for member in group.members}
        group.free_slots[:] = [slot for slot in range(group.size) if slot not in held]
        group.state = pb.GROUP_STATE_FORMING if group.free_slots else pb.GROUP_STATE_COMPLETE


def is_loss(event: pb.GroupEvent) -> bool:
    """Whether it is about a rank that is gone or doubted; spares do not count."""
    return event.type in _LOSSES and not event.member.parked


def _copy(member: pb.Member) -> pb.Member:
    result = pb.Member()
    result.CopyFrom(member)
    return result


def _losses_between(before: pb.Group, now: pb.Group) -> List[pb.GroupEvent]:
    """Lives that ``now`` no longer has."""
    alive = {member.incarnation for people in (now.members, now.spares) for member in people}
    return [pb.GroupEvent(sequence=now.sequence, type=pb.EVENT_TYPE_MEMBER_LOST,
                          epoch=now.epoch, member=member, reason_code=now.reason_code,
                          reason=now.reason)
            for member in before.members if member.incarnation not in alive]
