"""A place in a group, held for as long as the object lives.

    with client.join("job", "node7.gpu3") as member:
        member.wait_complete(timeout=60)             # everybody is there
        if member.rank == 0:
            member.publish("address", b"...")
        address = member.get_blob("address")
        ...
        member.barrier("done")                       # leaving ends the epoch for the rest

The epoch that a member works under changes only when ``wait_complete`` or
``wait_epoch_after`` returns; rank, size, members, plan and sub-groups are those of that
epoch. When another member is lost that epoch is over: the daemon tells it at once
(``on_loss``, ``latest_epoch``), and calls fail with StaleEpoch, until the member enters
the next one. When the daemon is restarted, the membership resumes by itself, in the same
slot and epoch.

Threads: every method from any. One thread of the member's own reads its stream; ``on_loss``
runs on it, and must not call ``leave`` or ``close``. Fork: a forked child (a DataLoader's
worker, say) must not use the object, and gets Forked when it tries; the member is its
parent's.
"""

from __future__ import annotations

from typing import Dict, List, Optional

from ithaca import _rpc, errors
from ithaca._stream import JoinStream, LossCallback
from ithaca.groups.v1 import groups_pb2 as pb
from ithaca.groups.v1 import groups_pb2_grpc
from ithaca.mesh import AXES, SubGroup, sub_groups
from ithaca.planner.v1 import planner_pb2


