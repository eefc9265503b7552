import django.db.models.deletion
from django.db import migrations, models

from community_ops.lib.migrations import CreateModels


class Migration(migrations.Migration):

    replaces = [('activity', '0001_initial'), ('activity', '0002_moves')]

    initial = True

    dependencies = [
    ]

    operations = [
        CreateModels([
            migrations.CreateModel(
                name='EventKind',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('slug', models.SlugField(max_length=60, unique=True)),
                    ('created_at', models.DateTimeField(auto_now_add=True)),
                ],
                options={
                    'ordering': ['id'],
                },
            ),
            migrations.CreateModel(
                name='Channel',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('code', models.CharField(max_length=100, unique=True)),
                ],
                options={
                    'ordering': ['code'],
                },
            ),
            migrations.CreateModel(
                name='Event',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('member_id', models.BigIntegerField()),
                    ('group_id', models.BigIntegerField(null=True)),
                    ('kind', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, to='activity.eventkind')),
                    ('at', models.DateTimeField()),
                    ('channel', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, to='activity.channel')),
                    ('value', models.DecimalField(decimal_places=4, max_digits=16, null=True)),
                    ('properties', models.JSONField(null=True)),
                    ('key', models.UUIDField(unique=True)),
                ],
                options={
                    'indexes': [models.Index(fields=['member_id', 'at'], name='activity_event_member_at'), models.Index(fields=['group_id', 'at'], name='activity_event_group_at'), models.Index(fields=['at'], name='activity_event_at')],
                },
            ),
            migrations.CreateModel(
                name='EventMove',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('member_id', models.BigIntegerField()),
                ],
            ),
        ]),
    ]
