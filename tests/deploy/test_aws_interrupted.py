"""`python -m deploy aws`, stopped or killed anywhere, or twice at once: the same command goes on from there."""

import os
import signal
from typing import Any

import pytest

from tests.deploy.cloud import Cloud
from tests.moto_server import Answer, Request, refusal

FIRST = ("--http", "url", "--cors-origin", "https://songs.example", "--concurrency", "5")
SECOND = ("--http", "api", "--memory", "2048")
UNCHANGED = "0 to create, 0 to change, 0 to remove, 7 unchanged."


class Stop:
    """Lets so many changes happen, and then refuses whatever is asked: as for a process that is no more."""

    def __init__(self, changes: int) -> None:
        self.left = changes

    def __call__(self, request: Request) -> Answer | None:
        if self.left < 0:
            return refusal(request, 400, "Stopped", "by the test")
        self.left -= request.changes
        return refusal(request, 400, "Stopped", "by the test") if self.left < 0 else None


class Kill:
    """Kills a process as soon as AWS has made so many changes for it, before it hears of the last one."""

    def __init__(self, changes: int) -> None:
        self.left = changes
        self.process: Any = None

    def __call__(self, request: Request) -> Answer | None:
        if request.changes and self.process:
            self.left -= 1
            if self.left == 0:
                os.kill(self.process.pid, signal.SIGKILL)
        return None


def changes_of(cloud: Cloud, *arguments: str) -> int:
    """Return how many changes a command makes."""
    made = []
    cloud.front.before = lambda request: made.append(request) if request.changes else None
    assert cloud.aws(*arguments)[0] == 0
    cloud.front.before = None
    return len(made)


@pytest.mark.slow
def test_a_change_stopped_after_any_of_its_steps_is_completed_by_the_same_command(cloud: Cloud) -> None:
    """From one deployment to a quite different one, back and forth, stopped one step later each time."""
    first = ("apply", "--image", cloud.push("first"), *FIRST)
    second = ("apply", "--image", cloud.push("second"), *SECOND)
    assert cloud.aws(*first)[0] == 0
    count = changes_of(cloud, *second)
    served = {second: first[2], first: second[2]}
    for changes in range(count):
        wanted = first if changes % 2 == 0 else second
        cloud.front.before = Stop(changes)
        status, said = cloud.aws(*wanted)
        cloud.front.before = None
        # What is served is always the one or the other.
        assert cloud.served() in (cloud.digest(served[wanted]), cloud.digest(wanted[2]))
        if status == 1:
            assert "AWS refuses" in said
            status, said = cloud.aws(*wanted)
        assert status == 0, said
        assert cloud.served() == cloud.digest(wanted[2])
        assert UNCHANGED in cloud.aws(*wanted)[1]


@pytest.mark.slow
def test_removing_stopped_after_any_of_its_steps_is_completed_by_the_same_command(cloud: Cloud) -> None:
    image = cloud.push("first")
    before = cloud.inventory()
    apply = ("apply", "--image", image, *SECOND)
    assert cloud.aws(*apply)[0] == 0
    count = changes_of(cloud, "destroy", "--yes")
    assert cloud.inventory() == before
    for changes in range(count):
        assert cloud.aws(*apply)[0] == 0
        cloud.front.before = Stop(changes)
        assert cloud.aws("destroy", "--yes")[0] == 1
        cloud.front.before = None
        assert cloud.aws("destroy", "--yes")[0] == 0
        assert cloud.inventory() == before


@pytest.mark.slow
def test_killed_at_sixteen_moments_a_deployment_is_completed_by_the_same_command(cloud: Cloud) -> None:
    apply = ("apply", "--image", cloud.push("first"), *FIRST)
    count = changes_of(cloud, *apply)
    assert count >= 16
    complete = cloud.inventory()
    for changes in range(count - 16, count):
        cloud.reset()
        cloud.push("first")
        kill = Kill(changes + 1)
        cloud.front.after = kill
        kill.process = cloud.start(*apply)
        kill.process.communicate(timeout=100)
        cloud.front.after = None
        assert kill.process.returncode == -signal.SIGKILL
        status, said = cloud.aws(*apply)
        assert status == 0, said
        found = cloud.inventory()
        # A version that was made, and not served, may be left.
        found["functions"] = [(name, ["$LATEST", "1"], aliases) for name, _, aliases in found["functions"]]
        assert {**found, "buckets": named(found)} == {**complete, "buckets": named(complete)}


def named(inventory: dict[str, list[Any]]) -> list[Any]:
    """Return the buckets, without the number that S3 gives a trigger."""
    return [(name, keys, [{**call, "Id": ""} for call in calls or []]) for name, keys, calls in inventory["buckets"]]


@pytest.mark.parametrize("changes", [4, *(pytest.param(each, marks=pytest.mark.slow) for each in (1, 7, 9))])
def test_killed_while_it_removes_the_rest_is_removed_by_the_same_command(cloud: Cloud, changes: int) -> None:
    image = cloud.push("first")
    before = cloud.inventory()
    assert cloud.aws("apply", "--image", image)[0] == 0
    kill = Kill(changes)
    cloud.front.after = kill
    kill.process = cloud.start("destroy", "--yes")
    kill.process.communicate(timeout=100)
    cloud.front.after = None
    assert kill.process.returncode == -signal.SIGKILL
    assert cloud.aws("destroy", "--yes")[0] == 0
    assert cloud.inventory() == before


def test_ctrl_c_ends_it_with_a_line_and_the_same_command_goes_on(cloud: Cloud) -> None:
    apply = ("apply", "--image", cloud.push("first"))
    started: Any = None

    def interrupt(request: Request) -> Answer | None:
        if request.operation == "CreateRole" and started:
            started.send_signal(signal.SIGINT)
        return None

    cloud.front.after = interrupt
    started = cloud.start(*apply)
    said = started.communicate(timeout=100)[0]
    cloud.front.after = None
    assert started.returncode == 130, said
    assert said.endswith("Stopped. The same command goes on from there.\n")
    assert cloud.aws(*apply)[0] == 0


@pytest.mark.slow
def test_two_at_the_same_time_do_no_harm(cloud: Cloud) -> None:
    images = [cloud.push("first"), cloud.push("second")]
    applies = [("apply", "--image", image, *SECOND) for image in images]
    for process in [cloud.start(*apply) for apply in applies]:
        said = process.communicate(timeout=100)[0]
        assert process.returncode in (0, 1)
        assert "Traceback" not in said
        assert process.returncode == 0 or "un this again" in said.splitlines()[-1]
    for apply in applies:
        status, said = cloud.aws(*apply)
        assert status == 0, said
        assert UNCHANGED in cloud.aws(*apply)[1]
        assert len(cloud.inventory()["APIs"]) == 1
    assert cloud.aws("destroy", "--yes")[0] == 0
    assert {kind: things for kind, things in cloud.inventory().items() if kind != "repositories" and things} == {}
