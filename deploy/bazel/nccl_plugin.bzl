"""A shared library that NCCL loads: what it exports, what it may need.

NCCL opens a plugin with RTLD_NOW | RTLD_LOCAL in a process that carries other
libraries of its own, and a plugin that does not load makes it fall back to
sockets without a word. So the library exports the ABI's symbols and nothing
else, resolves everything at link time, and needs only what every container has.
"""

def nccl_plugin(name, deps, **kwargs):
    """Builds `name`, a .so that exports the versions in plugin/abi/versions.h.

    Args:
      name: file name of the library.
      deps: alwayslink libraries that define the exported tables.
      **kwargs: as for cc_binary.
    """
    exports = name + ".exports.lds"
    native.genrule(
        name = name + "_exports",
        srcs = [
            "//deploy/bazel:exports.lds.in",
            "//plugin/abi:versions.h",
        ],
        outs = [exports],
        cmd = ("$(CC) -E -P -undef -x c " +
               "-include $(location //plugin/abi:versions.h) " +
               "$(location //deploy/bazel:exports.lds.in) > $@"),
        toolchains = ["@bazel_tools//tools/cpp:current_cc_toolchain"],
        visibility = ["//visibility:private"],
    )
    native.cc_binary(
        name = name,
        linkshared = True,
        linkopts = [
            "-Wl,--version-script,$(location %s)" % exports,
            # Every symbol must be found now, not when a job starts.
            "-Wl,-z,defs",
            "-Wl,-z,now",
            "-Wl,-z,relro",
            # NCCL closes the library after the last communicator, while our
            # threads may be on their way out.
            "-Wl,-z,nodelete",
            # The C++ runtime comes along, hidden; the process may have another.
            # Only what is used of it.
            "-Wl,--gc-sections",
            "-Wl,--as-needed",
            "-l:libstdc++.a",
            "-static-libgcc",
            "-lpthread",
            "-ldl",
        ],
        deps = deps + [
            exports,
            "//plugin:glibc_compat",
        ],
        **kwargs
    )
