"""Lints and renders the chart, validates what it gives, and compares packaging/kubernetes with it. packaging/helm/test starts this."""

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import helm_python as helm
import kubernetes_validate as kubernetes
import yaml
from compose_spec import PyCompose

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "packaging/helm/imsgate"
PLAIN = ROOT / "packaging/kubernetes"
# The oldest one that Chart.yaml allows, and the newest one that the validator knows.
VERSIONS = ["1.28", kubernetes.latest_version()]
# Labels that only Helm needs.
OF_HELM = re.compile(r"^ *(app\.kubernetes\.io/managed-by|helm\.sh/chart): .*\n", re.MULTILINE)
NODE = Path(sys.argv[1])

# Values that differ from the defaults of the chart.
VARIANTS = {
    "defaults": {},
    "everything else": {
        "image": {"digest": "sha256:" + "0" * 64, "pullSecrets": [{"name": "registry"}]},
        "replicas": 1,
        "autoscaling": {"enabled": False},
        "podDisruptionBudget": {"enabled": False},
        "networkPolicy": {"clients": [{"ipBlock": {"cidr": "10.0.0.0/8"}}], "monitoring": [], "egress": []},
        "serviceMonitor": {"labels": {"release": "prometheus"}, "interval": "10s"},
        "service": {"type": "LoadBalancer", "externalTrafficPolicy": "Local", "annotations": {"a.example/b": "c"}},
        "serviceAccount": {"name": "other"},
        "env": [{"name": "IMSGATE_LISTEN__WORKERS", "value": "4"}],
        "podAnnotations": {"a.example/b": "c"},
        "podLabels": {"team": "mail"},
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "tolerations": [{"key": "a", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {}},
    },
    "nothing optional": {"networkPolicy": {"enabled": False}, "serviceMonitor": {"enabled": False}},
}
# Values that values.schema.json refuses.
MISTAKES = [
    {"replica": 3},
    {"replicas": 0},
    {"config": {"ims": {}}},
    {"config": ""},
    {"image": {"digest": "latest"}},
    {"secrets": {"existingSecret": ""}},
    {"secrets": {"files": ["../x"]}},
    {"service": {"type": "ExternalName"}},
    {"ports": {"admin": 0}},
    {"networkPolicy": {"ingress": []}},
    {"serviceMonitor": {"interval": "often"}},
]


def expect(what, good, detail=""):
    """Ends the run when the check fails."""
    if not good:
        sys.exit(f"FAILED: {what}\n{detail}")
    print(f"ok: {what}")


def render(values):
    """The manifests by file name, without those that are empty and without the notes for people."""
    with helm.Chart.load(CHART) as chart:
        files = chart.render(values, name="imsgate", namespace="imsgate")
    files = {Path(name).name: text for name, text in files.items()}
    return {name: text for name, text in files.items() if name.endswith(".yaml") and text.strip()}


def documents(files):
    return [document for text in files.values() for document in yaml.safe_load_all(text) if document]


def refused(values):
    try:
        render(values)
    except helm.HelmError:
        return True
    return False


def is_restricted(pod):
    """Whether a pod meets the Pod Security Standard `restricted`."""
    own = pod["securityContext"]
    return (
        own["runAsNonRoot"]
        and own["runAsUser"] > 0
        and own["seccompProfile"]["type"] == "RuntimeDefault"
        and not any(pod.get(name) for name in ("hostNetwork", "hostPID", "hostIPC"))
        and all(set(volume) <= {"name", "configMap", "secret", "projected", "emptyDir"} for volume in pod["volumes"])
        and all(is_restricted_container(container["securityContext"]) for container in pod["containers"])
    )


def is_restricted_container(context):
    return (
        context["allowPrivilegeEscalation"] is False
        and context["capabilities"] == {"drop": ["ALL"]}
        and context["readOnlyRootFilesystem"]
    )


def validate(document):
    """The errors that the published schemas find in a document; empty when there are none."""
    if document["kind"] == "ServiceMonitor":
        script = (
            "import { ServiceMonitor } from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/ServiceMonitor';"
            "new ServiceMonitor(JSON.parse(process.argv[1])).validate();"
        )
        command = ["node", "--input-type=module", "-e", script, json.dumps(document)]
        return subprocess.run(command, cwd=NODE.parent, capture_output=True, text=True).stderr
    for version in VERSIONS:
        try:
            kubernetes.validate(document, version, strict=True)
        except Exception as error:
            return f"{version}: {error}"
    return ""


def check_chart():
    # 1: a hint.
    findings = [finding for finding in helm.lint(CHART)["messages"] if finding["severity"] > 1]
    expect("helm lint has no warning", not findings, findings)
    for name, values in VARIANTS.items():
        for document in documents(render(values)):
            wrong = validate(document)
            expect(f"{name}: {document['kind']} {document['metadata']['name']} is valid", not wrong, wrong)
    for values in MISTAKES:
        expect(f"values.schema.json refuses {values}", refused(values))
    pods = [document["spec"]["template"]["spec"] for document in documents(render({})) if document["kind"] == "Deployment"]
    expect("the pod meets the Pod Security Standard restricted", pods and all(is_restricted(pod) for pod in pods))


def check_plain(write):
    """The plain manifests are the rendered ones."""
    wanted = {name: OF_HELM.sub("", text).strip() + "\n" for name, text in render({}).items()}
    wanted = {name: re.sub(r"^# Source: .*\n", "", text.removeprefix("---\n"), flags=re.M) for name, text in wanted.items()}
    if write:
        for name, text in wanted.items():
            (PLAIN / name).write_text(text)
    found = {path.name: path.read_text() for path in PLAIN.glob("*.yaml")}
    expect("packaging/kubernetes is what the chart gives; else: packaging/helm/test --write", found == wanted)


def check_compose():
    folder = ROOT / "packaging/container"
    # As compose does: variables get their defaults, and anchors are resolved.
    text = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", (folder / "compose.yaml").read_text())
    compose = yaml.safe_load(text)
    try:
        wrong = PyCompose.from_yaml(yaml.safe_dump(compose)).validate()
    except Exception as error:
        wrong = error
    expect("compose.yaml fits the Compose Specification", not wrong, wrong)
    for service in compose["services"].values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith(".") and not source.startswith("./secrets"):
                expect(f"compose.yaml: {source} exists", (folder / source).exists())


def check_configuration(program):
    """The configuration that the chart ships is one for this program, with the files where the chart puts them."""
    config = next(document for document in documents(render({})) if document["kind"] == "ConfigMap")
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        for name, text in {
            "imsgate.toml": config["data"]["imsgate.toml"],
            "secrets/ims_client_secret": "of-the-test",
            "secrets/redis_url": "redis://127.0.0.1:1",
            "secrets/session.key": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
        }.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(text)
            (folder / name).chmod(0o440)
        (folder / "tls").mkdir()
        pair = ["-keyout", folder / "tls/tls.key", "-out", folder / "tls/tls.crt"]
        names = ["-subj", "/CN=campaign.example.com", "-addext", "subjectAltName=DNS:campaign.example.com"]
        new = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30"]
        subprocess.run([*new, *names, *pair], check=True, capture_output=True)
        command = [program, "check", "--offline", "--json", "--config", folder / "imsgate.toml"]
        run = subprocess.run(command, capture_output=True, text=True)
        errors = [item for item in json.loads(run.stdout)["findings"] if item["severity"] == "error"] if run.stdout else run.stderr
        # A name that does not resolve here is no mistake of the file.
        errors = [item for item in errors if "resolve" not in item["message"]] if run.stdout else [errors]
        expect("imsgate check --offline finds no error in the chart's configuration", not errors, errors)


check_chart()
check_plain("--write" in sys.argv)
check_compose()
if program := os.environ.get("IMSGATE_BIN"):
    check_configuration(program)
