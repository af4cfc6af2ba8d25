"""`cargo metadata` on standard input → CycloneDX 1.5 on standard output. See sbom.sh."""
import hashlib
import json
import sys
import tomllib
import uuid

ROOT = "automap"
metadata = json.load(sys.stdin)
packages = {p["id"]: p for p in metadata["packages"]}
nodes = {n["id"]: n for n in metadata["resolve"]["nodes"]}
with open("Cargo.lock", "rb") as lock:
    text = lock.read()
checksums = {(p["name"], p["version"]): p.get("checksum") for p in tomllib.loads(text.decode())["package"]}
root = next(i for i in metadata["workspace_members"] if packages[i]["name"] == ROOT)


def needs(node):
    """The linked crates, without build-only and test-only ones."""
    return sorted(d["pkg"] for d in nodes[node]["deps"] if any(k["kind"] is None for k in d["dep_kinds"]))


def linked():
    found, todo = set(), [root]
    while todo:
        node = todo.pop()
        if node not in found:
            found.add(node)
            # A procedural macro runs at build time, and so do its dependencies.
            todo += [d for d in needs(node) if "proc-macro" not in {k for t in packages[d]["targets"] for k in t["kind"]}]
    return found


def purl(package):
    return f"pkg:cargo/{package['name']}@{package['version']}"


def component(package):
    one = {"type": "library", "bom-ref": purl(package), "name": package["name"], "version": package["version"], "purl": purl(package), "scope": "required"}
    if package["license"]:
        # Old crates write a slash for OR.
        one["licenses"] = [{"expression": package["license"].replace(" / ", " OR ").replace("/", " OR ")}]
    checksum = checksums.get((package["name"], package["version"]))
    if checksum:
        one["hashes"] = [{"alg": "SHA-256", "content": checksum}]
    if package.get("description"):
        one["description"] = " ".join(package["description"].split())
    if package.get("repository"):
        one["externalReferences"] = [{"type": "vcs", "url": package["repository"]}]
    return one


all_linked = linked()
main = {**component(packages[root]), "type": "application"}
del main["scope"]
bom = {
    "bomFormat": "CycloneDX",
    "specVersion": "1.5",
    "serialNumber": f"urn:uuid:{uuid.UUID(bytes=hashlib.sha256(text + sys.argv[1].encode()).digest()[:16], version=4)}",
    "version": 1,
    "metadata": {"component": main, "properties": [{"name": "cargo:target", "value": sys.argv[1]}]},
    "components": sorted((component(packages[i]) for i in all_linked if i != root), key=lambda c: (c["name"], c["version"])),
    "dependencies": sorted(({"ref": purl(packages[i]), "dependsOn": [purl(packages[d]) for d in needs(i) if d in all_linked]} for i in all_linked), key=lambda d: d["ref"]),
}
json.dump(bom, sys.stdout, indent=1, ensure_ascii=False)
print()
