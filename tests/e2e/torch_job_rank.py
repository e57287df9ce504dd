"""One rank of torch_job_test.py: a PyTorch job as a user would write it.

Takes commands on standard input, one a line, and answers each with a line of JSON:
  form [EPOCH]  waits for a complete group, of an epoch after EPOCH if given, and makes
                the process groups
  step          one attention layer, forward and backward, compared with one process
  loop FILE     steps without a word to the daemon until rank 0 sees FILE
  fail          steps until a collective fails because a rank is gone
  finish        barrier, commit, leave
"""

import hashlib
import json
import os
import sys

import torch
import torch.distributed as dist

import ithaca
import ithaca.torch
from ulysses_attention import attention, ulysses_attention

WAIT = 120.0


def whole_problem(plan, step):
    """q, k, v and the gradient of o for all rows; the same in every process."""
    torch.manual_seed(1000 + step)
    rows, d = plan.padded_sequence_length, plan.model.head_size
    heads = plan.model.query_heads, plan.model.kv_heads, plan.model.kv_heads
    q, k, v = (torch.randn(rows, h, d) for h in heads)
    return q, k, v, torch.randn(rows, heads[0], d)


def with_gradients(function, q, k, v, gradient):
    """o and the gradients of q, k and v."""
    q, k, v = (t.clone().requires_grad_() for t in (q, k, v))
    o = function(q, k, v)
    o.backward(gradient)
    return o.detach(), q.grad, k.grad, v.grad


class Rank:
    def __init__(self, socket, group, name):
        self.losses = []
        self.client = ithaca.Client(socket)
        self.member = self.client.join(group, name, on_loss=self.losses.append)
        self.steps = 0

    def form(self, after=0):
        if after:
            self.member.wait_epoch_after(int(after), WAIT)
        self.member.wait_complete(WAIT)
        ithaca.torch.init_process_group(self.member, "gloo", timeout=WAIT)
        self.groups = ithaca.torch.sub_groups(self.member, ("ring", "ulysses"))
        return {"rank": self.member.rank, "size": self.member.size,
                "world": dist.get_world_size(), "groups": sorted(map(str, self.groups)),
                "family": self.member.plan.family, "hash": self.member.plan.hash}

    def step(self):
        """Largest error of o, dq, dk, dv against one process, over the largest value."""
        plan, me = self.member.plan, self.member.plan.ranks[self.member.rank]
        self.steps += 1
        problem = whole_problem(plan, self.steps)
        start = sum(plan.ranks[r].rows for r in range(self.member.rank))
        mine = [t[start:start + me.rows] for t in problem]
        got = with_gradients(lambda q, k, v: ulysses_attention(
            plan, self.member.rank, q, k, v, self.groups["ulysses"]), *mine)
        everything = [range(h) for h in (plan.model.query_heads, plan.model.kv_heads)]
        want = with_gradients(lambda q, k, v: attention(plan, q, k, v, *everything), *problem)
        errors = [float((g - w[start:start + me.rows]).abs().max() / w.abs().max())
                  for g, w in zip(got, want)]
        return {"errors": errors, "rows": me.rows, "heads": me.query_heads.count,
                "kv_heads": len(me.kv_heads)}

    def loop(self, file):
        worst, count, over = 0.0, 0, torch.zeros(1)
        while not over.item():
            worst = max([worst] + self.step()["errors"])
            count += 1
            if self.member.rank == 0:
                over[0] = float(os.path.exists(file))
                with open(file + ".steps", "w", encoding="utf-8") as out:
                    out.write(str(count))
            dist.broadcast(over, 0)
        return {"errors": [worst], "steps": count}

    def fail(self):
        try:
            while True:
                self.step()
        except RuntimeError as error:
            return {"failed": str(error).splitlines()[0]}

    def finish(self):
        record = self.member.commit(hashlib.sha256(b"weights").digest(), WAIT)
        self.member.barrier("done", WAIT)
        dist.destroy_process_group()
        self.member.leave()
        return {"committed": record.epoch}

    def state(self):
        return {"epoch": self.member.epoch, "latest": self.member.latest_epoch,
                "incarnation": self.member.incarnation,
                "losses": [[e.member.member_id, e.epoch] for e in list(self.losses)]}


def main():
    torch.set_num_threads(1)
    rank = Rank(*sys.argv[1:])
    print(json.dumps({"slot": rank.member.slot}), flush=True)
    for line in sys.stdin:
        command, *arguments = line.split()
        answer = getattr(rank, command)(*arguments)
        print(json.dumps({**answer, **rank.state()}), flush=True)


if __name__ == "__main__":
    main()
