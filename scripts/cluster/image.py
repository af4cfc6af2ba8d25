#!/usr/bin/env python3
"""Container images without a builder or a registry: a tar file that `ctr images import` takes.

    image.py NAME OUT.tar ENTRYPOINT_JSON [--env NAME=VALUE]... [--dir PATH]... SOURCE:TARGET...

Every SOURCE is a program or a file. The libraries that a program is linked to are included, at the paths where the loader expects them.
"""

import argparse
import hashlib
import io
import json
import os
import re
import subprocess
import tarfile


def libraries(program):
    """Shared libraries and the loader, as paths of this machine; none for static programs and plain files."""
    told = subprocess.run(["ldd", program], capture_output=True, text=True, check=False)
    return sorted(set(re.findall(r"(?:=> |^\s*)(/\S+) \(0x", told.stdout, re.MULTILINE)))


def layer(files, directories):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        seen = set()

        def make(path, mode=0o755):
            path = path.strip("/")
            if not path or path in seen:
                return
            make(os.path.dirname(path))
            seen.add(path)
            info = tarfile.TarInfo(path)
            info.type, info.mode = tarfile.DIRTYPE, mode
            archive.addfile(info)

        for path in directories:
            make(path, 0o1777)
        for target, source in sorted(files.items()):
            make(os.path.dirname(target))
            with open(source, "rb") as file:
                body = file.read()
            info = tarfile.TarInfo(target.strip("/"))
            info.size, info.mode = len(body), 0o755
            archive.addfile(info, io.BytesIO(body))
    return out.getvalue()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("name")
    parser.add_argument("out")
    parser.add_argument("entrypoint")
    parser.add_argument("--env", action="append", default=[])
    parser.add_argument("--dir", action="append", default=[])
    parser.add_argument("files", nargs="+")
    args = parser.parse_args()

    files = dict(reversed(entry.split(":", 1)) for entry in args.files)
    for source in list(files.values()):
        files.update({library: library for library in libraries(source)})
    body = layer(files, ["/tmp", *args.dir])
    digest = hashlib.sha256(body).hexdigest()
    config = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Entrypoint": json.loads(args.entrypoint), "Env": args.env or ["PATH=/bin"]},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
        }
    ).encode()
    config_name = f"{hashlib.sha256(config).hexdigest()}.json"
    manifest = [{"Config": config_name, "RepoTags": [args.name], "Layers": [f"{digest}/layer.tar"]}]
    with tarfile.open(args.out, "w") as image:
        for name, content in ((f"{digest}/layer.tar", body), (config_name, config), ("manifest.json", json.dumps(manifest).encode())):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            image.addfile(info, io.BytesIO(content))


main()
