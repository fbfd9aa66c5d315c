"""The trigger that has songs classified as soon as they are in the bucket."""

from typing import Any

from deploy.aws.bucket import Bucket
from deploy.aws.errors import once_known
from deploy.aws.permission import GIVEN, Permissions
from deploy.aws.plan import OTHER, State
from deploy.aws.target import SONGS, Target


class Trigger:
    """The call of the version that is served for each new object under one prefix of the bucket."""

    def __init__(self, target: Target, bucket: Bucket) -> None:
        self._target = target
        self._bucket = bucket
        source = {"SourceAccount": target.account, "SourceArn": target.arn("s3", target.bucket)}
        call = {"Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com", **source}
        self._permissions = Permissions(target, {"bucket": call})
        self.name = f"trigger of s3://{target.bucket}/{SONGS}"

    def wanted(self) -> State:
        """Return the desired state."""
        return {"calls": self._target.alias_arn, "permission": GIVEN}

    def read(self) -> State | None:
        """Return the current state."""
        if not self._bucket.there():
            return None
        found = self._target.s3.get_bucket_notification_configuration(Bucket=self._target.bucket)
        calls = [_plain(call) for call in found.get("LambdaFunctionConfigurations", [])]
        if not calls:
            return None
        right = calls == [_plain(self._call())]
        return {"calls": self._target.alias_arn if right else OTHER, "permission": self._permissions.read()}

    def change(self, found: State | None) -> None:  # noqa: ARG002 - each part is set whole
        """Create or update it."""
        self._permissions.give()
        # S3 asks whether it may call, and a permission is not known everywhere at once.
        once_known(lambda: self._notify([self._call()]), "InvalidArgument", "destination")

    def remove(self) -> None:
        """Remove it."""
        self._permissions.take()
        self._notify([])

    def _notify(self, calls: list[Any]) -> None:
        self._target.s3.put_bucket_notification_configuration(
            Bucket=self._target.bucket, NotificationConfiguration={"LambdaFunctionConfigurations": calls}
        )

    def _call(self) -> Any:
        prefix = {"Key": {"FilterRules": [{"Name": "prefix", "Value": SONGS}]}}
        return {"LambdaFunctionArn": self._target.alias_arn, "Events": ["s3:ObjectCreated:*"], "Filter": prefix}


def _plain(call: Any) -> tuple[Any, ...]:
    """Return the effect of a call, which AWS may express in other words."""
    rules = call.get("Filter", {}).get("Key", {}).get("FilterRules", [])
    return call["LambdaFunctionArn"], call["Events"], [(rule["Name"].lower(), rule["Value"]) for rule in rules]
