#!/usr/bin/env python3
"""What calls that fail become: refusals, a daemon that is slow, away, or talks nonsense."""

import concurrent.futures
import os
import random
import socket
import tempfile
import threading
import time
import unittest

import fake_daemon
import grpc
import ithaca
from ithaca import _rpc


class Failure(grpc.RpcError):
    """A failed call, with whatever a server may have sent."""

    def __init__(self, code, message, metadata=()):
        super().__init__()
        self.code = lambda: code
        self.details = lambda: message
        self.trailing_metadata = lambda: metadata


class ErrorsTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.fake = fake_daemon.FakeDaemon(folder.name)
        self.addCleanup(lambda: self.fake.stop())
        self.client = ithaca.Client(self.fake.socket, timeout=1)
        self.addCleanup(self.client.close)

    def refused(self, kind=ithaca.Refused):
        with self.assertRaises(kind) as raised:
            self.client.get_group("g")
        return raised.exception

    def test_a_refusal_has_reason_sentence_and_next_step(self):
        self.fake.GetGroup = lambda request, context: fake_daemon.refuse(
            context, "GROUP_NOT_FOUND", "there is none", "make it",
            grpc.StatusCode.NOT_FOUND, near="gg")
        error = self.refused()
        self.assertEqual((error.reason, error.message, error.next_step, error.facts, error.code),
                         ("GROUP_NOT_FOUND", "there is none", "make it", {"near": "gg"},
                          "NOT_FOUND"))
        self.assertEqual(str(error), "GROUP_NOT_FOUND: there is none; make it")

    def test_some_reasons_have_an_exception_of_their_own(self):
        for reason, facts, kind, attribute, value in (
                ("STALE_EPOCH", {"current_epoch": "77"}, ithaca.StaleEpoch, "current_epoch", 77),
                ("STALE_EPOCH", {}, ithaca.StaleEpoch, "current_epoch", 0),
                ("STALE_EPOCH", {"current_epoch": "-1x"}, ithaca.StaleEpoch, "current_epoch", 0),
                ("BARRIER_TIMEOUT", {"missing": "3,7"}, ithaca.MembersMissing, "missing", (3, 7)),
                ("COMMIT_TIMEOUT", {"missing": "0"}, ithaca.MembersMissing, "missing", (0,)),
                ("COMMIT_DIFFERS", {"differing": "1, 2"}, ithaca.CommitDiffers, "differing",
                 (1, 2)),
                ("COMMIT_DIFFERS", {"differing": "x,,2"}, ithaca.CommitDiffers, "differing",
                 (2,))):
            with self.subTest(reason=reason, facts=facts):
                self.fake.GetGroup = lambda request, context: fake_daemon.refuse(
                    context, reason, **facts)
                self.assertEqual(getattr(self.refused(kind), attribute), value)

    def test_what_is_no_refusal_of_the_daemon_keeps_its_code(self):
        for metadata in ((), (("grpc-status-details-bin", b"\xff\xff\xff"),),
                         (("grpc-status-details-bin",
                           fake_daemon.details("X", domain="example.com")),),
                         (("grpc-status-details-bin", fake_daemon.details("X", type_url="y")),)):
            with self.subTest(metadata=metadata):
                def answer(request, context):
                    context.set_trailing_metadata(metadata)
                    context.abort(grpc.StatusCode.INTERNAL, "broken")
                self.fake.GetGroup = answer
                error = self.refused()
                self.assertEqual((error.reason, error.message), ("INTERNAL", "broken"))

    def test_an_older_daemon_is_named(self):
        self.fake.GetGroup = lambda request, context: context.abort(
            grpc.StatusCode.UNIMPLEMENTED, "")
        self.assertIn("update it", self.refused().next_step)

    def test_mutated_details_give_an_error_and_never_anything_else(self):
        seed = int(os.environ.get("ITHACA_TEST_SEED", "20260705"))
        print("seed", seed)
        rng = random.Random(seed)
        whole = fake_daemon.details("STALE_EPOCH", current_epoch="12")
        self.silence_protobuf()
        for _ in range(20_000):
            data = bytearray(whole)
            for _ in range(rng.randint(1, 4)):
                kind, at = rng.randrange(3), rng.randrange(len(data) or 1)
                if kind == 0 and data:
                    data[at] = rng.randrange(256)
                elif kind == 1:
                    del data[at:at + rng.randint(1, 8)]
                else:
                    data[at:at] = rng.randbytes(rng.randint(1, 8))
            failure = Failure(grpc.StatusCode.FAILED_PRECONDITION, "m",
                              (("grpc-status-details-bin", bytes(data)),))
            error = _rpc.refusal_of(failure)
            if error is not None:
                self.assertTrue(error.reason)
                if isinstance(error, ithaca.StaleEpoch):
                    self.assertGreaterEqual(error.current_epoch, 0)

    def silence_protobuf(self):
        """It writes a line for each string that is no UTF-8."""
        kept, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, 2)
        os.close(nothing)
        self.addCleanup(lambda: (os.dup2(kept, 2), os.close(kept)))

    def test_a_daemon_that_does_not_answer_is_not_waited_for_longer_than_asked(self):
        over = threading.Event()
        self.addCleanup(over.set)
        self.fake.GetGroup = lambda request, context: over.wait(30)
        client = ithaca.Client(self.fake.socket, timeout=0.3)
        with self.assertRaises(ithaca.TimedOut) as raised:
            client.get_group("g")
        self.assertIsInstance(raised.exception, TimeoutError)
        self.assertIn("did not answer in time", str(raised.exception))

    def test_calls_wait_for_a_daemon_that_is_restarted(self):
        self.fake.GetGroup = lambda request, context: fake_daemon.groups_pb2.GetGroupResponse(
            group=fake_daemon.group(epoch=5))
        self.fake.stop()
        late = threading.Thread(target=lambda: (time.sleep(0.3), self.fake.start()))
        late.start()
        self.assertEqual(self.client.get_group("g").epoch, 5)
        late.join()

    def test_a_daemon_that_asks_for_patience_is_asked_again(self):
        for reason, code, facts in (
                ("DRAINING", grpc.StatusCode.UNAVAILABLE, {}),
                ("NOT_COORDINATOR", grpc.StatusCode.UNAVAILABLE, {}),
                ("RATE_LIMITED", grpc.StatusCode.RESOURCE_EXHAUSTED, {"retry_after_ms": "20"}),
                ("RATE_LIMITED", grpc.StatusCode.RESOURCE_EXHAUSTED, {"retry_after_ms": "x"})):
            with self.subTest(reason=reason, facts=facts):
                answers = []

                def answer(request, context):
                    answers.append(1)
                    if len(answers) == 1:
                        fake_daemon.refuse(context, reason, code=code, **facts)
                    return fake_daemon.groups_pb2.GetGroupResponse(
                        group=fake_daemon.group(epoch=6))
                self.fake.GetGroup = answer
                self.assertEqual(self.client.get_group("g").epoch, 6)

    def test_a_wait_that_is_longer_than_the_call_is_told(self):
        self.fake.GetGroup = lambda request, context: fake_daemon.refuse(
            context, "RATE_LIMITED", code=grpc.StatusCode.RESOURCE_EXHAUSTED,
            retry_after_ms="9" * 30)
        self.assertEqual(self.refused().reason, "RATE_LIMITED")

    def test_a_daemon_that_stays_away_is_named_with_the_cause(self):
        self.fake.stop()
        with self.assertRaises(ithaca.DaemonAway) as raised:
            self.client.get_group("g")
        self.assertIn(self.fake.socket, str(raised.exception))

    def test_an_answer_that_is_no_message(self):
        handler = grpc.method_handlers_generic_handler("ithaca.groups.v1.GroupsService", {
            "GetGroup": grpc.unary_unary_rpc_method_handler(
                lambda request, context: b"\xff\xff", None, None)})
        self.fake.stop()
        server = grpc.server(concurrent.futures.ThreadPoolExecutor(1))
        server.add_generic_rpc_handlers((handler,))
        server.add_insecure_port("unix:" + self.fake.socket)
        server.start()
        self.assertEqual(self.refused().reason, "INTERNAL")
        server.stop(None).wait()


class NoDaemonTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "ithacad.sock")

    def away(self, path):
        with self.assertRaises(ithaca.DaemonAway) as raised:
            ithaca.Client(path, timeout=0.5).list()
        self.assertIn(path, str(raised.exception))
        return raised.exception.cause

    def test_nobody_there(self):
        self.assertEqual(self.away(self.path), "No such file or directory")

    def test_a_socket_that_nobody_serves(self):
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(self.path)
            self.assertEqual(self.away(self.path), "Connection refused")

    def test_a_path_that_is_too_long(self):
        self.assertIn("107 bytes", self.away("/tmp/" + "x" * 120))

    def test_somebody_who_does_not_speak_grpc(self):
        seed = random.Random(7)
        for words in (b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", seed.randbytes(500)):
            with self.subTest(words=words[:10]):
                with socket.socket(socket.AF_UNIX) as server:
                    server.bind(self.path)
                    server.listen()
                    talker = threading.Thread(target=self.talk, args=(server, words), daemon=True)
                    talker.start()
                    with self.assertRaises((ithaca.DaemonAway, ithaca.TimedOut)):
                        ithaca.Client(self.path, timeout=0.5).list()
                    server.shutdown(socket.SHUT_RDWR)
                    talker.join()
                os.unlink(self.path)

    @staticmethod
    def talk(server, words):
        while True:
            try:
                connection, _ = server.accept()
                with connection:
                    connection.sendall(words)
            except OSError:
                return

    def test_the_default_socket_follows_the_environment(self):
        from ithaca import _socket
        folder = os.path.dirname(self.path)
        before = dict(os.environ)
        self.addCleanup(lambda: (os.environ.clear(), os.environ.update(before)))
        os.environ["ITHACA_RUN_DIR"] = folder
        self.assertEqual(_socket.default_socket(), self.path)
        del os.environ["ITHACA_RUN_DIR"]
        if os.geteuid() == 0:
            self.assertEqual(_socket.default_socket(), "/run/ithaca/ithacad.sock")


if __name__ == "__main__":
    unittest.main()
