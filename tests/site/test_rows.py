"""A crowd of uploads that are retried, lost and cancelled: the history has exactly those that were not cancelled."""

import re
import secrets
from concurrent.futures import ThreadPoolExecutor

import requests

from benchmarks.server import Server
from tests import sounds
from tests.site.process import MEMBER


def test_no_row_is_lost_doubled_or_invented(running_site: Server) -> None:
    browser = requests.Session()
    register = f"{running_site.url}/accounts/register/"
    token = _token(browser.get(register, timeout=60).text)
    fields = MEMBER | {"username": "crowd", "csrfmiddlewaretoken": token}
    token = _token(browser.post(register, fields, timeout=60).text)
    cookies = browser.cookies.get_dict()
    song = sounds.song(3, "mp3")

    def ask(address: str, name: str, page: str, seconds: float = 60) -> str:
        fields = {"csrfmiddlewaretoken": token, "upload": page, "model": "gtzan-fast"}
        files = {"audio": (name, song)} if address == "analyse" else None
        answer = requests.post(f"{running_site.url}/{address}/", fields, files=files, cookies=cookies, timeout=seconds)
        return answer.text

    def upload(number: int) -> None:
        name, page = f"{number}.mp3", secrets.token_hex(16)
        with ThreadPoolExecutor() as tries:
            if number % 3 == 0:
                # The connection is lost while the song is analysed; its answer may come later.
                lost = tries.submit(ask, "analyse", name, page, 0.02)
                assert lost.exception(timeout=60) is None or isinstance(lost.exception(), requests.Timeout)
            both = [tries.submit(ask, "analyse", name, page) for _ in range(2)]
            if number % 4 == 0:
                both.append(tries.submit(ask, "cancel", name, page))
            for one in both:
                one.result()

    with ThreadPoolExecutor(6) as visitors:
        list(visitors.map(upload, range(24)))
    rows = requests.get(f"{running_site.url}/history/export.json", cookies=cookies, timeout=60).json()
    assert sorted(row["file_name"] for row in rows) == sorted(f"{number}.mp3" for number in range(24) if number % 4)


def _token(page: str) -> str:
    found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
    assert found
    return found[1]
