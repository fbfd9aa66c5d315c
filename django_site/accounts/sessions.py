"""Sessions in the database, each with its user."""

from typing import Any, cast

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends import db

from accounts.models import AccountSession


class SessionStore(db.SessionStore):
    """Sessions that end with the account."""

    @classmethod
    def get_model_class(cls) -> type[AccountSession]:
        """Return the model."""
        return AccountSession

    def create_model_instance(self, data: dict[str, Any]) -> AccountSession:
        """Return the session as a row, with the user who is logged in."""
        row = cast(AccountSession, super().create_model_instance(data))
        row.user_id = data.get(SESSION_KEY)
        return row
