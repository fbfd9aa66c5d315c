"""`deploy/compose.yaml`, read by Compose itself."""

from typing import Any

import pytest
import yaml

from tests.deploy.compose import compose


def read(**environment: str) -> dict[str, Any]:
    """Return the file as Compose understands it."""
    understood: dict[str, Any] = yaml.safe_load(compose("config", **environment))
    return understood


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    found: dict[str, Any] = read()["services"]
    return found


def test_uploads_cannot_fill_the_disk_of_the_metrics(services: dict[str, Any]) -> None:
    service = services["service"]
    disks = {disk.partition(":")[0] for disk in service["tmpfs"]}
    assert disks == {"/tmp", service["environment"]["BENTOML_HOME"]}


def test_one_command_needs_no_settings_and_opens_nothing_to_others(services: dict[str, Any]) -> None:
    assert services["site"]["environment"]["SITE_PRODUCTION"] == ""
    for service in services.values():
        for port in service.get("ports", []):
            assert (port if isinstance(port, str) else port["host_ip"]).startswith("127.0.0.1")
    assert not services["postgres"].get("ports")
    assert read()["networks"]["database"]["internal"]
    assert set(services["postgres"]["networks"]) == {"database"}
    assert [name for name, one in services.items() if "database" in one.get("networks", {})] == [
        "migrate",
        "postgres",
        "site",
    ]


def test_settings_make_the_site_everybodys() -> None:
    environment = {"SITE_PRODUCTION": "1", "SITE_PROXIES": "1", "SITE_SECRET_KEY": "x" * 50, "SITE_HOSTS": "a.example"}
    services = read(**environment, TAG="2.0.0")["services"]
    for name in ("site", "migrate"):
        assert services[name]["environment"].items() >= (environment | {"SITE_HOSTS": "a.example localhost"}).items()
        assert services[name]["image"] == "music-genre-site:2.0.0"
    assert services["service"]["image"] == "music-genre-classifier:2.0.0"


def test_parts_start_in_their_order(services: dict[str, Any]) -> None:
    needs = {
        name: {other: on["condition"] for other, on in service.get("depends_on", {}).items()}
        for name, service in services.items()
    }
    assert needs == {
        "migrate": {"postgres": "service_healthy"},
        "postgres": {},
        "service": {},
        "site": {"migrate": "service_completed_successfully", "service": "service_healthy"},
    }
    assert services["migrate"]["restart"] == "no"


def test_containers_are_restricted(services: dict[str, Any]) -> None:
    for name, service in services.items():
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["mem_limit"]
        assert float(service["cpus"]) > 0
        assert any(one.startswith("/tmp") for one in service["tmpfs"])
        assert not service["image"].endswith(":latest")
        if name != "migrate":
            assert service["restart"] == "unless-stopped"
            assert service["healthcheck"]["test"][0] == "CMD"
            assert service["stop_grace_period"]


def test_the_database_outlives_its_container(services: dict[str, Any]) -> None:
    (volume,) = services["postgres"]["volumes"]
    source, target = volume.split(":")[:2] if isinstance(volume, str) else (volume["source"], volume["target"])
    assert (source, target) == ("database", "/var/lib/postgresql/data")
    assert "database" in read()["volumes"]
