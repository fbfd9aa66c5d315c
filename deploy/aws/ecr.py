"""The image of the function: a repository in ECR, and the pushed image."""

import base64
import json
import re
import shutil
import subprocess
import urllib.request
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deploy.aws.errors import DeployError, NameTaken, unless_missing
from deploy.aws.plan import State
from deploy.aws.target import Target
from deploy.container.engine import is_not_running, not_running

if TYPE_CHECKING:
    from types_boto3_ecr.type_defs import ImageIdentifierTypeDef

_KEPT_IMAGES = 10
_URI = re.compile(
    r"(?P<registry>(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(\.cn)?)/"
    r"(?P<repository>[^:@]+)(:(?P<tag>[^@]+))?(@(?P<digest>sha256:[0-9a-f]{64}))?"
)
_NO_REPOSITORY = "RepositoryNotFoundException"
# One image, or several under one name, in Docker's words and in those of the Open Container Initiative.
_MEDIA_TYPES = [
    *(f"application/vnd.docker.distribution.manifest.{kind}+json" for kind in ("v2", "list.v2")),
    *(f"application/vnd.oci.image.{kind}.v1+json" for kind in ("manifest", "index")),
]
_TIMEOUT_SECONDS = 60


class Image:
    """The image: one in ECR, or one of this machine, which is pushed to the repository of the deployment.

    There, its tag is the beginning of its id: the same image is pushed once, another one has another tag.
    """

    def __init__(self, target: Target, given: str) -> None:
        self._target = target
        self._given = given
        self._uri = _URI.fullmatch(given)
        self.local = self._uri is None

    @property
    def tag(self) -> str:
        """The tag of an image of this machine."""
        id_: str = self._on_this_machine["Id"]
        return id_.removeprefix("sha256:")[:12]

    @property
    def digest(self) -> str:
        """The digest of exactly this image, or a note that it is not pushed yet."""
        return self._digest or f"{self._given}, not yet pushed"

    @property
    def pushed(self) -> bool:
        """Whether it is in ECR; raises DeployError if Lambda could not run it."""
        return self._digest is not None

    def uri(self) -> str:
        """Return the address in ECR of exactly this image."""
        address = f"{self._uri['registry']}/{self._uri['repository']}" if self._uri else self._repository()
        return f"{address}@{self.digest}"

    def push(self) -> None:
        """Push it to the repository."""
        login = self._target.ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]
        user, _, password = base64.b64decode(login).decode().partition(":")
        address = self._repository()
        self._engine("login", "--username", user, "--password-stdin", address.partition("/")[0], send=password)
        self._engine("tag", self._given, f"{address}:{self.tag}")
        self._engine("push", f"{address}:{self.tag}")
        del self._digest
        if self._digest is None:
            raise DeployError(f"{self._given} was pushed, but ECR does not have it. Run this again.")

    def _repository(self) -> str:
        found = self._target.ecr.describe_repositories(repositoryNames=[self._target.settings.name])
        return found["repositories"][0]["repositoryUri"]

    @cached_property
    def _digest(self) -> str | None:
        if self._uri is None:
            self._check(self._on_this_machine["Architecture"])
            return self._in_ecr(self._target.account, self._target.settings.name, {"imageTag": self.tag})
        if self._uri["region"] != self._target.region:
            raise DeployError(
                f"{self._given} is in another region than {self._target.region}, where Lambda cannot have it from. "
                "Push it to this one, or choose another --region."
            )
        image: ImageIdentifierTypeDef = {"imageTag": self._uri["tag"] or "latest"}
        if self._uri["digest"]:
            image = {"imageDigest": self._uri["digest"]}
        digest = self._in_ecr(self._uri["account"], self._uri["repository"], image)
        if digest is None:
            raise DeployError(f"There is no image {self._given} in ECR. Push it, or see to its name and tag.")
        return digest

    @cached_property
    def _on_this_machine(self) -> dict[str, Any]:
        description: dict[str, Any] = json.loads(self._engine("image", "inspect", self._given))[0]
        return description

    def _in_ecr(self, account: str, repository: str, image: "ImageIdentifierTypeDef") -> str | None:
        """Return the digest of an image that Lambda can run, None if there is no such image."""
        ecr = self._target.ecr
        where: Any = {"registryId": account, "repositoryName": repository}
        found = unless_missing(
            lambda: ecr.batch_get_image(**where, imageIds=[image], acceptedMediaTypes=_MEDIA_TYPES), _NO_REPOSITORY
        )
        if found is None or not found["images"]:
            return None
        manifest = json.loads(found["images"][0]["imageManifest"])
        if "config" not in manifest:
            raise DeployError(
                f"{self._given} is several images under one name, which Lambda does not take. "
                "Build it with --provenance=false for one --platform, and push it again."
            )
        if self._uri:
            layer = ecr.get_download_url_for_layer(**where, layerDigest=manifest["config"]["digest"])
            # An address that AWS has just given.
            with urllib.request.urlopen(layer["downloadUrl"], timeout=_TIMEOUT_SECONDS) as config:  # noqa: S310
                self._check(json.load(config)["architecture"])
        return found["images"][0]["imageId"]["imageDigest"]

    def _check(self, machine: str) -> None:
        built, wanted = {"amd64": "x86_64"}.get(machine, machine), self._target.settings.architecture
        if built != wanted:
            raise DeployError(
                f"{self._given} is built for {built}, and the function is to run on {wanted}. Build it for that, or "
                f"choose --architecture {built}."
            )

    def _engine(self, *arguments: str, send: str | None = None) -> str:
        """Run docker or podman, whichever is installed; return its output."""
        engine = shutil.which("docker") or shutil.which("podman")
        if engine is None:
            raise DeployError(
                f"Neither docker nor podman is here to push {self._given}. Install one, or give --image the URI of an "
                "image in ECR."
            )
        ended = subprocess.run([engine, *arguments], input=send, capture_output=True, text=True, check=False)  # noqa: S603
        if ended.returncode:
            said = (ended.stderr.strip().splitlines() or ["no reason given"])[-1]
            if is_not_running(said):
                raise DeployError(
                    f"{not_running(Path(engine).name, said)} It pushes {self._given}; an --image in ECR needs none."
                )
            raise DeployError(
                f"`{engine} {arguments[0]}` of {self._given} failed: {said}. Mend that, and run this again."
            )
        return ended.stdout


