"""`python -m deploy aws`, on moto's AWS over HTTP: what it makes, changes, leaves alone and removes."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.function import lay_out, run
from tests.deploy.cloud import ACCOUNT, BUCKET, NAME, REGION, Cloud, healthy

OPTIONS = ("--memory", "1024", "--concurrency", "5", "--cors-origin", "https://songs.example", "--retention-days", "7")
UNCHANGED = "0 to create, 0 to change, 0 to remove, 7 unchanged."


EVERYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


def broken(event: dict[str, Any]) -> object:
    raise RuntimeError(f"No model for {event['rawPath']}")


def fails_at_songs(event: dict[str, Any]) -> object:
    return {"statusCode": 500, "body": '{"error": "no"}'} if event["body"] else healthy(event)


def test_a_deployment_from_nothing_to_nothing(cloud: Cloud) -> None:
    first, second = cloud.push("first"), cloud.push("second")
    before = cloud.inventory()
    status, said = cloud.aws("plan", "--image", first)
    assert status == 0
    assert "+ create Lambda function music-genre-classifier" in said
    assert "7 to create, 0 to change, 0 to remove, 0 unchanged." in said
    assert cloud.inventory() == before

    status, said = cloud.aws("apply", "--image", first)
    assert status == 0, said
    assert "done: create Lambda alias live" in said
    assert "The service is at https://" in said
    made = cloud.inventory()
    assert cloud.served() == cloud.digest(first)
    status, said = cloud.aws("apply", "--image", first)
    assert (status, UNCHANGED in said) == (0, True), said
    assert cloud.inventory() == made

    status, said = cloud.aws("apply", "--image", second, *OPTIONS)
    assert status == 0, said
    assert "MB of memory: 1769 → 1024" in said
    assert "origins: none → https://songs.example" in said
    assert cloud.served() == cloud.digest(second)
    assert UNCHANGED in cloud.aws("apply", "--image", second, *OPTIONS)[1]
    status, said = cloud.aws("status", "--image", second, *OPTIONS)
    assert status == 0, said
    assert cloud.digest(second) in said
    assert "ready, and classifies a song" in said

    cloud.client("s3").put_object(Bucket=BUCKET, Key="uploads/song", Body=b"song")
    status, said = cloud.aws("destroy", "--yes")
    assert status == 0, said
    assert f"- remove S3 bucket {BUCKET} with 1 objects" in said
    assert cloud.inventory() == before
    assert cloud.aws("destroy", "--yes") == (0, "There is nothing to remove.\n")
    assert cloud.aws("status")[0] == 1


def test_what_is_made_is_private_bounded_and_allowed_no_more_than_it_needs(cloud: Cloud) -> None:
    image = cloud.push("first")
    assert cloud.aws("apply", "--image", image, *OPTIONS)[0] == 0
    client = cloud.client
    assert all(client("s3").get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"].values())
    (encryption,) = client("s3").get_bucket_encryption(Bucket=BUCKET)["ServerSideEncryptionConfiguration"]["Rules"]
    assert encryption["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    expiry = client("s3").get_bucket_lifecycle_configuration(Bucket=BUCKET)["Rules"]
    assert (expiry[0]["Filter"], expiry[0]["Expiration"]) == ({"Prefix": "uploads/"}, {"Days": 1})
    assert expiry[1]["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}
    (cors,) = client("s3").get_bucket_cors(Bucket=BUCKET)["CORSRules"]
    assert (cors["AllowedMethods"], cors["AllowedOrigins"]) == (["POST"], ["https://songs.example"])

    role = f"{NAME}-{REGION}"
    assert client("iam").list_attached_role_policies(RoleName=role)["AttachedPolicies"] == []
    (name,) = client("iam").list_role_policies(RoleName=role)["PolicyNames"]
    policy: Any = client("iam").get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
    assert {tuple(one["Action"]): one["Resource"] for one in policy["Statement"]} == {
        ("logs:CreateLogStream", "logs:PutLogEvents"): [
            f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/lambda/{NAME}:*"
        ],
        ("s3:GetObject", "s3:PutObject"): [f"arn:aws:s3:::{BUCKET}/uploads/*", f"arn:aws:s3:::{BUCKET}/songs/*"],
        ("s3:ListBucket",): [f"arn:aws:s3:::{BUCKET}"],
    }

    functions = client("lambda")
    statements = json.loads(functions.get_policy(FunctionName=NAME, Qualifier="live")["Policy"])["Statement"]
    alias = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{NAME}:live"
    assert {one["Resource"] for one in statements} == {alias}
    assert {one["Sid"]: one["Condition"] for one in statements} == {
        "url": {"StringEquals": {"lambda:FunctionUrlAuthType": "NONE"}},
        "url-call": {"Bool": {"lambda:InvokedViaFunctionUrl": "true"}},
        "bucket": {
            "StringEquals": {"AWS:SourceAccount": ACCOUNT},
            "ArnLike": {"AWS:SourceArn": f"arn:aws:s3:::{BUCKET}"},
        },
    }
    (call,) = client("s3").get_bucket_notification_configuration(Bucket=BUCKET)["LambdaFunctionConfigurations"]
    assert (call["LambdaFunctionArn"], call["Events"]) == (alias, ["s3:ObjectCreated:*"])
    assert call["Filter"]["Key"]["FilterRules"] == [{"Name": "prefix", "Value": "songs/"}]
    function = functions.get_function(FunctionName=NAME)
    assert function["Configuration"]["Environment"]["Variables"] == {"GENRE_UPLOADS_BUCKET": BUCKET}
    assert function["Concurrency"]["ReservedConcurrentExecutions"] == 5
    assert function["Tags"]["deployment"] == NAME


def test_a_version_that_does_not_answer_is_not_served(cloud: Cloud) -> None:
    good, bad = cloud.push("good"), cloud.push("bad")
    assert cloud.aws("apply", "--image", good)[0] == 0
    made = cloud.inventory()
    for program, says in (
        (broken, "GET /readyz of version 2 failed: No model for /readyz."),
        (broken, "GET /readyz of version 2 failed: No model for /readyz."),
        (lambda _: {"statusCode": 503, "body": "loading"}, "GET /readyz of version 2 answered 503: loading."),
        (lambda _: "well", 'GET /readyz of version 2 gave what is no answer of HTTP: "well".'),
        (fails_at_songs, 'POST /classify of version 2 answered 500: {"error": "no"}.'),
        (lambda _: {"statusCode": 200, "body": "{}"}, "POST /classify of version 2 gave no prediction: {}."),
    ):
        cloud.front.programs[cloud.digest(bad)] = program
        status, said = cloud.aws("apply", "--image", bad)
        assert (status, f"{says} Version 1 is still served. Mend the image" in said) == (1, True), said
        assert cloud.served() == cloud.digest(good)
        assert cloud.inventory() == made
    assert cloud.aws("status")[0] == 0
    assert cloud.aws("status", "--image", good)[0] == 1
    assert cloud.aws("apply", "--image", good)[0] == 0
    assert cloud.aws("status", "--image", good)[0] == 0


def test_a_first_version_that_does_not_answer_is_not_served_either(cloud: Cloud) -> None:
    image = cloud.push("first")
    cloud.front.programs[cloud.digest(image)] = broken
    status, said = cloud.aws("apply", "--image", image)
    assert status == 1
    assert "No model for /readyz. Nothing is served yet." in said
    assert cloud.served() is None
    assert cloud.aws("status")[0] == 1
    cloud.front.programs[cloud.digest(image)] = healthy
    assert cloud.aws("apply", "--image", image)[0] == 0
    assert cloud.served() == cloud.digest(image)


def test_the_real_function_is_healthy(cloud: Cloud, tmp_path: Path) -> None:
    """The files of the image, under AWS's own client: what the health call asks, they answer."""
    image = lay_out("service", tmp_path / "task")
    with run(image, tmp_path / "log", HOME=str(tmp_path), GENRE_UPLOADS_BUCKET=BUCKET) as function:
        cloud.front.any_program = function.call
        status, said = cloud.aws("apply", "--image", cloud.push("first"))
        assert status == 0, said
        assert cloud.aws("status")[0] == 0


