"""The site's addresses."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from genre_site import health

urlpatterns = [
    path("", include("songs.urls")),
    path("accounts/", include("accounts.urls")),
    # Its own form takes any number of tries.
    path("admin/password_change/", RedirectView.as_view(pattern_name="password_change")),
    path("admin/", admin.site.urls),
    path("livez", health.livez),
    path("readyz", health.readyz),
]

handler400 = "genre_site.errors.bad_request"
handler403 = "genre_site.errors.forbidden"
handler404 = "genre_site.errors.not_found"
handler500 = "genre_site.errors.server_error"
