from datetime import date
import uuid

from django.db import migrations, models


def begin(apps, schema_editor):
    """Where there are figures, copies of them have a note to go on from. It is about no group."""
    if apps.get_model('analytics', 'DailyGroupStat').objects.exists():
        apps.get_model('analytics', 'FiguresChange').objects.create(first=date.min, last=date.min)


class Migration(migrations.Migration):

    dependencies = [
        ('analytics', '0006_flow_of_groups'),
    ]

    operations = [
        migrations.CreateModel(
            name='FiguresChange',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.UUIDField(default=uuid.uuid4)),
                ('groups', models.JSONField(default=list)),
                ('first', models.DateField()),
                ('last', models.DateField()),
            ],
        ),
        migrations.RunPython(begin, migrations.RunPython.noop),
    ]
