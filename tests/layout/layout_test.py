#!/usr/bin/env python3
"""What must hold for the source tree itself, whoever builds what from it.

The system's libraries lie in /usr/include, where every file can include them
without a word in a BUILD file; so what may include what is checked here, in the
text. What may depend on what is checked beside this, in BUILD.

Reads the tree that the file named by the first argument really lies in.
"""

import os
import re
import sys
import unittest

TOP_LEVEL = set(
    "WORKSPACE BUILD plugin daemon proto kernels tests deploy README.md LICENSE".split()
)
# The parts whose folders are components.
PARTS = ("plugin", "daemon", "kernels", "tests")
SOURCES = (".c", ".cc", ".cpp", ".cu", ".cuh", ".h", ".inc")
INCLUDE = re.compile(r'^\s*#\s*include(?:_next)?\s*[<"]([^>"]+)[>"]', re.MULTILINE)

UCX = r"(ucp|uct|ucs|ucm)/"
RPC = r"(grpc|grpcpp|grpc\+\+|google/protobuf|absl|ithaca)/"

# (who, may not include what, but may, whose files do include it: the control)
NEVER = (
    (r"daemon/", r"plugin/", r"plugin/(core|nodepage)/", r"plugin/"),
    (r"plugin/", r"daemon/", None, r"daemon/"),
    (r"plugin/", RPC, None, r"daemon/"),
    (r"plugin/(rails|transport)/", r"plugin/", r"plugin/(core|rails|transport)/", r"plugin/net/"),
    (r"plugin/(rails|transport)/", UCX + r"|nccl|cuda", None, r"plugin/ucx/"),
    (r"plugin/nodepage/", r"plugin/|ithaca/", r"plugin/(core|nodepage)/", r"plugin/net/"),
    (r"(?!plugin/ucx/)", UCX, None, r"plugin/ucx/"),
)

root = ""


def is_ours(name):
    """Whether a name at the top is part of the project; hidden ones are the tools'."""
    return not name.startswith((".", "bazel-")) and name != "compile_commands.json"


def walk():
    """Yields (folder, file names), the folder relative to the root."""
    for top in sorted(filter(is_ours, os.listdir(root))):
        for folder, _, names in os.walk(os.path.join(root, top)):
            yield os.path.relpath(folder, root), names


def read_includes():
    """Returns (path, included path) for every #include in the tree."""
    includes = []
    for folder, names in walk():
        for name in names:
            if name.endswith(SOURCES):
                path = os.path.join(folder, name)
                with open(os.path.join(root, path), encoding="utf-8") as source:
                    includes += [(path, what) for what in INCLUDE.findall(source.read())]
    return includes


class LayoutTest(unittest.TestCase):
    def test_the_top_level_is_fixed(self):
        names = set(filter(is_ours, os.listdir(root)))
        self.assertEqual(sorted(names - TOP_LEVEL), [], "not a part of the layout")
        self.assertEqual(sorted(TOP_LEVEL - names), [], "missing")

    def test_every_component_has_a_readme(self):
        missing = set()
        for folder, names in walk():
            parts = folder.split(os.sep)
            if parts[0] in PARTS and len(parts) >= 2 and "BUILD" in names:
                component = os.path.join(*parts[:2])
                if not os.path.exists(os.path.join(root, component, "README.md")):
                    missing.add(component)
        self.assertEqual(sorted(missing), [], "components without a README.md")

    def test_nothing_includes_what_it_must_not(self):
        includes = read_includes()
        for who, what, exception, control in NEVER:
            with self.subTest(who=who, what=what):
                broken = [
                    "%s includes %s" % (path, included)
                    for path, included in includes
                    if re.match(who, path)
                    and re.match(what, included)
                    and not (exception and re.match(exception, included))
                ]
                self.assertEqual(broken, [])
                self.assertTrue(
                    any(re.match(control, p) and re.match(what, i) for p, i in includes),
                    "the control finds nothing: the rule is misspelt",
                )


if __name__ == "__main__":
    root = os.path.dirname(os.path.realpath(sys.argv.pop(1)))
    unittest.main()
