from __future__ import annotations

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import F


def settle_groups(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """What was planned so far went to groups chosen one by one: each has its delivery."""
    apps.get_model("campaigns", "Occurrence").objects.filter(resolved_at=None).update(resolved_at=F("due_at"))


class Migration(migrations.Migration):
    dependencies = [
        ("campaigns", "0003_content_and_schedules"),
    ]

    operations = [
        migrations.RenameField("post", "keeps_quiet", "keeps_limits"),
        migrations.AlterField(
            model_name="post",
            name="keeps_limits",
            field=models.BooleanField(
                default=True,
                help_text="what would break them is skipped",
                verbose_name="keeps quiet hours and daily limit",
            ),
        ),
        migrations.AddField(
            model_name="post",
            name="version",
            field=models.PositiveIntegerField(
                default=1, help_text="grows with each change, so that two editors notice"
            ),
        ),
        migrations.RunPython(settle_groups, migrations.RunPython.noop),
        migrations.AddIndex(
            model_name="occurrence",
            index=models.Index(
                condition=models.Q(("resolved_at", None)), fields=["due_at"], name="campaigns_occurrence_open"
            ),
        ),
    ]
