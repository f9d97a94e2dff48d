"""Writes the SBOM of the program: every crate that is compiled into it, as CycloneDX 1.6 in JSON.

Usage: sbom.py TARGET OUTPUT; for instance x86_64-unknown-linux-musl. Needs cargo, and cyclonedx-python-lib[json-validation] from PyPI. The same
Cargo.lock gives the same bytes. Build-time crates (build scripts, procedural macros and tests) are left out: they are not in the program.
"""

import json
import os
import subprocess
import sys
import tomllib
import uuid
from datetime import UTC, datetime
from pathlib import Path

from cyclonedx.contrib.hash.factories import HashTypeFactory
from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

ROOT = Path(__file__).resolve().parents[2]


def main(target, output):
    metadata = json.loads(run("cargo", "metadata", "--format-version=1", "--locked", "--filter-platform", target))
    packages = {package["id"]: package for package in metadata["packages"]}
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    checksums, linked = lock_checksums(), linked_crates(target)
    root = metadata["resolve"]["root"]
    components, queue = {root: component(packages[root], None, ComponentType.APPLICATION)}, [root]
    edges = {}
    while queue:
        package = queue.pop()
        dependencies = [dependency["pkg"] for dependency in nodes[package]["deps"]]
        edges[package] = [one for one in dependencies if (packages[one]["name"], packages[one]["version"]) in linked]
        for dependency in edges[package]:
            if dependency not in components:
                found = packages[dependency]
                components[dependency] = component(found, checksums.get((found["name"], found["version"])))
                queue.append(dependency)
    bom = Bom(components=[one for package, one in components.items() if package != root])
    bom.metadata.component = components[root]
    commit = run("git", "rev-parse", "HEAD").strip()
    bom.serial_number = uuid.uuid5(uuid.NAMESPACE_URL, f"imsgate/{commit}/{target}")
    when = int(os.environ.get("SOURCE_DATE_EPOCH") or run("git", "log", "-1", "--format=%ct"))
    bom.metadata.timestamp = datetime.fromtimestamp(when, UTC)
    for package, dependencies in edges.items():
        bom.register_dependency(components[package], [components[dependency] for dependency in dependencies])
    text = JsonV1Dot6(bom).output_as_string(indent=2)
    wrong = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if wrong:
        sys.exit(f"the SBOM is not valid: {wrong}")
    Path(output).write_text(text + "\n")
    print(f"{output}: {len(components) - 1} crates")


def linked_crates(target):
    """Name and version of each crate that is linked into the program. `cargo metadata` also lists what only tests turn on."""
    edges = ["--edges", "normal,no-proc-macro", "--no-dedupe", "--prefix", "none", "--format", "{p}"]
    lines = run("cargo", "tree", "--locked", "--target", target, *edges).splitlines()
    words = [line.split() for line in lines if line]
    return {(name, version.removeprefix("v")) for name, version, *_ in words}


def component(package, checksum, kind=ComponentType.LIBRARY):
    name, version = package["name"], package["version"]
    purl = PackageURL("cargo", name=name, version=version)
    # Cargo allowed `/` for OR once.
    licence = (package["license"] or "").replace("/", " OR ")
    return Component(
        type=kind,
        name=name,
        version=version,
        bom_ref=str(purl),
        purl=purl,
        licenses=[LicenseFactory().make_from_string(licence)] if licence else [],
        hashes=[HashTypeFactory().from_composite_str(f"sha256:{checksum}")] if checksum else [],
    )


def lock_checksums():
    """SHA-256 of each crate's archive, from Cargo.lock."""
    lock = tomllib.loads((ROOT / "Cargo.lock").read_text())
    return {(package["name"], package["version"]): package.get("checksum") for package in lock["package"]}


def run(*command):
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


main(*sys.argv[1:])