def test_a_version_that_stops_answering_is_told_by_status(cloud: Cloud) -> None:
    image = cloud.push("first")
    assert cloud.aws("apply", "--image", image)[0] == 0
    cloud.front.programs[cloud.digest(image)] = broken
    status, said = cloud.aws("status", "--image", image)
    assert (status, "No model for /readyz" in said) == (1, True)


def test_the_address_moves_from_a_url_to_an_api_and_back_and_may_need_iam(cloud: Cloud) -> None:
    image = cloud.push("first")

    def called_by() -> set[str]:
        policy = cloud.client("lambda").get_policy(FunctionName=NAME, Qualifier="live")["Policy"]
        return {one["Sid"] for one in json.loads(policy)["Statement"]}

    assert "lambda-url" in cloud.aws("apply", "--image", image)[1]
    assert called_by() == {"url", "url-call", "bucket"}
    api = ("apply", "--image", image, "--http", "api")
    status, said = cloud.aws(*api)
    assert (status, "execute-api" in said, "- remove function URL" in said) == (0, True, True), said
    assert called_by() == {"api", "bucket"}
    assert UNCHANGED in cloud.aws(*api)[1]
    status, said = cloud.aws(*api, "--auth", "iam", "--cors-origin", "https://songs.example")
    assert (status, "auth: NONE → AWS_IAM" in said) == (0, True), said
    assert UNCHANGED in cloud.aws(*api, "--auth", "iam", "--cors-origin", "https://songs.example")[1]
    assert "origins: https://songs.example → none" in cloud.aws(*api)[1]
    assert UNCHANGED in cloud.aws(*api)[1]
    status, said = cloud.aws("apply", "--image", image, "--auth", "iam")
    assert (status, f"- remove HTTP API {NAME}" in said) == (0, True), said
    assert called_by() == {"bucket"}
    assert cloud.inventory()["APIs"] == []
    assert "permission of everybody: none → given" in cloud.aws("apply", "--image", image)[1]
    assert called_by() == {"url", "url-call", "bucket"}


