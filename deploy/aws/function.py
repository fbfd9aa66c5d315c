"""The function, and which of its versions is served."""

import time
from typing import TYPE_CHECKING, Any

from deploy.aws.ecr import Image
from deploy.aws.errors import DeployError, NameTaken, once_known, unless_missing
from deploy.aws.health import Unhealthy, check
from deploy.aws.plan import State
from deploy.aws.target import ALIAS, Target

if TYPE_CHECKING:
    from types_boto3_lambda.type_defs import GetFunctionResponseTypeDef

_NOT_THERE = "ResourceNotFoundException"
# AWS makes an image ready in a minute or so; this is five.
_PATIENCE: Any = {"Delay": 2, "MaxAttempts": 150}


class Function:
    """The function, of which nothing is served but versions that the alias has pointed to."""

    def __init__(self, target: Target, image: Image | None) -> None:
        """Take the image that is to run, None to look at any that does."""
        self._target = target
        self._image = image
        self._functions = target.functions
        self._name = target.settings.name
        bucket = {} if target.settings.site else {"GENRE_UPLOADS_BUCKET": target.bucket}
        self._environment = {**target.settings.environment, **bucket}
        self.name = f"Lambda function {self._name}"

    def version_wanted(self) -> dict[str, str | int | None]:
        """Return the desired state of the served version."""
        settings = self._target.settings
        image: dict[str, str | int | None] = {"image": self._image.digest} if self._image else {}
        return image | {
            "architecture": settings.architecture,
            "MB of memory": settings.memory_mb,
            "seconds a call": settings.timeout_seconds,
            "role": self._target.role,
            "environment": self._named(self._environment),
        }

    def wanted(self) -> State:
        """Return the desired state."""
        return self.version_wanted() | {"concurrency": self._target.settings.concurrency}

    def there(self) -> "GetFunctionResponseTypeDef | None":
        """Return AWS's description of it, None if it does not exist; raise NameTaken if it belongs to someone else."""
        found = unless_missing(lambda: self._functions.get_function(FunctionName=self._name), _NOT_THERE)
        if found and not self._target.owns(found.get("Tags", {})):
            raise NameTaken(self.name)
        return found

    def read(self) -> State | None:
        """Return the current state; raise NameTaken if it belongs to someone else."""
        found = self.there()
        if found is None:
            return None
        return self.read_version(found) | {
            "concurrency": found.get("Concurrency", {}).get("ReservedConcurrentExecutions")
        }

    def read_version(self, answer: "GetFunctionResponseTypeDef") -> dict[str, str | int | None]:
        """Return the state of a version."""
        found = answer["Configuration"]
        return {
            "image": answer["Code"].get("ResolvedImageUri", "").rpartition("@")[2],
            "architecture": found["Architectures"][0],
            "MB of memory": found["MemorySize"],
            "seconds a call": found["Timeout"],
            "role": found["Role"].rpartition("/")[2],
            "environment": self._named(found.get("Environment", {}).get("Variables", {})),
        }

    def change(self, found: State | None) -> None:
        """Create or update it; no published version changes."""
        functions, settings = self._functions, self._target.settings
        shape: Any = {
            "FunctionName": self._name,
            "Role": self._target.arn("iam", f"role/{self._target.role}"),
            "MemorySize": settings.memory_mb,
            "Timeout": settings.timeout_seconds,
            "Environment": {"Variables": self._environment},
        }
        code: Any = {"ImageUri": self._image.uri()} if self._image else {}
        architectures: Any = [settings.architecture]
        if found is None:
            # A new role is not known everywhere at once.
            once_known(
                lambda: functions.create_function(
                    **shape, PackageType="Image", Code=code, Architectures=architectures, Tags=self._target.tags
                ),
                "InvalidParameterValueException",
                "role",
            )
            self._start()
        else:
            # A change may be under way, of a run that was interrupted.
            self.settle()
            functions.update_function_code(FunctionName=self._name, Architectures=architectures, **code)
            self.settle()
            functions.update_function_configuration(**shape)
            self.settle()
        if settings.concurrency is not None:
            functions.put_function_concurrency(
                FunctionName=self._name, ReservedConcurrentExecutions=settings.concurrency
            )
        elif found and found["concurrency"] is not None:
            functions.delete_function_concurrency(FunctionName=self._name)

    def remove(self) -> None:
        """Remove it with all its versions."""
        self._functions.delete_function(FunctionName=self._name)

    def settle(self) -> None:
        """Wait until no change of it is under way."""
        found = self._functions.get_function(FunctionName=self._name)["Configuration"]
        if found.get("State") == "Pending":
            self._start()
        self._functions.get_waiter("function_updated_v2").wait(FunctionName=self._name, WaiterConfig=_PATIENCE)

    def _named(self, environment: dict[str, str]) -> str:
        """Return the names in an environment, and which differ from the desired ones: values are secrets."""
        return ", ".join(
            f"{name} (another)" if self._environment.get(name, value) != value else name
            for name, value in sorted(environment.items())
        )

    def _start(self) -> None:
        self._functions.get_waiter("function_active_v2").wait(FunctionName=self._name, WaiterConfig=_PATIENCE)


class Alias:
    """The version that is served: one that answered as it should before it was."""

    def __init__(self, target: Target, function: Function) -> None:
        self._target = target
        self._function = function
        self._functions = target.functions
        self._name = target.settings.name
        self.name = f"Lambda alias {ALIAS}"

    def wanted(self) -> State:
        """Return the desired state of the served version."""
        return self._function.version_wanted()

    def version(self) -> "GetFunctionResponseTypeDef | None":
        """Return AWS's description of the served version, None if there is none."""
        if self._function.there() is None:
            return None
        functions = self._functions
        return unless_missing(lambda: functions.get_function(FunctionName=self._name, Qualifier=ALIAS), _NOT_THERE)

    def read(self) -> State | None:
        """Return the state of the served version, None if there is none."""
        version = self.version()
        return self._function.read_version(version) if version else None

    def change(self, found: State | None) -> None:
        """Serve a new version, if it answers as it should; raise Unhealthy, and leave the old one served, if not."""
        functions, name = self._functions, self._name
        alias = functions.get_alias(FunctionName=name, Name=ALIAS) if found else None
        # AWS makes no version of what has not changed since the last one, even where that was removed.
        self._function.settle()
        functions.update_function_configuration(FunctionName=name, Description=f"applied at {time.time_ns()}")
        self._function.settle()
        version = functions.publish_version(FunctionName=name)["Version"]
        waiter = functions.get_waiter("published_version_active")
        waiter.wait(FunctionName=name, Qualifier=version, WaiterConfig=_PATIENCE)
        made = functions.get_function(FunctionName=name, Qualifier=version)
        if self._function.read_version(made) != self.wanted():
            raise DeployError(f"Something else changes the {self._function.name}. Let it end, and run this again.")
        try:
            check(self._target, version)
        except Unhealthy as problem:
            functions.delete_function(FunctionName=name, Qualifier=version)
            served = f"Version {alias['FunctionVersion']} is still served" if alias else "Nothing is served yet"
            raise Unhealthy(f"{problem}. {served}. Mend the image or the settings, and run this again.") from problem
        if alias:
            # Not if somebody else has moved it meanwhile.
            functions.update_alias(
                FunctionName=name, Name=ALIAS, FunctionVersion=version, RevisionId=alias["RevisionId"]
            )
        else:
            functions.create_alias(FunctionName=name, Name=ALIAS, FunctionVersion=version)

    def remove(self) -> None:
        """Remove the alias; the version stays."""
        self._functions.delete_alias(FunctionName=self._name, Name=ALIAS)
