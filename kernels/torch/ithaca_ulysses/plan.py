"""Who holds which tokens and heads: the form that the exchange takes."""

import dataclasses
import hashlib
import json
from ctypes import POINTER, c_int32, c_int64, c_uint8, c_void_p, cast, pointer, sizeof
from typing import List

from ithaca_ulysses import library as lib


@dataclasses.dataclass(frozen=True)
class TokenRange:
    """Positions start, start + stride, ..., `count` of them."""

    start: int
    count: int
    stride: int = 1


@dataclasses.dataclass
class FlatPlan:
    """One Ulysses group's plan. Fields are those of ithaca_ulysses_plan.

    tokens[r]: what rank r holds, in its order; together every position of
    [0, S) once. q_heads[r]: (start, count). KV heads follow: head q uses KV head
    q // (num_q_heads // num_kv_heads).
    """

    tokens: List[List[TokenRange]]
    q_heads: List[tuple]
    num_q_heads: int
    num_kv_heads: int
    head_size: int
    rank: int
    hash: bytes = b""
    fp8_wire: bool = False

    @property
    def num_ranks(self):
        return len(self.tokens)

    @property
    def sequence_length(self):
        return sum(t.count for held in self.tokens for t in held)

    def rows(self, rank=None):
        """Tokens that a rank holds (this one)."""
        return sum(t.count for t in self.tokens[self.rank if rank is None else rank])

    def kv_heads(self, rank=None):
        """The KV heads that a rank's (this one's) query heads need, ascending."""
        start, count = self.q_heads[self.rank if rank is None else rank]
        group = self.num_q_heads // self.num_kv_heads
        if count == 0:
            return []
        return list(range(start // group, (start + count - 1) // group + 1))

    def kv_index(self):
        """For each query head of this rank, which of its KV heads it uses."""
        start, count = self.q_heads[self.rank]
        group = self.num_q_heads // self.num_kv_heads
        kv = self.kv_heads()
        return [(start + i) // group - kv[0] for i in range(count)]

    def positions(self):
        """The positions of this rank's tokens, in its order."""
        return [
            t.start + i * t.stride for t in self.tokens[self.rank] for i in range(t.count)
        ]

    def digest(self):
        """16 bytes over everything that all ranks must have alike."""
        alike = dataclasses.asdict(self)
        del alike["rank"]
        alike["hash"] = self.hash.hex()
        text = json.dumps(alike, sort_keys=True)
        return hashlib.sha256(text.encode()).digest()[:16]

    @staticmethod
    def even(rows, num_q_heads, num_kv_heads, head_size, rank):
        """Contiguous tokens, rows[r] of them on rank r, heads as even as they go."""
        ranks = len(rows)
        starts = [sum(rows[:r]) for r in range(ranks)]
        cuts = [num_q_heads * r // ranks for r in range(ranks + 1)]
        return FlatPlan(
            tokens=[[TokenRange(s, n)] if n else [] for s, n in zip(starts, rows)],
            q_heads=[(cuts[r], cuts[r + 1] - cuts[r]) for r in range(ranks)],
            num_q_heads=num_q_heads,
            num_kv_heads=num_kv_heads,
            head_size=head_size,
            rank=rank,
        )

    @staticmethod
    def from_plan(plan, rank):
        """From a plan of the planner: proto3 JSON (text or dict) or a message.

        `rank` is the rank in the plan; the flat plan is its Ulysses group's, with
        ranks, tokens and heads counted within the group (tokens of its ring part,
        heads of its tensor-parallel part).
        """
        plan = _as_dict(plan)
        ranks = {int(r.get("rank", 0)): r for r in plan["ranks"]}
        if rank not in ranks:
            raise ValueError(f"rank {rank} is not in the plan, which has {sorted(ranks)}")
        group = int(ranks[rank].get("ulyssesGroup", 0))
        members = plan["ulyssesGroups"][group]["ranks"]
        members = [int(m) for m in members]
        held = [_ranges(ranks[m]) for m in members]
        heads = [_heads(ranks[m]) for m in members]
        model = plan["model"]
        first = min(start for start, count in heads if count)
        kv = sorted({int(h) for m in members for h in ranks[m].get("kvHeads", [])})
        return FlatPlan(
            tokens=_within_group(held),
            q_heads=[(s - first if n else 0, n) for s, n in heads],
            num_q_heads=sum(n for _, n in heads),
            num_kv_heads=len(kv),
            head_size=int(model["headSize"]),
            rank=members.index(rank),
            hash=plan.get("hash", "").encode()[:64],
        )

    def struct(self, dtype, layout, batch):
        """The C struct, and what it points to, which must be kept."""
        kv = [self.kv_heads(r) for r in range(self.num_ranks)]
        kv_offsets = [0]
        for heads in kv:
            kv_offsets.append(kv_offsets[-1] + len(heads))
        flat = [t for held in self.tokens for t in held]
        offsets = [0]
        for held in self.tokens:
            offsets.append(offsets[-1] + len(held))
        keep = [
            _array(c_int64, [self.rows(r) for r in range(self.num_ranks)]),
            _array(c_int32, [start for start, _ in self.q_heads]),
            _array(c_int32, [count for _, count in self.q_heads]),
            _array(c_int32, kv_offsets),
            _array(c_int32, [h for heads in kv for h in heads]),
            _array(c_uint8, list(self.hash)),
            _array(c_int64, offsets),
            _array(c_int64, [t.start for t in flat]),
            _array(c_int64, [t.count for t in flat]),
            _array(c_int64, [t.stride for t in flat]),
        ]
        rows, q_start, q_count, kv_off, kv_list, plan_hash, off, start, count, stride = keep
        ranges = lib.RangesStruct(
            struct_size=sizeof(lib.RangesStruct),
            num_ranges=len(flat),
            offsets=off,
            start=start,
            count=count,
            stride=stride,
        )
        struct = lib.PlanStruct(
            struct_size=sizeof(lib.PlanStruct),
            dtype=dtype,
            layout=layout,
            token_order=lib.RANGES,
            num_ranks=self.num_ranks,
            my_rank=self.rank,
            batch=batch,
            head_size=self.head_size,
            num_q_heads=self.num_q_heads,
            num_kv_heads=self.num_kv_heads,
            kv_heads_length=kv_offsets[-1],
            plan_hash_bytes=len(self.hash),
            rank_rows=rows,
            q_head_start=q_start,
            q_head_count=q_count,
            kv_offsets=kv_off,
            kv_heads=kv_list,
            plan_hash=plan_hash,
            token_order_params=cast(pointer(ranges), c_void_p),
            wire=lib.WIRE_FP8 if self.fp8_wire else lib.WIRE_EXACT,
        )
        return struct, keep + [ranges]


def _array(kind, values):
    return cast((kind * max(len(values), 1))(*values), POINTER(kind))


def _as_dict(plan):
    if isinstance(plan, (str, bytes)):
        return json.loads(plan)
    if isinstance(plan, dict):
        return plan
    from google.protobuf import json_format

    return json_format.MessageToDict(plan)


def _ranges(rank):
    ranges = [
        TokenRange(int(t.get("start", 0)), int(t.get("count", 0)), int(t.get("stride", 0)) or 1)
        for t in rank.get("tokenRanges", [])
    ]
    return [t for t in ranges if t.count]


def _heads(rank):
    heads = rank.get("queryHeads", {})
    return int(heads.get("start", 0)), int(heads.get("count", 0))


def _within_group(held):
    """Positions counted among those of the group, ascending."""
    flat = [t for ranges in held for t in ranges]
    strides = {t.stride for t in flat if t.count > 1}
    if len(strides) == 1 and strides != {1}:
        # A ring part of a striped layout: every stride-th token.
        stride = strides.pop()
        residues = {t.start % stride for t in flat}
        if len(residues) == 1:
            return [[TokenRange(t.start // stride, t.count) for t in r] for r in held]
    if all(t.stride == 1 for t in flat):
        before, where = 0, {}
        for t in sorted(flat, key=lambda t: t.start):
            where[t.start] = before
            before += t.count
        return [[TokenRange(where[t.start], t.count) for t in r] for r in held]
    total = sum(t.count for t in flat)
    ends = [t.start + (t.count - 1) * t.stride for t in flat]
    if max(ends) + 1 == total:
        return held  # the group holds the whole sequence
    raise ValueError("the group's tokens are neither contiguous nor of one stride")
