import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("songs", "0003_long_names"), migrations.swappable_dependency(settings.AUTH_USER_MODEL)]

    operations = [
        migrations.AddField("analysis", "folded_name", models.TextField(blank=True, db_default="", editable=False)),
        migrations.AddField(
            "analysis",
            "upload",
            models.CharField(editable=False, help_text="See `songs.keeping.upload_id`.", max_length=64, null=True),
        ),
        migrations.AddField(
            "analysis",
            "deleted_at",
            models.DateTimeField(editable=False, help_text="For an hour, a deletion can be undone.", null=True),
        ),
        migrations.AddField(
            "analysis", "share_key", models.CharField(editable=False, max_length=43, null=True, unique=True)
        ),
        migrations.AddConstraint(
            "analysis", models.UniqueConstraint(fields=("user", "upload"), name="one_row_per_upload")
        ),
        migrations.AddField(
            "feedback",
            "kind",
            models.CharField(
                choices=[("genre", "a genre"), ("none", "none of these genres"), ("no-music", "no music")],
                db_default="genre",
                default="genre",
                max_length=8,
            ),
        ),
        migrations.AlterField("feedback", "genre", models.CharField(blank=True, max_length=255)),
        migrations.RemoveConstraint("feedback", "feedback_names_a_genre"),
        migrations.AddConstraint(
            "feedback",
            models.CheckConstraint(
                condition=models.Q(models.Q(("kind", "genre"), models.Q(("genre", ""), _negated=True)))
                | models.Q(models.Q(("kind", "genre"), _negated=True), ("genre", "")),
                name="feedback_names_a_genre",
            ),
        ),
        migrations.CreateModel(
            "CancelledUpload",
            [
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("page_id", models.CharField(max_length=32)),
                ("cancelled_at", models.DateTimeField(db_index=True, default=django.utils.timezone.now)),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={"constraints": [models.UniqueConstraint(fields=("user", "page_id"), name="cancelled_once")]},
        ),
    ]
