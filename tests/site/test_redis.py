"""What the site keeps in Redis."""

import json
import re
from pathlib import Path

import pytest
import requests

from tests.site.conftest import missing
from tests.site.process import MEMBER, run_site


def test_redis_holds_no_code(tmp_path: Path) -> None:
    redis = pytest.importorskip("redis")
    url = "redis://127.0.0.1:6379/10"
    kept = redis.Redis.from_url(url)
    try:
        kept.flushdb()
    except redis.ConnectionError:
        missing(f"needs a Redis at {url}")
    with run_site(tmp_path, REDIS_URL=url) as server, requests.Session() as browser:
        address = f"{server.url}/accounts/register/"
        (token, *_) = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', browser.get(address).text)
        page = browser.post(address, {"csrfmiddlewaretoken": token} | MEMBER, headers={"Referer": address})
        assert MEMBER["username"] in page.text
        keys = list(kept.scan_iter())
        assert any(b"register" in key for key in keys)
        for key in keys:
            json.loads(kept.get(key))
