"""Ulysses attention: sequence parallelism around any local attention.

    import torch.distributed as dist
    from ithaca_ulysses import FlatPlan, TorchCarrier, UlyssesAttention

    plan = FlatPlan.from_plan(plan_json, rank)     # from `ithacactl plan -o json`
    attention = UlyssesAttention(local_attn, plan, TorchCarrier(group))
    o = attention(q, k, v)   # q [b, rows, H, d] of this rank's tokens; o the same

Nothing is compiled at import. libithaca_ulysses.so is looked for at
$LIBITHACA_ULYSSES, beside this package, and by the loader, in this order.
"""

from ithaca_ulysses.attention import UlyssesAttention, heads_to_seq, seq_to_heads
from ithaca_ulysses.carriers import NcclCarrier, NetCarrier, TorchCarrier
from ithaca_ulysses.exchange import Exchange
from ithaca_ulysses.library import UlyssesError
from ithaca_ulysses.plan import FlatPlan, TokenRange

__all__ = [
    "Exchange",
    "FlatPlan",
    "NcclCarrier",
    "NetCarrier",
    "TokenRange",
    "TorchCarrier",
    "UlyssesAttention",
    "UlyssesError",
    "heads_to_seq",
    "seq_to_heads",
]
