"""Clients that ask again as soon as they are answered, in a process of their own: prints their measurements as JSON.

python -m benchmarks.load URL SECONDS CLIENTS SONG...
"""

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path

import aiohttp


async def load(url: str, seconds: float, clients: int, songs: Sequence[Path]) -> dict[str, object]:
    """Return how long each answer took, in seconds, and how many answers had which status."""
    bodies = cycle([(song.name, song.read_bytes()) for song in songs])
    latencies: list[float] = []
    statuses: Counter[str] = Counter()
    end = time.perf_counter() + seconds

    async def client(session: aiohttp.ClientSession) -> None:
        while (began := time.perf_counter()) < end:
            name, content = next(bodies)
            form = aiohttp.FormData()
            form.add_field("audio", content, filename=name)
            try:
                async with session.post(url, data=form) as response:
                    await response.read()
                    statuses[str(response.status)] += 1
            except aiohttp.ClientError as error:
                statuses[type(error).__name__] += 1
            else:
                latencies.append(time.perf_counter() - began)

    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(300)) as session:
        await asyncio.gather(*(client(session) for _ in range(clients)))
    return {"latencies": latencies, "statuses": dict(statuses)}


if __name__ == "__main__":
    url, seconds, clients, *songs = sys.argv[1:]
    print(json.dumps(asyncio.run(load(url, float(seconds), int(clients), [Path(song) for song in songs]))))  # noqa: T201
