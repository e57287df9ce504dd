#!/usr/bin/env python3
"""test_summary.py over events as bazel 4.2.3 writes them."""

import contextlib
import io
import json
import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import test_summary  # noqa: E402


def configured(label, kind="cc_test rule", tags=()):
    return {
        "id": {"targetConfigured": {"label": label}},
        "configured": {"targetKind": kind, "tag": list(tags)},
    }


def completed(label, success):
    return {
        "id": {"targetCompleted": {"label": label, "configuration": {"id": "c"}}},
        "completed": {"success": True} if success else {},
    }


def aborted(label, reason):
    return {
        "id": {"targetCompleted": {"label": label}},
        "aborted": {"reason": reason, "description": "why"},
    }


def summary(label, status):
    return {"id": {"testSummary": {"label": label}}, "testSummary": {"overallStatus": status}}


def result(label, xml):
    return {
        "id": {"testResult": {"label": label, "run": 1, "attempt": 1}},
        "testResult": {
            "status": "PASSED",
            "testActionOutput": [{"name": "test.xml", "uri": "file://" + xml}],
        },
    }


def passing(label):
    return [configured(label), completed(label, True), summary(label, "PASSED")]


class SummaryTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def write(self, name, text):
        path = os.path.join(self.folder.name, name)
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
        return path

    def run_main(self, *passes):
        """Runs main over (bazel's status, events); returns (exit status, lines)."""
        arguments = []
        for i, (status, events) in enumerate(passes):
            text = "".join(json.dumps(event) + "\n" for event in events)
            arguments += ["pass%d" % i, str(status), self.write("%d.json" % i, text)]
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            status = test_summary.main(arguments)
        return status, out.getvalue().splitlines()

    def test_all_passed(self):
        events = passing("//a:x") + passing("//a:y") + [configured("//a:lib", "cc_library rule")]
        self.assertEqual(self.run_main((0, events)), (0, ["2 passed, 0 failed"]))

    def test_passes_add_up(self):
        status, lines = self.run_main((0, passing("//a:x")), (0, passing("//a:x")))
        self.assertEqual((status, lines[-1]), (0, "2 passed, 0 failed"))

    def test_a_failed_test(self):
        for how in ("FAILED", "TIMEOUT", "INCOMPLETE", "REMOTE_FAILURE", "NO_STATUS"):
            events = passing("//a:x") + [
                configured("//a:y"), completed("//a:y", True), summary("//a:y", how)]
            status, lines = self.run_main((3, events))
            self.assertEqual((status, lines[-1]), (1, "1 passed, 1 failed"), how)
            self.assertIn("//a:y", lines[0])

    def test_what_did_not_build_counts_once(self):
        events = passing("//a:x") + [
            configured("//a:lib", "cc_library rule"), completed("//a:lib", False),
            configured("//a:y"), completed("//a:y", False), summary("//a:y", "NO_STATUS"),
            configured("//a:z"), aborted("//a:z", "ANALYSIS_FAILURE")]
        self.assertEqual(self.run_main((1, events))[1][-1], "1 passed, 3 failed")

    def test_a_test_that_bazel_never_got_to_failed(self):
        events = passing("//a:x") + [configured("//a:y"), completed("//a:y", True)]
        self.assertEqual(self.run_main((8, events))[1][-1], "1 passed, 1 failed")

    def test_skipped(self):
        xml = self.write("x.xml", '<testsuites><testsuite><testcase result="skipped"/>'
                                  "</testsuite></testsuites>")
        some = self.write("y.xml", '<testsuites><testsuite><testcase result="skipped"/>'
                                   '<testcase result="completed"/></testsuite></testsuites>')
        events = passing("//a:x") + [result("//a:x", xml)]
        events += passing("//a:y") + [result("//a:y", some)]
        events += [configured("//a:gpu", tags=["gpu"]), completed("//a:gpu", True)]
        events += [configured("//a:windows"), aborted("//a:windows", "SKIPPED")]
        self.assertEqual(self.run_main((0, events))[1][-1], "1 passed, 0 failed, 3 skipped")

    def test_a_script_that_says_it_skipped(self):
        says = ('<testsuites><testsuite name="a"><testcase name="a" status="run"/>'
                "<system-out><![CDATA[exec less\n%s]]></system-out></testsuite></testsuites>")
        skipped = self.write("s.xml", says % "SKIPPED: no network namespaces\n")
        ran = self.write("r.xml", says % "not SKIPPED: all was there\n")
        events = passing("//a:x") + [result("//a:x", skipped)]
        events += passing("//a:y") + [result("//a:y", ran)]
        status, lines = self.run_main((0, events))
        self.assertEqual((status, lines[-1]), (0, "1 passed, 0 failed, 1 skipped"))
        self.assertIn("no network namespaces", lines[0])

    def test_a_run_that_failed_without_naming_a_target(self):
        status, lines = self.run_main((37, passing("//a:x")))
        self.assertEqual((status, lines[-1]), (1, "1 passed, 1 failed"))

    def test_no_tests_is_no_success(self):
        self.assertEqual(self.run_main((0, [])), (1, ["0 passed, 0 failed"]))

    def test_events_cut_short_or_absent(self):
        cut = self.write("cut.json", json.dumps(configured("//a:x")) + '\n{"id": {"testSum')
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            status = test_summary.main(["cut", "137", cut, "none", "36", cut + ".absent"])
        self.assertEqual((status, out.getvalue().splitlines()[-1]), (1, "0 passed, 2 failed"))


if __name__ == "__main__":
    unittest.main()
