"""Adds up what bazel did: the last lines of deploy/test.

Arguments: for each pass its name, bazel's exit status, and the file that bazel's
--build_event_json_file wrote. Prints what failed, then "N passed, M failed" (and
", K skipped" if any were) on a line of its own; exits 1 if anything failed.

A test target passed or failed; one that did not build, or that bazel never got to,
failed; so did any other target that did not build. A bazel run that failed without
naming a target (a BUILD file that does not load, a crash) counts as one failure.
"""

import json
import os
import sys
import xml.etree.ElementTree

PASSED = ("PASSED", "FLAKY")
DID_NOT_BUILD = "did not build"
# Tags of tests that deploy/test leaves out, as they name what a machine may lack.
NEEDS = {"gpu"}


def read_events(path):
    """Yields the events in `path`; a run cut short may leave half a line."""
    if not os.path.exists(path):
        return
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            try:
                yield json.loads(line)
            except ValueError:
                return


def why_skipped(paths):
    """Why the test that wrote these test.xml files tested nothing, or None if it did.

    A GoogleTest binary is skipped when it has cases and each of them was. Any other
    test says so with a line of output that begins with "SKIPPED: ".
    """
    cases = skipped = 0
    for path in paths:
        try:
            root = xml.etree.ElementTree.parse(path).getroot()
        except (OSError, xml.etree.ElementTree.ParseError):
            return None
        for line in "".join(out.text or "" for out in root.iter("system-out")).splitlines():
            if line.startswith("SKIPPED: "):
                return line[len("SKIPPED: "):]
        for case in root.iter("testcase"):
            cases += 1
            # GoogleTest writes the attribute, other frameworks the element.
            if case.get("result") == "skipped" or case.find("skipped") is not None:
                skipped += 1
    return "every case skipped itself" if 0 < cases == skipped else None


class Pass:
    """What one bazel run did: `outcomes` maps a label to (passed|failed|skipped, why)."""

    def __init__(self, name, status, events):
        self.name = name
        self.outcomes = {}
        self._xml = {}
        for event in events:
            self._take(event)
        for label, paths in self._xml.items():
            why = why_skipped(paths)
            if why and self.outcomes.get(label, ("",))[0] == "passed":
                self.outcomes[label] = ("skipped", why)
        failed = any(kind == "failed" for kind, _ in self.outcomes.values())
        if status != 0 and not failed:
            self.outcomes["bazel"] = (
                "failed",
                "bazel exited with status %d; its output above says why" % status,
            )

    def _take(self, event):
        ident = event.get("id", {})
        if "aborted" in event:
            self._abort(ident, event["aborted"])
        elif "targetConfigured" in ident:
            configured = event.get("configured", {})
            if configured.get("targetKind", "").endswith("_test rule"):
                # Stands if the test never reports.
                label = ident["targetConfigured"]["label"]
                left_out = sorted(set(configured.get("tag", [])) & NEEDS)
                self.outcomes[label] = (
                    ("skipped", "needs " + ", ".join(left_out))
                    if left_out
                    else ("failed", "did not run")
                )
        elif "targetCompleted" in ident:
            if not event.get("completed", {}).get("success", False):
                self.outcomes[ident["targetCompleted"]["label"]] = ("failed", DID_NOT_BUILD)
        elif "testResult" in ident:
            label = ident["testResult"]["label"]
            for output in event.get("testResult", {}).get("testActionOutput", []):
                if output.get("name") == "test.xml" and output.get("uri", "").startswith("file://"):
                    self._xml.setdefault(label, []).append(output["uri"][len("file://"):])
        elif "testSummary" in ident:
            label = ident["testSummary"]["label"]
            status = event.get("testSummary", {}).get("overallStatus", "NO_STATUS")
            if status in PASSED:
                self.outcomes[label] = ("passed", "")
            elif self.outcomes.get(label) != ("failed", DID_NOT_BUILD):
                self.outcomes[label] = ("failed", status.lower().replace("_", " "))

    def _abort(self, ident, aborted):
        if "targetCompleted" in ident:
            label = ident["targetCompleted"]["label"]
            if aborted.get("reason") == "SKIPPED":
                self.outcomes[label] = ("skipped", "not for this machine")
            else:
                self.outcomes[label] = ("failed", DID_NOT_BUILD)
        elif "pattern" in ident:
            label = " ".join(ident["pattern"]["pattern"])
            self.outcomes[label] = ("failed", "did not load")


def main(arguments):
    total = {"passed": 0, "failed": 0, "skipped": 0}
    for i in range(0, len(arguments), 3):
        name, status, path = arguments[i : i + 3]
        result = Pass(name, int(status), read_events(path))
        for label, (kind, why) in sorted(result.outcomes.items()):
            total[kind] += 1
            if kind != "passed":
                print("%s (%s): %s: %s" % (kind, name, label, why))
    line = "%(passed)d passed, %(failed)d failed" % total
    if total["skipped"]:
        line += ", %(skipped)d skipped" % total
    print(line)
    return 1 if total["failed"] or not total["passed"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