def test_what_others_change_is_changed_back(cloud: Cloud) -> None:
    image = cloud.push("first")
    assert cloud.aws("apply", "--image", image)[0] == 0
    client = cloud.client
    client("s3").delete_public_access_block(Bucket=BUCKET)
    client("s3").put_bucket_notification_configuration(Bucket=BUCKET, NotificationConfiguration={})
    client("iam").put_role_policy(RoleName=f"{NAME}-{REGION}", PolicyName="run", PolicyDocument=json.dumps(EVERYTHING))
    client("logs").put_retention_policy(logGroupName=f"/aws/lambda/{NAME}", retentionInDays=365)
    client("lambda").remove_permission(FunctionName=NAME, StatementId="url", Qualifier="live")
    status, said = cloud.aws("status", "--image", image)
    assert status == 1
    assert "1 to create, 4 to change, 0 to remove, 2 unchanged." in said
    assert cloud.aws("apply", "--image", image)[0] == 0
    assert cloud.aws("status", "--image", image)[0] == 0


def test_what_is_others_stays(cloud: Cloud) -> None:
    """In the same account, with names alike, and allowed and called by ours."""
    image = cloud.push("first")
    client = cloud.client
    other = f"{NAME}-2"
    client("s3").create_bucket(Bucket=f"{other}-{ACCOUNT}-{REGION}")
    client("s3").put_object(Bucket=f"{other}-{ACCOUNT}-{REGION}", Key="songs/theirs", Body=b"theirs")
    client("logs").create_log_group(logGroupName=f"/aws/lambda/{other}")
    client("apigatewayv2").create_api(Name=NAME, ProtocolType="HTTP")
    client("apigatewayv2").create_api(Name=NAME, ProtocolType="HTTP", Tags={"managed-by": "deploy-aws"})
    assert cloud.aws("apply", "--image", image, "--name", "second", "--http", "api")[0] == 0
    before = cloud.inventory()
    assert cloud.aws("apply", "--image", image, "--http", "api")[0] == 0
    assert cloud.aws("destroy", "--yes")[0] == 0
    assert cloud.inventory() == before
    assert cloud.aws("status", "--image", image, "--name", "second", "--http", "api")[0] == 0


