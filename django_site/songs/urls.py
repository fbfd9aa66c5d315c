"""Addresses of uploads, results and history."""

from django.urls import path, re_path, register_converter

from songs import about, exporting, history, sharing, statistics, uploading
from songs.numbers import NumberConverter

register_converter(NumberConverter, "number")

urlpatterns = [
    path("", uploading.home, name="home"),
    path("analyse/", uploading.analyse, name="analyse"),
    path("cancel/", uploading.cancel, name="cancel"),
    path("token/", uploading.token, name="token"),
    path("draw/", uploading.draw, name="draw"),
    path("about/", about.about, name="about"),
    path("history/", history.history, name="history"),
    path("history/delete/", history.delete_all, name="delete_all"),
    path("history/statistics/", statistics.statistics, name="statistics"),
    re_path(r"^history/export\.(?P<suffix>csv|json)$", exporting.export, name="export"),
    path("history/<number:pk>/", history.result, name="result"),
    path("history/<number:pk>/picture/", history.picture, name="picture"),
    path("history/<number:pk>/feedback/", history.feedback, name="feedback"),
    path("history/<number:pk>/delete/", history.delete, name="delete"),
    path("history/<number:pk>/restore/", history.restore, name="restore"),
    path("history/<number:pk>/share/", sharing.share, name="share"),
    path("shared/<str:key>/", sharing.shared, name="shared"),
    path("shared/<str:key>/picture/", sharing.picture, name="shared_picture"),
]
