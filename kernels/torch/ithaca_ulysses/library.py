"""libithaca_ulysses.so through ctypes: structs, calls, errors.

The layouts are those of kernels/api/*.h. Thread-safe as the library is.
"""

import ctypes
import os
from ctypes import (
    POINTER,
    byref,
    c_char,
    c_char_p,
    c_int32,
    c_int64,
    c_uint8,
    c_uint32,
    c_uint64,
    c_void_p,
)

SEQ_TO_HEADS, HEADS_TO_SEQ, SEQ_TO_HEADS_BACKWARD, HEADS_TO_SEQ_BACKWARD = 1, 2, 3, 4
PACK, UNPACK = 1, 2
F32, BF16, F16 = 1, 2, 3
BATCH_FIRST, SEQUENCE_FIRST, PACKED = 1, 2, 3
CONTIGUOUS, RANGES = 1, 2
WIRE_EXACT, WIRE_FP8 = 0, 1

_STATUS = {
    1: "INVALID_ARGUMENT",
    2: "INVALID_PLAN",
    3: "UNSUPPORTED",
    4: "TOO_LARGE",
    5: "OUT_OF_MEMORY",
    6: "CUDA_ERROR",
    7: "CARRIER_FAILED",
}


class UlyssesError(RuntimeError):
    """What the library refused; `status` is its name, the text says which argument."""

    def __init__(self, status, message):
        super().__init__(f"{status}: {message}")
        self.status = status
        self.message = message


class ErrorStruct(ctypes.Structure):
    _fields_ = [("code", c_int32), ("message", c_char * 252)]


class Span(ctypes.Structure):
    _fields_ = [("data", c_void_p), ("bytes", c_uint64)]


class PlanStruct(ctypes.Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("dtype", c_int32),
        ("layout", c_int32),
        ("token_order", c_int32),
        ("num_ranks", c_int32),
        ("my_rank", c_int32),
        ("batch", c_int32),
        ("head_size", c_int32),
        ("num_q_heads", c_int32),
        ("num_kv_heads", c_int32),
        ("kv_heads_length", c_int32),
        ("plan_hash_bytes", c_uint32),
        ("rank_rows", POINTER(c_int64)),
        ("rank_row_offset", POINTER(c_int64)),
        ("q_head_start", POINTER(c_int32)),
        ("q_head_count", POINTER(c_int32)),
        ("kv_offsets", POINTER(c_int32)),
        ("kv_heads", POINTER(c_int32)),
        ("plan_hash", POINTER(c_uint8)),
        ("token_order_params", c_void_p),
        ("wire", c_int32),
        ("reserved", c_int32),
    ]


class RangesStruct(ctypes.Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("num_ranges", c_int64),
        ("offsets", POINTER(c_int64)),
        ("start", POINTER(c_int64)),
        ("count", POINTER(c_int64)),
        ("stride", POINTER(c_int64)),
    ]


class NetOptionsStruct(ctypes.Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("rank", c_int32),
        ("num_ranks", c_int32),
        ("timeout_ms", c_int32),
        ("meeting", c_char_p),
        ("plugin", c_char_p),
    ]


class CallStruct(ctypes.Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("step", c_int32),
        ("exchange", c_void_p),
        ("cuda", c_void_p),
        ("inputs", POINTER(Span)),
        ("outputs", POINTER(Span)),
        ("num_inputs", c_int32),
        ("num_outputs", c_int32),
        ("workspace", Span),
        ("stream", c_void_p),
    ]


# Arguments of every call, without the error that each ends with.
_CALLS = {
    "create": [POINTER(PlanStruct), POINTER(c_void_p)],
    "tensor": [c_void_p, c_int32, c_int32, c_int32, POINTER(c_int64), POINTER(c_uint64)],
    "message_bytes": [c_void_p, c_int32, c_int32, POINTER(c_uint64), POINTER(c_uint64)],
    "pack": [c_void_p, c_int32, POINTER(Span), c_int32, POINTER(Span), c_int32],
    "unpack": [c_void_p, c_int32, POINTER(Span), c_int32, POINTER(Span), c_int32],
    "cuda_create": [c_void_p, POINTER(c_void_p)],
    "cuda_table_bytes": [c_void_p, POINTER(c_uint64)],
    "cuda_upload": [c_void_p, Span, c_void_p],
    "cuda_pack": [c_void_p, c_int32, POINTER(Span), c_int32, Span, c_void_p],
    "cuda_unpack": [c_void_p, c_int32, Span, POINTER(Span), c_int32, c_void_p],
    "comm_create_net": [POINTER(NetOptionsStruct), POINTER(c_void_p)],
    "comm_create_nccl": [c_void_p, c_int32, POINTER(c_void_p)],
    "comm_rank": [c_void_p, POINTER(c_int32), POINTER(c_int32)],
    "comm_agree": [c_void_p, c_void_p, Span, c_void_p],
    "comm_workspace_bytes": [c_void_p, c_int32, POINTER(c_uint64)],
    "start": [c_void_p, POINTER(CallStruct), POINTER(c_void_p)],
    "wait": [c_void_p],
    "create_chunk": [c_void_p, c_int32, c_int32, POINTER(c_void_p)],
}


def _candidates():
    if os.environ.get("LIBITHACA_ULYSSES"):
        return [os.environ["LIBITHACA_ULYSSES"]]
    beside = os.path.join(os.path.dirname(__file__), "libithaca_ulysses.so")
    return [beside, "libithaca_ulysses.so"]


class _Library:
    """The calls as methods that raise UlyssesError."""

    def __init__(self):
        problems = []
        self._library = None
        for path in _candidates():
            try:
                self._library = ctypes.CDLL(path)
                break
            except OSError as error:
                problems.append(str(error))
        if self._library is None:
            raise ImportError(
                "libithaca_ulysses.so was not found: "
                + "; ".join(problems)
                + ". Build //kernels:libithaca_ulysses.so and set "
                "LIBITHACA_ULYSSES to its path"
            )
        for name, arguments in _CALLS.items():
            function = getattr(self._library, "ithaca_ulysses_" + name)
            function.argtypes = arguments + [POINTER(ErrorStruct)]
            function.restype = c_int32
        for name in ("destroy", "cuda_destroy", "comm_destroy"):
            function = getattr(self._library, "ithaca_ulysses_" + name)
            function.argtypes = [c_void_p]
            function.restype = None

    def call(self, name, *arguments):
        error = ErrorStruct()
        function = getattr(self._library, "ithaca_ulysses_" + name)
        code = function(*arguments, byref(error))
        if code != 0:
            status = _STATUS.get(code, f"status {code}")
            raise UlyssesError(status, error.message.decode(errors="replace"))

    def destroy(self, name, handle):
        getattr(self._library, "ithaca_ulysses_" + name)(handle)


_loaded = None


def library():
    """The library, opened at the first use."""
    global _loaded
    if _loaded is None:
        _loaded = _Library()
    return _loaded


def spans(tensors):
    """An array of Span over contiguous tensors."""
    array = (Span * max(len(tensors), 1))()
    for i, tensor in enumerate(tensors):
        array[i] = span(tensor)
    return array


def span(tensor):
    count = tensor.numel() * tensor.element_size()
    return Span(tensor.data_ptr() if count else None, count)
