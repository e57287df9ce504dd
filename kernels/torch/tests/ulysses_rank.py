"""One rank of ulysses_test: the module over a carrier, forward and backward, against
attention in one process. Exits 1 with what differs."""

import argparse

import torch
import torch.distributed as dist

from ithaca_ulysses import FlatPlan, NetCarrier, TokenRange, TorchCarrier, UlyssesAttention
from ithaca_ulysses.adapters import DistributedAttention, attention_interface
from local_attention import attention

BORDERS = [0, 9, 20, 37]
SEED = 11


def uneven_plan(rank):
    """Zigzag tokens of lengths that do not divide; 10 query heads of 2 KV heads on 4."""
    cuts = [0, 5, 9, 14, 18, 23, 27, 32, 37]
    tokens = []
    for r in range(4):
        pieces = [(cuts[i], cuts[i + 1]) for i in (r, 7 - r)]
        tokens.append([TokenRange(a, b - a) for a, b in pieces])
    heads = [(0, 2), (2, 3), (5, 2), (7, 3)]
    return FlatPlan(tokens, heads, 10, 2, 8, rank)


def striped_plan(rank):
    """Striped tokens; 9 heads on 3 ranks, none on the last."""
    tokens = [[TokenRange(r, (37 - r + 3) // 4, 4)] for r in range(4)]
    return FlatPlan(tokens, [(0, 4), (4, 1), (5, 4), (9, 0)], 9, 9, 16, rank)


def take(whole, positions, layout):
    """This rank's tokens of [b, S, h, d], in the layout."""
    part = whole[:, positions]
    if layout == "sbhd":
        part = part.transpose(0, 1)
    return (part[0] if layout == "thd" else part).contiguous()


def check(name, got, expected, dtype):
    limit = {torch.float32: 2e-5, torch.bfloat16: 3e-2}[dtype]
    error = (got.float() - expected.float()).abs().max().item() if got.numel() else 0.0
    scale = max(expected.float().abs().max().item() if expected.numel() else 0.0, 1.0)
    assert got.shape == expected.shape, f"{name}: {got.shape}, expected {expected.shape}"
    assert error <= limit * scale, f"{name}: error {error} of {scale}"


def one_case(plan, carrier, layout, dtype, chunks):
    batch = 1 if layout == "thd" else 2
    torch.manual_seed(SEED)  # the same whole tensors on every rank
    group = plan.num_q_heads // plan.num_kv_heads
    shape = (batch, plan.sequence_length)
    whole = [
        torch.randn(*shape, heads, plan.head_size).to(dtype).requires_grad_()
        for heads in (plan.num_q_heads, plan.num_kv_heads, plan.num_kv_heads)
    ]
    grad_o = torch.randn(*shape, plan.num_q_heads, plan.head_size).to(dtype)
    expanded = [whole[0]] + [t.repeat_interleave(group, 2) for t in whole[1:]]
    o = attention(*expanded, BORDERS)
    o.backward(grad_o)

    at = plan.positions()
    mine = [take(t.detach(), at, layout).requires_grad_() for t in whole]
    module = UlyssesAttention(
        lambda q, k, v: attention(q, k, v, BORDERS, layout), plan, carrier, layout, chunks=chunks
    )
    mine_o = module(*mine)
    mine_o.backward(take(grad_o, at, layout))
    case = f"{layout} {dtype} chunks {chunks} rank {plan.rank}: "
    check(case + "o", mine_o, take(o.detach(), at, layout), dtype)
    for name, part, all_of in zip(("dq", "dk", "dv"), mine, whole):
        check(case + name, part.grad, take(all_of.grad, at, layout), dtype)


def drop_ins(rank):
    """DeepSpeed's and Hugging Face's way of calling, contiguous tokens."""
    rows = [10, 9, 9, 9]
    at = list(range(sum(rows[:rank]), sum(rows[: rank + 1])))
    torch.manual_seed(SEED)
    q, k, v = (torch.randn(2, 37, heads, 8) for heads in (6, 3, 3))
    expected = attention(q, *(t.repeat_interleave(2, 2) for t in (k, v)), BORDERS)
    deepspeed = DistributedAttention(lambda q, k, v: attention(q, k, v, BORDERS), None)
    o = deepspeed(*(take(t, at, "bshd") for t in (q, k, v)), 0)
    check("DistributedAttention", o, take(expected, at, "bshd"), torch.float32)

    class Layer:
        num_key_value_groups = 2
        scale = 3

    def local(module, query, key, value, mask, **kwargs):
        assert module.num_key_value_groups == 1 and module.scale == 3 and kwargs == {"scaling": 1}
        return attention(*(t.transpose(1, 2) for t in (query, key, value)), BORDERS), None

    attend = attention_interface(local)
    o, _ = attend(Layer(), *(take(t, at, "bshd").transpose(1, 2) for t in (q, k, v)), None, scaling=1)
    check("attention_interface", o, take(expected, at, "bshd"), torch.float32)


def differing_plans(carrier, rank):
    plan = uneven_plan(rank)
    if rank == 2:
        plan.hash = b"another"
    try:
        one_case(plan, carrier, "bshd", torch.float32, 1)
    except RuntimeError as error:
        assert "another plan than rank 0" in str(error), error
        return
    raise AssertionError("plans that differ were taken")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rank", type=int)
    parser.add_argument("--carrier")
    parser.add_argument("--meeting")
    parser.add_argument("--plugin")
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.carrier == "torch":
        dist.init_process_group("gloo", init_method=args.meeting, rank=args.rank, world_size=4)
        carrier = TorchCarrier()
    else:
        carrier = NetCarrier(args.rank, 4, args.meeting, args.plugin)
    for layout in ("bshd", "sbhd", "thd"):
        for dtype in (torch.float32, torch.bfloat16):
            one_case(uneven_plan(args.rank), carrier, layout, dtype, 1)
    one_case(striped_plan(args.rank), carrier, "bshd", torch.float32, 1)
    one_case(striped_plan(args.rank), carrier, "sbhd", torch.float32, 3)
    if args.carrier == "torch":
        drop_ins(args.rank)
    differing_plans(carrier, args.rank)
    if args.carrier == "torch":
        dist.barrier()


if __name__ == "__main__":
    main()
