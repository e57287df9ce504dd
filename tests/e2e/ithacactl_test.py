#!/usr/bin/env python3
"""ithacactl as a user runs it: a process, files, exit statuses. No daemon, no network.

The arguments are the binary and the folder of the topology reader's test data.
"""

import json
import os
import subprocess
import sys
import tempfile
import unittest

DONE, NO, USAGE, UNREACHABLE = range(4)
COMMANDS = ("plan", "validate", "max-seq", "explain", "topology show", "topology read",
            "topology convert", "group list", "group show", "group watch", "group delete",
            "status", "demo", "version")
SEVEN_B = ["--model", "llama-2-7b", "--ranks", "8"]
PLAN = ["plan", "--model", "llama-3.1-8b", "--seq-len", "128K", "--ranks", "8"]

binary = ""
testdata = ""


def ctl(*line, text=""):
    """Runs ithacactl; returns its exit status, standard output and standard error."""
    done = subprocess.run([binary, *line], input=text, capture_output=True, text=True,
                          check=False, timeout=60, env={"NO_COLOR": "1", "PATH": "/usr/bin"})
    return done.returncode, done.stdout, done.stderr


class IthacactlTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def file(self, name, text):
        path = os.path.join(self.folder.name, name)
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
        return path

    def succeeds(self, *line, status=DONE, text=""):
        got, out, err = ctl(*line, text=text)
        self.assertEqual(got, status, err + out)
        self.assertTrue(out.strip(), line)
        return out

    def fails(self, line, part, status=USAGE, text=""):
        """One line on standard error that names `part` and the remedy after it."""
        got, out, err = ctl(*line, text=text)
        self.assertEqual(got, status, err + out)
        self.assertEqual(out, "", line)
        self.assertTrue(err.startswith("ithacactl"), err)
        self.assertEqual(err.count("\n"), 1, err)
        self.assertIn(part, err)

    def test_every_command_has_help(self):
        everything = self.succeeds("--help")
        for command in COMMANDS:
            with self.subTest(command=command):
                self.assertIn(command, everything)
                text = self.succeeds(*command.split(), "--help")
                self.assertIn("ithacactl " + command, text)

    def test_plan(self):
        out = self.succeeds(*PLAN)
        self.assertIn("32 query heads, 8 key/value heads", out)
        self.assertLessEqual(max(map(len, out.splitlines())), 80)
        answer = json.loads(self.succeeds(*PLAN, "-o", "json"))
        plan = answer["plans"][0]
        self.assertEqual(plan["mesh"]["ulysses"], 8)
        self.assertEqual(sum(int(rank["validTokens"]) for rank in plan["ranks"]), 1 << 17)
        self.assertEqual(len(answer["frameworkLayouts"]), 13)

    def test_plan_says_why_there_is_none(self):
        out = self.succeeds("plan", "--model", "llama-3.1-8b", "--seq-len", "4K",
                            "--ranks", "64", status=NO)
        self.assertIn("MORE_RANKS_THAN_HEADS", out)
        self.assertIn("The nearest that works is", " ".join(out.split()))

    def test_plan_for_a_framework_is_one_that_it_runs(self):
        out = self.succeeds(*PLAN, "--framework", "megatron")
        self.assertIn("--context-parallel-size 8", out)
        # 28 heads do not divide over 8 ranks: the free search takes what Megatron cannot.
        searched = ["plan", "--model", "qwen2.5-7b", "--seq-len", "128K", "--nodes", "1",
                    "--gpu", "h100-80g", "--data-parallel", "1", "--tensor", "1",
                    "--pipeline", "1", "--zero", "auto"]
        free = json.loads(self.succeeds(*searched, "-o", "json"))
        bound = json.loads(self.succeeds(*searched, "--framework", "megatron", "-o", "json"))
        cannot = [layout for layout in free["frameworkLayouts"] if not layout["canRun"]]
        self.assertIn("FRAMEWORK_MEGATRON", [layout["framework"] for layout in cannot])
        (megatron,) = [layout for layout in bound["frameworkLayouts"]
                       if layout["framework"] == "FRAMEWORK_MEGATRON"]
        self.assertTrue(megatron["canRun"], megatron)
        blocked = [r for r in bound["rejected"]
                   if r["code"] == "REJECTION_CODE_FRAMEWORK_CANNOT_RUN"]
        self.assertTrue(blocked)
        self.assertTrue(blocked[0]["reason"].startswith("Megatron-LM "), blocked[0])
        config = self.file("megatron.sh", self.succeeds(
            *searched, "--framework", "megatron").split("options, or Megatron-Bridge's YAML\n")[1]
            .split("\n#")[0])
        self.succeeds("validate", config, "--framework", "megatron", "--model", "qwen2.5-7b",
                      "--seq-len", "128K", "--ranks", "8")

    def test_plan_that_a_framework_cannot_run_is_refused_with_the_nearest(self):
        out = self.succeeds("plan", "--model", "qwen2.5-7b", "--seq-len", "128K", "--ranks",
                            "8", "--ulysses", "8", "--framework", "megatron", status=NO)
        self.assertIn("FRAMEWORK_CANNOT_RUN", out)
        self.assertIn("use a Ulysses degree of 4", " ".join(out.split()))

    def test_validate_deepspeed(self):
        config = self.file("ds.json", json.dumps({
            "sequence_parallel_size": 8, "data_parallel_size": 1,
            "zero_optimization": {"stage": 3}}))
        line = ["validate", config, "--framework", "deepspeed", *SEVEN_B, "--seq-len"]
        wrong = self.succeeds(*line, "57826", status=NO)
        self.assertIn("wrong result: SEQUENCE_SILENTLY_WRONG", wrong)
        self.assertIn("57832", wrong)
        self.assertIn("holds together", self.succeeds(*line, "57832"))
        self.assertTrue(json.loads(self.succeeds(*line, "57832", "-o", "json"))["valid"])

    def test_validate_megatron(self):
        options = "--context-parallel-size 8 --cp-comm-type {} --seq-length 65536 " \
                  "--tensor-model-parallel-size 1 --bf16\n"
        line = ["--framework", "megatron", "--model", "llama-3.1-8b", "--ranks", "8"]
        wrong = self.file("wrong.sh", options.format("a2a+p2p"))
        right = self.file("right.sh", options.format("a2a"))
        self.assertIn("HIERARCHICAL_SIZES_MISSING",
                      self.succeeds("validate", wrong, *line, status=NO))
        self.assertIn("holds together", self.succeeds("validate", right, *line))

    def test_validate_and_explain_a_plan(self):
        plan = self.succeeds(*PLAN, "-o", "json")
        path = self.file("plan.json", plan)
        self.assertIn("holds together", self.succeeds("validate", path))
        self.assertIn("Ulysses", self.succeeds("explain", "--plan", path))
        self.assertEqual(self.succeeds("explain", "--plan", "-", text=plan),
                         self.succeeds("explain", "--plan", path))
        changed = json.loads(plan)
        changed["plans"][0]["ranks"][1]["rows"] = "7"
        out = self.succeeds("validate", "-", text=json.dumps(changed), status=NO)
        self.assertIn("ranks[1].rows", out)
        said = json.loads(self.succeeds("explain", *PLAN[1:], "-o", "json"))
        self.assertTrue(said["text"])

    def test_max_seq(self):
        line = ["max-seq", "--model", "llama-3.1-8b", "--gpu", "h100-80g", "--nodes", "1",
                "--host-gib", "1900"]
        answer = json.loads(self.succeeds(*line, "-o", "json"))
        self.assertGreater(int(answer["sequenceLength"]), 1 << 20)
        self.assertIn(answer["sequenceLength"] + " tokens", self.succeeds(*line))

    def test_topology(self):
        nccl = os.path.join(testdata, "nccl_hgx_h100.xml")
        self.assertIn("8 accelerators", self.succeeds("topology", "read", "--from", nccl,
                                                      "--node", "n1"))
        json.loads(self.succeeds("topology", "read", "--from", nccl, "--node", "n1",
                                 "-o", "json"))
        yaml = self.succeeds("topology", "convert", "--from", nccl, "--node", "n1",
                             "-o", "yaml")
        direct = self.succeeds("topology", "convert", "--from", nccl, "--node", "n1",
                               "-o", "nccl-xml")
        self.assertEqual(direct, self.succeeds("topology", "convert", "--from", "-",
                                               "-o", "nccl-xml", text=yaml))
        planned = self.succeeds("plan", "--model", "llama-3.1-8b", "--seq-len", "4K",
                                "--cluster", self.file("cluster.yaml", yaml),
                                "--ulysses", "8", "--zero", "3")
        self.assertIn("n1", planned)

    def test_mistakes_are_one_line_with_the_remedy(self):
        missing = os.path.join(self.folder.name, "missing")
        self.fails(["plann"], "see `ithacactl --help`")
        self.fails(["plan", "--seq-len", "4K", "--ranks", "8"], "--model is missing; give")
        self.fails([*PLAN, "--rank", "8"], "--rank")
        self.fails([*PLAN[:3], "--ranks", "8"], "--seq-len is missing; give")
        self.fails([*PLAN, "--framework", "caffe"], "use one of deepspeed")
        self.fails(["plan", "--model", "qwen3-8", *PLAN[3:]], "did you mean qwen3-8b?")
        self.fails([*PLAN[:5], "--cluster", missing], missing)
        self.fails(["validate", missing], missing)
        self.fails(["validate", "-", "--framework", "caffe"], "torchtitan", text="{}")
        self.fails(["validate", "-"], "add --framework", text="no json")
        self.fails(["explain", "--plan", "-"], "ithacactl plan -o json", text="{}x")
        self.fails(["topology", "read", "--from", missing], missing)
        self.fails([*PLAN, "-o", "xml"], "json")

    def test_a_daemon_that_is_asked_and_is_not_there(self):
        socket = ["--socket", os.path.join(self.folder.name, "no.sock")]
        self.fails([*PLAN, *socket], "no.sock", status=UNREACHABLE)
        self.fails(["status", *socket], "no.sock", status=UNREACHABLE)


if __name__ == "__main__":
    binary, testdata = sys.argv.pop(1), sys.argv.pop(1)
    unittest.main()
