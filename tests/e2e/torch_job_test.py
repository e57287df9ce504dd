#!/usr/bin/env python3
"""A PyTorch job on the CPU (gloo) from its first group to its last: four processes form a
group by a plan whose heads and length do not divide, run Ulysses attention forward and
backward, and compare with one process. Then the daemon is killed and started again while
they compute; then one rank is killed, and the others go on by the plan for three.

The arguments are the daemon, and the folders of the Python package, of its examples and of
its tests' helpers.
"""

import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
import unittest

RANKS = 4
TOKENS = 203
LIMIT = 120.0  # s for any one thing; never waited for when all is well
# fp32: eps is 1.2e-7, and sums over up to 203 terms are taken in another order.
ALLOWED = 2e-5
REQUEST = {
    "model": {"query_heads": 10, "kv_heads": 2, "head_size": 16},
    "workload": {"sequence_length": TOKENS, "data_type": "DATA_TYPE_FP32", "causal": True},
    "constraints": {"ranks": RANKS},
}

daemon_path, package, examples, helpers = "", "", "", ""


class Rank:
    """A process of torch_job_rank.py."""

    def __init__(self, daemon, name):
        environment = dict(os.environ, PYTHONPATH=package + ":" + examples,
                           GLOO_SOCKET_IFNAME="lo", OMP_NUM_THREADS="1")
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "torch_job_rank.py")
        self.process = subprocess.Popen([sys.executable, script, daemon.socket, "job", name],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env=environment)
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.process.stdout, selectors.EVENT_READ)

    def send(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()

    def answer(self):
        """The next line; one a command, so nothing is left in a buffer."""
        if not self.selector.select(LIMIT):
            raise RuntimeError("a rank did not answer within %g s" % LIMIT)
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("a rank ended with status %s" % self.process.wait())
        return json.loads(line)

    def end(self):
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout, self.selector):
            pipe.close()


def all_of(ranks, command):
    """Sends a command to all and returns their answers."""
    for rank in ranks:
        rank.send(command)
    return [rank.answer() for rank in ranks]


def wait_until(condition, what):
    end = time.monotonic() + LIMIT
    while not condition():
        if time.monotonic() > end:
            raise RuntimeError("not within %g s: %s" % (LIMIT, what))
        time.sleep(0.02)


class TorchJobTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.daemon = IthacadProcess(daemon_path, os.path.join(folder.name, "run"))
        self.addCleanup(lambda: self.daemon.kill())
        self.client = ithaca.Client(self.daemon.socket)
        self.addCleanup(self.client.close)

    def assert_equal_to_one_process(self, answers):
        for answer in answers:
            for error in answer["errors"]:
                self.assertLessEqual(error, ALLOWED, answer)

    def test_a_job_lives_through_a_restart_and_a_loss(self):
        self.client.create_group("job", plan_request=REQUEST, on_loss="REPLAN")
        ranks = [Rank(self.daemon, "m%d" % i) for i in range(RANKS)]
        for rank in ranks:
            self.addCleanup(rank.end)
        slots = [rank.answer()["slot"] for rank in ranks]
        self.assertEqual(sorted(slots), list(range(RANKS)))
        by_slot = [ranks[slots.index(slot)] for slot in range(RANKS)]

        formed = all_of(by_slot, "form")
        self.check_four(formed, all_of(by_slot, "step"))
        self.restart_the_daemon(by_slot, formed)
        remaining = self.lose_one(by_slot, victim=1)
        self.check_three(remaining, formed[0]["epoch"])
        self.check_the_end(remaining)

    def check_four(self, formed, steps):
        self.assertEqual([f["rank"] for f in formed], list(range(RANKS)))
        self.assertEqual({f["world"] for f in formed}, {RANKS})
        self.assertEqual(formed[0]["groups"], ["('ring', 'ulysses')", "ulysses"])
        # Neither heads nor tokens divide: the test would be easy otherwise.
        self.assertEqual(sum(s["heads"] for s in steps), 10)
        self.assertEqual(sum(s["rows"] for s in steps), TOKENS)
        self.assertGreater(len({s["heads"] for s in steps}), 1)
        self.assertGreater(len({s["rows"] for s in steps}), 1)
        self.assert_equal_to_one_process(steps)

    def restart_the_daemon(self, ranks, formed):
        """SIGKILL and a new daemon while the ranks compute: they do not notice."""
        stop = os.path.join(self.folder, "stop")
        for rank in ranks:
            rank.send("loop " + stop)

        def steps():
            try:
                with open(stop + ".steps", encoding="utf-8") as count:
                    return int(count.read() or 0)
            except FileNotFoundError:
                return 0

        wait_until(lambda: steps() >= 2, "the job computes")
        self.daemon.kill()
        before = steps()
        wait_until(lambda: steps() >= before + 3, "the job computes without a daemon")
        self.daemon.start()
        attached = groups_pb2.MEMBER_STATE_ATTACHED
        wait_until(lambda: {m.state for m in self.client.get_group("job").members} == {attached},
                   "all members have resumed")
        before = steps()
        wait_until(lambda: steps() > before, "the job computes on")
        with open(stop, "w", encoding="utf-8"):
            pass
        after = [rank.answer() for rank in ranks]
        self.assert_equal_to_one_process(after)
        for was, now in zip(formed, after):
            self.assertEqual((now["epoch"], now["latest"], now["incarnation"], now["losses"]),
                             (was["epoch"], was["epoch"], was["incarnation"], []))

    def lose_one(self, ranks, victim):
        """SIGKILL in the middle of steps: the others' collectives fail, and they are told."""
        for rank in ranks:
            rank.send("fail")
        ranks[victim].process.send_signal(signal.SIGKILL)
        remaining = [rank for i, rank in enumerate(ranks) if i != victim]
        for answer in (rank.answer() for rank in remaining):
            self.assertIn("failed", answer)
        return remaining

    def check_three(self, ranks, epoch):
        """A new epoch, a plan for three, and the right numbers again."""
        formed = all_of(ranks, "form %d" % epoch)
        self.assertEqual(sorted(f["rank"] for f in formed), list(range(RANKS - 1)))
        for answer in formed:
            self.assertGreater(answer["epoch"], epoch)
            self.assertEqual(answer["epoch"], formed[0]["epoch"])
            self.assertEqual(answer["world"], RANKS - 1)
            self.assertEqual(len(answer["losses"]), 1, answer)
        steps = all_of(ranks, "step")
        self.assertEqual(sum(s["heads"] for s in steps), 10)
        self.assertEqual(sum(s["rows"] for s in steps), TOKENS)
        self.assert_equal_to_one_process(steps)

    def check_the_end(self, ranks):
        finished = all_of(ranks, "finish")
        self.assertEqual({f["committed"] for f in finished}, {finished[0]["epoch"]})
        for rank in ranks:
            rank.process.stdin.close()
            self.assertEqual(rank.process.wait(LIMIT), 0)
        self.assertEqual(len(self.client.get_group("job").members), 0)


def why_not():
    """Why the test cannot run here; None: it can."""
    try:
        import torch.distributed as dist
    except ImportError as error:
        return "%s; install python3-torch" % error
    if not dist.is_available() or not dist.is_gloo_available():
        return "this torch has no gloo"
    return None


if __name__ == "__main__":
    daemon_path, package, examples, helpers = map(os.path.abspath, sys.argv[1:5])
    del sys.argv[1:5]
    reason = why_not()
    if reason is not None:
        print("SKIPPED: " + reason)
        sys.exit(0)
    sys.path[:0] = [package, helpers]
    import ithaca
    from ithaca.groups.v1 import groups_pb2
    from ithacad_process import IthacadProcess
    unittest.main()
