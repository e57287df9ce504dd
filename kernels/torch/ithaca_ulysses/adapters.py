"""Drop-ins for frameworks: DeepSpeed's DistributedAttention, Hugging Face's attention
interface. Their signatures were read, neither framework was run with these."""

import torch

from ithaca_ulysses.attention import UlyssesAttention, heads_to_seq, seq_to_heads
from ithaca_ulysses.carriers import TorchCarrier
from ithaca_ulysses.exchange import Exchange
from ithaca_ulysses.plan import FlatPlan


class _Plans:
    """Plans made from shapes: contiguous tokens, any lengths, any heads."""

    def __init__(self, group):
        self.group = group
        self.carrier = TorchCarrier(group)
        self._exchanges = {}

    def exchange(self, rows, q_heads, kv_heads, head_size, dtype, layout, batch, device):
        import torch.distributed as dist

        key = (rows, q_heads, kv_heads, head_size, dtype, layout, batch)
        if key not in self._exchanges:
            mine = torch.tensor([rows], dtype=torch.int64, device=device)
            all_of = [torch.empty_like(mine) for _ in range(dist.get_world_size(self.group))]
            dist.all_gather(all_of, mine, group=self.group)
            plan = FlatPlan.even(
                [int(r) for r in all_of], q_heads, kv_heads, head_size, dist.get_rank(self.group)
            )
            self._exchanges[key] = Exchange(plan, dtype, layout, batch)
        return self._exchanges[key]


class DistributedAttention(torch.nn.Module):
    """In the place of deepspeed.sequence.layer.DistributedAttention.

    The same constructor and call: query, key, value [b, s, h, d] with batch_dim_idx 0,
    [s, b, h, d] with 1; heads and lengths need not divide. All ranks of the group must
    change their shapes together. key and value may have fewer heads than query; then
    local_attention sees each KV head once for each query head.
    """

    def __init__(self, local_attention, sequence_process_group, scatter_idx=2, gather_idx=0,
                 sp_stream=None):
        super().__init__()
        if scatter_idx != 2:
            raise ValueError(f"scatter_idx is {scatter_idx}, expected 2 (heads)")
        del gather_idx, sp_stream  # follow from batch_dim_idx; one exchange, one stream
        self.local_attn = local_attention
        self.plans = _Plans(sequence_process_group)

    def forward(self, query, key, value, batch_dim_idx=0, *args, **kwargs):
        layout = "bshd" if batch_dim_idx == 0 else "sbhd"
        exchange = self.plans.exchange(
            query.shape[1 - batch_dim_idx],
            query.shape[2],
            key.shape[2],
            query.shape[3],
            query.dtype,
            layout,
            query.shape[batch_dim_idx],
            query.device,
        )
        q, k, v = seq_to_heads(query, key, value, exchange, self.plans.carrier)
        module = UlyssesAttention(self.local_attn, exchange.plan, self.plans.carrier, layout)
        o = module._attend(q, k, v, 0, args, kwargs)
        return heads_to_seq(o, exchange, self.plans.carrier)


class _OneKvHeadEach:
    """The module, but for the repetition of KV heads, which was done."""

    num_key_value_groups = 1

    def __init__(self, module):
        self._module = module

    def __getattr__(self, name):
        return getattr(self._module, name)


def attention_interface(local, group=None):
    """An attention function for transformers' ALL_ATTENTION_FUNCTIONS.

        from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS
        ALL_ATTENTION_FUNCTIONS["ulysses"] = attention_interface(
            ALL_ATTENTION_FUNCTIONS["sdpa"], group)
        model.set_attn_implementation("ulysses")

    `local` is such a function: (module, query [b, h, s, d], key, value, attention_mask,
    **kwargs) -> (o [b, s, h, d], weights). It sees whole sequences, so position ids must
    be this rank's own, and attention_mask that of the whole sequence, or None.
    """
    plans = _Plans(group)

    def attend(module, query, key, value, attention_mask, **kwargs):
        q, k, v = (t.transpose(1, 2) for t in (query, key, value))
        exchange = plans.exchange(
            q.shape[1], q.shape[2], k.shape[2], q.shape[3], q.dtype, "bshd", q.shape[0], q.device
        )

        def over_whole(q, k, v):
            heads_first = (t.transpose(1, 2) for t in (q, k, v))
            return local(_OneKvHeadEach(module), *heads_first, attention_mask, **kwargs)[0]

        heads = seq_to_heads(q, k, v, exchange, plans.carrier)
        ulysses = UlyssesAttention(over_whole, exchange.plan, plans.carrier)
        o = ulysses._attend(*heads, 0, (), {})
        return heads_to_seq(o, exchange, plans.carrier), None

    return attend
