"""Where the daemon of this node is found: the same rule as the daemon and ithacactl have."""

from __future__ import annotations

import os
import socket
from typing import Optional

_SYSTEM_RUN_DIR = "/run/ithaca"
_MAX_PATH = 107  # bytes that a Unix socket's address holds


def default_socket() -> str:
    """The socket that a client of this user talks to; it need not exist.

    ``$ITHACA_RUN_DIR/ithacad.sock`` when that is set. Otherwise that of the user's own
    daemon (root: /run/ithaca; others: $XDG_RUNTIME_DIR/ithaca) when it exists, else that
    of the system's daemon in /run/ithaca.
    """
    chosen = os.environ.get("ITHACA_RUN_DIR")
    if chosen:
        return _in(chosen)
    system = _in(_SYSTEM_RUN_DIR)
    user = os.environ.get("XDG_RUNTIME_DIR")
    if os.geteuid() == 0 or not user:
        return system
    own = _in(os.path.join(user, "ithaca"))
    return system if os.path.exists(system) and not os.path.exists(own) else own


def why_unreachable(path: str) -> Optional[str]:
    """The cause, in words, when nothing accepts connections at ``path``; else None."""
    if len(os.fsencode(path)) > _MAX_PATH:
        return "the path has more than %d bytes" % _MAX_PATH
    probe = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        probe.settimeout(5)
        probe.connect(path)
    except OSError as error:
        return error.strerror or str(error)
    finally:
        probe.close()
    return None


def _in(run_dir: str) -> str:
    return os.path.join(run_dir, "ithacad.sock")
