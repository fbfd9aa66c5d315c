"""The address of the service: a function URL, or an HTTP API."""

from typing import TYPE_CHECKING, Any

from deploy.aws.errors import unless_missing
from deploy.aws.function import Function
from deploy.aws.permission import GIVEN, NONE, Permissions
from deploy.aws.plan import State
from deploy.aws.target import ALIAS, Settings, Target

if TYPE_CHECKING:
    from types_boto3_apigatewayv2.type_defs import ApiTypeDef

_DEFAULT = "$default"
_PAYLOAD = "2.0"


class Url:
    """The function URL of the version that is served."""

    def __init__(self, target: Target, function: Function) -> None:
        self._target = target
        self._function = function
        self._where: Any = {"FunctionName": target.settings.name, "Qualifier": ALIAS}
        # Since October 2025, a URL for everybody needs both.
        self._everybody = Permissions(
            target,
            {
                "url": {"Action": "lambda:InvokeFunctionUrl", "Principal": "*", "FunctionUrlAuthType": "NONE"},
                "url-call": {"Action": "lambda:InvokeFunction", "Principal": "*", "InvokedViaFunctionUrl": True},
            },
        )
        self.name = "function URL"

    def wanted(self) -> State | None:
        """Return the desired state, None if an HTTP API has the address."""
        settings = self._target.settings
        if settings.http != "url":
            return None
        everybody = GIVEN if settings.auth == "public" else NONE
        return {"auth": _auth(settings), "origins": _origins(settings), "permission of everybody": everybody}

    def address(self) -> str | None:
        """Return it, None if there is none."""
        found = self._found()
        return found["FunctionUrl"] if found else None

    def read(self) -> State | None:
        """Return the current state."""
        found = self._found()
        if not found:
            return None
        origins = ", ".join(sorted((found.get("Cors") or {}).get("AllowOrigins", [])))
        return {"auth": found["AuthType"], "origins": origins, "permission of everybody": self._everybody.read()}

    def change(self, found: State | None) -> None:
        """Create or update it."""
        functions, settings = self._target.functions, self._target.settings
        if settings.auth != "public":
            self._everybody.take()
        put = functions.create_function_url_config if found is None else functions.update_function_url_config
        put(**self._where, AuthType=_auth(settings), Cors=_cors(settings))
        if settings.auth == "public":
            self._everybody.give()

    def remove(self) -> None:
        """Remove it."""
        self._everybody.take()
        self._target.functions.delete_function_url_config(**self._where)

    def _found(self) -> Any:
        if self._function.there() is None:
            return None
        functions = self._target.functions
        return unless_missing(lambda: functions.get_function_url_config(**self._where), "ResourceNotFoundException")


