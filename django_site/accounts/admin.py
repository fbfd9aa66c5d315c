"""The admin's log-in has the limit of the site's."""

from django.contrib import admin

from accounts.forms import AdminLoginForm

admin.site.login_form = AdminLoginForm
