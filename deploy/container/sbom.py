"""The bill of materials of an image, as CycloneDX."""

import json
import uuid
from typing import Any

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from deploy.container.engine import EngineFailed, run
from deploy.licenses import licence_of

# Runs in the image, by its own Python: the packages of Python and of Debian.
_INVENTORY = """
import importlib.metadata, json, pathlib
system = dict(
    line.rstrip().replace('"', "").split("=", 1) for line in open("/etc/os-release") if "=" in line
)
status = pathlib.Path("/var/lib/dpkg/status")
packages = [
    dict(line.split(": ", 1) for line in part.splitlines() if ": " in line and not line.startswith(" "))
    for part in (status.read_text() if status.exists() else "").split("\\n\\n")
]
print(json.dumps({
    "system": system,
    "debian": [
        [package["Package"], package["Version"], package["Architecture"]]
        for package in packages if package.get("Status", "").endswith(" installed")
    ],
    "python": sorted({
        (
            one.name, one.version, one.metadata.get("License-Expression"), one.metadata.get("License"),
            tuple(one.metadata.get_all("Classifier", [])),
        )
        for one in importlib.metadata.distributions()
    }, key=str),
}))
"""


def bill_of_materials(engine: str, image: str) -> str:
    """Return all packages of Python, with their licences, and of Debian in an image, as CycloneDX 1.6 in JSON.

    Raises EngineFailed if the image cannot be run, or holds no Python.
    """
    command = [engine, "run", "--rm", "--network", "none", "--entrypoint", "python", image, "-c", _INVENTORY]
    try:
        found: dict[str, Any] = json.loads(run(command, read=True))
    except ValueError as error:
        raise EngineFailed(f"{image} did not say what is in it.") from error
    system = found["system"]
    bom = Bom(serial_number=uuid.uuid4())
    bom.metadata.component = Component(type=ComponentType.CONTAINER, name=image, bom_ref=image)
    for name, version, *terms in found["python"]:
        component = _component(name, version, PackageURL("pypi", None, name, version))
        if licence := licence_of(name, *terms):
            component.licenses.add(LicenseFactory().make_from_string(licence))
        bom.components.add(component)
    for name, version, architecture in found["debian"]:
        where = {"arch": architecture, "distro": f"{system['ID']}-{system.get('VERSION_ID', 'unstable')}"}
        bom.components.add(_component(name, version, PackageURL("deb", system["ID"], name, version, where)))
    return str(JsonV1Dot6(bom).output_as_string(indent=1))


def _component(name: str, version: str, address: PackageURL) -> Component:
    return Component(type=ComponentType.LIBRARY, name=name, version=version, purl=address, bom_ref=str(address))
