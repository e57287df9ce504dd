"""The JoinGroup stream that holds a member's slot.

A thread of its own reads it, keeps the view of the group, tells losses, and opens the
stream again while the daemon is away. Threads: every method from any. ``_lock`` guards
all that is not set in __init__; callbacks run on the thread without it.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import Callable, List, Optional, Tuple

import grpc

from ithaca import _rpc, _socket, errors
from ithaca._view import View, is_loss
from ithaca.groups.v1 import groups_pb2 as pb
from ithaca.groups.v1 import groups_pb2_grpc

RESUME_SECONDS = 60.0
_log = logging.getLogger("ithaca")

LossCallback = Callable[[pb.GroupEvent], None]


class JoinStream:
    """Made by Client.join. Lives until ``cancel``, or until the daemon ends it."""

    def __init__(self, rpc: _rpc.Rpc, request: pb.JoinGroupRequest,
                 on_loss: Optional[LossCallback] = None):
        self._rpc = rpc
        self._stub = groups_pb2_grpc.GroupsServiceStub(rpc.channel)
        self._request = request  # the thread's alone
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._view = View()
        self._joined: Optional[pb.Joined] = None
        self._ended: Optional[errors.Error] = None
        self._stopping = False
        self._call: Optional[grpc.Call] = None
        self._on_loss = on_loss
        self._thread = threading.Thread(target=self._run, name="ithaca-member", daemon=True)

    # ---- for the member

    def open(self, timeout: float) -> None:
        """Asks for a slot and waits until it is given."""
        self._thread.start()
        with self._lock:
            self._changed.wait_for(lambda: self._joined or self._ended, timeout)
            if self._joined is None and self._ended is None:
                self._ended = self._rpc.no_answer()
            if self._ended is None:
                return
        self.cancel()
        raise self._ended

    @property
    def joined(self) -> pb.Joined:
        """What the daemon gave."""
        with self._lock:
            assert self._joined is not None
            return self._joined

    @property
    def ended(self) -> Optional[errors.Error]:
        """Why it ended; None: it has not."""
        with self._lock:
            return self._ended

    def set_on_loss(self, callback: Optional[LossCallback]) -> None:
        """Calls it for every loss from now on."""
        with self._lock:
            self._on_loss = callback

    def latest(self) -> View:
        """A copy of what is known now."""
        with self._lock:
            return self._copy()

    def wait_for(self, done: Callable[[pb.Group, pb.Joined], bool],
                 timeout: float) -> Tuple[View, pb.Joined]:
        """Waits until ``done`` holds for the group and one's place in it, and returns both;
        raises why the stream ended, or TimedOut."""
        with self._lock:
            def holds() -> bool:
                return self._joined is not None and done(self._view.group, self._joined)
            self._changed.wait_for(lambda: self._ended or holds(), timeout)
            if self._ended is not None:
                raise self._ended
            if holds():
                return self._copy(), self._joined
            group = self._view.group
            raise errors.TimedOut("group %s, epoch %d: after %g s free slots are: %s; see "
                                  "`ithacactl group show %s`"
                                  % (group.group_id, group.epoch, timeout,
                                     ", ".join(map(str, group.free_slots)) or "none",
                                     group.group_id))

    def cancel(self, why: Optional[errors.Error] = None) -> None:
        """Ends the stream; the others see a loss unless the member has left."""
        with self._lock:
            self._stopping = True
            self._ended = self._ended or why
            if self._call is not None:
                self._call.cancel()
            self._changed.notify_all()
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join()

    def _copy(self) -> View:
        copy = View()
        copy.group.CopyFrom(self._view.group)
        copy.plan = self._view.plan  # never changed in place
        return copy

    # ---- the reading thread

    def _run(self) -> None:
        give_up_at: Optional[float] = None
        while True:
            error = self._read_one_stream()
            with self._lock:
                if self._request.incarnation == 0:  # it was joined: a later outage begins
                    give_up_at = None
                if give_up_at is None:
                    give_up_at = time.monotonic() + RESUME_SECONDS
                pause = self._pause_after(error)
                if pause is None or time.monotonic() >= give_up_at:
                    self._ended = self._ended or error
                    self._changed.notify_all()
                    return
                if self._joined is not None:
                    self._request.incarnation = self._joined.incarnation
                self._changed.wait_for(lambda: self._stopping, pause)

    def _pause_after(self, error: errors.Error) -> Optional[float]:
        """Seconds until the stream is opened again; None: it is not.

        Who was in waits for a daemon that is away, and for a store that fails, which may
        work again before others take us for lost. Who was not yet in (``open`` bounds that)
        asks again only after a refusal: a stream that broke may have been granted.
        """
        refused = isinstance(error, errors.Refused)
        if self._stopping or (self._joined is None and not refused):
            return None
        if refused and error.reason == "STORE_FAILED" and self._joined is not None:
            return _rpc.RETRY_EVERY
        return _rpc.retry_after(error)

    def _read_one_stream(self) -> errors.Error:
        if self._request.incarnation != 0:
            # A thousandth of what it costs gRPC to find that nobody is there.
            cause = _socket.why_unreachable(self._rpc.socket)
            if cause is not None:
                return errors.DaemonAway(self._rpc.socket, cause)
        try:
            with self._lock:
                if self._stopping:
                    return errors.MembershipEnded("the membership was closed")
                self._rpc.check("member")
                # The first time ``open`` bounds the wait for a daemon that is just restarted.
                call = self._call = self._rpc.start(self._stub.JoinGroup, self._request,
                                                    wait_for_ready=self._joined is None)
            for message in call:
                self._tell(self._take(message))
        except grpc.RpcError as raised:
            return self._rpc.error_of(raised)
        except errors.Error as error:
            return error
        except Exception as error:  # whoever waits must hear of it
            _log.exception("the reader of group %s failed", self._request.group_id)
            return errors.Error("the member's reader failed: %r" % error)
        finally:
            with self._lock:
                self._call = None
        return errors.MembershipEnded("the membership has ended")

    def _take(self, message: pb.JoinGroupResponse) -> List[pb.GroupEvent]:
        """Returns the losses that it tells, or that happened while it was away."""
        with self._lock:
            missed = []
            if message.HasField("group"):
                missed = self._view.replace(message.group)
            for event in message.events:
                self._view.apply(event)
            losses = [event for event in message.events if is_loss(event)]
            told = {loss.member.incarnation for loss in losses}
            losses += [loss for loss in missed if loss.member.incarnation not in told]
            if message.HasField("joined"):
                self._joined = message.joined
                self._request.incarnation = 0
            self._changed.notify_all()
            return losses

    def _tell(self, losses: List[pb.GroupEvent]) -> None:
        with self._lock:
            callback = self._on_loss
        if callback is None:
            return
        for loss in losses:
            try:
                callback(loss)
            except Exception:  # the user's code must not end the membership
                _log.exception("on_loss failed for %s of group %s", loss.member.member_id,
                               self._request.group_id)
