"""`python -m deploy aws`: what goes wrong is said in one line, with what to do."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.deploy.cloud import ACCOUNT, BUCKET, NAME, REGION, REGISTRY, Cloud
from tests.moto_server import Answer, Request, refusal

SPECIFIC = "User: arn:aws:iam::123456789012:user/me is not authorized to perform: "


def fails(cloud: Cloud, *arguments: str) -> str:
    """Return the line that a command says last, when it fails."""
    status, said = cloud.aws(*arguments)
    assert status == 1, said
    return said.splitlines()[-1]


@pytest.mark.parametrize(
    ("variables", "arguments", "says"),
    [
        ({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, (), "There are no credentials for AWS"),
        ({"AWS_DEFAULT_REGION": ""}, (), "No region is chosen. Choose one with --region"),
        ({}, ("--profile", "nobody"), "`aws configure list-profiles` lists those there are"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, (), "AWS does not answer: Could not connect"),
    ],
)
def test_what_lacks_on_this_machine_is_named(
    cloud: Cloud,
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    arguments: tuple[str, ...],
    says: str,
) -> None:
    for name, value in variables.items():
        if value:
            monkeypatch.setenv(name, value)
        else:
            monkeypatch.delenv(name)
    assert says in fails(cloud, "status", *arguments)


@pytest.mark.parametrize(
    ("operation", "answer", "says"),
    [
        (
            "GetCallerIdentity",
            (403, "ExpiredToken", "The security token included in the request is expired"),
            "The credentials for AWS have expired. Log in again",
        ),
        (
            "GetCallerIdentity",
            (403, "InvalidClientTokenId", "The security token is invalid"),
            "AWS does not know these credentials (InvalidClientTokenId).",
        ),
        (
            "CreateRole",
            (403, "AccessDenied", f"{SPECIFIC}iam:CreateRole on resource: arn:aws:iam::1:role/x because"),
            "You lack the permission iam:CreateRole on arn:aws:iam::1:role/x. Have it granted",
        ),
        (
            "POST /2015-03-31/functions",
            (403, "AccessDeniedException", f"{SPECIFIC}lambda:CreateFunction on resource: arn:aws:lambda:f"),
            "You lack the permission lambda:CreateFunction on arn:aws:lambda:f. Have it granted",
        ),
        (
            f"PUT /{BUCKET}",
            (403, "AccessDenied", "Access Denied"),
            "You lack the permission CreateBucket. Have it granted",
        ),
        (
            "POST /2015-03-31/functions",
            (409, "ResourceConflictException", "Function already exist: music-genre-classifier"),
            "Something else changes the same (CreateFunction: Function already exist: music-genre-classifier).",
        ),
        (
            "CreateLogGroup",
            (400, "InvalidParameterException", "No such name."),
            "AWS refuses CreateLogGroup: No such name (InvalidParameterException).",
        ),
    ],
)
def test_what_aws_refuses_is_said_and_the_same_command_goes_on_once_it_is_mended(
    cloud: Cloud, operation: str, answer: tuple[int, str, str], says: str
) -> None:
    image = cloud.push("first")
    cloud.front.before = lambda request: refusal(request, *answer) if request.operation == operation else None
    assert says in fails(cloud, "apply", "--image", image)
    cloud.front.before = None
    assert cloud.aws("apply", "--image", image)[0] == 0


def times(count: int, operation: str, answer: tuple[int, str, str]) -> Callable[[Request], Answer | None]:
    """Return a rule that refuses with this answer so many times."""
    left = [answer] * count

    def rule(request: Request) -> Answer | None:
        return refusal(request, *left.pop()) if left and request.operation.startswith(operation) else None

    return rule


@pytest.mark.slow
def test_throttling_is_waited_out_and_then_said(cloud: Cloud) -> None:
    image = cloud.push("first")
    slow_down = (429, "TooManyRequestsException", "Rate exceeded")
    cloud.front.before = times(2, "POST /2015-03-31/functions", slow_down)
    assert cloud.aws("apply", "--image", image)[0] == 0
    cloud.front.before = times(99, "GET /2015-03-31/functions", slow_down)
    assert "AWS asks to slow down (GetFunction: " in fails(cloud, "apply", "--image", image)


@pytest.mark.parametrize(
    ("operation", "answer"),
    [
        (
            "POST /2015-03-31/functions",
            (
                400,
                "InvalidParameterValueException",
                "The role defined for the function cannot be assumed by Lambda.",
            ),
        ),
        (
            f"PUT /{BUCKET}?notification",
            (400, "InvalidArgument", "Unable to validate the following destination configurations"),
        ),
    ],
)
def test_what_is_not_known_everywhere_yet_is_waited_for(
    cloud: Cloud, operation: str, answer: tuple[int, str, str]
) -> None:
    cloud.front.before = times(2, operation, answer)
    status, said = cloud.aws("apply", "--image", cloud.push("first"))
    assert status == 0, said


def test_names_that_others_have_are_not_touched(cloud: Cloud) -> None:
    image = cloud.push("first")
    client = cloud.client
    client("iam").create_role(RoleName="theirs", AssumeRolePolicyDocument="{}")
    role = client("iam").get_role(RoleName="theirs")["Role"]["Arn"]
    trust = json.dumps({"Version": "2012-10-17", "Statement": []})
    made: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
        f"S3 bucket {BUCKET}": (
            lambda: client("s3").create_bucket(Bucket=BUCKET),
            lambda: client("s3").delete_bucket(Bucket=BUCKET),
        ),
        f"IAM role {NAME}-{REGION}": (
            lambda: client("iam").create_role(RoleName=f"{NAME}-{REGION}", AssumeRolePolicyDocument=trust),
            lambda: client("iam").delete_role(RoleName=f"{NAME}-{REGION}"),
        ),
        f"log group /aws/lambda/{NAME}": (
            lambda: client("logs").create_log_group(logGroupName=f"/aws/lambda/{NAME}", tags={"managed-by": "them"}),
            lambda: client("logs").delete_log_group(logGroupName=f"/aws/lambda/{NAME}"),
        ),
        f"Lambda function {NAME}": (
            lambda: client("lambda").create_function(
                FunctionName=NAME, Role=role, PackageType="Image", Code={"ImageUri": image}
            ),
            lambda: client("lambda").delete_function(FunctionName=NAME),
        ),
    }
    for name, (make, remove) in made.items():
        make()
        before = cloud.inventory()
        said = fails(cloud, "apply", "--image", image)
        assert said == f"The {name} exists and is not of this deployment: it lacks its tags. Choose another --name."
        status, said = cloud.aws("destroy", "--yes")
        assert (status, f"= not of this deployment, stays: {name}" in said) == (0, True)
        assert cloud.inventory() == before
        remove()


def test_a_repository_that_others_have_is_not_touched(cloud: Cloud, engine: Path) -> None:  # noqa: ARG001
    cloud.push("theirs", repository=NAME)
    before = cloud.inventory()
    said = fails(cloud, "apply", "--image", "genre:0.1.0")
    assert said.startswith(f"The ECR repository {NAME} exists and is not of this deployment")
    assert cloud.aws("destroy", "--yes")[0] == 0
    assert cloud.inventory() == before
    # An image in it may be deployed all the same.
    assert cloud.aws("apply", "--image", f"{REGISTRY}/{NAME}:theirs")[0] == 0
    assert cloud.aws("destroy", "--yes")[0] == 0
    assert cloud.inventory() == before


def test_an_image_that_cannot_run_is_told_before_anything_is_made(
    cloud: Cloud, engine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = cloud.push("first")
    arm = cloud.push("arm", machine="arm64")
    kind = "application/vnd.oci.image.index.v1+json"
    index = json.dumps({"schemaVersion": 2, "mediaType": kind, "manifests": []})
    cloud.client("ecr").put_image(
        repositoryName="images", imageTag="both", imageManifest=index, imageDigest=f"sha256:{1:064x}"
    )
    before = cloud.inventory()
    for name, says in (
        (f"{image}-gone", "There is no image 123456789012.dkr.ecr.us-east-1.amazonaws.com/images:first-gone in ECR."),
        (f"{REGISTRY}/nothing:first", "There is no image 123456789012.dkr.ecr.us-east-1.amazonaws.com/nothing:first"),
        (image.replace(REGION, "eu-west-1"), "is in another region than us-east-1"),
        (arm, "is built for arm64, and the function is to run on x86_64."),
        (f"{REGISTRY}/images:both", "is several images under one name, which Lambda does not take."),
        ("genre:9", "of genre:9 failed: Error: No such image: genre:9. Mend that"),
    ):
        assert says in fails(cloud, "apply", "--image", name)
    assert "choose --architecture x86_64" in fails(cloud, "apply", "--image", image, "--architecture", "arm64")
    monkeypatch.setenv("ENGINE_BUILDS", "arm64")
    assert "genre:0.1.0 is built for arm64" in fails(cloud, "apply", "--image", "genre:0.1.0")
    monkeypatch.setenv("PATH", str(engine.parent))
    assert "Neither docker nor podman is here" in fails(cloud, "apply", "--image", "genre:0.1.0")
    assert cloud.inventory() == before
    assert cloud.aws("apply", "--image", arm, "--architecture", "arm64")[0] == 0


def test_a_function_that_aws_cannot_start_is_told_with_its_reason(cloud: Cloud) -> None:
    image = cloud.push("first")

    def failed(request: Request) -> Answer | None:
        if request.operation != f"GET /2015-03-31/functions/{NAME}" or not cloud.inventory()["functions"]:
            return None
        state = {"State": "Failed", "StateReason": "The image lacks a program", "FunctionName": NAME}
        return Answer(200, {}, json.dumps({"Configuration": state, "Code": {}}).encode())

    cloud.front.before = failed
    assert "AWS does not get it ready: The image lacks a program." in fails(cloud, "apply", "--image", image)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("plan",), "--image"),
        (("plan", "--image", "x", "--name", "Music_Genre"), "small letters and digits"),
        (("plan", "--image", "x", "--name", "a" * 33), "3 to 32"),
        (("plan", "--image", "x", "--memory", "64"), "from 128 to 10240"),
        (("plan", "--image", "x", "--timeout", "901"), "from 1 to 900"),
        (("plan", "--image", "x", "--concurrency", "0"), "from 1 to 10000"),
        (("plan", "--image", "x", "--retention-days", "8"), "invalid choice: 8"),
        (("plan", "--image", "x", "--cors-origin", "https://songs.example/page"), "without a path"),
        (("plan", "--image", "x", "--http", "ftp"), "invalid choice: 'ftp'"),
        (("destroy", "--image", "x"), "unrecognized arguments"),
    ],
)
def test_wrong_usage_is_told(
    cloud: Cloud, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], says: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        cloud.aws(*arguments)
    assert ended.value.code == 2
    assert says in capsys.readouterr().err


def test_an_environment_that_cannot_be_read_is_told_without_its_secrets(
    cloud: Cloud, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "environment"
    for content, says in (
        (None, "--environment: cannot be read: [Errno 2]"),
        (b"A=1\n\nsecret\n", f"--environment: line 3 of {file} must be like NAME=VALUE"),
        (b"A B=secret\n", f"--environment: line 1 of {file} must be like NAME=VALUE"),
        (b"A=\xff\n", "--environment: cannot be read: 'utf-8'"),
    ):
        if content is not None:
            file.write_bytes(content)
        with pytest.raises(SystemExit) as ended:
            cloud.aws("plan", "--image", "x", "--environment", str(file))
        said = capsys.readouterr().err
        assert (ended.value.code, says in said, "secret" in said) == (2, True, False), said


def test_other_regions_names_and_accounts_are_reached_by_options(cloud: Cloud) -> None:
    image = cloud.push("first")
    assert cloud.aws("apply", "--image", image, "--name", "mine", "--endpoint-url", cloud.front.address)[0] == 0
    assert f"mine-{ACCOUNT}-{REGION}" in [name for name, *_ in cloud.inventory()["buckets"]]
    assert fails(cloud, "status", "--name", "mine", "--region", "eu-west-1") == "Nothing is served."
