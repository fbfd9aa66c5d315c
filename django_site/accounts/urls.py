"""Addresses of accounts."""

from django.contrib.auth import views as auth
from django.urls import path

from accounts import views
from accounts.forms import ChangePasswordForm, LoginForm

urlpatterns = [
    path("", views.account, name="account"),
    path("email/<str:token>/", views.confirm_email, name="confirm_email"),
    path("register/", views.register, name="register"),
    path(
        "login/",
        auth.LoginView.as_view(authentication_form=LoginForm, redirect_authenticated_user=True),
        name="login",
    ),
    path("logout/", auth.LogoutView.as_view(), name="logout"),
    path("delete/", views.delete, name="delete_account"),
    path("password/", auth.PasswordChangeView.as_view(form_class=ChangePasswordForm), name="password_change"),
    path("password/done/", auth.PasswordChangeDoneView.as_view(), name="password_change_done"),
    path("reset/", views.ResetPassword.as_view(), name="password_reset"),
    path("reset/sent/", auth.PasswordResetDoneView.as_view(), name="password_reset_done"),
    path("reset/<uidb64>/<token>/", views.ConfirmReset.as_view(), name="password_reset_confirm"),
    path("reset/done/", auth.PasswordResetCompleteView.as_view(), name="password_reset_complete"),
]
