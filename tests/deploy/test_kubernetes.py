"""The manifests, built by kubectl as an operator does, and what they start, started."""

import argparse
import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path

import kubernetes_validate  # type: ignore[import-untyped]
import numpy as np
import pytest
import requests
import yaml

from benchmarks.server import Server
from benchmarks.server import serve as serve_command
from deploy.kubernetes import command
from deploy.kubernetes.render import FOLDER, OVERLAYS
from inference.bundle import MODELS, list_cards, load_bundle
from inference.classifier import GenreClassifier
from tests.deploy.cluster import Cluster, outsider
from tests.serving.server import BENTOML, ROOT, classify
from tests.site.conftest import missing
from tests.site.process import PRODUCTION, run_site
from tests.sounds import song

VERSIONS = ["1.31", kubernetes_validate.latest_version()]
# What the manifests name and do not make: whoever deploys does, as the kustomizations say.
SECRETS = {
    "one-machine": {("site", "POSTGRES_PASSWORD"), ("site", None)},
    "one-machine for everybody": {("site", "POSTGRES_PASSWORD"), ("site", None), ("site-tls", None)},
    "scale": {("site", None), ("site-tls", None)},
}
OWN = ["--registry", "registry.example.org:5000/team", "--tag", "2.0.0", "--namespace", "genres"]
HOST = "music.example.org"


@pytest.fixture(scope="module")
def kubectl() -> str:
    if not (found := shutil.which("kubectl")):
        missing("needs kubectl")
    return str(found)


def run(*arguments: str) -> int:
    """Run `python -m deploy kubernetes`."""
    parser = argparse.ArgumentParser()
    command.add_commands(parser.add_subparsers())
    asked = parser.parse_args(["kubernetes", *arguments])
    code: int = asked.run(asked)
    return code


