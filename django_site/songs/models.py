"""What is kept of a user's songs; the songs themselves are not."""

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
        )

    def __str__(self) -> str:
        return f"{self.file_name}: {self.genre or 'not sure'}"

    @classmethod
    def of(cls, user: Any, name: str, size: int, answer: dict[str, Any]) -> "Analysis":
        """Return what the service answered as a row, not yet saved; a visitor's never is."""
        return cls(
            user=user if user.is_authenticated else None,
            # PostgreSQL takes no NUL; a name longer than the column keeps its end, where the type stands.
            file_name=name.replace("\0", "")[-255:] or "song",
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


class Feedback(models.Model):
    """The genre that a user says is the right one."""

    analysis = models.OneToOneField(Analysis, models.CASCADE, primary_key=True, related_name="feedback")
    genre = models.CharField(max_length=_NAME_LENGTH)
    given_at = models.DateTimeField(auto_now=True)

    class Meta:
        """A correction names a genre."""

        verbose_name_plural = "feedback"
        constraints = (models.CheckConstraint(condition=~models.Q(genre=""), name="feedback_names_a_genre"),)

    def __str__(self) -> str:
        return f"{self.genre} for {self.analysis_id}"


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
