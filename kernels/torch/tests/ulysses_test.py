#!/usr/bin/python3
"""Four processes run Ulysses attention through the module, forward and backward."""

import os
import socket
import subprocess
import sys
import tempfile
import unittest

try:
    import torch.distributed as dist
except ImportError:
    print("SKIPPED: there is no PyTorch (python3-torch)")
    sys.exit(0)

PLUGIN = os.path.abspath(sys.argv.pop(1))
RANK = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tests", "ulysses_rank.py")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class UlyssesTest(unittest.TestCase):
    def run_ranks(self, *options):
        environment = dict(os.environ, ITHACA_RAILS="lo", GLOO_SOCKET_IFNAME="lo")
        ranks = [
            subprocess.Popen(
                [sys.executable, RANK, f"--rank={r}", *options],
                env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            )
            for r in range(4)
        ]
        outputs = [rank.communicate(timeout=120)[0] for rank in ranks]
        for r, (rank, output) in enumerate(zip(ranks, outputs)):
            self.assertEqual(rank.returncode, 0, f"rank {r}:\n{output}")

    def test_over_the_net_plugin(self):
        self.run_ranks("--carrier=net", f"--meeting=127.0.0.1:{free_port()}", f"--plugin={PLUGIN}")

    @unittest.skipUnless(dist.is_available() and dist.is_gloo_available(), "no gloo")
    def test_over_torch_distributed(self):
        with tempfile.TemporaryDirectory() as folder:
            self.run_ranks("--carrier=torch", f"--meeting=file://{folder}/meeting")


if __name__ == "__main__":
    unittest.main()
