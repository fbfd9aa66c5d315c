"""The forms around accounts."""

from typing import TYPE_CHECKING, Any, cast

from django import forms
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth.forms import AuthenticationForm, PasswordChangeForm, UserCreationForm
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from songs.limits import address, forget, give_back, hit

if TYPE_CHECKING:
    UserForm = UserCreationForm[User]
    LimitedForm = AuthenticationForm
else:
    UserForm, LimitedForm = UserCreationForm, object

_WINDOW_SECONDS = 900
_TRIES_BY_NAME, _TRIES_BY_ADDRESS = 5, 50
_TOO_MANY = "Too many tries. Wait a quarter of an hour"


class RegisterForm(UserForm):
    """A new account: name, password, and an e-mail address for who wants to be able to reset it."""

    email = forms.EmailField(required=False, help_text="To log in with, and to reset your password if you forget it.")

    class Meta(UserCreationForm.Meta):
        """The fields, in order."""

        model = User
        fields = ("username", "email")
        help_texts = {"username": "Letters, digits and @ . + - _ only."}  # noqa: RUF012 - Django's own shape


class LimitedTries(LimitedForm):
    """Limits failed log-ins, per address and per name at an address: nobody can lock out another user."""

    def clean(self) -> dict[str, Any]:
        """Count the try, but not if the password is correct."""
        where = address(cast(HttpRequest, self.request))
        name = _name_at(where, self.cleaned_data.get("username", ""))
        if (
            hit("login", name, _WINDOW_SECONDS) > _TRIES_BY_NAME
            or hit("login", where, _WINDOW_SECONDS) > _TRIES_BY_ADDRESS
        ):
            raise ValidationError(f"{_TOO_MANY}, or reset your password.", "too_many")
        cleaned = super().clean()
        forget("login", name, _WINDOW_SECONDS)
        give_back("login", where, _WINDOW_SECONDS)
        return cleaned


class LoginForm(LimitedTries, AuthenticationForm):
    """The site's log-in, by name or e-mail address."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].label = "Username or e-mail"


class AdminLoginForm(LimitedTries, AdminAuthenticationForm):
    """The admin's log-in."""


class ChangePasswordForm(PasswordChangeForm):
    """The old password, and the new one twice."""

    def clean_old_password(self) -> str:
        """Return the old password if it is the user's."""
        return _own_password(self.user, self.cleaned_data["old_password"])


class PasswordForm(forms.Form):
    """The password, for what a forgotten open browser must not allow."""

    password = forms.CharField(label="Your password", widget=forms.PasswordInput({"autocomplete": "current-password"}))

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user

    def clean_password(self) -> str:
        """Return the password if it is the user's."""
        return _own_password(self.user, self.cleaned_data["password"])


class EmailForm(PasswordForm):
    """Another e-mail address."""

    email = forms.EmailField(label="New e-mail address", max_length=254)
    field_order = ("email", "password")


def unlock(request: HttpRequest, user: User) -> None:
    """Forget the failed log-ins of a user at this address."""
    for name in (user.username, user.email):
        forget("login", _name_at(address(request), name), _WINDOW_SECONDS)


def _name_at(where: str, name: str) -> str:
    return f"{where} {name.lower()}"


def _own_password(user: User, password: str) -> str:
    """Return the password if it is the user's; raise ValidationError otherwise, and after too many tries."""
    if hit("login", f"user {user.pk}", _WINDOW_SECONDS) > _TRIES_BY_NAME:
        raise ValidationError(f"{_TOO_MANY}.")
    if not user.check_password(password):
        raise ValidationError("That is not your password.")
    forget("login", f"user {user.pk}", _WINDOW_SECONDS)
    return password
