"""How often somebody may do something: counted in Redis where there is one, else in the database."""

import hashlib
import ipaddress
import time
from datetime import UTC, datetime

from django.conf import settings
from django.core.cache import cache
from django.db import transaction
from django.db.models import F
from django.http import HttpRequest

from songs.models import Hits


def address(request: HttpRequest) -> str:
    """Return the address of the client, as the last of our own proxies saw it.

    Of an IPv6 address it is the network of 64 bits: a client has all addresses of it.
    """
    seen = str(request.META["REMOTE_ADDR"])
    forwarded = request.headers.get("X-Forwarded-For", "").split(",")
    if settings.PROXIES and len(forwarded) >= settings.PROXIES:
        seen = forwarded[-settings.PROXIES].strip()
    try:
        parsed = ipaddress.ip_address(seen)
    except ValueError:
        # A proxy's name for who it hides, or a socket without an address.
        return seen
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    return str(parsed.ipv4_mapped or ipaddress.ip_network((parsed, 64), strict=False))


def hit(what: str, who: str, seconds: int) -> int:
    """Count one more, and return how many there were in this window of time, this one among them."""
    window = int(time.time()) // seconds
    key = _key(what, who, window)
    if settings.REDIS_URL:
        cache.add(key, 0, 2 * seconds)
        return int(cache.incr(key))
    with transaction.atomic():
        Hits.objects.get_or_create(key=key, defaults={"ends_at": datetime.fromtimestamp((window + 1) * seconds, UTC)})
        Hits.objects.filter(key=key).update(count=F("count") + 1)
        return int(Hits.objects.values_list("count", flat=True).get(key=key))


def forget(what: str, who: str, seconds: int) -> None:
    """Begin to count anew."""
    key = _key(what, who, int(time.time()) // seconds)
    if settings.REDIS_URL:
        cache.delete(key)
    else:
        Hits.objects.filter(key=key).delete()


def give_back(what: str, who: str, seconds: int) -> None:
    """Count one less: the last hit was a correct one."""
    key = _key(what, who, int(time.time()) // seconds)
    if settings.REDIS_URL:
        # Meanwhile another window of time may have begun.
        if cache.get(key):
            cache.decr(key)
    else:
        Hits.objects.filter(key=key, count__gt=0).update(count=F("count") - 1)


def _key(what: str, who: str, window: int) -> str:
    """Return a key that does not say who it is."""
    return f"{what}:{hashlib.sha256(f'{settings.SECRET_KEY}:{who}'.encode()).hexdigest()[:32]}:{window}"
