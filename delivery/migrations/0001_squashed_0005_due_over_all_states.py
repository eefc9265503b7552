import delivery.models
import django.db.models.deletion
import uuid
from django.db import migrations, models

from community_ops.lib.migrations import CreateModels


class Migration(migrations.Migration):

    replaces = [('delivery', '0001_initial'), ('delivery', '0002_content_and_quota'), ('delivery', '0003_limits_and_versions'), ('delivery', '0004_robot'), ('delivery', '0005_due_over_all_states')]

    initial = True

    dependencies = [
    ]

    operations = [
        CreateModels([
            migrations.CreateModel(
                name='Destination',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('kind', models.CharField(choices=[('inapp', 'Member page'), ('webhook', 'Webhook'), ('robot', 'WeCom group robot')], default='inapp', max_length=20, verbose_name='channel')),
                    ('url', models.CharField(blank=True, max_length=500, verbose_name='address')),
                    ('secret_encrypted', models.TextField(blank=True)),
                    ('key_hash', models.CharField(blank=True, help_text='of the key of a robot', max_length=64)),
                    ('disabled_at', models.DateTimeField(blank=True, null=True)),
                    ('disabled_code', models.CharField(blank=True, help_text='why, see delivery/reasons.py', max_length=60)),
                ],
                options={
                    'indexes': [models.Index(condition=models.Q(('key_hash', ''), _negated=True), fields=['key_hash'], name='delivery_destination_key')],
                    'constraints': [models.CheckConstraint(condition=models.Q(('kind__in', ['inapp', 'webhook', 'robot'])), name='delivery_destination_kind_known'), models.CheckConstraint(condition=models.Q(('key_hash', ''), ('kind', 'robot'), _connector='OR'), name='delivery_destination_only_robots_have_keys')],
                },
            ),
            migrations.CreateModel(
                name='Picture',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('token', models.CharField(default=delivery.models.new_picture_token, max_length=22, unique=True)),
                    ('file', models.FileField(upload_to='pictures/')),
                    ('sha256', models.CharField(max_length=64)),
                    ('mime', models.CharField(max_length=20)),
                    ('width', models.PositiveIntegerField()),
                    ('height', models.PositiveIntegerField()),
                    ('size', models.PositiveIntegerField(help_text='bytes')),
                    ('branch_id', models.BigIntegerField(blank=True, help_text="whose staff may choose it; empty: everybody's", null=True)),
                    ('created_at', models.DateTimeField()),
                ],
                options={
                    'constraints': [models.UniqueConstraint(fields=('branch_id', 'sha256'), name='delivery_picture_once'), models.UniqueConstraint(condition=models.Q(('branch_id', None)), fields=('sha256',), name='delivery_picture_once_shared')],
                },
            ),
            migrations.CreateModel(
                name='Message',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('title', models.CharField(max_length=200)),
                    ('text', models.TextField()),
                    ('link', models.CharField(blank=True, max_length=500)),
                    ('link_title', models.CharField(blank=True, max_length=100)),
                    ('picture', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='delivery.picture')),
                    ('value', models.CharField(blank=True, choices=[('information', 'Information'), ('benefit', 'Benefit'), ('opinion', 'Opinion'), ('learning', 'Learning'), ('link', 'Connection')], max_length=12)),
                    ('piece_id', models.BigIntegerField(blank=True, null=True)),
                    ('has_variables', models.BooleanField(default=False)),
                    ('filled_from', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='delivery.message')),
                    ('created_at', models.DateTimeField(auto_now_add=True)),
                ],
                options={
                    'indexes': [models.Index(condition=models.Q(('piece_id__isnull', False)), fields=['piece_id'], name='delivery_message_piece')],
                    'constraints': [models.CheckConstraint(condition=models.Q(('value__in', ['', 'information', 'benefit', 'opinion', 'learning', 'link'])), name='delivery_message_value_known')],
                },
            ),
            migrations.CreateModel(
                name='Delivery',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('key', models.UUIDField(default=uuid.uuid4, help_text='webhook-id: the same over all tries', unique=True)),
                    ('dedupe_key', models.CharField(max_length=120)),
                    ('destination', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='deliveries', to='delivery.destination')),
                    ('kind', models.CharField(choices=[('inapp', 'Member page'), ('webhook', 'Webhook'), ('robot', 'WeCom group robot')], max_length=20)),
                    ('group_id', models.BigIntegerField()),
                    ('group_ref', models.CharField(help_text="the group's external id, as receivers know it", max_length=120)),
                    ('post_id', models.BigIntegerField(null=True)),
                    ('occurrence_id', models.BigIntegerField(null=True)),
                    ('message', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='deliveries', to='delivery.message')),
                    ('state', models.CharField(choices=[('planned', 'Planned'), ('queued', 'Queued'), ('sending', 'Sending'), ('waiting_for_owner', 'Waiting for a person'), ('sent', 'Sent'), ('failed', 'Failed'), ('skipped', 'Skipped'), ('cancelled', 'Cancelled'), ('unknown', 'Unknown')], default='planned', max_length=20)),
                    ('due_at', models.DateTimeField()),
                    ('missed', models.CharField(choices=[('late', 'Send late, within the grace period'), ('skip', 'Skip it'), ('ask', 'Ask a person')], default='late', max_length=10)),
                    ('late_until', models.DateTimeField(help_text='after this instant the missed-time policy decides')),
                    ('attempts', models.PositiveSmallIntegerField(default=0)),
                    ('queued_at', models.DateTimeField(blank=True, null=True)),
                    ('claimed_at', models.DateTimeField(blank=True, null=True)),
                    ('retry_at', models.DateTimeField(blank=True, null=True)),
                    ('settled_at', models.DateTimeField(blank=True, null=True)),
                    ('by_hand', models.BooleanField(default=False, help_text='a person ordered it: limits do not hold it back')),
                    ('counted_on', models.DateField(blank=True, help_text='the local day on whose quota it counts', null=True)),
                    ('error_code', models.CharField(blank=True, max_length=60)),
                    ('error', models.CharField(blank=True, max_length=500)),
                ],
                options={
                    'indexes': [models.Index(condition=models.Q(('state', 'planned')), fields=['due_at'], name='delivery_due'), models.Index(condition=models.Q(('state__in', ['queued', 'sending'])), fields=['state', 'queued_at'], name='delivery_at_work'), models.Index(condition=models.Q(('retry_at__isnull', False), ('state', 'failed')), fields=['retry_at'], name='delivery_retry'), models.Index(fields=['-due_at'], name='delivery_all_due'), models.Index(fields=['group_id', '-due_at'], name='delivery_group_due'), models.Index(fields=['post_id', '-due_at'], name='delivery_post_due'), models.Index(fields=['occurrence_id', 'group_id'], name='delivery_occurrence')],
                    'constraints': [models.UniqueConstraint(fields=('kind', 'dedupe_key'), name='delivery_delivery_sent_once'), models.CheckConstraint(condition=models.Q(('state__in', ['planned', 'queued', 'sending', 'waiting_for_owner', 'sent', 'failed', 'skipped', 'cancelled', 'unknown'])), name='delivery_delivery_state_known'), models.CheckConstraint(condition=models.Q(models.Q(('state__in', ['sent', 'skipped', 'cancelled']), _negated=True), ('settled_at__isnull', False), _connector='OR'), name='delivery_delivery_settled_has_time')],
                },
            ),
            migrations.CreateModel(
                name='GroupDay',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('group_id', models.BigIntegerField()),
                    ('day', models.DateField()),
                    ('used', models.PositiveIntegerField(default=0)),
                ],
                options={
                    'constraints': [models.UniqueConstraint(fields=('group_id', 'day'), name='delivery_groupday_once')],
                },
            ),
            migrations.CreateModel(
                name='FeedItem',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('delivery', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='feed_item', to='delivery.delivery')),
                    ('group_id', models.BigIntegerField()),
                    ('message', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='delivery.message')),
                    ('published_at', models.DateTimeField()),
                ],
                options={
                    'indexes': [models.Index(fields=['group_id', '-published_at'], name='delivery_feed_group')],
                },
            ),
        ]),
    ]
