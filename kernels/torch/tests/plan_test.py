#!/usr/bin/python3
"""Plans: from shapes, from the planner's JSON; what the exchange refuses."""

import json
import subprocess
import sys
import unittest

try:
    import torch
except ImportError:
    print("SKIPPED: there is no PyTorch (python3-torch)")
    sys.exit(0)

from ithaca_ulysses import Exchange, FlatPlan, TokenRange, UlyssesError
from ithaca_ulysses import library as lib

ITHACACTL = sys.argv.pop(1)


def planned(*options):
    out = subprocess.run(
        [ITHACACTL, "plan", "-o", "json", *options],
        check=True, stdout=subprocess.PIPE, timeout=60,
    ).stdout
    answer = json.loads(out)
    return answer.get("plan") or answer["plans"][0].get("plan") or answer["plans"][0]


class PlanTest(unittest.TestCase):
    def test_even(self):
        plan = FlatPlan.even([3, 0, 5], 4, 2, 8, 2)
        self.assertEqual(plan.q_heads, [(0, 1), (1, 1), (2, 2)])
        self.assertEqual(plan.sequence_length, 8)
        self.assertEqual(plan.positions(), [3, 4, 5, 6, 7])
        self.assertEqual(plan.kv_heads(0), [0])
        self.assertEqual(plan.kv_index(), [0, 0])
        exchange = Exchange(plan, torch.bfloat16, batch=2)
        self.assertEqual(exchange.shape(lib.SEQ_TO_HEADS, lib.PACK, 0), (2, 5, 4, 8))
        self.assertEqual(exchange.shape(lib.SEQ_TO_HEADS, lib.UNPACK, 1), (2, 8, 1, 8))
        thd = Exchange(plan, torch.float16, "thd")
        self.assertEqual(thd.shape(lib.HEADS_TO_SEQ, lib.UNPACK, 0), (5, 4, 8))

    def test_from_the_planner(self):
        for model, ranks in (("qwen2.5-7b", 8), ("llama-3.1-8b", 4)):
            plan = planned("--model", model, "--seq-len", "4099", "--ranks", str(ranks),
                           "--ulysses", str(ranks))
            for rank in range(ranks):
                flat = FlatPlan.from_plan(plan, rank)
                self.assertEqual(flat.rank, rank)
                self.assertEqual(flat.num_ranks, ranks)
                self.assertGreaterEqual(flat.sequence_length, 4099)
                exchange = Exchange(flat, torch.bfloat16)
                counts = plan["ranks"][rank]["seqToHeads"]
                send, recv = exchange.message_sizes(lib.SEQ_TO_HEADS)
                self.assertEqual(send, [2 * int(n) for n in counts["send"]])
                self.assertEqual(recv, [2 * int(n) for n in counts["receive"]])

    def test_tokens_within_a_ring_part(self):
        from ithaca_ulysses.plan import _within_group

        zigzag = [[TokenRange(8, 4)], [TokenRange(12, 4), TokenRange(40, 3)], [TokenRange(43, 5)]]
        self.assertEqual(
            _within_group(zigzag),
            [[TokenRange(0, 4)], [TokenRange(4, 4), TokenRange(8, 3)], [TokenRange(11, 5)]],
        )
        striped = [[TokenRange(1, 5, 2)], [TokenRange(11, 4, 2)]]
        self.assertEqual(_within_group(striped), [[TokenRange(0, 5)], [TokenRange(5, 4)]])
        whole = [[TokenRange(0, 5, 2)], [TokenRange(1, 5, 2)]]
        self.assertEqual(_within_group(whole), whole)

    def test_says_what_is_wrong(self):
        plan = FlatPlan.even([3, 5], 4, 2, 8, 0)
        exchange = Exchange(plan, torch.float32)
        q, k = torch.zeros(1, 3, 4, 8), torch.zeros(1, 3, 2, 8)
        exchange.check(lib.SEQ_TO_HEADS, lib.PACK, (q, k, k))
        with self.assertRaisesRegex(ValueError, r"k has shape \(1, 3, 4, 8\), expected \(1, 3, 2, 8\)"):
            exchange.check(lib.SEQ_TO_HEADS, lib.PACK, (q, q, k))
        with self.assertRaisesRegex(TypeError, "v is torch.float16, expected torch.float32"):
            exchange.check(lib.SEQ_TO_HEADS, lib.PACK, (q, k, k.half()))
        with self.assertRaisesRegex(ValueError, "layout is 'bhsd'"):
            Exchange(plan, torch.float32, "bhsd")
        with self.assertRaisesRegex(TypeError, "expected float32, bfloat16 or float16"):
            Exchange(plan, torch.float64)
        plan.tokens[1] = [TokenRange(4, 5)]
        with self.assertRaises(UlyssesError) as caught:
            Exchange(plan, torch.float32)
        self.assertEqual(caught.exception.status, "INVALID_PLAN")
        self.assertIn("does not lie in [0, 8)", str(caught.exception))


if __name__ == "__main__":
    unittest.main()