class Member:
    """See the module. Made by ``Client.join``; as a context manager it leaves at the end of
    the block, and is closed, which the others see as a loss, when the block raises."""

    def __init__(self, rpc: _rpc.Rpc, request: pb.JoinGroupRequest, timeout: float,
                 on_loss: Optional[LossCallback] = None):
        self._rpc = rpc
        self._stub = groups_pb2_grpc.GroupsServiceStub(rpc.channel)
        self._timeout = timeout
        self._member_id = request.member_id
        self._stream = JoinStream(rpc, request, on_loss)
        self._stream.open(timeout)
        self._view, self._joined = self._stream.wait_for(lambda group, joined: True, timeout)

    # ---- the epoch that this member works under

    @property
    def group_id(self) -> str:
        """Name of the group."""
        return self._view.group.group_id

    @property
    def member_id(self) -> str:
        """Name of this member."""
        return self._member_id

    @property
    def incarnation(self) -> int:
        """This life of the member, as the daemon numbered it."""
        return self._joined.incarnation

    @property
    def epoch(self) -> int:
        """The epoch that this member works under: the last one that a wait returned."""
        return self._view.group.epoch

    @property
    def parked(self) -> bool:
        """Whether it is a spare, without a slot; ``wait_complete`` waits for one."""
        return self._joined.parked

    @property
    def slot(self) -> int:
        """Its slot, which is the number of its rank in the plan. 0 for a spare."""
        return self._joined.slot

    rank = slot

    @property
    def size(self) -> int:
        """Ranks of the plan."""
        return self._view.group.size

    @property
    def members(self) -> List[pb.Member]:
        """Those who hold a slot, by slot."""
        return list(self._view.group.members)

    @property
    def group(self) -> pb.Group:
        """The whole group, without its plan."""
        return self._view.group

    @property
    def plan(self) -> planner_pb2.Plan:
        """The plan. ``plan.ranks[member.rank]`` says which tokens and heads are this
        rank's, and how many elements it sends to and receives from whom."""
        plan = self._view.plan
        if plan is None or plan.hash != self._view.group.plan_hash:
            raise errors.Error("the member joined without the plan; "
                               "join with include_plan=True")
        return plan

    @property
    def sub_groups(self) -> Dict[str, SubGroup]:
        """For each axis of the mesh ("dp", "pp", "ring", "ulysses", "tp"), the ranks that
        this one communicates with along it; itself alone where the degree is 1."""
        told = {group.axis: SubGroup(group.axis, tuple(group.slots), group.index)
                for group in self._joined.sub_groups}
        if self.parked or set(told) == set(AXES):
            return told
        return sub_groups(self.plan, self.rank)

    # ---- what happens to the group

    @property
    def latest_epoch(self) -> int:
        """The newest epoch that the daemon told of; above ``epoch``: that one is over."""
        return self._stream.latest().group.epoch

    @property
    def ended(self) -> Optional[errors.Error]:
        """Why the membership ended; None: it has not."""
        return self._stream.ended

    def on_loss(self, callback: Optional[LossCallback]) -> None:
        """Calls ``callback(event)`` for each member that is lost, has left, or is suspected
        to be gone, from now on. One callback at a time; None: no longer."""
        self._stream.set_on_loss(callback)

    def wait_complete(self, timeout: float = 600.0) -> pb.Group:
        """Waits until this member and everybody else has a slot, and enters that epoch.

        Raises TimedOut, which names the free slots, and why the membership ended. Right
        after a collective of the framework failed, first ``wait_epoch_after(member.epoch)``:
        the daemon may hear of the loss a moment later than the network.
        """
        return self._enter(lambda group, joined: not joined.parked and (
            group.state == pb.GROUP_STATE_COMPLETE), timeout)

    def wait_epoch_after(self, epoch: int, timeout: float = 600.0) -> pb.Group:
        """Waits until the epoch is later than ``epoch``, and enters that one. The group may
        lack members. Raises TimedOut, and why the membership ended."""
        return self._enter(lambda group, joined: group.epoch > epoch, timeout)

    def _enter(self, done, timeout: float) -> pb.Group:
        self._rpc.check("member")
        self._view, self._joined = self._stream.wait_for(done, timeout)
        return self._view.group

    # ---- calls under the epoch

    def publish(self, name: str, data: bytes) -> None:
        """Gives 1 to 65536 bytes to the other members of this epoch. Publishing the same
        again is fine; other bytes are refused with BLOB_CONFLICT."""
        self._call(self._stub.PublishBlob,
                   pb.PublishBlobRequest(fence=self._fence(), name=name, data=data))

    def get_blob(self, name: str, timeout: float = 60.0) -> bytes:
        """Bytes that a member publishes in this epoch; waits for them. Refused with
        BLOB_NOT_PUBLISHED when nobody does within ``timeout``."""
        request = pb.GetBlobRequest(fence=self._fence(), name=name)
        return self._call(self._stub.GetBlob, request, timeout).data

    def barrier(self, name: str, timeout: float = 60.0, round: int = 0) -> None:
        """Waits until all members of this epoch have called it with the same name and
        round; each round of a name is larger than the one before. Raises MembersMissing at
        the deadline."""
        request = pb.BarrierRequest(fence=self._fence(), name=name, round=round)
        self._call(self._stub.Barrier, request, timeout)

    def commit(self, hash: bytes, timeout: float = 60.0, round: int = 0) -> pb.Committed:
        """Agrees with all members of this epoch on the same 1 to 64 bytes, say the hash of a
        checkpoint, and returns what is now on record. Raises MembersMissing at the
        deadline, CommitDiffers as soon as a member gives other bytes."""
        request = pb.CommitRequest(fence=self._fence(), hash=hash, round=round)
        return self._call(self._stub.Commit, request, timeout).committed

    def replan(self, **fields) -> pb.ReplanGroupResponse:
        """Gives the group another plan and a new epoch; ``wait_complete`` enters it.
        ``fields`` are those of ReplanGroupRequest but ``fence``, such as lost_slots=[3],
        lost_nodes=["node7"], new_nodes=topology, constraints=..., dry_run=True."""
        request = pb.ReplanGroupRequest(fence=self._fence(), **fields)
        # Repeated when the daemon goes away in the middle. If the first one was done, the
        # second is refused with StaleEpoch: nothing is planned twice.
        return self._call(self._stub.ReplanGroup, request)

    # ---- the end

    def leave(self) -> None:
        """Gives up the slot; the membership has ended then. The others get a new epoch."""
        epoch = self.latest_epoch
        while True:
            try:
                self._call(self._stub.LeaveGroup,
                           pb.LeaveGroupRequest(fence=self._fence(epoch)))
                break
            except errors.StaleEpoch as stale:  # others left at the same time
                if stale.current_epoch <= epoch:
                    raise
                epoch = stale.current_epoch
        self._stream.cancel(errors.MembershipEnded("the member has left the group"))

    def close(self) -> None:
        """Lets go without a word: the others see a loss. Does nothing after ``leave``."""
        self._rpc.check("member")
        self._stream.cancel(errors.MembershipEnded("the membership was closed"))

    def __enter__(self) -> "Member":
        return self

    def __exit__(self, kind, error, traceback) -> None:
        if kind is None and self.ended is None:
            self.leave()
        self.close()

    def __repr__(self) -> str:
        where = "parked" if self.parked else "slot %d of %d" % (self.slot, self.size)
        return "<ithaca.Member %s of %s: %s, epoch %d>" % (
            self.member_id, self.group_id, where, self.epoch)

    def _fence(self, epoch: Optional[int] = None) -> pb.Fence:
        return pb.Fence(group_id=self.group_id, member_id=self._member_id,
                        epoch=self.epoch if epoch is None else epoch,
                        incarnation=self.incarnation)

    def _call(self, method, request, wait: Optional[float] = None):
        self._rpc.check("member")
        if self.ended is not None:
            raise self.ended
        return self._rpc.call(method, request, self._timeout, wait)
