"""Ulysses attention by a plan, with torch.distributed alone: the exchange in 60 lines.

    exchange = UlyssesExchange(member.plan, member.rank, groups["ulysses"])
    q, k, v = exchange.to_heads(q, k, v)     # rows of this rank -> all rows, its heads
    o = attention(q, k, v)                   # any kernel
    o = exchange.to_rows(o)                  # and back

Takes any head map of the planner: uneven query heads, few or copied key/value heads, rows
that do not divide. Both directions are differentiable; the gradients of a key/value head
that several ranks hold are summed on the way back. Each process of a job calls it with its
own rank. libithaca_ulysses.so does the same with one kernel per direction.

tests/e2e/torch_job_test.py runs this against one process.
"""

import torch
import torch.distributed as dist


class _AllToAll(torch.autograd.Function):
    """One message to each rank and from each; backward goes the other way."""

    @staticmethod
    def forward(ctx, data, send, receive, group):
        ctx.counts, ctx.group = (send, receive), group
        result = data.new_empty(sum(receive))
        dist.all_to_all_single(result, data, receive, send, group=group)
        return result

    @staticmethod
    def backward(ctx, gradient):
        send, receive = ctx.counts
        result = gradient.new_empty(sum(send))
        dist.all_to_all_single(result, gradient.contiguous(), send, receive, group=ctx.group)
        return result, None, None, None


class UlyssesExchange:
    """The exchange of one rank.

    Args:
      plan: the plan, with full detail.
      rank: number of this rank.
      group: process group of its Ulysses group, in the plan's order; None: all ranks.
    """

    def __init__(self, plan, rank, group=None):
        self.me = plan.ranks[rank]
        self.members = [plan.ranks[r] for r in
                        plan.ulysses_groups[self.me.ulysses_group].ranks]
        self.head_size = plan.model.head_size
        self.group = group

    def to_heads(self, q, k, v):
        """q: rows of this rank x H x d; k, v: rows x Hkv x d. Returns q: all rows x this
        rank's query heads x d; k, v: all rows x its key/value heads x d. Rows of all ranks
        come in the order of the group."""
        parts = []
        for to in self.members:
            heads = list(_query_heads(to))
            parts += [q[:, heads], k[:, list(to.kv_heads)], v[:, list(to.kv_heads)]]
        messages = self._exchange(parts, self.me.seq_to_heads)
        widths = [len(_query_heads(self.me)), len(self.me.kv_heads), len(self.me.kv_heads)]
        blocks = [[], [], []]
        for source, message in zip(self.members, messages):
            sizes = [source.rows * width * self.head_size for width in widths]
            for block, width, part in zip(blocks, widths, message.split(sizes)):
                block.append(part.view(source.rows, width, self.head_size))
        return tuple(torch.cat(block) for block in blocks)

    def to_rows(self, o):
        """o: all rows x this rank's query heads x d. Returns rows of this rank x H x d."""
        parts = o.split([source.rows for source in self.members])
        messages = self._exchange(parts, self.me.heads_to_seq)
        return torch.cat([message.view(self.me.rows, -1, self.head_size)
                          for message in messages], dim=1)

    def _exchange(self, parts, counts):
        """One message per member, by the plan's counts of elements."""
        send, receive = list(counts.send), list(counts.receive)
        data = torch.cat([part.reshape(-1) for part in parts])
        assert data.numel() == sum(send), "the tensors are not those of this rank's plan"
        return _AllToAll.apply(data, send, receive, self.group).split(receive)


def _query_heads(rank):
    return range(rank.query_heads.start, rank.query_heads.start + rank.query_heads.count)


def attention(plan, q, k, v, query_heads, kv_heads):
    """Attention over all rows: a plain one, for tests and as a pattern.

    q: rows x query heads x d; k, v: rows x key/value heads x d, where ``query_heads`` and
    ``kv_heads`` are their numbers in the model. Rows past the sequence's length are padding.
    """
    valid = plan.workload.sequence_length
    per_kv_head = plan.model.query_heads // plan.model.kv_heads
    holder = [list(kv_heads).index(head // per_kv_head) for head in query_heads]
    scores = torch.einsum("ihd,jhd->hij", q, k[:valid, holder]) / plan.model.head_size ** 0.5
    if plan.workload.causal:
        later = torch.ones(scores.shape[1:], dtype=torch.bool).triu(1)
        scores = scores.masked_fill(later, float("-inf"))
    return torch.einsum("hij,jhd->ihd", scores.softmax(-1), v[:valid, holder])


def ulysses_attention(plan, rank, q, k, v, group=None):
    """The layer of one rank: rows of this rank in, rows of this rank out."""
    exchange = UlyssesExchange(plan, rank, group)
    q, k, v = exchange.to_heads(q, k, v)
    return exchange.to_rows(
        attention(plan, q, k, v, _query_heads(exchange.me), exchange.me.kv_heads))
