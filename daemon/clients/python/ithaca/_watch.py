"""A watch of a group that outlasts a restart of the daemon."""

from __future__ import annotations

import time
from typing import Iterator, Optional

import grpc

from ithaca import _rpc
from ithaca.groups.v1 import groups_pb2 as pb
from ithaca.groups.v1 import groups_pb2_grpc

RESUME_SECONDS = 60.0


def watch(rpc: _rpc.Rpc, stub: groups_pb2_grpc.GroupsServiceStub, group_id: str,
          after_sequence: int) -> Iterator[pb.WatchGroupResponse]:
    """See Client.watch."""
    rpc.check("client")
    give_up_at: Optional[float] = None
    while True:
        call = rpc.start(stub.WatchGroup, pb.WatchGroupRequest(group_id=group_id,
                                                               after_sequence=after_sequence))
        try:
            for message in call:
                give_up_at = None
                after_sequence = _last_sequence(message, after_sequence)
                yield message
            return
        except grpc.RpcError as raised:
            error = rpc.error_of(raised)
        finally:
            call.cancel()
        now = time.monotonic()
        give_up_at = give_up_at or now + RESUME_SECONDS
        pause = _rpc.retry_after(error)
        if pause is None or now >= give_up_at:
            raise error
        time.sleep(pause)


def _last_sequence(message: pb.WatchGroupResponse, before: int) -> int:
    """The number of the last event that the reader has with this message."""
    if message.HasField("group"):
        before = message.group.sequence
    numbers = [event.sequence for event in message.events]
    return max([before, message.bookmark, *numbers])
