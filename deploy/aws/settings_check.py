"""Checks of the settings before anything is created."""

from deploy.aws.errors import DeployError
from deploy.aws.target import Settings

# Without these, the site ends at its start, or does not find its database or the service.
_SITE_NEEDS = ("DATABASE_URL", "SITE_SECRET_KEY", "SITE_HOSTS", "GENRE_SERVICE_URL")
_API_SECONDS = 30


def check(settings: Settings) -> None:
    """Raise DeployError if the environment of a site lacks variables that it needs."""
    missing = [name for name in _SITE_NEEDS if settings.site and not settings.environment.get(name)]
    if missing:
        raise DeployError(
            f"The site needs {', '.join(missing)}. Write them into a file, a line NAME=VALUE each, and give it as "
            "--environment FILE. Nothing is made yet."
        )


def warnings(settings: Settings) -> list[str]:
    """Return warnings about settings that work otherwise than they seem to."""
    if settings.http == "api" and settings.timeout_seconds > _API_SECONDS:
        return [
            f"Warning: API Gateway ends each call after {_API_SECONDS} seconds, whatever --timeout says "
            f"({settings.timeout_seconds}). Take --http url for longer calls."
        ]
    return []