class Repository:
    """The repository of images: a tag stays with its image, each is scanned, the oldest go."""

    def __init__(self, target: Target, image: Image | None) -> None:
        """Take the image that is to be in it, None if that does not matter."""
        self._target = target
        self._image = image
        self._name = target.settings.name
        self.name = f"ECR repository {self._name}"

    def wanted(self) -> State:
        """Return the desired state."""
        image = {"image": self._image.tag} if self._image else {}
        return {"tags": "IMMUTABLE", "scan on push": "yes", "images kept": _KEPT_IMAGES, **image}

    def read(self) -> State | None:
        """Return the current state; raise NameTaken if it belongs to someone else."""
        ecr = self._target.ecr
        found = unless_missing(lambda: ecr.describe_repositories(repositoryNames=[self._name]), _NO_REPOSITORY)
        if found is None:
            return None
        repository = found["repositories"][0]
        if not self._target.owns(ecr.list_tags_for_resource(resourceArn=repository["repositoryArn"])["tags"]):
            raise NameTaken(self.name)
        policy = unless_missing(
            lambda: ecr.get_lifecycle_policy(repositoryName=self._name), "LifecyclePolicyNotFoundException"
        )
        rules = json.loads(policy["lifecyclePolicyText"])["rules"] if policy else []
        return {
            "tags": repository["imageTagMutability"],
            "scan on push": "yes" if repository["imageScanningConfiguration"]["scanOnPush"] else "no",
            "images kept": rules[0]["selection"].get("countNumber") if len(rules) == 1 else None,
            "image": self._image.tag if self._image and self._image.pushed else None,
        }

    def change(self, found: State | None) -> None:
        """Create or update it, and push the image."""
        ecr = self._target.ecr
        if found is None:
            ecr.create_repository(repositoryName=self._name, tags=self._target.tag_list)
        ecr.put_image_tag_mutability(repositoryName=self._name, imageTagMutability="IMMUTABLE")
        ecr.put_image_scanning_configuration(repositoryName=self._name, imageScanningConfiguration={"scanOnPush": True})
        selection = {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": _KEPT_IMAGES}
        rule = {"rulePriority": 1, "selection": selection, "action": {"type": "expire"}}
        ecr.put_lifecycle_policy(repositoryName=self._name, lifecyclePolicyText=json.dumps({"rules": [rule]}))
        if self._image and not self._image.pushed:
            self._image.push()

    def remove(self) -> None:
        """Remove it with its images."""
        self._target.ecr.delete_repository(repositoryName=self._name, force=True)
