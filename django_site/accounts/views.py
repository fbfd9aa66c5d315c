"""Register, change the e-mail address, reset a password, and delete an account with everything in it."""

from collections.abc import Callable
from typing import Any, cast

from django.contrib import messages
from django.contrib.auth import login, logout
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.contrib.auth.views import PasswordResetConfirmView, PasswordResetView
from django.core import signing
from django.core.mail import send_mail
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.views.decorators.http import require_http_methods
from genre_site.errors import problem
from songs.limits import address, hit

from accounts.forms import EmailForm, PasswordForm, RegisterForm, unlock

_HOUR, _DAY = 3600, 86_400
# A class behind one router may register.
_MAX_ACCOUNTS_PER_HOUR, _MAX_RESETS_PER_HOUR, _MAX_EMAILS_PER_HOUR = 60, 10, 10
_EMAIL_SALT = "accounts.email"


def _too_many(request: HttpRequest, what: str, most: int) -> HttpResponse | None:
    if hit(what, address(request), _HOUR) > most:
        return problem(request, 429, "Too many requests", "Try again in an hour.")
    return None


@require_http_methods(["GET", "HEAD", "POST"])
def register(request: HttpRequest) -> HttpResponse:
    """Make an account, and log in."""
    form = RegisterForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        if refused := _too_many(request, "register", _MAX_ACCOUNTS_PER_HOUR):
            return refused
        login(request, form.save(), backend="django.contrib.auth.backends.ModelBackend")
        messages.success(request, "Welcome. From now on your results are kept in your history.")
        return redirect("home")
    return render(request, "registration/register.html", {"form": form})


class _RedirectThen(HttpResponseRedirect):
    """A redirect that runs a function once it has been sent."""

    def __init__(self, url: str, then: Callable[[], object]) -> None:
        super().__init__(url)
        self._then = then

    def close(self) -> None:
        """Do it, and end the request: the server has sent the response."""
        try:
            self._then()
        finally:
            super().close()


class ResetPassword(PasswordResetView):
    """Send a link to a new password, a few times an hour.

    It is sent after the response, which so takes the same time for known and unknown addresses.
    """

    def post(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        """Send it."""
        return _too_many(request, "reset", _MAX_RESETS_PER_HOUR) or super().post(request, *args, **kwargs)

    def form_valid(self, form: Any) -> HttpResponse:
        """Respond first."""
        send = super().form_valid
        return _RedirectThen(self.get_success_url(), lambda: send(form))


class ConfirmReset(PasswordResetConfirmView):
    """Set a new password, and let its user log in."""

    def form_valid(self, form: Any) -> HttpResponse:
        """Set it."""
        response = super().form_valid(form)
        unlock(self.request, cast(User, self.user))
        return response


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def account(request: HttpRequest) -> HttpResponse:
    """Show the account; with a POST, send a link that confirms another e-mail address."""
    user = cast(User, request.user)
    form = EmailForm(user, request.POST or None)
    if request.method == "POST" and form.is_valid():
        if refused := _too_many(request, "email", _MAX_EMAILS_PER_HOUR):
            return refused
        email = form.cleaned_data["email"]
        # A link is good for one change: it names the address that it replaces.
        token = signing.dumps([user.pk, user.email, email], salt=_EMAIL_SALT)
        link = request.build_absolute_uri(reverse("confirm_email", args=[token]))
        text = render_to_string("registration/confirm_email.txt", {"user": user, "link": link})
        send_mail("Confirm your e-mail address", text, None, [email])
        messages.success(request, f"We have sent a link to {email}. Open it to confirm the address.")
        return redirect("account")
    return render(request, "registration/account.html", {"form": form})


@require_http_methods(["GET", "HEAD", "POST"])
def confirm_email(request: HttpRequest, token: str) -> HttpResponse:
    """Ask, then set the e-mail address that a link confirms: a mail program may open the link by itself."""
    try:
        pk, former, email = signing.loads(token, salt=_EMAIL_SALT, max_age=_DAY)
    except signing.BadSignature:
        return problem(request, 404, "This link has expired", "Log in, and enter the address again in your account.")
    if request.method == "POST":
        if not User.objects.filter(pk=pk, email=former).update(email=email):
            return problem(request, 404, "This link has been used", "Log in to see the address of your account.")
        messages.success(request, f"{email} is now the e-mail address of your account.")
        return redirect("account")
    return render(request, "registration/confirm_email.html", {"email": email})


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: HttpRequest) -> HttpResponse:
    """Ask for the password, then delete the account and everything in it."""
    user = cast(User, request.user)
    form = PasswordForm(user, request.POST or None)
    if request.method == "POST" and form.is_valid():
        logout(request)
        user.delete()
        messages.success(request, "Your account and everything in it is deleted.")
        return redirect("home")
    return render(request, "registration/delete.html", {"form": form})
