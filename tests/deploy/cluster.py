"""What manifests say, read as a cluster would: which pods there are, and who may talk to whom."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import yaml

Manifest = dict[str, Any]


@dataclass(frozen=True)
class Peer:
    """A pod, by its labels and those of its namespace; or somebody elsewhere."""

    name: str
    labels: dict[str, str]
    namespace: dict[str, str]
    ports: dict[str, int]


HERE = {"kubernetes.io/metadata.name": "here"}


def outsider(namespace: str) -> Peer:
    """Return a pod of another namespace that listens nowhere in particular."""
    return Peer(namespace, {}, {"kubernetes.io/metadata.name": namespace}, {})


class Cluster:
    """The manifests of one stream of YAML."""

    def __init__(self, stream: str) -> None:
        self.manifests: list[Manifest] = list(yaml.safe_load_all(stream))

    def of(self, kind: str) -> dict[str, Manifest]:
        """Return the manifests of a kind, by name."""
        return {one["metadata"]["name"]: one for one in self.manifests if one["kind"] == kind}

    def workloads(self) -> dict[str, Manifest]:
        """Return everything that has pods, by name."""
        return {one["metadata"]["name"]: one for one in self.manifests if "template" in one.get("spec", {})}

    def pod(self, name: str) -> Manifest:
        """Return the spec of a workload's pods."""
        spec: Manifest = self.workloads()[name]["spec"]["template"]["spec"]
        return spec

    def containers(self) -> Iterator[tuple[str, Manifest]]:
        """Yield every container, those that come before others included, with its workload's name."""
        for name in self.workloads():
            for container in [*self.pod(name).get("initContainers", []), *self.pod(name)["containers"]]:
                yield name, container

    def selected(self, labels: dict[str, str]) -> set[str]:
        """Return the names of the workloads whose pods have all of these labels."""
        return {peer.name for peer in self.peers() if labels.items() <= peer.labels.items()}

    def peers(self) -> list[Peer]:
        """Return the pods as those that talk to one another."""
        return [
            Peer(
                name,
                workload["spec"]["template"]["metadata"]["labels"],
                HERE,
                {
                    port["name"]: port["containerPort"]
                    for container in self.pod(name)["containers"]
                    for port in container.get("ports", [])
                },
            )
            for name, workload in self.workloads().items()
        ]

    def allowed(self, *outsiders: Peer) -> set[tuple[str, str, int]]:
        """Return every way that the policies allow: from whom, to whom, and to which port."""
        pods = self.peers()
        ways = product([*pods, *outsiders], pods)
        return {
            (source.name, target.name, port)
            for source, target in ways
            if source != target
            for port in target.ports.values()
            if self.allows(source, target, port)
        }

    def allows(self, source: Peer, target: Peer, port: int, protocol: str = "TCP") -> bool:
        """Return whether the policies at both ends let one through to the other."""
        return self._passes("Egress", source, target, target, port, protocol) and self._passes(
            "Ingress", target, source, target, port, protocol
        )

    def _passes(self, way: str, pod: Peer, other: Peer, target: Peer, port: int, protocol: str) -> bool:
        """Return whether a pod's policies let it talk this way; somebody elsewhere has none."""
        specs = [
            policy["spec"]
            for policy in self.of("NetworkPolicy").values()
            if pod.namespace == HERE and way in policy["spec"]["policyTypes"]
        ]
        specs = [spec for spec in specs if _matches(spec["podSelector"], pod.labels)]
        others = {"Egress": "to", "Ingress": "from"}[way]
        return not specs or any(
            _has_peer(rule.get(others), other) and _has_port(rule.get("ports"), target, port, protocol)
            for spec in specs
            for rule in spec.get(way.lower(), [])
        )


def _has_peer(peers: list[Manifest] | None, other: Peer) -> bool:
    return peers is None or any(
        _matches(peer["namespaceSelector"], other.namespace)
        if "namespaceSelector" in peer
        else other.namespace == HERE and _matches(peer["podSelector"], other.labels)
        for peer in peers
    )


def _has_port(ports: list[Manifest] | None, target: Peer, port: int, protocol: str) -> bool:
    return ports is None or any(
        target.ports.get(one["port"], one["port"]) == port and one.get("protocol", "TCP") == protocol for one in ports
    )


def _matches(selector: Manifest, labels: dict[str, str]) -> bool:
    wanted = selector.get("matchLabels", {})
    one_of = selector.get("matchExpressions", [])
    assert all(expression["operator"] == "In" for expression in one_of)
    return wanted.items() <= labels.items() and all(labels.get(one["key"]) in one["values"] for one in one_of)
