"""Who may call the version that is served, besides this account."""

import json
from typing import Any

from deploy.aws.errors import unless_missing
from deploy.aws.plan import OTHER
from deploy.aws.target import ALIAS, Target

GIVEN, NONE = "given", "none"
_NOT_THERE = "ResourceNotFoundException"


class Permissions:
    """Permissions of the alias: by name, AWS's arguments for each beside function, alias and name."""

    def __init__(self, target: Target, permissions: dict[str, dict[str, Any]]) -> None:
        self._target = target
        self._permissions = permissions
        self._where: Any = {"FunctionName": target.settings.name, "Qualifier": ALIAS}

    def read(self) -> str:
        """Return GIVEN, NONE, or OTHER for some of them or others of the same names."""
        found = self._found()
        if not found:
            return NONE
        wanted = {name: _plain(permission) for name, permission in self._permissions.items()}
        return GIVEN if found == wanted else OTHER

    def give(self) -> None:
        """Give those that lack or differ."""
        found = self._found()
        for name, permission in self._permissions.items():
            if found.get(name) != _plain(permission):
                if name in found:
                    self._target.functions.remove_permission(**self._where, StatementId=name)
                self._target.functions.add_permission(**self._where, StatementId=name, **permission)

    def take(self) -> None:
        """Take back those that there are."""
        for name in self._found():
            self._target.functions.remove_permission(**self._where, StatementId=name)

    def _found(self) -> dict[str, dict[str, str]]:
        """Return those that there are; none where there is no function or it is somebody else's."""
        functions = self._target.functions
        there = unless_missing(lambda: functions.get_function(FunctionName=self._target.settings.name), _NOT_THERE)
        if there is None or not self._target.owns(there.get("Tags", {})):
            return {}
        answer = unless_missing(lambda: functions.get_policy(**self._where), _NOT_THERE)
        statements = json.loads(answer["Policy"])["Statement"] if answer else []
        return {one["Sid"]: _plain_statement(one) for one in statements if one["Sid"] in self._permissions}


def _plain(permission: dict[str, Any]) -> dict[str, str]:
    return {key.lower(): str(value).lower() for key, value in permission.items()}


def _plain_statement(statement: dict[str, Any]) -> dict[str, str]:
    """Return a statement as it was asked for: AWS makes conditions of it, like {"ArnLike": {"AWS:SourceArn": ...}}."""
    principal = statement["Principal"]
    plain = {"action": statement["Action"]}
    plain["principal"] = principal if isinstance(principal, str) else next(iter(principal.values()))
    for condition in statement.get("Condition", {}).values():
        plain |= {key.rpartition(":")[2]: value for key, value in condition.items()}
    return _plain(plain)
