#!/usr/bin/env python3
"""A member against a daemon that says what the test wants, when it wants it."""

import os
import queue
import tempfile
import threading
import unittest

import grpc
import ithaca
from fake_daemon import FakeDaemon, first_message, group, refuse
from ithaca.groups.v1 import groups_pb2 as pb

END = object()
LONG = 30.0  # s; never waited for when all is well


class Script:
    """JoinGroup: each call says the next list of messages, and then what is put into ``more``,
    where a function does what it will with the call. It ends with the stream."""

    def __init__(self, *calls):
        self.calls = list(calls)
        self.requests = queue.Queue()
        self.more = queue.Queue()  # of the latest call
        self.cancelled = threading.Event()

    def __call__(self, request, context):
        more = self.more = queue.Queue()
        context.add_callback(lambda: (self.cancelled.set(), more.put(END)))
        self.requests.put(request)
        for message in self.calls.pop(0) if self.calls else []:
            more.put(message)
        while True:
            message = more.get()
            if message is END:
                return
            if callable(message):
                message(context)
            yield message


def told(*events, **fields):
    return pb.JoinGroupResponse(events=events, **fields)


def lost(slot, sequence, epoch, **fields):
    return pb.GroupEvent(sequence=sequence, type=pb.EVENT_TYPE_MEMBER_LOST, epoch=epoch,
                         member=pb.Member(member_id="m%d" % slot, slot=slot,
                                          incarnation=100 + slot), **fields)


class MemberTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.fake = FakeDaemon(folder.name)
        self.addCleanup(lambda: self.fake.stop())
        self.client = ithaca.Client(self.fake.socket, timeout=5)
        self.addCleanup(self.client.close)
        self.losses = queue.Queue()

    def join(self, *calls, **fields):
        self.script = self.fake.JoinGroup = Script(*(calls or ([first_message()],)))
        return self.client.join("g", "m0", on_loss=self.losses.put, **fields)

    def test_what_it_asks_for_and_what_it_gets(self):
        member = self.join(slot=0, endpoint=b"e", formation_timeout=1.5, host="h")
        request = self.script.requests.get(timeout=LONG)
        self.assertEqual(
            (request.group_id, request.member_id, request.slot, request.HasField("slot"),
             request.incarnation, request.host, request.endpoint, request.include_plan,
             request.formation_timeout.ToMilliseconds()),
            ("g", "m0", 0, True, 0, "h", b"e", True, 1500))
        self.assertEqual((member.group_id, member.member_id, member.slot, member.rank,
                          member.epoch, member.size, member.incarnation, member.parked),
                         ("g", "m0", 0, 0, 1, 2, 100, False))
        self.assertEqual([m.member_id for m in member.members], ["m0", "m1"])
        self.assertIn("slot 0 of 2, epoch 1", repr(member))

    def test_a_refused_join(self):
        def full(request, context):
            refuse(context, "GROUP_FULL", code=grpc.StatusCode.RESOURCE_EXHAUSTED)
            yield
        self.fake.JoinGroup = full
        with self.assertRaises(ithaca.Refused) as raised:
            self.client.join("g", "m0")
        self.assertEqual(raised.exception.reason, "GROUP_FULL")

    def test_a_join_that_is_not_answered_is_taken_back(self):
        client = ithaca.Client(self.fake.socket, timeout=0.3)
        script = self.fake.JoinGroup = Script([])
        with self.assertRaises(ithaca.TimedOut):
            client.join("g", "m0")
        self.assertTrue(script.cancelled.wait(LONG))

    def test_calls_are_fenced_by_the_epoch_that_was_entered(self):
        member = self.join()
        fences = []
        self.fake.PublishBlob = lambda request, context: (
            fences.append(request.fence), pb.PublishBlobResponse())[1]
        member.publish("a", b"1")
        self.script.more.put(told(lost(1, 2, 9)))
        self.assertEqual(self.losses.get(timeout=LONG).epoch, 9)
        self.assertEqual((member.latest_epoch, member.epoch), (9, 1))
        member.publish("b", b"1")
        member.wait_epoch_after(1, LONG)
        member.publish("c", b"1")
        self.assertEqual([(f.group_id, f.member_id, f.incarnation, f.epoch) for f in fences],
                         [("g", "m0", 100, epoch) for epoch in (1, 1, 9)])

    def test_wait_complete_names_the_free_slots_when_the_time_is_over(self):
        member = self.join([first_message(slots=(0,), size=3)])
        with self.assertRaisesRegex(ithaca.TimedOut, "free slots are: 1, 2; see"):
            member.wait_complete(0.05)
        with self.assertRaisesRegex(ithaca.TimedOut, "epoch 1"):
            member.wait_epoch_after(1, 0.05)

    def test_a_callback_that_raises_ends_nothing(self):
        member = self.join()
        called = queue.Queue()

        def bad(event):
            called.put(event)
            raise ValueError("of the user's")
        member.on_loss(bad)
        with self.assertLogs("ithaca", "ERROR") as logged:
            self.script.more.put(told(lost(1, 2, 9)))
            called.get(timeout=LONG)
            self.script.more.put(told(lost(1, 3, 10)))
            called.get(timeout=LONG)
        member.on_loss(None)
        self.assertIn("on_loss failed for m1 of group g", logged.output[0])
        self.assertIsNone(member.ended)

    def test_it_resumes_its_life_when_the_daemon_is_back(self):
        member = self.join([first_message()],
                           [pb.JoinGroupResponse(
                               joined=pb.Joined(slot=0, incarnation=100, resumed=True),
                               group=group(epoch=5, slots=(0,), sequence=8))])
        self.script.requests.get(timeout=LONG)
        self.fake.stop()
        self.fake.start()
        again = self.script.requests.get(timeout=LONG)
        self.assertEqual((again.member_id, again.incarnation, again.include_plan),
                         ("m0", 100, True))
        # m1 was lost while the daemon was away.
        loss = self.losses.get(timeout=LONG)
        self.assertEqual((loss.member.member_id, loss.epoch), ("m1", 5))
        self.assertEqual((member.epoch, member.latest_epoch, member.ended), (1, 5, None))

    def test_a_daemon_that_asks_for_patience_is_asked_again(self):
        def limited(context):
            refuse(context, "RATE_LIMITED", code=grpc.StatusCode.RESOURCE_EXHAUSTED,
                   retry_after_ms="10")
        script = self.script = self.fake.JoinGroup = Script()
        script.calls = [[limited], [first_message()], [limited], [first_message()]]
        member = self.client.join("g", "m0")
        script.more.put(lambda context: refuse(
            context, "DRAINING", code=grpc.StatusCode.UNAVAILABLE))
        lives = [script.requests.get(timeout=LONG).incarnation for _ in range(4)]
        self.assertEqual(lives, [0, 0, 100, 100])
        self.assertIsNone(member.ended)

    def test_it_ends_when_the_daemon_says_so(self):
        for reason in ("FORMATION_TIMEOUT", "STREAM_REPLACED", "GROUP_DELETED"):
            with self.subTest(reason=reason):
                member = self.join()
                self.script.more.put(lambda context: refuse(context, reason))
                with self.assertRaises(ithaca.Refused) as raised:
                    member.wait_epoch_after(1, LONG)
                self.assertEqual(raised.exception.reason, reason)
                with self.assertRaises(ithaca.Refused):
                    member.publish("a", b"1")
                self.assertEqual(member.ended.reason, reason)
                member.close()

    def test_a_resumption_that_is_refused_ends_it(self):
        member = self.join()

        def refused(request, context):
            refuse(context, "STALE_INCARNATION")
            yield
        self.fake.JoinGroup = refused
        self.script.more.put(lambda context: refuse(
            context, "DRAINING", code=grpc.StatusCode.UNAVAILABLE))
        with self.assertRaises(ithaca.Refused) as raised:
            member.wait_epoch_after(1, LONG)
        self.assertEqual(raised.exception.reason, "STALE_INCARNATION")

    def test_a_spare_waits_for_a_slot(self):
        parked = pb.JoinGroupResponse(joined=pb.Joined(incarnation=300, parked=True),
                                      group=group())
        member = self.join([parked], may_park=True)
        self.assertTrue(member.parked)
        self.assertTrue(self.script.requests.get(timeout=LONG).may_park)
        with self.assertRaises(ithaca.TimedOut):
            member.wait_complete(0.05)
        self.script.more.put(told(
            lost(1, 2, 9), joined=pb.Joined(slot=1, incarnation=300, sub_groups=[
                pb.SubGroup(axis="ulysses", slots=[0, 1], index=1)]),
            group=group(epoch=9, sequence=3)))
        member.wait_complete(LONG)
        self.assertEqual((member.parked, member.slot, member.epoch), (False, 1, 9))

    def test_a_new_plan_numbers_the_slots_anew(self):
        first = first_message(slot=1, plan_hash="a", size=2)
        first.group.plan.hash = "a"
        member = self.join([first])
        self.assertEqual((member.rank, member.plan.hash), (1, "a"))
        replanned = told(lost(0, 2, 9), joined=pb.Joined(slot=0, incarnation=101),
                         group=group(epoch=10, size=1, slots=(0,), sequence=3, plan_hash="b"))
        replanned.group.members[0].incarnation = 101
        replanned.group.plan.hash = "b"
        self.script.more.put(replanned)
        member.wait_epoch_after(1, LONG)
        self.assertEqual((member.rank, member.size, member.plan.hash), (0, 1, "b"))
        self.assertEqual(self.losses.get(timeout=LONG).member.member_id, "m0")
        self.assertTrue(self.losses.empty())

    def test_a_member_without_the_plan_says_so(self):
        member = self.join(include_plan=False)
        with self.assertRaisesRegex(ithaca.Error, "include_plan=True"):
            member.plan

    def test_barrier_and_commit(self):
        member = self.join()
        asked = []

        def barrier(request, context):
            asked.append(request)
            refuse(context, "BARRIER_TIMEOUT", missing="1")

        def commit(request, context):
            asked.append(request)
            return pb.CommitResponse(committed=pb.Committed(epoch=1, hash=request.hash))
        self.fake.Barrier, self.fake.Commit = barrier, commit
        with self.assertRaises(ithaca.MembersMissing) as raised:
            member.barrier("b", timeout=2, round=7)
        self.assertEqual(raised.exception.missing, (1,))
        self.assertEqual(member.commit(b"h", timeout=3, round=8).hash, b"h")
        self.assertEqual([(r.fence.epoch, r.round) for r in asked], [(1, 7), (1, 8)])
        for request, least in zip(asked, (1.5, 2.5)):
            self.assertTrue(least < request.wait.ToMilliseconds() / 1000 <= least + 0.5)

    def test_replan_is_fenced(self):
        member = self.join()
        self.fake.ReplanGroup = lambda request, context: pb.ReplanGroupResponse(
            text="%d %s" % (request.fence.epoch, list(request.lost_slots)))
        self.assertEqual(member.replan(lost_slots=[1], dry_run=True).text, "1 [1]")

    def leaves(self, *refusals):
        """Answers LeaveGroup: with the refusals first. Returns the epochs that were given."""
        epochs, answers = [], list(refusals)

        def leave(request, context):
            epochs.append(request.fence.epoch)
            if answers:
                refuse(context, "STALE_EPOCH", current_epoch=answers.pop(0))
            self.script.more.put(END)
            return pb.LeaveGroupResponse(epoch=request.fence.epoch + 1)
        self.fake.LeaveGroup = leave
        return epochs

    def test_leave_follows_the_epochs_of_others_who_leave(self):
        epochs = self.leaves("4", "6")
        member = self.join()
        member.leave()
        self.assertEqual(epochs, [1, 4, 6])
        self.assertIsInstance(member.ended, ithaca.MembershipEnded)
        with self.assertRaises(ithaca.MembershipEnded):
            member.wait_complete(LONG)

    def test_leave_gives_up_when_the_epoch_does_not_rise(self):
        self.leaves("1")
        with self.assertRaises(ithaca.StaleEpoch):
            self.join().leave()

    def test_the_block_leaves_at_its_end_and_lets_go_when_it_raises(self):
        epochs = self.leaves()
        with self.join():
            pass
        self.assertEqual(epochs, [1])
        with self.assertRaisesRegex(ValueError, "x"):
            with self.join():
                raise ValueError("x")
        self.assertEqual(epochs, [1])
        self.assertTrue(self.script.cancelled.wait(LONG))

    def test_closing_the_client_ends_its_members(self):
        member = self.join()
        self.client.close()
        with self.assertRaises(ithaca.MembershipEnded):
            member.wait_epoch_after(1, LONG)
        with self.assertRaisesRegex(ithaca.Error, "closed"):
            self.client.list()
        self.assertTrue(self.script.cancelled.wait(LONG))

    def test_a_forked_child_is_told(self):
        member = self.join()
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            results = []
            for call in (lambda: member.publish("a", b"1"), lambda: member.wait_complete(1),
                         member.close, self.client.list, lambda: self.client.join("g", "m9")):
                try:
                    call()
                    results.append("nothing")
                except BaseException as error:  # pylint: disable=broad-except
                    results.append(type(error).__name__)
            os.write(write, " ".join(results).encode())
            os._exit(0)
        os.waitpid(child, 0)
        self.assertEqual(os.read(read, 1000).decode(), " ".join(["Forked"] * 5))
        os.close(read)
        os.close(write)
        self.assertIsNone(member.ended)


if __name__ == "__main__":
    unittest.main()
