#!/usr/bin/env python3
"""A group of plain processes: no torch, no GPU. Start it as often as the plan has ranks.

    export PYTHONPATH=bazel-bin/daemon/clients/python/package
    for i in 0 1 2; do examples/plain_process.py job 3 worker$i & done; wait

Each process gets a rank and its share of the tokens, tells the others where it listens,
waits for them, and agrees with them on a result.
"""

import hashlib
import socket
import sys

import ithaca


def main(group, ranks, name):
    listener = socket.create_server(("127.0.0.1", 0))
    address = "%s:%d" % listener.getsockname()
    client = ithaca.Client()
    # Every process may call it: the first one makes the group.
    client.create_group(group, plan_request={
        "model": {"query_heads": 32, "kv_heads": 8, "head_size": 128},
        "workload": {"sequence_length": 100_000},
        "constraints": {"ranks": ranks}})
    with client.join(group, name, endpoint=address.encode()) as member:
        member.wait_complete(timeout=60)
        me = member.plan.ranks[member.rank]
        print("rank %d of %d, epoch %d: %d tokens from %d on; others listen at %s" % (
            member.rank, member.size, member.epoch, me.valid_tokens, me.token_ranges[0].start,
            [m.endpoint.decode() for m in member.members if m.slot != member.rank]))
        # All must come to the same result before anybody takes it for true.
        result = hashlib.sha256(member.plan.hash.encode()).digest()
        print("rank %d: committed %s" % (member.rank,
                                         member.commit(result, timeout=60).hash.hex()[:16]))
        # Leaving ends the epoch for those who stay: leave when nobody needs it any more.
        member.barrier("done", timeout=60)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit("usage: plain_process.py GROUP RANKS NAME")
    try:
        main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
    except ithaca.Error as error:
        sys.exit("plain_process: %s" % error)
