"""never(): a test that one part of Ithaca does not depend on another."""

_TEST = "//tests/layout:never_test.sh"

def never(name, scope, expression, control_scope, control):
    """Makes the test `name`: the query `expression` finds nothing.

    A query that is misspelt finds nothing either, so a second query, the same
    question put where the answer is known to be yes, must find something.

    Args:
      name: name of the test.
      scope: labels that the query may look at, with all they depend on.
      expression: what must never be; a bazel query without `...` patterns.
      control_scope: as scope, for the control.
      control: as expression; must find something.
    """
    for suffix, labels, query in [
        ("_found", scope, expression),
        ("_control", control_scope, control),
    ]:
        native.genquery(
            name = name + suffix,
            testonly = True,
            expression = query,
            # Only what the code depends on, not bazel's own tools.
            opts = ["--noimplicit_deps"],
            scope = labels,
        )
    native.sh_test(
        name = name,
        size = "small",
        srcs = [_TEST],
        args = [
            "$(rootpath %s_found)" % name,
            "$(rootpath %s_control)" % name,
        ],
        data = [
            name + "_control",
            name + "_found",
        ],
    )
