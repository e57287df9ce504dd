"""torch.distributed from a group: the only module of this package that imports torch.

    member.wait_complete()
    ithaca.torch.init_process_group(member, "nccl")
    groups = ithaca.torch.sub_groups(member)       # groups["ulysses"], groups["dp"], ...

After a loss: destroy what was made under the old epoch by calling the same two again.

    member.wait_epoch_after(member.epoch)
    member.wait_complete()
    ithaca.torch.init_process_group(member, "nccl")

Ranks are the group's slots, which are the ranks of its plan. No MASTER_ADDR, RANK or
WORLD_SIZE is read. Seen to work with torch 1.13 and gloo, whose collectives fail when a peer
is gone. Never run with NCCL, whose collectives wait for ever: abort its communicators from
``Member.on_loss`` before calling the two again.

Threads: call from the thread that runs the job; every rank makes the same calls in the
same order, as torch.distributed asks for.
"""

from __future__ import annotations

import datetime
import socket
from typing import Dict, Optional, Sequence, Tuple, Union

import torch.distributed as dist

from ithaca.member import Member
from ithaca.mesh import AXES, degree, groups_along

_STORE_BLOB = "ithaca.torch.store"


def init_process_group(member: Member, backend: Optional[str] = None, timeout: float = 600.0,
                       address: Optional[str] = None) -> None:
    """Makes the default process group of the member's epoch; an older one is destroyed.

    Slot 0 opens a TCPStore on a free port and publishes where it is under the epoch, so
    that ranks of different epochs never meet. When the epoch ends before all are there,
    StaleEpoch is raised: wait for the next one and call again.

    Args:
      member: complete: after ``wait_complete``.
      backend: as in torch.distributed: "nccl", "gloo". None: torch's default.
      timeout: seconds, of this call and of the group's collectives.
      address: name or address under which the other ranks reach this host; only that of
        slot 0 counts. None: 127.0.0.1 if all members are on one host, else this host's
        full name.
    """
    if dist.is_initialized():
        dist.destroy_process_group()
    store = _open_store(member, timeout, address)
    arguments = {} if backend is None else {"backend": backend}
    dist.init_process_group(store=store, rank=member.rank, world_size=member.size,
                            timeout=datetime.timedelta(seconds=timeout), **arguments)


def sub_groups(member: Member, *more: Sequence[str]) -> Dict[Union[str, Tuple[str, ...]],
                                                             dist.ProcessGroup]:
    """A process group of this rank for each axis of the mesh with a degree above 1.

    Keys are the axes' names ("dp", "pp", "ring", "ulysses", "tp"). ``more`` are tuples of
    axes to span together, each of which is a key too: with ("ring", "ulysses"), the ranks
    that share one sequence. Every rank must give the same ones.
    """
    plan = member.plan
    wanted = [(axis, (axis,)) for axis in AXES if degree(plan, axis) > 1]
    wanted += [(tuple(axes), tuple(axes)) for axes in more]
    result = {}
    for key, axes in wanted:
        # new_group is collective over all ranks: each makes all groups, in one order.
        for ranks in groups_along(plan, *axes):
            group = dist.new_group(ranks)
            if member.rank in ranks:
                result[key] = group
    return result


def _open_store(member: Member, timeout: float, address: Optional[str]) -> dist.Store:
    if member.rank != 0:
        host, _, port = member.get_blob(_STORE_BLOB, timeout).decode().rpartition(":")
        return _tcp_store(host, int(port), member, False, timeout)
    host = address or _own_address(member)
    store = _tcp_store(host, 0, member, True, timeout)
    member.publish(_STORE_BLOB, ("%s:%d" % (host, store.port)).encode())
    return store


def _tcp_store(host: str, port: int, member: Member, is_master: bool,
               timeout: float) -> dist.TCPStore:
    return dist.TCPStore(host, port, member.size, is_master,
                         timeout=datetime.timedelta(seconds=timeout), wait_for_workers=False)


def _own_address(member: Member) -> str:
    hosts = {other.host for other in member.members}
    return "127.0.0.1" if len(hosts) == 1 else socket.getfqdn()
