"""Addresses of uploads, results and history."""

from django.urls import path, re_path, register_converter
from django.urls.converters import IntConverter

from songs import about, history, uploading

# The greatest whole number of a database.
_MAX_NUMBER = 2**63 - 1


class NumberConverter(IntConverter):
    """The number of a row; a greater one than any row can have is no address."""

    def to_python(self, value: str) -> int:
        """Return the number; raise ValueError if it is too great."""
        number = super().to_python(value)
        if number > _MAX_NUMBER:
            raise ValueError("No row has this number.")
        return number


register_converter(NumberConverter, "number")

urlpatterns = [
    path("", uploading.home, name="home"),
    path("analyse/", uploading.analyse, name="analyse"),
    path("draw/", uploading.draw, name="draw"),
    path("about/", about.about, name="about"),
    path("history/", history.history, name="history"),
    path("history/delete/", history.delete_all, name="delete_all"),
    path("history/statistics/", history.statistics, name="statistics"),
    re_path(r"^history/export\.(?P<suffix>csv|json)$", history.export, name="export"),
    path("history/<number:pk>/", history.result, name="result"),
    path("history/<number:pk>/picture/", history.picture, name="picture"),
    path("history/<number:pk>/feedback/", history.feedback, name="feedback"),
    path("history/<number:pk>/delete/", history.delete, name="delete"),
]
