"""Log in with the e-mail address."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User
from django.http import HttpRequest

# Addresses are not unique: several accounts may have one, each with its password.
_MOST_ACCOUNTS = 3


class EmailBackend(ModelBackend):
    """Takes an e-mail address for the name, after Django's own backend has found no user of that name."""

    def authenticate(
        self,
        request: HttpRequest | None,  # noqa: ARG002 - Django passes it
        username: str | None = None,
        password: str | None = None,
        **_: Any,
    ) -> User | None:
        """Return the user with this address and password, or None."""
        if not username or "@" not in username or password is None:
            return None
        users = list(User.objects.filter(email__iexact=username).order_by("pk")[:_MOST_ACCOUNTS])
        if not users:
            # As Django's own backend does: an unknown address takes as long as a known one.
            User().set_password(password)
        return next(
            (user for user in users if user.check_password(password) and self.user_can_authenticate(user)), None
        )
