"""Writes or verifies the provenance of a release: an in-toto statement with the predicate of SLSA 1.0, in JSON.

Usage: provenance.py write FOLDER FILE; provenance.py verify FOLDER FILE. It names every file of the folder with its SHA-256, the commit, the
compiler and the commands. It says how the release was built. The signature of SHA256SUMS proves who wrote it.
"""

import hashlib
import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STATEMENT, PREDICATE = "https://in-toto.io/Statement/v1", "https://slsa.dev/provenance/v1"
# Files that are written after the provenance.
LATER = re.compile(r"SHA256SUMS|SHA256SUMS\.sig|.*\.intoto\.json")


def run(*command):
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


def subjects(folder):
    files = sorted(path for path in folder.iterdir() if not LATER.fullmatch(path.name))
    digest = lambda path: hashlib.sha256(path.read_bytes()).hexdigest()
    return [{"name": path.name, "digest": {"sha256": digest(path)}} for path in files]


def write(folder, file):
    when = datetime.fromtimestamp(int(os.environ["SOURCE_DATE_EPOCH"]), UTC).isoformat().replace("+00:00", "Z")
    source = {"name": "imsgate", "digest": {"gitCommit": run("git", "rev-parse", "HEAD")}}
    lock = {"name": "Cargo.lock", "digest": {"sha256": hashlib.sha256((ROOT / "Cargo.lock").read_bytes()).hexdigest()}}
    statement = {
        "_type": STATEMENT,
        "subject": subjects(folder),
        "predicateType": PREDICATE,
        "predicate": {
            "buildDefinition": {
                "buildType": "urn:imsgate:release:v1",
                "externalParameters": {"commands": ["packaging/static/build", "packaging/debian/build", "packaging/release/make"]},
                "internalParameters": {"rustc": run("rustc", "--version", "--verbose").splitlines()},
                "resolvedDependencies": [source, lock],
            },
            # The time of the commit, so that the same commit gives the same file.
            "runDetails": {
                "builder": {"id": os.environ.get("IMSGATE_BUILDER", "urn:imsgate:builder:maintainer")},
                "metadata": {"finishedOn": when},
            },
        },
    }
    file.write_text(json.dumps(statement, indent=2) + "\n")


def verify(folder, file):
    statement = json.loads(file.read_text())
    if (statement["_type"], statement["predicateType"]) != (STATEMENT, PREDICATE):
        sys.exit(f"{file} is no provenance of SLSA 1.0")
    if statement["subject"] != subjects(folder):
        sys.exit(f"{file} is about other files")
    sources = statement["predicate"]["buildDefinition"]["resolvedDependencies"]
    print(f"ok: the provenance is about these files, built from commit {sources[0]['digest']['gitCommit']}")


{"write": write, "verify": verify}[sys.argv[1]](*map(Path, sys.argv[2:]))
