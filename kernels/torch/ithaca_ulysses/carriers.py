"""What moves messages between ranks. Each has agree(exchange), once per plan on all
ranks, and start(exchange, step, tensors, zero) whose result has wait() -> tensors."""

from ctypes import byref, c_int32, c_uint64, c_void_p, sizeof

import torch

from ithaca_ulysses import library as lib


class _Agreed:
    """Exchanges that all ranks have compared; by identity."""

    def __init__(self):
        self._agreed = {}

    def once(self, exchange, compare):
        if id(exchange) not in self._agreed:
            compare(exchange)
            self._agreed[id(exchange)] = exchange


class TorchCarrier:
    """Over torch.distributed: any backend, CPU or CUDA tensors.

    `group` is the Ulysses group (None: all ranks); its ranks are the plan's.
    """

    def __init__(self, group=None):
        self._group = group
        self._agreed = _Agreed()

    def agree(self, exchange):
        self._agreed.once(exchange, self._compare)

    def _compare(self, exchange):
        import torch.distributed as dist

        size, rank = dist.get_world_size(self._group), dist.get_rank(self._group)
        plan = exchange.plan
        if (size, rank) != (plan.num_ranks, plan.rank):
            raise ValueError(
                f"the plan is for rank {plan.rank} of {plan.num_ranks}, the process group "
                f"is rank {rank} of {size}: it belongs to another group"
            )
        device = "cuda" if dist.get_backend(self._group) == "nccl" else "cpu"
        mine = torch.tensor(list(plan.digest()), dtype=torch.uint8, device=device)
        all_of = [torch.empty_like(mine) for _ in range(size)]
        dist.all_gather(all_of, mine, group=self._group)
        different = [r for r in range(size) if not torch.equal(all_of[r], all_of[0])]
        if different:
            raise lib.UlyssesError(
                "INVALID_PLAN",
                f"ranks {different} have another plan than rank 0; this is rank {rank}",
            )

    def start(self, exchange, step, tensors, zero=False):
        import torch.distributed as dist

        device = tensors[0].device
        send_sizes, recv_sizes = exchange.message_sizes(step)
        send = torch.empty(sum(send_sizes), dtype=torch.uint8, device=device)
        recv = torch.empty(sum(recv_sizes), dtype=torch.uint8, device=device)
        exchange.pack(step, tensors, send)
        work = dist.all_to_all_single(
            recv, send, recv_sizes, send_sizes, group=self._group, async_op=True
        )
        return _TorchOperation(exchange, step, work, send, recv, device, zero)


class _TorchOperation:
    def __init__(self, exchange, step, work, send, recv, device, zero):
        self._exchange, self._step, self._work = exchange, step, work
        self._send, self._recv = send, recv  # kept until they are through
        self._device, self._zero = device, zero

    def wait(self):
        self._work.wait()
        outputs = self._exchange.outputs(self._step, self._device, self._zero)
        self._exchange.unpack(self._step, self._recv, outputs)
        return outputs


class _CommCarrier:
    """Over an ithaca_ulysses_comm."""

    _on_device = False

    def __init__(self):
        self.handle = c_void_p()
        self._agreed = _Agreed()

    def __del__(self):
        if getattr(self, "handle", None):
            lib.library().destroy("comm_destroy", self.handle)

    def agree(self, exchange):
        self._agreed.once(exchange, self._compare)

    def _compare(self, exchange):
        scratch, stream = lib.Span(None, 0), None
        if self._on_device:
            memory = torch.empty(
                64 * (exchange.plan.num_ranks + 1), dtype=torch.uint8, device="cuda"
            )
            scratch = lib.span(memory)
            stream = c_void_p(torch.cuda.current_stream().cuda_stream)
        lib.library().call("comm_agree", self.handle, exchange.handle, scratch, stream)

    def start(self, exchange, step, tensors, zero=False):
        device = tensors[0].device
        if (device.type == "cuda") != self._on_device:
            kind = "CUDA" if self._on_device else "CPU"
            raise ValueError(f"tensors are on {device}; this carrier takes {kind} tensors")
        size = c_uint64()
        lib.library().call("comm_workspace_bytes", exchange.handle, step, byref(size))
        workspace = torch.empty(size.value + 16, dtype=torch.uint8, device=device)
        start = -workspace.data_ptr() % 16
        outputs = exchange.outputs(step, device, zero)
        inputs, results = lib.spans(tensors), lib.spans(outputs)
        call = lib.CallStruct(
            struct_size=sizeof(lib.CallStruct),
            step=step,
            exchange=exchange.handle,
            cuda=exchange.cuda(device) if self._on_device else None,
            inputs=inputs,
            outputs=results,
            num_inputs=len(tensors),
            num_outputs=len(outputs),
            workspace=lib.span(workspace[start : start + size.value]),
            stream=c_void_p(torch.cuda.current_stream(device).cuda_stream)
            if self._on_device
            else None,
        )
        operation = c_void_p()
        lib.library().call("start", self.handle, byref(call), byref(operation))
        return _CommOperation(operation, outputs, (workspace, tensors, exchange))


class _CommOperation:
    def __init__(self, operation, outputs, keep):
        self._operation, self._outputs, self._keep = operation, outputs, keep

    def wait(self):
        operation, self._operation = self._operation, None
        lib.library().call("wait", operation)
        return self._outputs

    def __del__(self):
        # The library writes to our memory until it is waited for.
        if self._operation is not None:
            try:
                self.wait()
            except lib.UlyssesError:
                pass


class NetCarrier(_CommCarrier):
    """CPU tensors over an NCCL net plugin, without NCCL.

    `meeting` is HOST:PORT where rank 0 listens while the ranks meet, `plugin` what to
    open (default: libnccl-net-ithaca.so, as the loader finds it).
    """

    def __init__(self, rank, num_ranks, meeting, plugin=None, timeout_ms=0):
        super().__init__()
        options = lib.NetOptionsStruct(
            struct_size=sizeof(lib.NetOptionsStruct),
            rank=rank,
            num_ranks=num_ranks,
            timeout_ms=timeout_ms,
            meeting=meeting.encode(),
            plugin=plugin.encode() if plugin else None,
        )
        lib.library().call("comm_create_net", byref(options), byref(self.handle))


class NcclCarrier(_CommCarrier):
    """CUDA tensors over an ncclComm_t, given as an integer; it must outlive this.

    mode: 0 chooses, 1 send and receive, 2 ncclAlltoAll. Needs no torch.distributed.
    Never run with NCCL so far; TorchCarrier over the nccl backend does the same.
    """

    _on_device = True

    def __init__(self, comm, mode=0):
        super().__init__()
        lib.library().call("comm_create_nccl", c_void_p(comm), c_int32(mode), byref(self.handle))
