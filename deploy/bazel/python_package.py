#!/usr/bin/python3
"""Puts sources and stubs generated from protos into a folder and into a wheel.

Called by the rule in python.bzl, which documents the result. The wheel is the same,
byte for byte, for the same input: entries are sorted and have no date of their own.
"""

import argparse
import base64
import hashlib
import os
import shutil
import subprocess
import sys
import zipfile

PROTOC = "/usr/bin/protoc"
GRPC_PLUGIN = "/usr/bin/grpc_python_plugin"
PROTO_ROOT = "proto"
NO_DATE = (1980, 1, 1, 0, 0, 0)
REQUIREMENTS = ("grpcio>=1.51", "protobuf>=4.21")


def parse_arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", required=True)
    parser.add_argument("--wheel", required=True)
    parser.add_argument("--module", required=True)
    parser.add_argument("--version", required=True)
    parser.add_argument("--sources", required=True, help="what the sources' paths lose")
    parser.add_argument("--source", action="append", default=[])
    parser.add_argument("--proto", action="append", default=[])
    return parser.parse_args()


def copy_sources(args):
    for source in args.source:
        target = os.path.join(args.folder, os.path.relpath(source, args.sources))
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copyfile(source, target)


def generate_stubs(args):
    """Stubs; only protos with a service get one for gRPC."""
    if not args.proto:
        return
    base = [PROTOC, "-I" + PROTO_ROOT, "-I/usr/include"]
    subprocess.run([*base, "--python_out=" + args.folder, "--pyi_out=" + args.folder, *args.proto],
                   check=True)
    with_service = []
    for path in args.proto:
        with open(path, encoding="utf-8") as proto:
            if any(line.startswith("service ") for line in proto):
                with_service.append(path)
    subprocess.run([*base, "--plugin=protoc-gen-grpc_python=" + GRPC_PLUGIN,
                    "--grpc_python_out=" + args.folder, *with_service], check=True)


def complete_packages(folder):
    """Folders that hold generated stubs alone are packages too."""
    for path, _, names in os.walk(folder):
        init = os.path.join(path, "__init__.py")
        if path != folder and not os.path.exists(init) and "__pycache__" not in path:
            with open(init, "w", encoding="utf-8") as out:
                out.write('"""Generated from the protos of this path."""\n')


def write_wheel(args):
    info = "%s-%s.dist-info" % (args.module, args.version)
    entries = {}
    for path, _, names in os.walk(args.folder):
        for name in names:
            full = os.path.join(path, name)
            with open(full, "rb") as content:
                entries[os.path.relpath(full, args.folder)] = content.read()
    needs = "".join("Requires-Dist: %s\n" % need for need in REQUIREMENTS)
    entries[info + "/METADATA"] = (
        "Metadata-Version: 2.1\nName: %s\nVersion: %s\nRequires-Python: >=3.8\n%s"
        % (args.module, args.version, needs)).encode()
    entries[info + "/WHEEL"] = (b"Wheel-Version: 1.0\nGenerator: ithaca\n"
                                b"Root-Is-Purelib: true\nTag: py3-none-any\n")
    record = info + "/RECORD"
    lines = ["%s,sha256=%s,%d" % (name, digest(data), len(data))
             for name, data in sorted(entries.items())]
    entries[record] = "\n".join(lines + [record + ",,"]).encode() + b"\n"
    with zipfile.ZipFile(args.wheel, "w", zipfile.ZIP_DEFLATED) as wheel:
        for name, data in sorted(entries.items()):
            entry = zipfile.ZipInfo(name, NO_DATE)
            entry.external_attr = 0o644 << 16
            wheel.writestr(entry, data, zipfile.ZIP_DEFLATED)


def digest(data):
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")


def main():
    args = parse_arguments()
    copy_sources(args)
    generate_stubs(args)
    complete_packages(args.folder)
    write_wheel(args)


if __name__ == "__main__":
    sys.exit(main())
