"""A Python package: sources, stubs generated from protos, and a wheel of both.

The distribution's protoc, gRPC plugin and Python are called by path, as in proto.bzl.
"""

def _python_package_impl(ctx):
    folder = ctx.actions.declare_directory(ctx.label.name)
    wheel = ctx.actions.declare_file("%s-%s-py3-none-any.whl" % (ctx.attr.module, ctx.attr.version))
    arguments = ctx.actions.args()
    arguments.add("--folder", folder.path)
    arguments.add("--wheel", wheel)
    arguments.add("--module", ctx.attr.module)
    arguments.add("--version", ctx.attr.version)
    arguments.add("--sources", ctx.label.package)
    arguments.add_all(ctx.files.srcs, before_each = "--source")
    arguments.add_all(ctx.files.protos, before_each = "--proto")
    ctx.actions.run(
        executable = ctx.file._packager,
        arguments = [arguments],
        inputs = ctx.files.srcs + ctx.files.protos,
        tools = [ctx.file._packager],
        outputs = [folder, wheel],
        mnemonic = "PythonPackage",
        use_default_shell_env = True,
    )
    return [DefaultInfo(
        files = depset([folder, wheel]),
        runfiles = ctx.runfiles(files = [folder, wheel]),
    )]

python_package = rule(
    implementation = _python_package_impl,
    doc = """Makes the folder `name`, to be put on PYTHONPATH, and a wheel.

    The sources keep their paths below this BUILD file's folder; the stubs are where
    their protos say, so proto/M/a/v1/b.proto becomes M/a/v1/b_pb2.py, with types
    (.pyi) and, for protos with services, b_pb2_grpc.py.
    """,
    attrs = {
        "module": attr.string(mandatory = True, doc = "Top-level name of the package."),
        "version": attr.string(mandatory = True, doc = "As in the wheel's name."),
        "srcs": attr.label_list(allow_files = True, doc = "Python sources."),
        "protos": attr.label_list(allow_files = [".proto"], doc = "Protos, imports included."),
        "_packager": attr.label(
            default = "//deploy/bazel:python_package.py",
            allow_single_file = True,
        ),
    },
)
