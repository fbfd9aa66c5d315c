"""The manifests of an overlay, with somebody's own images, host and namespace in them."""

import json
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent
ONE_MACHINE, SCALE = OVERLAYS = ("one-machine", "scale")
IMAGES = ("music-genre-classifier", "music-genre-site")
_TIMEOUT_SECONDS = 60


class CannotRender(Exception):
    """The manifests cannot be made; the message has the reason and the remedy."""


@dataclass(frozen=True)
class Wanted:
    """Options of the manifests; None leaves the overlay's value.

    `registry` is where the images are, `tag` their version, `host` where everybody finds the site.
    """

    overlay: str
    registry: str | None = None
    tag: str | None = None
    host: str | None = None
    namespace: str | None = None


def render(wanted: Wanted) -> str:
    """Return the manifests as one stream of YAML; raise CannotRender if kubectl is missing or fails."""
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        raise CannotRender("kubectl, which makes the manifests, is missing. Install version 1.27 or newer.")
    with tempfile.TemporaryDirectory() as name:
        # kustomize takes folders by relative paths only, and resolves links first.
        folder = Path(name).resolve()
        # JSON is YAML.
        (folder / "kustomization.yaml").write_text(json.dumps(_kustomization(wanted, folder)), encoding="utf-8")
        try:
            made = subprocess.run(  # noqa: S603 - no shell
                [kubectl, "kustomize", folder], capture_output=True, text=True, check=False, timeout=_TIMEOUT_SECONDS
            )
        except subprocess.TimeoutExpired as error:
            raise CannotRender(f"kubectl made no manifests in {_TIMEOUT_SECONDS} seconds. Try again.") from error
    if made.returncode:
        raise CannotRender(f"kubectl, which must be 1.27 or newer, made no manifests: {made.stderr.strip()}")
    return made.stdout


def _kustomization(wanted: Wanted, folder: Path) -> dict[str, Any]:
    """Return a kustomization over the overlay that sets the options, to be read in a folder."""
    registry = f"{wanted.registry}/" if wanted.registry else ""
    made: dict[str, Any] = {
        "resources": [os.path.relpath(FOLDER / wanted.overlay, folder)],
        "images": [{"name": image, "newName": registry + image} for image in IMAGES],
    }
    if wanted.tag:
        made["images"] = [image | {"newTag": wanted.tag} for image in made["images"]]
    if wanted.namespace:
        made["namespace"] = wanted.namespace
    if wanted.host:
        if wanted.overlay == ONE_MACHINE:
            made["components"] = [os.path.relpath(FOLDER / "public", folder)]
        # localhost is what the probes ask for.
        made["patches"] = [
            _replacement("ConfigMap", {"/data/SITE_HOSTS": f"{wanted.host} localhost"}),
            _replacement("Ingress", {"/spec/rules/0/host": wanted.host, "/spec/tls/0/hosts/0": wanted.host}),
        ]
    return made


def _replacement(kind: str, values: dict[str, str]) -> dict[str, Any]:
    """Return the patch that puts values at their paths into the site's manifest of a kind."""
    patch = [{"op": "replace", "path": path, "value": value} for path, value in values.items()]
    return {"target": {"kind": kind, "name": "site"}, "patch": json.dumps(patch)}
