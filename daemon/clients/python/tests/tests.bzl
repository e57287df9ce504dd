"""Tests of the Python package with the system's Python."""

def python_package_test(name, args = [], data = [], **kwargs):
    """Runs `name`.py with the package on PYTHONPATH.

    Args:
      name: name of the test; its file is `name`.py, executable.
      args: as for sh_test.
      data: as for sh_test.
      **kwargs: as for sh_test.
    """
    native.sh_test(
        name = name,
        srcs = [name + ".py"],
        args = args,
        data = data + [
            ":support",
            "//daemon/clients/python:package",
        ],
        # Relative to the folder in which tests are started.
        env = {"PYTHONPATH": "daemon/clients/python/package"},
        **kwargs
    )
