"""A thin client of the node's daemon.

    client = ithaca.Client()
    plan = client.plan(hugging_face_config=open("config.json", "rb").read(),
                       workload={"sequence_length": 131072}, constraints={"ranks": 8})
    client.create_group("job", plan=plan)                # every rank may call it
    member = client.join("job", "node7.gpu3")            # see member.py

Requests and answers are the messages of proto/ithaca, whose comments say what each field
means; in their place, keyword arguments and dicts will do.

Errors of all calls: Refused when the daemon says no; DaemonAway when nobody answers for
the call's time; TimedOut. Calls that change nothing when repeated are tried again while
the daemon is away, so that a restart of it goes unnoticed. Threads: every method from any.
Fork: a forked child makes a client of its own, or gets Forked.
"""

from __future__ import annotations

import socket as socket_module
from typing import Any, Iterator, List, Optional

import grpc

from ithaca import _rpc, _socket, _watch, errors
from ithaca._stream import LossCallback
from ithaca.groups.v1 import groups_pb2 as pb
from ithaca.groups.v1 import groups_pb2_grpc
from ithaca.member import Member
from ithaca.planner.v1 import planner_pb2, planner_pb2_grpc


class Client:
    """A connection to the daemon at ``socket``; None: that of this user, or this node's.

    Args:
      socket: path of the daemon's Unix socket.
      timeout: seconds that a call may take, waits that the caller asks for aside.

    Raises DaemonAway at once when nobody accepts connections there.
    """

    def __init__(self, socket: Optional[str] = None, timeout: float = 10.0):
        self._timeout = timeout
        self._rpc = _rpc.Rpc(socket or _socket.default_socket())
        self._planner = planner_pb2_grpc.PlannerServiceStub(self._rpc.channel)
        self._groups = groups_pb2_grpc.GroupsServiceStub(self._rpc.channel)

    @property
    def socket(self) -> str:
        """Path of the daemon's socket."""
        return self._rpc.socket

    # ---- the planner

    def plans(self, request: Optional[planner_pb2.PlanRequest] = None,
              **fields: Any) -> planner_pb2.PlanResponse:
        """Plans, best first, with what was not taken and why. ``request``, or its fields as
        keywords: model or hugging_face_config, workload, constraints, topology ..."""
        return self._call(self._planner.Plan, _request(planner_pb2.PlanRequest, request, fields))

    def plan(self, request: Optional[planner_pb2.PlanRequest] = None,
             **fields: Any) -> planner_pb2.Plan:
        """The best plan. Raises NoPlan, with the reason and what would be legal."""
        response = self.plans(request, **fields)
        if response.plans:
            return response.plans[0]
        main = response.rejected[0] if response.rejected else planner_pb2.Rejection()
        code = planner_pb2.RejectionCode.Name(main.code)
        refused = errors.NoPlan(code.replace("REJECTION_CODE_", ""),
                                main.reason or "the planner gave no plan and no reason",
                                code="FAILED_PRECONDITION")
        refused.rejected = list(response.rejected)
        raise refused

    def explain_plan(self, plan: planner_pb2.Plan) -> str:
        """Why a plan is as it is: text for people."""
        return self._call(self._planner.Explain, planner_pb2.ExplainRequest(plan=plan)).text

    def replan(self, plan: planner_pb2.Plan, **fields: Any) -> List[planner_pb2.ReplanResponse]:
        """Plans for what is left of ``plan``, the smallest change first. ``fields`` are those
        of ReplanRequest: lost_ranks, lost_nodes, new_nodes, constraints. Changes no group:
        that is ``Member.replan``."""
        request = planner_pb2.ReplanRequest(plan=plan, **fields)
        self._rpc.check("client")
        try:
            return list(self._rpc.start(self._planner.Replan, request, timeout=self._timeout,
                                        wait_for_ready=True))
        except grpc.RpcError as raised:
            raise self._rpc.error_of(raised) from None

    # ---- groups

    def create_group(self, group_id: str, *, plan: Optional[planner_pb2.Plan] = None,
                     plan_hash: Optional[str] = None, plan_request: Any = None,
                     on_loss: str = "WAIT", min_size: int = 0) -> pb.Group:
        """Makes a group of a plan, a plan's hash, or a request's best plan; or finds the one
        of that name and plan, so that every rank may call it and the first one wins.

        Args:
          group_id: 1 to 128 of A-Z a-z 0-9 . _ -
          plan, plan_hash, plan_request: exactly one; plan_request may be a dict.
          on_loss: what happens when a member is gone and no spare is parked. "WAIT": the
            group waits for another member. "REPLAN": it gets a new plan for those who
            remain.
          min_size: the fewest ranks that a new plan may have. 0: 1.
        """
        if sum(source is not None for source in (plan, plan_hash, plan_request)) != 1:
            raise ValueError("create_group takes exactly one of plan, plan_hash, plan_request")
        request = pb.CreateGroupRequest(
            group_id=group_id, plan=plan, plan_hash=plan_hash, plan_request=plan_request,
            on_loss="ON_LOSS_" + on_loss, min_size=min_size)
        return self._call(self._groups.CreateGroup, request).group

    def get_group(self, group_id: str, include_plan: bool = False) -> pb.Group:
        """A group as it is now."""
        return self._call(self._groups.GetGroup,
                          pb.GetGroupRequest(group_id=group_id, include_plan=include_plan)).group

    def list(self) -> List[pb.Group]:
        """The groups of this user (an administrator's: all), by name, without members."""
        groups: List[pb.Group] = []
        token = ""
        while True:
            page = self._call(self._groups.ListGroups, pb.ListGroupsRequest(page_token=token))
            groups.extend(page.groups)
            token = page.next_page_token
            if not token:
                return groups

    def explain(self, group_id: str, max_decisions: int = 0) -> pb.ExplainGroupResponse:
        """Why a group is as it is: the latest decisions, and what it waits for now."""
        return self._call(self._groups.ExplainGroup, pb.ExplainGroupRequest(
            group_id=group_id, max_decisions=max_decisions))

    def delete_group(self, group_id: str, force: bool = False) -> None:
        """Removes a group; one with members only with ``force``."""
        self._call(self._groups.DeleteGroup,
                   pb.DeleteGroupRequest(group_id=group_id, force=force))

    def watch(self, group_id: str, after_sequence: int = 0) -> Iterator[pb.WatchGroupResponse]:
        """Follows a group without being a member: yields messages with ``group``, which
        replaces what was known, with ``events``, or with a ``bookmark``. Goes on by itself,
        without a gap, when the daemon was away for less than a minute. Ends after the event
        DELETED; raises what the daemon refuses, and DaemonAway."""
        return _watch.watch(self._rpc, self._groups, group_id, after_sequence)

    def join(self, group_id: str, member_id: str, *, slot: Optional[int] = None,
             may_park: bool = False, endpoint: bytes = b"", host: Optional[str] = None,
             formation_timeout: float = 600.0, include_plan: bool = True,
             quiet_formation: bool = False,
             on_loss: Optional[LossCallback] = None) -> Member:
        """Takes a slot and holds it; returns as soon as it is given.

        Args:
          group_id: the group, which must exist.
          member_id: name of this member, unique in the group, that outlasts the process,
            such as "node7.gpu3": who comes back under it gets its old slot if it is free.
          slot: the slot wanted. None: whichever the daemon gives.
          may_park: become a spare when there is no slot, instead of GROUP_FULL.
          endpoint: bytes for the other members, at most 1024; see ``Member.members``.
          host: name of this host for the others. None: as the system says.
          formation_timeout: seconds that the member waits for the group to be complete,
            from now and again after each loss; then the daemon ends the membership.
          include_plan: whether the member shall know the plan.
          quiet_formation: for large groups: nothing is told of those who gather until all
            are there, so ``wait_complete`` cannot name who is missing.
          on_loss: as ``Member.on_loss``, from the first moment.
        """
        self._rpc.check("client")
        request = pb.JoinGroupRequest(
            group_id=group_id, member_id=member_id, slot=slot, may_park=may_park,
            endpoint=endpoint, include_plan=include_plan, quiet_formation=quiet_formation,
            host=socket_module.gethostname()[:255] if host is None else host)
        request.formation_timeout.FromMilliseconds(int(formation_timeout * 1000))
        return Member(self._rpc, request, self._timeout, on_loss)

    def close(self) -> None:
        """Ends the connection, and with it the memberships that were made from it."""
        self._rpc.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> None:
        self.close()

    def _call(self, method: Any, request: Any) -> Any:
        return self._rpc.call(method, request, self._timeout)


def _request(kind: Any, request: Any, fields: Any) -> Any:
    if request is not None and fields:
        raise TypeError("give a request or its fields, not both")
    return kind(**fields) if request is None else request
