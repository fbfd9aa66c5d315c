"""Events as AWS documents them: those of an HTTP API and of a function URL (payload 2.0), and of a bucket."""

import base64
from typing import Any
from urllib.parse import quote_plus

import requests

Event = dict[str, Any]


def http_api(request: requests.Request) -> Event:
    """Return the event that an HTTP API's $default stage makes of a request."""
    event = _payload(request, "abcdefghij.execute-api.us-east-1.amazonaws.com")
    event["requestContext"] |= {"accountId": "123456789012", "apiId": "abcdefghij", "domainPrefix": "abcdefghij"}
    return event


def function_url(request: requests.Request) -> Event:
    """Return the event that a function URL makes of a request."""
    event = _payload(request, "abcdefghijabcdefghij.lambda-url.us-east-1.on.aws")
    event["requestContext"] |= {
        "accountId": "anonymous",
        "apiId": "abcdefghijabcdefghij",
        "domainPrefix": "abcdefghijabcdefghij",
        "authentication": None,
    }
    return event


def _payload(request: requests.Request, host: str) -> Event:
    prepared = request.prepare()
    path, _, query = prepared.path_url.partition("?")
    headers = {name.lower(): value for name, value in prepared.headers.items()}
    cookies = headers.pop("cookie", "")
    body = prepared.body.encode() if isinstance(prepared.body, str) else prepared.body
    # Both carry text as it is, and whatever else in base64.
    text = headers.get("content-type", "").startswith(("application/json", "text/"))
    event = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": {
            "accept": "*/*",
            "host": host,
            "x-amzn-trace-id": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700",
            "x-forwarded-for": "192.0.2.1",
            "x-forwarded-port": "443",
            "x-forwarded-proto": "https",
            **headers,
        },
        "requestContext": {
            "domainName": host,
            "http": {
                "method": prepared.method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
                "userAgent": "curl/8.5.0",
            },
            "requestId": "JKJaXmPLvHcESHA=",
            "routeKey": "$default",
            "stage": "$default",
            "time": "12/Mar/2025:19:03:58 +0000",
            "timeEpoch": 1741806238000,
        },
        "isBase64Encoded": body is not None and not text,
    }
    if cookies:
        event["cookies"] = cookies.split("; ")
    if body is not None:
        event["body"] = body.decode() if text else base64.b64encode(body).decode()
    return event


def created(bucket: str, *keys: str) -> Event:
    """Return the event of objects that have been put into a bucket."""
    return {
        "Records": [
            {
                "eventVersion": "2.1",
                "eventSource": "aws:s3",
                "awsRegion": "us-east-1",
                "eventTime": "2025-03-12T19:03:58.000Z",
                "eventName": "ObjectCreated:Put",
                "userIdentity": {"principalId": "AWS:AIDAJDPLRKLG7UEXAMPLE"},
                "requestParameters": {"sourceIPAddress": "192.0.2.1"},
                "responseElements": {
                    "x-amz-request-id": "C3D13FE58DE4C810",
                    "x-amz-id-2": "FMyUVURIY8/IgAtTv8xRjskZQpcIZ9KG4V5Wp6S7S/JRWeUWerMUE5JgHvANOjpD",
                },
                "s3": {
                    "s3SchemaVersion": "1.0",
                    "configurationId": "songs",
                    "bucket": {
                        "name": bucket,
                        "ownerIdentity": {"principalId": "A3NL1KOZZKExample"},
                        "arn": f"arn:aws:s3:::{bucket}",
                    },
                    "object": {
                        "key": quote_plus(key, safe="/"),
                        "size": 1024,
                        "eTag": "d41d8cd98f00b204e9800998ecf8427e",
                        "sequencer": "0055AED6DCD90281E5",
                    },
                },
            }
            for key in keys
        ]
    }


def answer_of(answered: Event) -> requests.Response:
    """Return what the client of an HTTP API or a function URL gets for a function's answer."""
    response = requests.Response()
    response.status_code = answered["statusCode"]
    response.headers.update(answered["headers"])
    body = answered["body"]
    response._content = base64.b64decode(body) if answered["isBase64Encoded"] else body.encode()
    for cookie in answered.get("cookies", []):
        name, _, value = cookie.partition(";")[0].partition("=")
        response.cookies.set(name, value)
    return response
