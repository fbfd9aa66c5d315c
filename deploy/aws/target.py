"""The target of a deployment: settings, the names of all resources, and the AWS clients."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import NoRegionError

if TYPE_CHECKING:
    from types_boto3_apigatewayv2 import ApiGatewayV2Client
    from types_boto3_ecr import ECRClient
    from types_boto3_iam import IAMClient
    from types_boto3_lambda import LambdaClient
    from types_boto3_logs import CloudWatchLogsClient
    from types_boto3_s3 import S3Client

# The alias that addresses and triggers call: the version that is served.
ALIAS = "live"
# In the bucket: songs on their way to POST /classify, and songs whose answers are written beside them.
UPLOADS, SONGS = "uploads/", "songs/"


@dataclass(frozen=True)
class Settings:
    """The settings of a deployment; to remove one, its name is enough.

    `site` is whether it is the web site, in place of the service. `image` is one of this machine, by its name, or one
    in ECR, by its URI, or None to look at what stands. `concurrency` is how many calls are worked on at once, None for
    as many as the account may. `http` says what has the address, a function "url" or an HTTP "api"; and `auth` who may
    call it, "public" or "iam". `origins` are the web sites whose pages may. `architecture` is "x86_64" or "arm64".
    `environment` is for the function, and may be secret.
    """

    name: str
    site: bool = False
    image: str | None = None
    memory_mb: int = 1769
    timeout_seconds: int = 60
    concurrency: int | None = None
    retention_days: int = 30
    http: str = "url"
    auth: str = "public"
    origins: tuple[str, ...] = ()
    architecture: str = "x86_64"
    environment: Mapping[str, str] = field(default_factory=dict)


class Target:
    """An account and a region of AWS, and the names of the resources there.

    All that is made bears `tags`, and nothing else does. The name of the bucket is one that no other account has, that
    of the role one that no other region has, and that of the log group the one that AWS Lambda writes to.
    """

    def __init__(self, settings: Settings, region: str | None, profile: str | None, endpoint: str | None) -> None:
        """Ask AWS whose account it is; raise botocore's errors if there are no credentials or there is no region."""
        session = boto3.Session(profile_name=profile, region_name=region)
        if session.region_name is None:
            raise NoRegionError
        config = Config(
            connect_timeout=10,
            # A call takes as long as the function may, and its start.
            read_timeout=settings.timeout_seconds + 30,
            # With growing pauses, of each call that AWS asks to make later.
            retries={"mode": "standard", "total_max_attempts": 5},
        )
        client: dict[str, Any] = {"endpoint_url": endpoint, "config": config}
        caller = session.client("sts", **client).get_caller_identity()
        self.settings = settings
        self.region = session.region_name
        self.account = caller["Account"]
        self._partition = caller["Arn"].split(":")[1]
        self.tags = {"managed-by": "deploy-aws", "project": "music-genre-classifier", "deployment": settings.name}
        self.tag_list: Any = [{"Key": key, "Value": value} for key, value in self.tags.items()]
        self.bucket = f"{settings.name}-{self.account}-{self.region}"
        self.role = f"{settings.name}-{self.region}"
        self.log_group = f"/aws/lambda/{settings.name}"
        self.alias_arn = f"{self.arn('lambda', f'function:{settings.name}')}:{ALIAS}"
        self.ecr: ECRClient = session.client("ecr", **client)
        self.s3: S3Client = session.client("s3", **client)
        self.iam: IAMClient = session.client("iam", **client)
        self.logs: CloudWatchLogsClient = session.client("logs", **client)
        self.functions: LambdaClient = session.client("lambda", **client)
        self.apis: ApiGatewayV2Client = session.client("apigatewayv2", **client)

    def owns(self, tags: Any) -> bool:
        """Return whether a resource with these tags, a mapping or AWS's list, is of this deployment."""
        found = tags if isinstance(tags, dict) else {tag["Key"]: tag["Value"] for tag in tags}
        return self.tags.items() <= found.items()

    def arn(self, service: str, resource: str) -> str:
        """Return an address within AWS; that of a role has no region, that of a bucket no account either."""
        region = "" if service in ("iam", "s3") else self.region
        account = "" if service == "s3" else self.account
        return f"arn:{self._partition}:{service}:{region}:{account}:{resource}"
