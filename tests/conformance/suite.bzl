"""The conformance tests against one library."""

PARTS = ["setup", "handle", "data", "match", "group", "close", "thread", "reload"]

def conformance_suite(name, plugin, env = {}, data = []):
    """A test per part of the contract, <name>_<part>_test, against `plugin`, with `env` set and `data` at hand."""
    for part in PARTS:
        native.cc_test(
            name = "%s_%s_test" % (name, part),
            size = "medium",
            srcs = [part + "_test.cc"],
            args = ["$(rootpath %s)" % plugin],
            data = [plugin] + data,
            env = env,
            deps = [
                ":fixture",
                ":use_once",
                "//deploy/bazel/system:gtest",
            ],
        )
