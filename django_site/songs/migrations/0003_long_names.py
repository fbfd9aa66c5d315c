from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("songs", "0002_tags")]

    operations = [
        migrations.AlterField(
            "analysis",
            "genre",
            models.CharField(blank=True, help_text="Empty where the model was not sure.", max_length=255),
        ),
        migrations.AlterField("analysis", "model_name", models.CharField(max_length=255)),
        migrations.AlterField("feedback", "genre", models.CharField(max_length=255)),
    ]
