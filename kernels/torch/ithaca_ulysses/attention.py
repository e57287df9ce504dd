"""Autograd over the exchange, and the module around any local attention."""

import torch

from ithaca_ulysses import library as lib
from ithaca_ulysses.exchange import Exchange


def _contiguous(tensors):
    return [t.detach().contiguous() for t in tensors]


class _SeqToHeads(torch.autograd.Function):
    """`started` is the operation under way on these q, k and v, or None."""

    @staticmethod
    def forward(ctx, q, k, v, exchange, carrier, chunked, started):
        ctx.exchange, ctx.carrier, ctx.chunked = exchange, carrier, chunked
        if started is None:
            started = carrier.start(exchange, lib.SEQ_TO_HEADS, _contiguous((q, k, v)))
        return tuple(started.wait())

    @staticmethod
    def backward(ctx, dq, dk, dv):
        operation = ctx.carrier.start(
            ctx.exchange,
            lib.SEQ_TO_HEADS_BACKWARD,
            _contiguous((dq, dk, dv)),
            zero=ctx.chunked,
        )
        return (*operation.wait(), None, None, None, None)


class _HeadsToSeq(torch.autograd.Function):
    @staticmethod
    def forward(ctx, o, exchange, carrier, chunked):
        ctx.exchange, ctx.carrier = exchange, carrier
        operation = carrier.start(
            exchange, lib.HEADS_TO_SEQ, _contiguous((o,)), zero=chunked
        )
        return operation.wait()[0]

    @staticmethod
    def backward(ctx, do):
        operation = ctx.carrier.start(
            ctx.exchange, lib.HEADS_TO_SEQ_BACKWARD, _contiguous((do,))
        )
        return operation.wait()[0], None, None, None


def seq_to_heads(q, k, v, exchange, carrier):
    """q [b, rows, H, d], k and v [b, rows, Hkv, d] of this rank's tokens ->
    q [b, S, own heads, d], k and v [b, S, own KV heads, d] of all tokens, ascending."""
    carrier.agree(exchange)
    exchange.check(lib.SEQ_TO_HEADS, lib.PACK, (q, k, v))
    return _SeqToHeads.apply(q, k, v, exchange, carrier, False, None)


def heads_to_seq(o, exchange, carrier):
    """o [b, S, own heads, d] -> o [b, rows, H, d]."""
    carrier.agree(exchange)
    exchange.check(lib.HEADS_TO_SEQ, lib.PACK, (o,))
    return _HeadsToSeq.apply(o, exchange, carrier, False)


class UlyssesAttention(torch.nn.Module):
    """Attention over a sequence that is spread over the ranks of a group.

    local_attn(q, k, v, *args, **kwargs) -> o is attention over whole sequences, in the
    layout of the tensors: "bshd" [b, s, h, d], "sbhd" [s, b, h, d] or "thd" [t, h, d]. It
    sees all tokens in ascending position and this rank's heads.

    plan: a FlatPlan. carrier: TorchCarrier, NetCarrier or NcclCarrier.
    expand_kv: k and v get a copy of their head for each query head, so that any
      attention can be used. False passes them as they are, for attention that groups
      query heads itself; then every KV head must serve equally many.
    chunks: exchange this many parts of the heads one after the other, each while
      attention works on the one before.
    A rank without heads does not call local_attn.
    """

    def __init__(self, local_attn, plan, carrier, layout="bshd", expand_kv=True, chunks=1):
        super().__init__()
        self.local_attn = local_attn
        self.plan = plan
        self.carrier = carrier
        self.layout = layout
        self.expand_kv = expand_kv
        self.chunks = chunks
        self._exchanges = {}
        uneven = len({plan.kv_index().count(i) for i in plan.kv_index()}) > 1
        if not expand_kv and uneven:
            raise ValueError(
                "this rank's KV heads serve different numbers of query heads; use expand_kv=True"
            )

    def forward(self, q, k, v, *args, **kwargs):
        whole, parts = self._exchange_of(q)
        whole.check(lib.SEQ_TO_HEADS, lib.PACK, (q, k, v))
        if len(parts) == 1:
            return self._whole(q, k, v, whole, args, kwargs)
        return self._in_chunks(q, k, v, parts, args, kwargs)

    def _exchange_of(self, q):
        batch = {"bshd": 0, "sbhd": 1}.get(self.layout)
        size = 1 if batch is None else q.shape[batch]
        key = (q.dtype, size)
        if key not in self._exchanges:
            whole = Exchange(self.plan, q.dtype, self.layout, size)
            parts = (
                [whole]
                if self.chunks == 1
                else [whole.chunk(c, self.chunks) for c in range(self.chunks)]
            )
            for part in parts:
                self.carrier.agree(part)
            self._exchanges[key] = (whole, parts)
        return self._exchanges[key]

    def _whole(self, q, k, v, exchange, args, kwargs):
        heads = _SeqToHeads.apply(q, k, v, exchange, self.carrier, False, None)
        o = self._attend(*heads, 0, args, kwargs)
        return _HeadsToSeq.apply(o, exchange, self.carrier, False)

    def _in_chunks(self, q, k, v, parts, args, kwargs):
        detached = _contiguous((q, k, v))

        def start(part):
            return self.carrier.start(part, lib.SEQ_TO_HEADS, detached)

        under_way = start(parts[0])
        first_head, total = 0, None
        for i, part in enumerate(parts):
            heads = _SeqToHeads.apply(q, k, v, part, self.carrier, True, under_way)
            under_way = start(parts[i + 1]) if i + 1 < len(parts) else None
            o = self._attend(*heads, first_head, args, kwargs)
            first_head += heads[0].shape[-2]
            rows = _HeadsToSeq.apply(o, part, self.carrier, True)
            total = rows if total is None else total + rows
        return total

    def _attend(self, q, k, v, first_head, args, kwargs):
        count = q.shape[-2]
        if count == 0:
            # Keeps q, k and v in the graph: backward must take part in the exchange.
            return q + 0 * (k.sum() + v.sum())
        if self.expand_kv:
            index = self.plan.kv_index()[first_head : first_head + count]
            index = torch.tensor([i - index[0] for i in index], device=q.device)
            k, v = k.index_select(-2, index), v.index_select(-2, index)
        return self.local_attn(q, k, v, *args, **kwargs)
