"""Ithaca for Python: plans of sequence parallelism, and groups of ranks that run them.

    client = ithaca.Client()                      # the node's ithacad
    client.create_group("job", plan_request=...)
    with client.join("job", "node7.gpu3") as member:
        member.wait_complete()
        ithaca.torch.init_process_group(member, "nccl")   # import ithaca.torch

Nothing here imports torch but ``ithaca.torch``. Every exception is an ``ithaca.Error``.
"""

from ithaca.client import Client
from ithaca.errors import (CommitDiffers, DaemonAway, Error, Forked, MembershipEnded,
                           MembersMissing, NoPlan, Refused, StaleEpoch, TimedOut)
from ithaca.member import Member
from ithaca.mesh import SubGroup

__version__ = "0.1.0"

__all__ = [
    "Client", "CommitDiffers", "DaemonAway", "Error", "Forked", "Member", "MembershipEnded",
    "MembersMissing", "NoPlan", "Refused", "StaleEpoch", "SubGroup", "TimedOut",
]
