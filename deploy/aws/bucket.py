"""The bucket: songs that are too large for a call, and songs that are to be classified where they lie."""

from typing import Any

from botocore.exceptions import ClientError

from deploy.aws.errors import DeployError, NameTaken, unless_missing
from deploy.aws.plan import OTHER, State
from deploy.aws.target import UPLOADS, Target

_PRIVATE: Any = dict.fromkeys(
    ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True
)
_ENCRYPTION: Any = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}
# What was uploaded to be classified once, and uploads that were broken off, go.
_EXPIRY: list[Any] = [
    {"ID": "uploads", "Status": "Enabled", "Filter": {"Prefix": UPLOADS}, "Expiration": {"Days": 1}},
    {
        "ID": "broken-off",
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
    },
]


class Bucket:
    """The bucket: private, encrypted, and cleared of uploads that were to be classified once."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._s3 = target.s3
        self._name = target.bucket
        self.name = f"S3 bucket {target.bucket}"

    def wanted(self) -> State:
        """Return the desired state."""
        origins = ", ".join(sorted(self._target.settings.origins))
        return {"public access": "blocked", "encryption": "AES256", "uploads kept": "1 day", "origins": origins}

    def there(self) -> bool:
        """Return whether it is there; raise NameTaken if it is somebody else's."""
        try:
            tags: Any = self._s3.get_bucket_tagging(Bucket=self._name)["TagSet"]
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code == "NoSuchBucket":
                return False
            if code != "NoSuchTagSet":
                raise
            tags = []
        if not self._target.owns(tags):
            raise NameTaken(self.name)
        return True

    def read(self) -> State | None:
        """Return the current state; raise NameTaken if it belongs to someone else."""
        if not self.there():
            return None
        s3, name = self._s3, self._name
        public = unless_missing(lambda: s3.get_public_access_block(Bucket=name), "NoSuchPublicAccessBlockConfiguration")
        encryption = unless_missing(
            lambda: s3.get_bucket_encryption(Bucket=name), "ServerSideEncryptionConfigurationNotFoundError"
        )
        expiry = unless_missing(
            lambda: s3.get_bucket_lifecycle_configuration(Bucket=name), "NoSuchLifecycleConfiguration"
        )
        cors = unless_missing(lambda: s3.get_bucket_cors(Bucket=name), "NoSuchCORSConfiguration")
        blocked = public is not None and public["PublicAccessBlockConfiguration"] == _PRIVATE
        rules = encryption["ServerSideEncryptionConfiguration"]["Rules"] if encryption else []
        expires = sorted(map(_plain, expiry["Rules"] if expiry else [])) == sorted(map(_plain, _EXPIRY))
        return {
            "public access": "blocked" if blocked else OTHER,
            "encryption": rules[0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] if rules else None,
            "uploads kept": "1 day" if expires else OTHER,
            "origins": ", ".join(sorted(cors["CORSRules"][0]["AllowedOrigins"])) if cors else "",
        }

    def change(self, found: State | None) -> None:
        """Create or update it."""
        s3, name, origins = self._s3, self._name, list(self._target.settings.origins)
        if found is None:
            # With its tags from its first moment: else an interruption would leave one that nobody owns.
            shape: Any = {"Tags": self._target.tag_list}
            if self._target.region != "us-east-1":
                shape["LocationConstraint"] = self._target.region
            s3.create_bucket(Bucket=name, CreateBucketConfiguration=shape)
        s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=_PRIVATE)
        s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration=_ENCRYPTION)
        s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": _EXPIRY})
        if origins:
            rule: Any = {"AllowedMethods": ["POST"], "AllowedOrigins": origins, "AllowedHeaders": ["*"]}
            s3.put_bucket_cors(Bucket=name, CORSConfiguration={"CORSRules": [rule]})
        elif found and found["origins"]:
            s3.delete_bucket_cors(Bucket=name)

    def remove(self) -> None:
        """Remove it with all that is in it, in every version."""
        s3, name = self._s3, self._name
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=name):
            found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            if found:
                objects: Any = [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in found]
                left = s3.delete_objects(Bucket=name, Delete={"Objects": objects, "Quiet": True}).get("Errors", [])
                if left:
                    reason = f"{left[0].get('Key')}: {left[0].get('Message')}"
                    raise DeployError(f"{name} cannot be emptied ({reason}). Mend that, and run this again.")
        s3.delete_bucket(Bucket=name)

    def contents(self) -> str:
        """Return how many objects are in it, every version counted."""
        page = self._s3.list_object_versions(Bucket=self._name)
        count = len(page.get("Versions", [])) + len(page.get("DeleteMarkers", []))
        return f"{count}{' or more' if page['IsTruncated'] else ''} objects"


def _plain(rule: Any) -> str:
    """Return the effect of a rule, which AWS may express in other words and another order."""
    prefix = rule.get("Filter", {}).get("Prefix", "")
    return f"{rule['Status']} {prefix} {rule.get('Expiration')} {rule.get('AbortIncompleteMultipartUpload')}"