def test_an_image_of_this_machine_is_pushed_once(cloud: Cloud, engine: Path) -> None:
    status, said = cloud.aws("plan", "--image", "genre:0.1.0")
    assert status == 0, said
    assert "+ create ECR repository" in said
    assert "image: genre:0.1.0, not yet pushed" in said
    status, said = cloud.aws("apply", "--image", "genre:0.1.0")
    assert status == 0, said
    again = "0 to create, 0 to change, 0 to remove, 8 unchanged."
    assert again in cloud.aws("apply", "--image", "genre:0.1.0")[1]
    pushed = [line for line in engine.read_text().splitlines() if line.startswith("push")]
    assert pushed == [f"push {ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{NAME}:0123456789ab"]
    status, said = cloud.aws("apply", "--image", "genre:0.2.0")
    assert (status, "image: none → fedcba987654" in said) == (0, True), said
    assert len(cloud.inventory()["repositories"][0][1]) == 2
    ecr = cloud.client("ecr")
    (repository,) = ecr.describe_repositories()["repositories"]
    assert repository["imageTagMutability"] == "IMMUTABLE"
    assert repository["imageScanningConfiguration"] == {"scanOnPush": True}
    kept = json.loads(ecr.get_lifecycle_policy(repositoryName=NAME)["lifecyclePolicyText"])
    assert kept["rules"][0]["selection"]["countNumber"] == 10
    assert cloud.aws("destroy", "--yes")[0] == 0
    assert not any(cloud.inventory().values())


def test_destroy_asks(cloud: Cloud, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert cloud.aws("apply", "--image", cloud.push("first"))[0] == 0
    made = cloud.inventory()
    for answer in ("no\n", "", "y\n"):
        (tmp_path / "answer").write_text(answer)
        with open(tmp_path / "answer") as stdin:
            monkeypatch.setattr("sys.stdin", stdin)
            status, said = cloud.aws("destroy")
        assert (status, said.endswith("Type yes: Nothing is removed.\n")) == (1, True)
        assert cloud.inventory() == made
    (tmp_path / "answer").write_text("yes\n")
    with open(tmp_path / "answer") as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        assert cloud.aws("destroy")[0] == 0
    assert cloud.inventory()["functions"] == []


def test_a_bucket_goes_with_every_version_and_a_role_with_what_others_allowed_it(cloud: Cloud) -> None:
    assert cloud.aws("apply", "--image", cloud.push("first"))[0] == 0
    s3, iam = cloud.client("s3"), cloud.client("iam")
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    for body in (b"first", b"second"):
        s3.put_object(Bucket=BUCKET, Key="uploads/song", Body=body)
    s3.delete_object(Bucket=BUCKET, Key="uploads/song")
    policy = iam.create_policy(PolicyName="theirs", PolicyDocument=json.dumps(EVERYTHING))["Policy"]["Arn"]
    iam.attach_role_policy(RoleName=f"{NAME}-{REGION}", PolicyArn=policy)
    iam.put_role_policy(RoleName=f"{NAME}-{REGION}", PolicyName="more", PolicyDocument=json.dumps(EVERYTHING))
    status, said = cloud.aws("destroy", "--yes")
    assert (status, f"S3 bucket {BUCKET} with 3 objects" in said) == (0, True), said
    assert {kind for kind, things in cloud.inventory().items() if things} == {"repositories"}
    assert iam.get_policy(PolicyArn=policy)["Policy"]["AttachmentCount"] == 0
