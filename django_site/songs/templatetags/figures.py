"""How figures are written."""

from django import template
from django.utils import timezone

register = template.Library()


@register.filter
def clock(seconds: float) -> str:
    """Return seconds as 1:05, or 1:01:05."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


@register.filter
def megabytes(size: int) -> str:
    """Return bytes as 50 MB."""
    return f"{size / 1e6:g} MB"


@register.filter
def percent(share: float) -> str:
    """Return a share as 42%; a share of nearly 1 is not written as 100%."""
    if share >= 0.995:
        return "> 99%" if share < 1 else "100%"
    return f"{share:.0%}" if share >= 0.005 else "< 1%"


@register.filter
def certainty(confidence: float) -> str:
    """Return a confidence in words that stand before the genre."""
    for least, words in ((0.9, "Almost certainly"), (0.7, "Very likely"), (0.5, "Probably")):
        if confidence >= least:
            return words
    return "Perhaps"


@register.filter
def of_ten(confidence: float) -> str:
    """Return the meaning of a calibrated confidence in a sentence."""
    right = round(10 * confidence)
    return f"About {right} of 10 such answers are right." if right < 10 else "Nearly all such answers are right."


@register.simple_tag
def zone() -> str:
    """Return the name of the time zone that times are written in, such as Berlin."""
    return timezone.get_current_timezone_name().rpartition("/")[2].replace("_", " ")