@pytest.fixture(scope="module", params=SECRETS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def cluster(name: str, kubectl: str) -> Cluster:  # noqa: ARG001 - which renders
    """Return what the command prints, read."""
    host = [] if name == "one-machine" else ["--host", HOST]
    with redirect_stdout(io.StringIO()) as output:
        assert run("render", "--overlay", name.split()[0], *OWN, *host) == 0
    return Cluster(output.getvalue())


@pytest.mark.parametrize("version", VERSIONS)
def test_every_manifest_is_what_kubernetes_takes(cluster: Cluster, version: str) -> None:
    for manifest in cluster.manifests:
        kubernetes_validate.validate(manifest, version, strict=True)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_kubectl_builds_the_overlays_as_they_are(kubectl: str, overlay: str) -> None:
    built = subprocess.run([kubectl, "kustomize", FOLDER / overlay], capture_output=True, text=True, check=True)
    images = {container["image"] for _, container in Cluster(built.stdout).containers()}
    assert {"music-genre-classifier:0.2.0", "music-genre-site:0.2.0"} <= images
    assert not built.stderr


def test_own_images_host_and_namespace_are_everywhere(name: str, cluster: Cluster) -> None:
    images = {container["image"] for _, container in cluster.containers()} - {"postgres:17-alpine"}
    assert images == {
        f"registry.example.org:5000/team/{image}:2.0.0" for image in ("music-genre-classifier", "music-genre-site")
    }
    assert {manifest["metadata"]["namespace"] for manifest in cluster.manifests} == {"genres"}
    (settings,) = cluster.of("ConfigMap").values()
    if name == "one-machine":
        assert "SITE_PRODUCTION" not in settings["data"]
        assert not cluster.of("Ingress")
    else:
        assert settings["data"]["SITE_PRODUCTION"] == "1"
        assert HOST in settings["data"]["SITE_HOSTS"].split()
        ingress = cluster.of("Ingress")["site"]["spec"]
        assert [rule["host"] for rule in ingress["rules"]] == [HOST]
        assert [tls["hosts"] for tls in ingress["tls"]] == [[HOST]]


def test_parts_find_one_another(cluster: Cluster) -> None:
    """Every Service has pods that listen on its port; addresses, Ingress, autoscalers and budgets lead somewhere."""
    ports = {peer.name: peer.ports for peer in cluster.peers()}
    for service in cluster.of("Service").values():
        (pods,) = cluster.selected(service["spec"]["selector"])
        assert {port["targetPort"] for port in service["spec"]["ports"]} == set(ports[pods])
    environments = [dict(one.get("data", {})) for one in cluster.of("ConfigMap").values()]
    environments += [
        {one["name"]: one.get("value", "") for one in container.get("env", [])} for _, container in cluster.containers()
    ]
    addresses = re.findall(r"http://([^:]+):(\d+)", json.dumps(environments))
    assert len(addresses) == 1 + ("mel-features" in ports)
    for host, port in addresses:
        assert int(port) in [one["port"] for one in cluster.of("Service")[host]["spec"]["ports"]]
    for ingress in cluster.of("Ingress").values():
        backend = ingress["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]
        service = cluster.of("Service")[backend["name"]]
        assert backend["port"]["name"] in [port["name"] for port in service["spec"]["ports"]]
    for autoscaler in cluster.of("HorizontalPodAutoscaler").values():
        target = cluster.of(autoscaler["spec"]["scaleTargetRef"]["kind"])[autoscaler["spec"]["scaleTargetRef"]["name"]]
        # Else each apply would undo what the autoscaler did.
        assert "replicas" not in target["spec"]
        assert autoscaler["spec"]["minReplicas"] > 1
    for budget in cluster.of("PodDisruptionBudget").values():
        assert len(cluster.selected(budget["spec"]["selector"]["matchLabels"])) == 1
    for workload in cluster.workloads().values():
        spec = workload["spec"]
        labels = spec["template"]["metadata"]["labels"].items()
        assert spec.get("selector", {"matchLabels": {}})["matchLabels"].items() <= labels
        for spread in spec["template"]["spec"].get("topologySpreadConstraints", []):
            assert spread["labelSelector"]["matchLabels"].items() <= labels


def test_what_is_scaled_has_an_autoscaler_and_all_that_stays_a_budget(name: str, cluster: Cluster) -> None:
    autoscalers = cluster.of("HorizontalPodAutoscaler")
    if name != "scale":
        assert not autoscalers
        return
    assert set(autoscalers) == {"genre-service", "mel-features"}
    for autoscaler in autoscalers.values():
        assert {metric["type"] for metric in autoscaler["spec"]["metrics"]} == {"Resource", "Pods"}
    assert set(cluster.of("PodDisruptionBudget")) == set(cluster.of("Deployment"))


def test_every_name_of_a_secret_or_setting_is_made_or_documented(name: str, cluster: Cluster) -> None:
    secrets: set[tuple[str, str | None]] = set()
    settings = set()
    for _, container in cluster.containers():
        for source in container.get("envFrom", []):
            secrets |= {(source["secretRef"]["name"], None)} if "secretRef" in source else set()
            settings |= {source["configMapRef"]["name"]} if "configMapRef" in source else set()
        for variable in container.get("env", []):
            key = variable.get("valueFrom", {}).get("secretKeyRef")
            secrets |= {(key["name"], key["key"])} if key else set()
    for ingress in cluster.of("Ingress").values():
        secrets |= {(tls["secretName"], None) for tls in ingress["spec"]["tls"]}
    assert settings == set(cluster.of("ConfigMap"))
    assert secrets == SECRETS[name]
    assert not cluster.of("Secret")
    documented = "".join(path.read_text() for path in FOLDER.rglob("kustomization.yaml"))
    assert all(f'"{secret}"' in documented and (key or "") in documented for secret, key in secrets)


def test_only_the_ways_that_are_needed_are_open(name: str, cluster: Cluster) -> None:
    allowed = cluster.allowed(outsider("monitoring"), outsider("ingress-nginx"), outsider("elsewhere"))
    expected = {("site", "genre-service", 3000), ("monitoring", "genre-service", 3000)}
    if name == "scale":
        expected |= {("genre-service", "mel-features", 3000), ("monitoring", "mel-features", 3000)}
    else:
        expected |= {("site", "postgres", 5432), ("migrate", "postgres", 5432)}
    if name != "one-machine":
        expected |= {("ingress-nginx", "site", 8000)}
    assert allowed == expected
    for pod in cluster.peers():
        assert cluster.allows(pod, outsider("kube-system"), 53, "UDP")
        assert not cluster.allows(pod, outsider("kube-system"), 443)
        outside = pod.name in ("migrate", "site") and name == "scale"
        assert cluster.allows(pod, outsider("elsewhere"), 5432) == outside
        assert not cluster.allows(pod, outsider("elsewhere"), 443)


def test_pods_are_restricted(cluster: Cluster) -> None:
    """As the Pod Security Standard "restricted" asks, and with a root that is only read."""
    for name in cluster.workloads():
        pod = cluster.pod(name)
        assert pod["automountServiceAccountToken"] is pod["enableServiceLinks"] is False
        assert pod["securityContext"]["runAsNonRoot"]
        assert pod["securityContext"]["runAsUser"] == pod["securityContext"]["fsGroup"] > 0
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for volume in pod.get("volumes", []):
            assert "sizeLimit" in volume["emptyDir"]
    for _, container in cluster.containers():
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert "/tmp" in [mount["mountPath"] for mount in container["volumeMounts"]]
        assert all(set(container["resources"][bound]) == {"cpu", "memory"} for bound in ("requests", "limits"))
        tag = container["image"].rpartition(":")[2]
        assert "/" not in tag
        assert tag != "latest"


def test_what_stays_is_probed_and_ends_gently(cluster: Cluster) -> None:
    for name in cluster.of("Deployment").keys() | cluster.of("StatefulSet").keys():
        (container,) = cluster.pod(name)["containers"]
        ports = {port["name"] for port in container["ports"]}
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            assert "exec" in container[probe] or container[probe]["httpGet"]["port"] in ports
        grace, song = cluster.pod(name)["terminationGracePeriodSeconds"], 60
        if name != "postgres":
            assert grace >= song + container["lifecycle"]["preStop"]["sleep"]["seconds"]


def test_a_wrong_option_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    for option, value, message in [
        ("--tag", "latest", "'latest' is not a tag other than latest"),
        ("--tag", "a b", "'a b' is not a tag"),
        ("--host", "https://music.example.org", "is not a host name"),
        ("--namespace", "My_Genres", "is not a namespace"),
        ("--registry", "https://registry.example.org", "is not a registry"),
        ("--overlay", "base", "choose from"),
    ]:
        with pytest.raises(SystemExit) as stopped:
            run("render", "--overlay", "scale", "--host", HOST, option, value)
        assert stopped.value.code == 2
        assert message in capsys.readouterr().err


def test_scale_asks_for_a_host(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("render", "--overlay", "scale") == 2
    assert "--host" in capsys.readouterr().err


def test_without_kubectl_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert run("render", "--overlay", "one-machine") == 1
    printed = capsys.readouterr()
    assert not printed.out
    assert "Install version 1.27" in printed.err


def test_what_kubectl_says_is_passed_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = tmp_path / "kubectl"
    old.write_text("#!/bin/sh\necho 'json: unknown field components' >&2\nexit 1\n")
    old.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert run("render", "--overlay", "one-machine") == 1
    assert "1.27 or newer, made no manifests: json: unknown field components" in capsys.readouterr().err


@pytest.fixture(scope="module")
def scale(kubectl: str) -> Cluster:
    built = subprocess.run([kubectl, "kustomize", FOLDER / "scale"], capture_output=True, text=True, check=True)
    return Cluster(built.stdout)


@pytest.fixture(scope="module")
def bento(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a Bento, which is what the image holds."""
    home = tmp_path_factory.mktemp("home")
    environment = os.environ | {"BENTOML_HOME": str(home), "BENTOML_DO_NOT_TRACK": "True"}
    subprocess.run([BENTOML, "build"], cwd=ROOT, env=environment, capture_output=True, check=True)
    (folder,) = home.glob("bentos/*/*/bento.yaml")
    return folder.parent


def started(scale: Cluster, name: str, bento: Path, folder: Path, **settings: str) -> Iterator[Server]:
    """Run a container of the service as the image's entry point does, with what the manifests give it."""
    (container,) = scale.pod(name)["containers"]
    environment = {one["name"]: one["value"] for one in container["env"]} | {
        "HOME": str(folder),
        "BENTOML_HOME": str(folder / name),
        "BENTOML_DO_NOT_TRACK": "True",
        "BENTO_PATH": str(bento),
        "PATH": f"{BENTOML.parent}:{os.environ['PATH']}",
    }
    entry: list[str | Path] = ["bash", bento / "env" / "docker" / "entrypoint.sh", *container.get("args", [])]
    here = ["--host", "127.0.0.1", "--port", "{port}"]
    with serve_command([*entry, *here], bento, folder / f"{name}.log", **environment | settings) as server:
        yield server


@pytest.fixture(scope="module")
def mel_features(scale: Cluster, bento: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    yield from started(scale, "mel-features", bento, tmp_path_factory.mktemp("mel"))


@pytest.fixture(scope="module")
def genre_service(
    scale: Cluster, bento: Path, mel_features: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    where = {"GENRE_MEL_FEATURES": mel_features.url}
    yield from started(scale, "genre-service", bento, tmp_path_factory.mktemp("genre"), **where)


@pytest.mark.slow
def test_the_two_services_of_a_bento_answer_as_one_does(genre_service: Server, mel_features: Server) -> None:
    audio = song(12, "mp3")
    answer = classify(genre_service, audio)
    assert answer.status_code == 200
    expected = GenreClassifier(load_bundle(MODELS / next(iter(list_cards())))).classify(audio)
    for genre, probability in expected.probabilities.items():
        assert np.isclose(answer.json()["probabilities"][genre], probability, atol=1e-6)
    metrics = requests.get(f"{mel_features.url}/metrics", timeout=10).text
    assert 'endpoint="/windows"' in metrics


def test_the_services_answer_their_probes_and_export_what_the_autoscalers_follow(
    scale: Cluster, genre_service: Server, mel_features: Server
) -> None:
    values = yaml.safe_load((FOLDER / "scale" / "prometheus-adapter.yaml").read_text())
    (rule,) = values["rules"]["custom"]
    for name, server in (("genre-service", genre_service), ("mel-features", mel_features)):
        (container,) = scale.pod(name)["containers"]
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            assert requests.get(server.url + container[probe]["httpGet"]["path"], timeout=10).ok
        metrics = requests.get(f"{server.url}/metrics", timeout=10).text
        assert f"\n{rule['seriesQuery'].partition('{')[0]}{{" in metrics
        followed = scale.of("HorizontalPodAutoscaler")[name]["spec"]["metrics"][1]["pods"]["metric"]["name"]
        assert followed == rule["name"]["as"]


def test_the_site_answers_its_probes_and_no_other_hosts(scale: Cluster, tmp_path: Path) -> None:
    (settings,) = scale.of("ConfigMap").values()
    # The test itself waits until 127.0.0.1 is ready.
    environment = settings["data"] | {"SITE_HOSTS": settings["data"]["SITE_HOSTS"] + " 127.0.0.1"}
    del environment["SITE_DATA"]
    with run_site(tmp_path, **environment, SITE_SECRET_KEY=PRODUCTION["SITE_SECRET_KEY"]) as site:
        (container,) = scale.pod("site")["containers"]
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            request = container[probe]["httpGet"]
            headers = {header["name"]: header["value"] for header in request["httpHeaders"]}
            assert requests.get(site.url + request["path"], headers=headers, timeout=10).ok
        # As a probe without the header would ask.
        assert requests.get(f"{site.url}/livez", headers={"Host": "10.0.0.7:8000"}, timeout=10).status_code == 400


def test_pods_of_the_site_wait_for_the_migration(scale: Cluster, tmp_path: Path) -> None:
    (wait,) = scale.pod("site")["initContainers"]
    (migrate,) = scale.pod("migrate")["containers"]

    def exit_code(container: dict[str, list[str]]) -> int:
        python, *arguments = container["command"]
        assert python == "python"
        environment = os.environ | {"SITE_DATA": str(tmp_path)}
        return subprocess.run(
            [sys.executable, *arguments], cwd=ROOT, env=environment, capture_output=True, check=False
        ).returncode

    assert [exit_code(wait), exit_code(migrate), exit_code(wait)] == [1, 0, 0]
