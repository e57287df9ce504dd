#!/usr/bin/env python3
"""Makes the protos of etcd's API that we use out of those that etcd ships.

  make_protos.py RPC_OUT KV_OUT IMPORT_OF_KV

etcd's own files (Debian: golang-etcd-server-dev) carry options for Go and for a
REST gateway, which would need two more packages of protos. Those options, and
the services and messages that the daemon has no use for, are left out; what is
on the wire stays as etcd defines it.
"""

import re
import sys

# Where etcd 3.4, and 3.5 and later, keep their files.
ROOTS = (
    "/usr/share/gocode/src/go.etcd.io/etcd/",
    "/usr/share/gocode/src/go.etcd.io/etcd/api/v3/",
    "/usr/share/gocode/src/go.etcd.io/etcd/api/",
)
RPC = ("etcdserver/etcdserverpb/rpc.proto", "etcdserverpb/rpc.proto")
KV = ("mvcc/mvccpb/kv.proto", "mvccpb/kv.proto")

SERVICES = ("KV", "Watch", "Lease", "Maintenance")


def read(names):
    tried = [root + name for root in ROOTS for name in names]
    for path in tried:
        try:
            with open(path, encoding="utf-8") as file:
                return file.read()
        except OSError:
            continue
    sys.exit(
        "etcd's protos are not on this machine; install the package "
        "golang-etcd-server-dev (deploy/bootstrap does). Looked for:\n  "
        + "\n  ".join(tried)
    )


def end_of_block(text, start):
    """Index after the brace that closes the first one opened after `start`."""
    depth = 0
    for i in range(text.index("{", start), len(text)):
        depth += {"{": 1, "}": -1}.get(text[i], 0)
        if depth == 0:
            return i + 1
    sys.exit("etcd's protos: a block does not end")


def without_foreign_options(text):
    text = re.sub(r"//[^\n]*", "", text)
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    # Options of a field: [(gogoproto.nullable) = false].
    text = re.sub(r"\s*\[\s*\([^\]]*\]", "", text)
    while True:
        option = re.search(r"option\s*\([\w.]+\)[\w.]*\s*=\s*", text)
        if option is None:
            return text
        block = text[option.end()] == "{"
        end = end_of_block(text, option.end()) if block else option.end()
        end = text.index(";", end) + 1
        text = text[: option.start()] + text[end:]


def is_wanted(kind, name, body):
    if kind == "service":
        return name in SERVICES
    return not name.startswith("Auth") and "authpb." not in body


def make(text, package, imports):
    """The wanted blocks of a file under a head of our own."""
    text = without_foreign_options(text)
    out = ['syntax = "proto3";', "package %s;" % package]
    out += ['import "%s";' % name for name in imports]
    at = 0
    for block in re.finditer(r"^(service|message|enum)\s+(\w+)", text, re.MULTILINE):
        if block.start() < at:
            continue
        at = end_of_block(text, block.start())
        body = text[block.start() : at]
        if is_wanted(block.group(1), block.group(2), body):
            out.append(body)
    return "\n".join(out) + "\n"


def main():
    rpc_out, kv_out, import_of_kv = sys.argv[1:]
    with open(kv_out, "w", encoding="utf-8") as file:
        file.write(make(read(KV), "mvccpb", []))
    with open(rpc_out, "w", encoding="utf-8") as file:
        file.write(make(read(RPC), "etcdserverpb", [import_of_kv]))


if __name__ == "__main__":
    main()
