"""Sessions of accounts."""

from django.conf import settings
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models


class AccountSession(AbstractBaseSession):
    """A session, which is deleted with its user."""

    # Without a constraint: a request under way may save its session while the account is deleted.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, null=True, db_constraint=False, related_name="sessions"
    )

    @classmethod
    def get_session_store_class(cls) -> type:
        """Return the store of these sessions."""
        from accounts.sessions import SessionStore

        return SessionStore
