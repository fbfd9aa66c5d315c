"""What is kept of a user's songs; the songs themselves are not."""

import unicodedata
from typing import Any

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.urls import reverse
from django.utils import timezone

_MOST_TAGS = 5
# Genres and models are named after folders.
_NAME_LENGTH = 255
_TAG_LENGTH = 64


class Analysis(models.Model):
    """One answer of the service for one song, with the model that gave it: it stays when models change."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="analyses")
    file_name = models.CharField(max_length=255)
    # Databases ignore case in ASCII only, or by their locale.
    folded_name = models.TextField(db_default="", blank=True, editable=False)
    file_bytes = models.PositiveBigIntegerField()
    analysed_at = models.DateTimeField(default=timezone.now)
    genre = models.CharField(max_length=_NAME_LENGTH, blank=True, help_text="Empty where the model was not sure.")
    confidence = models.FloatField(validators=[MinValueValidator(0), MaxValueValidator(1)])
    duration_seconds = models.FloatField(validators=[MinValueValidator(0)])
    # The database's own default is for a site of the version before, which may run until this one has started.
    tags = models.JSONField(default=dict, db_default={}, blank=True, help_text="The probability of each tag.")
    model_name = models.CharField(max_length=_NAME_LENGTH)
    model_version = models.CharField(max_length=50)
    answer = models.JSONField(help_text="The whole answer of the service.")
    upload = models.CharField(max_length=64, null=True, editable=False, help_text="See `songs.keeping.upload_id`.")
    deleted_at = models.DateTimeField(null=True, editable=False, help_text="For an hour, a deletion can be undone.")
    share_key = models.CharField(max_length=43, null=True, unique=True, editable=False)

    class Meta:
        """Each order of the history is an index."""

        verbose_name_plural = "analyses"
        ordering = ("-analysed_at", "-pk")
        indexes = (
            models.Index(fields=["user", "-analysed_at", "-id"], name="analysis_by_time"),
            models.Index(fields=["user", "file_name", "id"], name="analysis_by_name"),
            models.Index(fields=["user", "genre", "-analysed_at"], name="analysis_by_genre"),
            models.Index(fields=["user", "confidence", "id"], name="analysis_by_confidence"),
        )
        constraints = (
            models.CheckConstraint(condition=models.Q(confidence__range=(0, 1)), name="confidence_is_a_probability"),
            models.CheckConstraint(condition=models.Q(duration_seconds__gte=0), name="duration_is_not_negative"),
            models.UniqueConstraint(fields=["user", "upload"], name="one_row_per_upload"),
        )

    def __str__(self) -> str:
        return f"{self.file_name}: {self.genre or 'not sure'}"

    @classmethod
    def of(cls, user: Any, name: str, size: int, answer: dict[str, Any]) -> "Analysis":
        """Return what the service answered as a row, not yet saved; a visitor's never is."""
        # PostgreSQL takes no NUL; a name longer than the column keeps its end, where the type stands.
        file_name = name.replace("\0", "")[-255:] or "song"
        return cls(
            user=user if user.is_authenticated else None,
            file_name=file_name,
            folded_name=folded(file_name),
            file_bytes=size,
            genre=answer["genre"] or "",
            confidence=answer["confidence"],
            duration_seconds=answer["audio"]["duration_seconds"],
            tags=_tags(answer.get("tags")),
            model_name=answer["model"]["name"],
            model_version=answer["model"]["version"],
            answer=answer,
        )

    def get_absolute_url(self) -> str:
        """Return the address of the result's page."""
        return reverse("result", args=[self.pk])

    @property
    def genres(self) -> list[str]:
        """Every genre that the model knows, in alphabetical order."""
        return sorted(self.answer["probabilities"])

    @property
    def ranked_tags(self) -> dict[str, float]:
        """The probability of each tag, the greatest first: PostgreSQL does not keep the order."""
        return _ranked(self.tags)

    @property
    def sounds_like(self) -> list[str]:
        """The tags, the most probable first, without one that is the genre itself."""
        return [tag for tag in self.ranked_tags if _letters(tag) != _letters(self.genre)]


class Picture(models.Model):
    """The explained spectrogram of an analysis, as PNG; beside it, so that lists do not read it."""

    analysis = models.OneToOneField(Analysis, models.CASCADE, primary_key=True, related_name="picture")
    png = models.BinaryField()

    def __str__(self) -> str:
        return f"Picture of {self.analysis_id}"


class CancelledUpload(models.Model):
    """An upload that its user cancelled: its answer may still be on its way, and is not kept."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    page_id = models.CharField(max_length=32)
    cancelled_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        """An upload is cancelled once."""

        constraints = (models.UniqueConstraint(fields=["user", "page_id"], name="cancelled_once"),)

    def __str__(self) -> str:
        return self.page_id


class Feedback(models.Model):
    """A user's correction: a genre of the model, none of them, or no music."""

    class Kind(models.TextChoices):
        """The kinds of corrections."""

        GENRE = "genre", "a genre"
        NONE = "none", "none of these genres"
        NO_MUSIC = "no-music", "no music"

    analysis = models.OneToOneField(Analysis, models.CASCADE, primary_key=True, related_name="feedback")
    kind = models.CharField(max_length=8, choices=Kind, default=Kind.GENRE, db_default=Kind.GENRE)
    genre = models.CharField(max_length=_NAME_LENGTH, blank=True)
    given_at = models.DateTimeField(auto_now=True)

    class Meta:
        """A genre is named where one is right."""

        verbose_name_plural = "feedback"
        constraints = (
            models.CheckConstraint(
                condition=(models.Q(kind="genre") & ~models.Q(genre=""))
                | (~models.Q(kind="genre") & models.Q(genre="")),
                name="feedback_names_a_genre",
            ),
        )

    def __str__(self) -> str:
        return f"{self.said} for {self.analysis_id}"

    @property
    def said(self) -> str:
        """The genre, or "none of these genres", or "no music"."""
        return self.genre or self.Kind(self.kind).label


class Hits(models.Model):
    """How often somebody did something in a window of time: see `songs.limits`."""

    key = models.CharField(max_length=200, primary_key=True)
    count = models.PositiveIntegerField(default=0)
    ends_at = models.DateTimeField(db_index=True)

    class Meta:
        """Nothing to add."""

        verbose_name_plural = "hits"

    def __str__(self) -> str:
        return f"{self.key}: {self.count}"


def folded(text: str) -> str:
    """Return the common form of a text in upper and lower case, in composed and decomposed letters."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def _tags(found: Any) -> dict[str, float]:
    """Return the tags of an answer that can be shown; none for a service without tags."""
    if not isinstance(found, dict):
        return {}
    tags = {
        name[:_TAG_LENGTH]: float(probability)
        for name, probability in found.items()
        if name.strip() and isinstance(probability, int | float) and 0 <= probability <= 1
    }
    return dict(list(_ranked(tags).items())[:_MOST_TAGS])


def _ranked(tags: dict[str, float]) -> dict[str, float]:
    return dict(sorted(tags.items(), key=lambda item: (-item[1], item[0])))


def _letters(name: str) -> str:
    """Return the common form of spellings of a name: hiphop for Hip-Hop."""
    return "".join(filter(str.isalnum, name.casefold()))
