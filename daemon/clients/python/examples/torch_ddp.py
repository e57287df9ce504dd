#!/usr/bin/env python3
"""Data-parallel training that goes on when a rank is lost. CPU and gloo; with "nccl" and
GPUs the same. Start it as often as the plan has ranks:

    export PYTHONPATH=bazel-bin/daemon/clients/python/package
    for i in 0 1 2; do examples/torch_ddp.py job 3 worker$i & done; wait

Kill one of them with SIGKILL: the others get a new epoch and a plan for those who remain,
take up the state that all had agreed on last, and go on.
"""

import copy
import hashlib
import sys

import ithaca
import ithaca.torch
import torch
from torch.nn.parallel import DistributedDataParallel

STEPS = 200
COMMIT_EVERY = 10


class Job:
    def __init__(self, member):
        self.member = member
        self.model = torch.nn.Linear(8, 1)
        with torch.no_grad():
            for parameter in self.model.parameters():
                parameter.zero_()
        # The state that all agreed on, and the one that they may just have agreed on.
        self.saved = self.candidate = (0, copy.deepcopy(self.model.state_dict()))

    def run(self, client):
        while True:
            self.member.wait_complete(timeout=60)
            ithaca.torch.init_process_group(self.member, "gloo", timeout=60)
            agreed = client.get_group(self.member.group_id).last_commit.round
            step, state = max((s for s in (self.saved, self.candidate) if s[0] <= agreed),
                              key=lambda s: s[0])
            self.model.load_state_dict(state)
            print("rank %d of %d, epoch %d: from step %d" % (
                self.member.rank, self.member.size, self.member.epoch, step), flush=True)
            try:
                return self.train(step)
            except (RuntimeError, ithaca.StaleEpoch):  # a collective, or a call, of this epoch
                self.member.wait_epoch_after(self.member.epoch, timeout=60)

    def train(self, step):
        groups = ithaca.torch.sub_groups(self.member)
        model = DistributedDataParallel(self.model, process_group=groups.get("dp"))
        optimizer = torch.optim.SGD(self.model.parameters(), lr=0.05)
        while step < STEPS:
            step += 1
            torch.manual_seed(1000 * step + self.member.rank)
            x = torch.randn(32, 8)
            loss = (model(x) - x.sum(1, keepdim=True)).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if step % COMMIT_EVERY == 0:
                self.commit(step)
        self.member.barrier("done", timeout=60)
        return loss.item()

    def commit(self, step):
        """All ranks hold the same weights, and that is on record, or nobody goes on."""
        state = copy.deepcopy(self.model.state_dict())
        self.candidate = (step, state)
        digest = hashlib.sha256()
        for tensor in state.values():
            digest.update(tensor.numpy().tobytes())
        self.member.commit(digest.digest(), timeout=60, round=step)
        self.saved = self.candidate


def main(group, ranks, name):
    client = ithaca.Client()
    client.create_group(group, on_loss="REPLAN", plan_request={
        "model": {"query_heads": 8, "head_size": 64},
        "workload": {"sequence_length": 4096},
        "constraints": {"ranks": ranks, "data_parallel_degree": ranks}})
    with client.join(group, name) as member:
        loss = Job(member).run(client)
        print("rank %d: loss %.2g" % (member.rank, loss))


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit("usage: torch_ddp.py GROUP RANKS NAME")
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
