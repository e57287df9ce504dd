"""What can go wrong, as exceptions.

Every exception's text says what is wrong and what to do. ``Refused`` is an answer of the
daemon: it has a reason code, which programs may compare (the list is at the top of
proto/ithaca/groups/v1/groups.proto), and will not be another one if the same is asked
again. The others are about the way to the daemon.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Dict, Optional, Sequence, Tuple

if TYPE_CHECKING:
    from ithaca.planner.v1.planner_pb2 import Rejection


class Error(Exception):
    """Any error of this package."""


class DaemonAway(Error):
    """Nobody answers at the daemon's socket, for as long as the call was to wait."""

    def __init__(self, socket: str, cause: str):
        super().__init__(
            "no ithacad answers at %s: %s; start it with `ithacad`, or set ITHACA_RUN_DIR to "
            "its run directory" % (socket, cause))
        self.socket = socket
        self.cause = cause


class TimedOut(Error, TimeoutError):
    """The time that the caller gave is over."""


class MembershipEnded(Error):
    """This member left, or it or its client was closed: it has no slot any more."""


class Forked(Error, RuntimeError):
    """A client or member is used in another process than the one that made it."""

    def __init__(self, what: str):
        super().__init__(
            "this %s belongs to the process that made it, and this one was forked from that; "
            "make a Client of its own here" % what)


class Refused(Error):
    """The daemon says no.

    Attributes:
      reason: code for programs, such as "GROUP_NOT_FOUND".
      message: what is wrong.
      next_step: what the caller can do; empty when the answer did not say.
      facts: further facts for programs, such as {"current_epoch": "7"}.
      code: name of gRPC's status code, such as "NOT_FOUND".
    """

    def __init__(self, reason: str, message: str, next_step: str = "",
                 facts: Optional[Dict[str, str]] = None, code: str = "UNKNOWN"):
        text = "%s: %s" % (reason, message)
        super().__init__(text + ("; " + next_step if next_step else ""))
        self.reason = reason
        self.message = message
        self.next_step = next_step
        self.facts = dict(facts or {})
        self.code = code


class StaleEpoch(Refused):
    """The epoch is over: a member was lost or left. Call ``Member.wait_complete``.

    Attributes:
      current_epoch: the epoch in force when the daemon answered; 0: not said.
    """

    @property
    def current_epoch(self) -> int:
        return _number(self.facts.get("current_epoch", "")) or 0


class MembersMissing(Refused):
    """A barrier or a commit ended at its deadline: not all members came.

    Attributes:
      missing: slots of those who did not.
    """

    @property
    def missing(self) -> Tuple[int, ...]:
        return _slots(self.facts.get("missing", ""))


class CommitDiffers(Refused):
    """Members gave different bytes to a commit.

    Attributes:
      differing: slots that did not give what the lowest slot gave.
    """

    @property
    def differing(self) -> Tuple[int, ...]:
        return _slots(self.facts.get("differing", ""))


class NoPlan(Refused):
    """No plan satisfies the request.

    Attributes:
      rejected: every family that was not taken, with the reason and the nearest legal
        constraints.
    """

    rejected: Sequence[Rejection] = ()


#: Exceptions of their own for some reasons.
BY_REASON = {
    "STALE_EPOCH": StaleEpoch,
    "BARRIER_TIMEOUT": MembersMissing,
    "COMMIT_TIMEOUT": MembersMissing,
    "COMMIT_DIFFERS": CommitDiffers,
}


def _number(text: str) -> Optional[int]:
    return int(text) if text.isascii() and text.isdigit() else None


def _slots(text: str) -> Tuple[int, ...]:
    numbers = (_number(part.strip()) for part in text.split(","))
    return tuple(number for number in numbers if number is not None)
