"""The forms around accounts."""

from typing import TYPE_CHECKING, Any, cast

from django import forms
from django.contrib.auth.forms import AuthenticationForm, UserCreationForm
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from songs.limits import address, forget, hit

if TYPE_CHECKING:
    UserForm = UserCreationForm[User]
else:
    UserForm = UserCreationForm

_WINDOW_SECONDS = 900
_TRIES_BY_NAME, _TRIES_BY_ADDRESS = 5, 50


class RegisterForm(UserForm):
    """A new account: name, password, and an e-mail address for who wants to be able to reset it."""

    email = forms.EmailField(required=False, help_text="Only to send you a new password if you forget yours.")

    class Meta(UserCreationForm.Meta):
        """The fields, in order."""

        model = User
        fields = ("username", "email")


class LoginForm(AuthenticationForm):
    """Log in; whoever guesses is stopped, by name and by address."""

    def clean(self) -> dict[str, Any]:
        """Count the try, and forget it if it was right."""
        where = address(cast(HttpRequest, self.request))
        # Of the name at this address: nobody can lock another one out.
        name = f"{where} {self.cleaned_data.get('username', '').lower()}"
        if (
            hit("login", name, _WINDOW_SECONDS) > _TRIES_BY_NAME
            or hit("login", where, _WINDOW_SECONDS) > _TRIES_BY_ADDRESS
        ):
            raise ValidationError("Too many tries. Wait a quarter of an hour, or reset your password.", "too_many")
        cleaned = super().clean()
        forget("login", name, _WINDOW_SECONDS)
        return cleaned


class DeleteForm(forms.Form):
    """The password, to delete an account."""

    password = forms.CharField(widget=forms.PasswordInput({"autocomplete": "current-password"}))

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user

    def clean_password(self) -> str:
        """Return the password if it is the user's."""
        password: str = self.cleaned_data["password"]
        if hit("login", f"delete {self.user.pk}", _WINDOW_SECONDS) > _TRIES_BY_NAME:
            raise ValidationError("Too many tries. Wait a quarter of an hour.")
        if not self.user.check_password(password):
            raise ValidationError("That is not your password.")
        return password
