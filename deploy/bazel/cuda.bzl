"""Finds a CUDA toolkit when the workspace is loaded.

cuda_configure(name = "local_cuda") makes @local_cuda//:defs.bzl with HAVE_CUDA
(bool) and NVCC (path), and @local_cuda//:headers. The toolkit is the one at
$CUDA_HOME, else /usr/local/cuda; without one HAVE_CUDA is False and every
target but those below kernels/cuda still builds.
"""

def _cuda_configure_impl(ctx):
    root = ctx.os.environ.get("CUDA_HOME", "") or "/usr/local/cuda"
    nvcc = ctx.path(root + "/bin/nvcc")
    found = nvcc.exists
    ctx.file("defs.bzl", 'HAVE_CUDA = {}\nNVCC = "{}"\nCUDA_HOME = "{}"\n'.format(
        found,
        nvcc if found else "",
        root if found else "",
    ))
    if found:
        ctx.symlink(root + "/include", "include")
    headers = 'glob(["include/**/*.h", "include/**/*.hpp", "include/**/*.inl"])' if found else "[]"
    ctx.file("BUILD", """
cc_library(
    name = "headers",
    hdrs = {},
    includes = ["include"],
    visibility = ["//visibility:public"],
)
""".format(headers))

cuda_configure = repository_rule(
    implementation = _cuda_configure_impl,
    environ = ["CUDA_HOME"],
    local = True,
)
