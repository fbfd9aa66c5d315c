from typing import Any

from django.db import migrations

from songs.models import folded


def fold_names(apps: Any, _: Any) -> None:
    analyses = apps.get_model("songs", "Analysis").objects.filter(folded_name="")
    batch = []
    for row in analyses.only("pk", "file_name").iterator(2000):
        row.folded_name = folded(row.file_name)
        batch.append(row)
        if len(batch) == 2000:
            analyses.model.objects.bulk_update(batch, ["folded_name"])
            batch = []
    analyses.model.objects.bulk_update(batch, ["folded_name"])


class Migration(migrations.Migration):
    dependencies = [("songs", "0004_once_kept")]

    operations = [migrations.RunPython(fold_names, migrations.RunPython.noop)]
