"""The permissions of the function: a role with just these, and the log it writes."""

import json
from typing import Any

from deploy.aws.errors import NameTaken, unless_missing
from deploy.aws.plan import OTHER, State
from deploy.aws.target import SONGS, UPLOADS, Target

_POLICY = "run"
_TRUSTED = "AWS Lambda"


class LogGroup:
    """The log of the function, kept for some days."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self.name = f"log group {target.log_group}"

    def wanted(self) -> State:
        """Return the desired state."""
        return {"days kept": self._target.settings.retention_days}

    def read(self) -> State | None:
        """Return the current state; raise NameTaken if it belongs to someone else."""
        logs, name = self._target.logs, self._target.log_group
        listed = logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
        found = next((group for group in listed if group["logGroupName"] == name), None)
        if found is None:
            return None
        arn = self._target.arn("logs", f"log-group:{name}")
        if not self._target.owns(logs.list_tags_for_resource(resourceArn=arn)["tags"]):
            raise NameTaken(self.name)
        return {"days kept": found.get("retentionInDays")}

    def change(self, found: State | None) -> None:
        """Create or update it."""
        logs, name = self._target.logs, self._target.log_group
        if found is None:
            logs.create_log_group(logGroupName=name, tags=self._target.tags)
        logs.put_retention_policy(logGroupName=name, retentionInDays=self._target.settings.retention_days)

    def remove(self) -> None:
        """Remove it with all that is in it."""
        self._target.logs.delete_log_group(logGroupName=self._target.log_group)


class Role:
    """The role of the function: it writes its log, and the service reads and writes songs and answers in its bucket."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._iam = target.iam
        self._name = target.role
        in_bucket = "" if target.settings.site else f", read and write {UPLOADS}* and {SONGS}*, list the bucket"
        self._allowed = f"write its log{in_bucket}"
        self.name = f"IAM role {target.role}"

    def wanted(self) -> State:
        """Return the desired state."""
        return {"for": _TRUSTED, "may": self._allowed}

    def read(self) -> State | None:
        """Return the current state; raise NameTaken if it belongs to someone else."""
        iam, name = self._iam, self._name
        found = unless_missing(lambda: iam.get_role(RoleName=name), "NoSuchEntity")
        if found is None:
            return None
        if not self._target.owns(found["Role"].get("Tags", [])):
            raise NameTaken(self.name)
        policy = unless_missing(lambda: iam.get_role_policy(RoleName=name, PolicyName=_POLICY), "NoSuchEntity")
        trust = found["Role"]["AssumeRolePolicyDocument"]
        return {
            "for": _TRUSTED if trust == self._trust() else OTHER,
            "may": self._allowed if policy and policy["PolicyDocument"] == self._policy() else OTHER,
        }

    def change(self, found: State | None) -> None:
        """Create or update it."""
        iam, name, trust = self._iam, self._name, json.dumps(self._trust())
        if found is None:
            iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust, Tags=self._target.tag_list)
        else:
            iam.update_assume_role_policy(RoleName=name, PolicyDocument=trust)
        iam.put_role_policy(RoleName=name, PolicyName=_POLICY, PolicyDocument=json.dumps(self._policy()))

    def remove(self) -> None:
        """Remove it, with the permissions that others may have added."""
        iam, name = self._iam, self._name
        for attached in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]:
            iam.detach_role_policy(RoleName=name, PolicyArn=attached["PolicyArn"])
        for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
            iam.delete_role_policy(RoleName=name, PolicyName=policy)
        iam.delete_role(RoleName=name)

    def _trust(self) -> Any:
        allowed = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        return {"Version": "2012-10-17", "Statement": [allowed]}

    def _policy(self) -> Any:
        log = self._target.arn("logs", f"log-group:{self._target.log_group}:*")
        allowed = [(["logs:CreateLogStream", "logs:PutLogEvents"], [log])]
        if not self._target.settings.site:
            bucket = self._target.arn("s3", self._target.bucket)
            allowed += [
                (["s3:GetObject", "s3:PutObject"], [f"{bucket}/{prefix}*" for prefix in (UPLOADS, SONGS)]),
                # Without it, S3 calls forbidden what is not there.
                (["s3:ListBucket"], [bucket]),
            ]
        statements = [{"Effect": "Allow", "Action": actions, "Resource": arns} for actions, arns in allowed]
        return {"Version": "2012-10-17", "Statement": statements}
