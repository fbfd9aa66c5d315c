"""Register, and delete an account with everything in it."""

from typing import cast

from django.contrib import messages
from django.contrib.auth import login, logout
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.contrib.auth.views import PasswordResetView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods
from genre_site.errors import problem
from songs.limits import address, hit

from accounts.forms import DeleteForm, RegisterForm

_HOUR = 3600
_MOST_AN_HOUR = 10


def _too_many(request: HttpRequest, what: str) -> HttpResponse | None:
    if hit(what, address(request), _HOUR) > _MOST_AN_HOUR:
        return problem(request, 429, "Too many at once", "Try again in an hour.")
    return None


@require_http_methods(["GET", "HEAD", "POST"])
def register(request: HttpRequest) -> HttpResponse:
    """Make an account, and log in."""
    form = RegisterForm(request.POST or None)
    if request.method == "POST":
        if refused := _too_many(request, "register"):
            return refused
        if form.is_valid():
            login(request, form.save())
            messages.success(request, "Welcome. From now on your results are kept in your history.")
            return redirect("home")
    return render(request, "registration/register.html", {"form": form})


class ResetPassword(PasswordResetView):
    """Send a link to a new password, a few times an hour."""

    def post(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        """Send it."""
        return _too_many(request, "reset") or super().post(request, *args, **kwargs)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: HttpRequest) -> HttpResponse:
    """Ask for the password, then delete the account and everything in it."""
    user = cast(User, request.user)
    form = DeleteForm(user, request.POST or None)
    if request.method == "POST" and form.is_valid():
        logout(request)
        user.delete()
        messages.success(request, "Your account and everything in it is deleted.")
        return redirect("home")
    return render(request, "registration/delete.html", {"form": form})
