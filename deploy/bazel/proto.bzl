"""C++ stubs from .proto files with the distribution's protoc and gRPC plugin."""

def cc_proto(name, srcs, deps = [], grpc = False, visibility = None):
    """A cc_library of the messages (and, with grpc, the services) of `srcs`.

    Include them by their path from the top of the repository. The file
    `<name>_descriptor.bin` holds the descriptor set with comments and imports.

    Args:
      name: name of the library.
      srcs: .proto files of this package; their paths are their import paths
        below the folder `proto`.
      deps: other cc_proto targets whose files these import.
      grpc: whether to generate service stubs too.
      visibility: as everywhere.
    """
    stems = [s[:-len(".proto")] for s in srcs]
    outs = [s + ".pb.h" for s in stems] + [s + ".pb.cc" for s in stems]
    plugin = ""
    if grpc:
        outs += [s + ".grpc.pb.h" for s in stems] + [s + ".grpc.pb.cc" for s in stems]
        plugin = "--plugin=protoc-gen-grpc=/usr/bin/grpc_cpp_plugin --grpc_out=$(GENDIR)/proto"
    dep_srcs = [d + "_srcs" for d in deps]
    native.filegroup(
        name = name + "_srcs",
        srcs = srcs + dep_srcs,
        visibility = visibility,
    )
    native.genrule(
        name = name + "_gen",
        visibility = visibility,
        srcs = srcs + dep_srcs,
        outs = outs + [name + "_descriptor.bin"],
        cmd = ("/usr/bin/protoc -Iproto -I/usr/include --cpp_out=$(GENDIR)/proto " + plugin +
               " --include_imports --include_source_info" +
               " --descriptor_set_out=$(location " + name + "_descriptor.bin) " +
               " ".join(["$(locations %s)" % s for s in srcs])),
    )
    native.cc_library(
        name = name,
        srcs = [o for o in outs if o.endswith(".cc")],
        hdrs = [o for o in outs if o.endswith(".h")],
        strip_include_prefix = "/proto",
        copts = ["-w"],
        visibility = visibility,
        deps = deps + [
            "//deploy/bazel/system:grpc" if grpc else "//deploy/bazel/system:protobuf",
        ],
    )