class Api:
    """The HTTP API before the version that is served. Its name is no key in AWS: it is known by its tags."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._apis = target.apis
        self.name = f"HTTP API {target.settings.name}"

    def wanted(self) -> State | None:
        """Return the desired state, None if a function URL has the address."""
        settings = self._target.settings
        if settings.http != "api":
            return None
        return {
            "APIs": 1,
            "auth": _auth(settings),
            "origins": _origins(settings),
            "calls": self._target.alias_arn,
            "payload": _PAYLOAD,
            "stage": _DEFAULT,
            "permission": GIVEN,
        }

    def address(self) -> str | None:
        """Return it, None if there is none."""
        found = self._found()
        return f"{found[0]['ApiEndpoint']}/" if found else None

    def read(self) -> State | None:
        """Return the current state."""
        found = self._found()
        if not found:
            return None
        id_ = found[0]["ApiId"]
        integration, route, stage = self._parts(id_)
        routed = bool(integration) and route.get("Target") == f"integrations/{integration['IntegrationId']}"
        return {
            # More than one, if two commands ran at the same time.
            "APIs": len(found),
            "auth": route.get("AuthorizationType"),
            "origins": ", ".join(sorted((found[0].get("CorsConfiguration") or {}).get("AllowOrigins", []))),
            "calls": integration.get("IntegrationUri") if routed else None,
            "payload": integration.get("PayloadFormatVersion"),
            "stage": stage.get("StageName"),
            "permission": self._permissions(id_).read(),
        }

    def change(self, found: State | None) -> None:  # noqa: ARG002 - it takes more than that
        """Create or update it."""
        apis, settings, there = self._apis, self._target.settings, self._found()
        for surplus in there[1:]:
            apis.delete_api(ApiId=surplus["ApiId"])
        cors: Any = {"CorsConfiguration": _cors(settings)} if settings.origins else {}
        if not there:
            id_ = apis.create_api(Name=settings.name, ProtocolType="HTTP", Tags=self._target.tags, **cors)["ApiId"]
        else:
            id_ = there[0]["ApiId"]
            if cors:
                apis.update_api(ApiId=id_, **cors)
            elif there[0].get("CorsConfiguration"):
                apis.delete_cors_configuration(ApiId=id_)
        integration, route, stage = self._parts(id_)
        calls: Any = {"ApiId": id_, "IntegrationType": "AWS_PROXY", "PayloadFormatVersion": _PAYLOAD}
        calls["IntegrationUri"] = self._target.alias_arn
        if integration:
            apis.update_integration(IntegrationId=integration["IntegrationId"], **calls)
        else:
            integration = apis.create_integration(**calls)
        routes: Any = {"ApiId": id_, "RouteKey": _DEFAULT, "AuthorizationType": _auth(settings)}
        routes["Target"] = f"integrations/{integration['IntegrationId']}"
        if route:
            apis.update_route(RouteId=route["RouteId"], **routes)
        else:
            apis.create_route(**routes)
        if not stage:
            apis.create_stage(ApiId=id_, StageName=_DEFAULT, AutoDeploy=True)
        self._permissions(id_).give()

    def remove(self) -> None:
        """Remove it, and the duplicates that two commands at the same time may have created."""
        for api in self._found():
            self._permissions(api["ApiId"]).take()
            self._apis.delete_api(ApiId=api["ApiId"])

    def _found(self) -> "list[ApiTypeDef]":
        """Return all HTTP APIs of this deployment, the oldest first."""
        pages = self._apis.get_paginator("get_apis").paginate()
        found = [api for page in pages for api in page["Items"] if self._target.owns(api.get("Tags", {}))]
        return sorted(found, key=lambda api: (api["CreatedDate"], api["ApiId"]))

    def _parts(self, id_: str) -> tuple[Any, Any, Any]:
        """Return the integration, the route and the stage, each empty if it is not there."""
        integrations = self._apis.get_integrations(ApiId=id_)["Items"]
        routes = [route for route in self._apis.get_routes(ApiId=id_)["Items"] if route["RouteKey"] == _DEFAULT]
        stage = unless_missing(lambda: self._apis.get_stage(ApiId=id_, StageName=_DEFAULT), "NotFoundException")
        return next(iter(integrations), {}), next(iter(routes), {}), stage or {}

    def _permissions(self, id_: str) -> Permissions:
        permission = {"Action": "lambda:InvokeFunction", "Principal": "apigateway.amazonaws.com"}
        permission["SourceArn"] = self._target.arn("execute-api", f"{id_}/*/*")
        return Permissions(self._target, {"api": permission})


def _auth(settings: Settings) -> Any:
    return "NONE" if settings.auth == "public" else "AWS_IAM"


def _origins(settings: Settings) -> str:
    return ", ".join(sorted(settings.origins))


def _cors(settings: Settings) -> Any:
    if not settings.origins:
        return {}
    return {
        "AllowOrigins": list(settings.origins),
        "AllowMethods": ["GET", "POST"],
        "AllowHeaders": ["content-type", "x-request-id"],
        "ExposeHeaders": ["x-request-id"],
        "MaxAge": 3600,
    }
