#!/usr/bin/env python3
"""The package against a real ithacad. The arguments are its path, the wheel's, and the folder
of the examples."""

import concurrent.futures
import os
import signal
import subprocess
import sys
import tempfile
import threading
import unittest

import ithaca
from ithaca import mesh
from ithaca.groups.v1 import groups_pb2 as pb
from ithaca.planner.v1 import planner_pb2
from ithacad_process import IthacadProcess

LONG = 30.0  # s; never waited for when all is well
MODEL = {"query_heads": 10, "kv_heads": 2, "head_size": 16}

ithacad, wheel, examples = "", "", ""


def asking(ranks, **constraints):
    return {"model": MODEL, "workload": {"sequence_length": 203},
            "constraints": {"ranks": ranks, **constraints}}


def together(members, call):
    """Calls for all members at once; the answers by member."""
    with concurrent.futures.ThreadPoolExecutor(len(members)) as threads:
        return list(threads.map(call, members))


class ClientTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.daemon = IthacadProcess(ithacad, os.path.join(folder.name, "run"))
        self.addCleanup(lambda: self.daemon.kill())
        self.client = ithaca.Client(self.daemon.socket)
        self.addCleanup(self.client.close)

    def join(self, ranks, **fields):
        """Members m0, m1 ... of a new group, complete."""
        self.client.create_group("g", plan_request=asking(ranks), **fields)
        members = [self.client.join("g", "m%d" % i) for i in range(ranks)]
        for member in members:
            member.wait_complete(LONG)
        return members

    # ---- the planner

    def test_plan(self):
        plan = self.client.plan(**asking(4))
        self.assertEqual(sum(rank.valid_tokens for rank in plan.ranks), 203)
        self.assertEqual(self.client.plan(planner_pb2.PlanRequest(**asking(4))).hash, plan.hash)
        self.assertIn("4 ranks run Ulysses 4", self.client.explain_plan(plan))
        with self.assertRaisesRegex(TypeError, "not both"):
            self.client.plan(planner_pb2.PlanRequest(), constraints={"ranks": 4})

    def test_no_plan_says_what_would_be_legal(self):
        with self.assertRaises(ithaca.NoPlan) as raised:
            self.client.plan(**asking(16))
        self.assertEqual(raised.exception.reason, "MORE_RANKS_THAN_HEADS")
        nearest = raised.exception.rejected[0].nearest_legal
        self.assertTrue(self.client.plan(model=MODEL, workload={"sequence_length": 203},
                                         constraints=nearest).ranks)

    def test_a_request_that_makes_no_sense(self):
        with self.assertRaises(ithaca.Refused) as raised:
            self.client.plan(model=MODEL, workload={}, constraints={"ranks": 4})
        self.assertEqual(raised.exception.reason, "INVALID_FIELD")
        self.assertEqual(raised.exception.facts["field"], "workload.sequence_length")

    def test_the_mesh_is_as_the_planner_numbers_it(self):
        for constraints in ({"data_parallel_degree": 2, "ring_degree": 2, "ulysses_degree": 2},
                            {"ring_degree": 2, "ulysses_degree": 4,
                             "hybrid_order": "HYBRID_ORDER_RING_INSIDE"},
                            {"tensor_degree": 2, "ulysses_degree": 4}):
            plan = self.client.plan(**asking(8, **constraints))
            self.assertEqual(mesh.groups_along(plan, "ulysses"),
                             [list(group.ranks) for group in plan.ulysses_groups])
            if plan.ring_groups:
                self.assertEqual(mesh.groups_along(plan, "ring"),
                                 [list(group.ranks) for group in plan.ring_groups])
            names = dict(zip(mesh.AXES, ("data_parallel", "pipeline", "ring", "ulysses",
                                         "tensor")))
            for rank in plan.ranks:
                for axis, group in mesh.sub_groups(plan, rank.rank).items():
                    self.assertEqual(group.index, getattr(rank.coordinate, names[axis]))
                    self.assertEqual(group.ranks[group.index], rank.rank)

    # ---- groups

    def test_every_rank_may_create_the_group(self):
        plan = self.client.plan(**asking(2))
        self.assertEqual(self.client.create_group("g", plan=plan).plan_hash, plan.hash)
        self.assertEqual(self.client.create_group("g", plan_hash=plan.hash).size, 2)
        self.assertEqual([group.group_id for group in self.client.list()], ["g"])
        with self.assertRaises(ithaca.Refused) as raised:
            self.client.create_group("g", plan_request=asking(3))
        self.assertEqual(raised.exception.reason, "GROUP_EXISTS")
        for sources in ({}, {"plan": plan, "plan_hash": plan.hash}):
            with self.assertRaisesRegex(ValueError, "exactly one"):
                self.client.create_group("h", **sources)
        with self.assertRaisesRegex(ValueError, "ON_LOSS_SULK"):
            self.client.create_group("h", plan=plan, on_loss="SULK")

    def test_members_share_blobs_and_hear_of_a_loss(self):
        members = self.join(4)
        self.assertEqual([member.rank for member in members], [0, 1, 2, 3])
        self.assertEqual(members[2].plan.ranks[2].rank, 2)
        self.assertEqual(members[2].sub_groups["ulysses"],
                         mesh.SubGroup("ulysses", (0, 1, 2, 3), 2))
        got = []
        reader = threading.Thread(target=lambda: got.append(members[3].get_blob("id", LONG)))
        reader.start()
        members[0].publish("id", b"unique\0id")
        reader.join()
        self.assertEqual(got, [b"unique\0id"])
        lost = threading.Event()
        members[0].on_loss(lambda event: event.member.member_id == "m3" and lost.set())
        members[3].close()
        self.assertTrue(lost.wait(LONG))
        with self.assertRaises(ithaca.StaleEpoch) as raised:
            members[0].publish("late", b"1")
        self.assertEqual(raised.exception.current_epoch, members[0].latest_epoch)
        back = self.client.join("g", "m3")
        self.assertEqual(back.slot, 3)
        for member in members[:3] + [back]:
            member.wait_complete(LONG)
        self.assertEqual(len({member.epoch for member in members[:3] + [back]}), 1)

    def test_members_resume_when_the_daemon_is_killed(self):
        members = self.join(2)
        before = [(member.epoch, member.incarnation) for member in members]
        self.daemon.kill()
        self.daemon.start()
        members[0].publish("x", b"1")
        self.assertEqual(members[1].get_blob("x", LONG), b"1")
        self.assertEqual(before, [(m.latest_epoch, m.incarnation) for m in members])
        self.assertEqual([member.ended for member in members], [None, None])
        for member in members:
            member.leave()
        self.assertEqual(len(self.client.get_group("g").members), 0)

    def test_a_process_that_is_killed_is_lost_though_its_forked_child_lives(self):
        members = self.join(3)
        members[2].leave()
        lost = threading.Event()
        members[0].on_loss(lambda event: event.member.member_id == "m2" and lost.set())
        # The child holds the connection open, as a DataLoader's worker does.
        code = ("import ithaca, os, sys, time\n"
                "member = ithaca.Client(sys.argv[1]).join('g', 'm2')\n"
                "child = os.fork()\n"
                "if child == 0: time.sleep(600)\n"
                "print(child, flush=True); time.sleep(600)")
        with subprocess.Popen([sys.executable, "-c", code, self.daemon.socket],
                              stdout=subprocess.PIPE, text=True) as parent:
            child = int(parent.stdout.readline())
            try:
                members[0].wait_complete(LONG)
                parent.kill()
                self.assertTrue(lost.wait(LONG))
            finally:
                parent.kill()
                os.kill(child, signal.SIGKILL)

    def test_barrier_and_commit_name_who_is_missing_or_differs(self):
        members = self.join(3)
        with self.assertRaises(ithaca.MembersMissing) as raised:
            members[1].barrier("b", timeout=0.1)
        self.assertEqual((raised.exception.reason, raised.exception.missing),
                         ("BARRIER_TIMEOUT", (0, 2)))
        together(members, lambda member: member.barrier("b", LONG, round=1))
        with self.assertRaises(ithaca.MembersMissing) as raised:
            members[0].commit(b"x", timeout=0.1, round=1)
        self.assertEqual(raised.exception.missing, (1, 2))
        done = together(members, lambda member: member.commit(b"same", LONG, round=2))
        self.assertEqual([(d.round, d.hash) for d in done], [(2, b"same")] * 3)
        differs = together(members, lambda member: self.differing(member))
        self.assertEqual(differs, [(1,)] * 3)
        self.assertEqual(self.client.get_group("g").last_commit.round, 2)

    @staticmethod
    def differing(member):
        try:
            member.commit(b"odd" if member.rank == 1 else b"even", LONG, round=3)
        except ithaca.CommitDiffers as error:
            return error.differing
        return None

    def test_a_spare_takes_the_slot_of_the_lost(self):
        members = self.join(2)
        spare = self.client.join("g", "s", may_park=True)
        self.assertTrue(spare.parked)
        members[0].close()
        spare.wait_complete(LONG)
        self.assertEqual((spare.parked, spare.rank), (False, 0))
        members[1].wait_epoch_after(members[1].epoch, LONG)
        members[1].wait_complete(LONG)
        together([spare, members[1]], lambda member: member.barrier("b", LONG))

    def test_those_who_remain_get_a_plan_of_their_own(self):
        members = self.join(4, on_loss="REPLAN", min_size=2)
        members[1].close()
        remaining = [members[0], members[2], members[3]]
        for member in remaining:
            member.wait_epoch_after(member.epoch, LONG)
            member.wait_complete(LONG)
        self.assertEqual(sorted(member.rank for member in remaining), [0, 1, 2])
        self.assertEqual({(m.size, len(m.plan.ranks), m.epoch) for m in remaining},
                         {(3, 3, remaining[0].epoch)})
        together(remaining, lambda member: member.barrier("b", LONG))
        moved = remaining[0].replan(lost_slots=[remaining[0].rank], dry_run=True)
        self.assertEqual(moved.group.size, 2)
        told = self.client.explain("g")
        self.assertIn("REPLAN_ON_LOSS", [d.reason_code for d in told.decisions])
        self.assertEqual(list(told.waits), [])

    def test_a_watch_goes_on_after_a_restart(self):
        self.client.create_group("g", plan_request=asking(2))
        watch = self.client.watch("g")
        self.assertEqual(next(watch).group.size, 2)
        members = [self.client.join("g", "m0")]
        seen = self.events(watch, until=pb.EVENT_TYPE_MEMBER_JOINED)
        self.daemon.terminate()
        self.daemon.start()
        members.append(self.client.join("g", "m1"))
        seen += self.events(watch, until=pb.EVENT_TYPE_COMPLETE)
        numbers = [event.sequence for event in seen]
        self.assertEqual(numbers, list(range(1, len(numbers) + 1)))
        self.client.delete_group("g", force=True)
        self.assertEqual(self.events(watch, until=None)[-1].type, pb.EVENT_TYPE_DELETED)

    @staticmethod
    def events(watch, until):
        seen = []
        for message in watch:
            seen += [event for event in message.events if event.sequence]
            if any(event.type == until for event in message.events):
                return seen
        return seen

    # ---- the package

    def test_the_wheel_works_as_it_is_and_torch_is_not_imported(self):
        code = ("import sys, ithaca; assert 'torch' not in sys.modules\n"
                "assert ithaca.__file__.startswith(sys.argv[1]), ithaca.__file__\n"
                "print(ithaca.Client(sys.argv[2]).plan(model={'query_heads': 8,"
                "'head_size': 64}, workload={'sequence_length': 64},"
                "constraints={'ranks': 4}).mesh.ulysses)")
        done = subprocess.run([sys.executable, "-c", code, wheel, self.daemon.socket],
                              env=dict(os.environ, PYTHONPATH=wheel), capture_output=True,
                              text=True, timeout=LONG, check=False)
        self.assertEqual((done.stdout, done.stderr), ("4\n", ""))

    def test_the_example_of_plain_processes(self):
        command = [sys.executable, os.path.join(examples, "plain_process.py"), "job", "3"]
        environment = dict(os.environ, PYTHONPATH=wheel,
                           ITHACA_RUN_DIR=os.path.dirname(self.daemon.socket))
        processes = [subprocess.Popen(command + ["p%d" % i], env=environment, text=True,
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
                     for i in range(3)]
        said = "".join(process.communicate(timeout=LONG)[0] for process in processes)
        self.assertEqual([process.returncode for process in processes], [0, 0, 0], said)
        self.assertIn("rank 2 of 3", said)
        self.assertEqual(said.count("committed"), 3)


if __name__ == "__main__":
    ithacad, wheel, examples = map(os.path.abspath, sys.argv[1:4])
    del sys.argv[1:4]
    unittest.main()
