"""A plan as the library holds it: shapes, message sizes, chunks, kernels."""

from ctypes import byref, c_int64, c_uint64, c_void_p

import torch

from ithaca_ulysses import library as lib

_DTYPES = {torch.float32: lib.F32, torch.bfloat16: lib.BF16, torch.float16: lib.F16}
_LAYOUTS = {"bshd": lib.BATCH_FIRST, "sbhd": lib.SEQUENCE_FIRST, "thd": lib.PACKED}


def num_tensors(step):
    """Of a step: q, k and v, or o alone."""
    return 3 if step in (lib.SEQ_TO_HEADS, lib.SEQ_TO_HEADS_BACKWARD) else 1


class Exchange:
    """The exchange of one plan, dtype, layout and batch size. Immutable."""

    def __init__(self, plan, dtype, layout="bshd", batch=1):
        if dtype not in _DTYPES:
            raise TypeError(f"dtype is {dtype}, expected float32, bfloat16 or float16")
        if layout not in _LAYOUTS:
            raise ValueError(f"layout is {layout!r}, expected one of {sorted(_LAYOUTS)}")
        struct, keep = plan.struct(_DTYPES[dtype], _LAYOUTS[layout], batch)
        handle = c_void_p()
        lib.library().call("create", byref(struct), byref(handle))
        del keep
        self._set(plan, dtype, layout, batch, handle)

    def _set(self, plan, dtype, layout, batch, handle):
        self.plan = plan
        self.dtype = dtype
        self.layout = layout
        self.batch = batch
        self.handle = handle
        self._cuda = {}
        self._sizes = {}

    def chunk(self, index, count):
        """Part `index` of `count` of every rank's heads; see create_chunk in C."""
        handle = c_void_p()
        lib.library().call("create_chunk", self.handle, index, count, byref(handle))
        part = Exchange.__new__(Exchange)
        part._set(self.plan, self.dtype, self.layout, self.batch, handle)
        return part

    def __del__(self):
        if getattr(self, "handle", None):
            for cuda, _ in self._cuda.values():
                lib.library().destroy("cuda_destroy", cuda)
            lib.library().destroy("destroy", self.handle)

    def shape(self, step, side, index):
        """Shape of tensor `index` of a step on this rank."""
        shape = (c_int64 * 4)()
        lib.library().call("tensor", self.handle, step, side, index, shape, None)
        return tuple(shape)[: 3 if self.layout == "thd" else 4]

    def message_sizes(self, step):
        """Bytes to and from every rank: two lists."""
        if step not in self._sizes:
            send, recv = [], []
            for peer in range(self.plan.num_ranks):
                s, r = c_uint64(), c_uint64()
                lib.library().call(
                    "message_bytes", self.handle, step, peer, byref(s), byref(r)
                )
                send.append(s.value)
                recv.append(r.value)
            self._sizes[step] = (send, recv)
        return self._sizes[step]

    def check(self, step, side, tensors):
        """Raises unless these are the tensors of that side of the step."""
        names = ("q", "k", "v") if num_tensors(step) == 3 else ("o",)
        if len(tensors) != len(names):
            raise ValueError(f"{len(tensors)} tensors, expected {', '.join(names)}")
        for i, (name, tensor) in enumerate(zip(names, tensors)):
            expected = self.shape(step, side, i)
            if tensor.dtype != self.dtype:
                raise TypeError(f"{name} is {tensor.dtype}, expected {self.dtype}")
            if tuple(tensor.shape) != expected:
                raise ValueError(
                    f"{name} has shape {tuple(tensor.shape)}, expected {expected} by the plan"
                )
            if tensor.device != tensors[0].device:
                raise ValueError(f"{name} is on {tensor.device}, {names[0]} on {tensors[0].device}")

    def outputs(self, step, device, zero=False):
        """New tensors for the unpacked side; zero where not all heads are written."""
        make = torch.zeros if zero else torch.empty
        return [
            make(self.shape(step, lib.UNPACK, i), dtype=self.dtype, device=device)
            for i in range(num_tensors(step))
        ]

    def cuda(self, device):
        """The CUDA object of a device, its tables uploaded."""
        index = device.index if device.index is not None else torch.cuda.current_device()
        if index not in self._cuda:
            with torch.cuda.device(index):
                torch.cuda.current_stream()  # makes the context
                torch.empty(1, device="cuda")
                handle, size = c_void_p(), c_uint64()
                lib.library().call("cuda_create", self.handle, byref(handle))
                lib.library().call("cuda_table_bytes", handle, byref(size))
                table = torch.empty(size.value, dtype=torch.uint8, device="cuda")
                stream = torch.cuda.current_stream()
                lib.library().call(
                    "cuda_upload", handle, lib.span(table), c_void_p(stream.cuda_stream)
                )
                stream.synchronize()
            self._cuda[index] = (handle, table)
        return self._cuda[index][0]

    def pack(self, step, tensors, buffer):
        """Packs into one buffer, messages in rank order."""
        if buffer.is_cuda:
            stream = torch.cuda.current_stream(buffer.device).cuda_stream
            lib.library().call(
                "cuda_pack",
                self.cuda(buffer.device),
                step,
                lib.spans(tensors),
                len(tensors),
                lib.span(buffer),
                c_void_p(stream),
            )
            return
        messages = self._messages(buffer, self.message_sizes(step)[0])
        lib.library().call(
            "pack", self.handle, step, lib.spans(tensors), len(tensors), messages, len(messages)
        )

    def unpack(self, step, buffer, tensors):
        """The reverse."""
        if buffer.is_cuda:
            stream = torch.cuda.current_stream(buffer.device).cuda_stream
            lib.library().call(
                "cuda_unpack",
                self.cuda(buffer.device),
                step,
                lib.span(buffer),
                lib.spans(tensors),
                len(tensors),
                c_void_p(stream),
            )
            return
        messages = self._messages(buffer, self.message_sizes(step)[1])
        lib.library().call(
            "unpack", self.handle, step, messages, len(messages), lib.spans(tensors), len(tensors)
        )

    @staticmethod
    def _messages(buffer, sizes):
        messages = (lib.Span * len(sizes))()
        at = buffer.data_ptr()
        for i, size in enumerate(sizes):
            messages[i] = lib.Span(at if size else None, size)
            at += size
        return messages
