"""How figures are written."""

from django import template

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
    """Return a share as 42 %; what is nearly certain is not written as certain."""
    if share >= 0.995:
        return "> 99 %" if share < 1 else "100 %"
    return f"{share:.0%}".replace("%", " %") if share >= 0.005 else "< 1 %"
