"""One channel to the daemon: calls with deadlines that outlast a restart of the daemon, and
the one border at which gRPC's errors become this package's.

Threads: everything from any. A channel does not survive fork(); who uses it in a forked
child gets Forked at once, where gRPC would hang.
"""

from __future__ import annotations

import os
import time
from typing import Any, Callable, Optional

import grpc

from ithaca import _socket, errors
from ithaca.groups.v1 import errors_pb2

RETRY_EVERY = 0.1  # s
_MAX_PAUSE = 10.0  # s; whatever a daemon asks for
_MAX_MESSAGE = 64 << 20  # a plan for a thousand ranks is large
_DETAILS_KEY = "grpc-status-details-bin"
_TYPE_URL = "type.googleapis.com/google.rpc.ErrorInfo"
_DOMAIN = "ithaca.dev"
# The daemon, or the coordinator behind it, is going away and will be back.
_AWAY_REASONS = frozenset(("DRAINING", "NOT_COORDINATOR"))

_OPTIONS = (
    ("grpc.max_receive_message_length", _MAX_MESSAGE),
    # A connection of its own: what goes wrong on another client's is not ours.
    ("grpc.use_local_subchannel_pool", 1),
    # A daemon that was restarted is found again soon.
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 500),
)


class Rpc:
    """The channel to the daemon at a socket."""

    def __init__(self, socket: str):
        cause = _socket.why_unreachable(socket)
        if cause is not None:
            raise errors.DaemonAway(socket, cause)
        self.socket = socket
        self.channel = grpc.insecure_channel("unix:" + socket, options=_OPTIONS)
        self.closed = False  # set once, before the channel is closed
        self._pid = os.getpid()

    def check(self, what: str) -> None:
        """Raises Forked in any process but the one that made this, and when it is closed."""
        if os.getpid() != self._pid:
            raise errors.Forked(what)
        if self.closed:
            raise errors.MembershipEnded("the client was closed; make another one")

    def call(self, method: Callable[..., Any], request: Any, timeout: float,
             wait: Optional[float] = None) -> Any:
        """Calls; while the daemon is away, again until ``timeout`` seconds are over.

        Only for methods that may be repeated. ``wait``: how long the daemon may wait for
        what the request is about (its field of that name), in seconds, before them.
        """
        self.check("client")
        deadline = time.monotonic() + timeout + (wait or 0)
        while True:
            left = max(deadline - time.monotonic(), 0.001)
            if wait is not None:
                request.wait.FromMilliseconds(int(1000 * max(0, left - timeout)))
            try:
                return self.start(method, request, timeout=left, wait_for_ready=True)
            except grpc.RpcError as raised:
                error = self.error_of(raised)
            pause = retry_after(error)
            if pause is None or deadline - time.monotonic() <= pause:
                raise error
            time.sleep(pause)

    def start(self, method: Callable[..., Any], request: Any, **options: Any) -> Any:
        """Calls once. gRPC's own answer to a channel that is just being closed is a
        ValueError."""
        try:
            return method(request, **options)
        except ValueError:
            self.check("client")
            raise

    def error_of(self, raised: grpc.RpcError) -> errors.Error:
        """What a call that failed means."""
        if self.closed:
            return errors.MembershipEnded("the client was closed; make another one")
        code, details = _status_of(raised)
        refusal = refusal_of(raised)
        if refusal is not None:
            return refusal
        if code in ("UNAVAILABLE", "CANCELLED"):
            return errors.DaemonAway(self.socket, details or code)
        if code == "DEADLINE_EXCEEDED":
            return self.no_answer()
        next_step = ""
        if code == "UNIMPLEMENTED":
            next_step = "the daemon at %s does not have this call: update it" % self.socket
        return errors.Refused(code, details or "no further words", next_step, code=code)

    def no_answer(self) -> errors.Error:
        """Why nothing came in the time that the caller gave."""
        cause = _socket.why_unreachable(self.socket)
        if cause is not None:
            return errors.DaemonAway(self.socket, cause)
        return errors.TimedOut("the daemon at %s did not answer in time; give the call more "
                               "time, or see `ithacactl status`" % self.socket)

    def close(self) -> None:
        """Ends every call and stream."""
        if os.getpid() == self._pid:
            self.closed = True
            self.channel.close()


def retry_after(error: errors.Error) -> Optional[float]:
    """Seconds after which it is worth asking again; None: it is not.

    The daemon was, or just went, away; or it says when to come again. A refusal of these
    has changed nothing.
    """
    if isinstance(error, errors.DaemonAway):
        return RETRY_EVERY
    if not isinstance(error, errors.Refused):
        return None
    if error.reason == "RATE_LIMITED":
        wait = error.facts.get("retry_after_ms", "")
        asked = int(wait[:9]) / 1000 if wait.isascii() and wait.isdigit() else RETRY_EVERY
        return min(max(asked, 0.01), _MAX_PAUSE)
    away = error.code == "UNAVAILABLE" and error.reason in _AWAY_REASONS
    return RETRY_EVERY if away else None


def refusal_of(raised: grpc.RpcError) -> Optional[errors.Refused]:
    """The daemon's refusal in an error; None when it carries none that can be read."""
    code, details = _status_of(raised)
    info = _error_info(raised)
    if info is None:
        return None
    facts = dict(info.metadata)
    next_step = facts.pop("next_step", "")
    message = details
    if message.startswith(info.reason + ": "):
        message = message[len(info.reason) + 2:]
    if next_step and message.endswith("; " + next_step):
        message = message[:-len(next_step) - 2]
    kind = errors.BY_REASON.get(info.reason, errors.Refused)
    return kind(info.reason, message, next_step, facts, code)


def _status_of(raised: grpc.RpcError) -> "tuple[str, str]":
    """Name of the code, and the message. Whoever answers at a socket may send anything."""
    code = raised.code() if hasattr(raised, "code") else None
    details = raised.details() if hasattr(raised, "details") else str(raised)
    return (code.name if code is not None else "UNKNOWN"), details or ""


def _error_info(raised: grpc.RpcError) -> Optional[errors_pb2.ErrorInfo]:
    trailing = raised.trailing_metadata() if hasattr(raised, "trailing_metadata") else None
    for key, value in trailing or ():
        if key != _DETAILS_KEY:
            continue
        rich, info = errors_pb2.RichStatus(), errors_pb2.ErrorInfo()
        try:
            rich.ParseFromString(value)
            if not rich.details or rich.details[0].type_url != _TYPE_URL:
                return None
            info.ParseFromString(rich.details[0].value)
        except Exception:  # protobuf in C raises DecodeError, that in Python other things too
            return None
        return info if info.reason and info.domain == _DOMAIN else None
    return None
