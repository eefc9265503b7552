import django.db.models.deletion
import groups.models
from django.conf import settings
from django.db import migrations, models

from community_ops.lib.migrations import CreateModels


class Migration(migrations.Migration):

    replaces = [('groups', '0001_initial'), ('groups', '0002_groundwork'), ('groups', '0003_bulk'), ('groups', '0004_rule_versions'), ('groups', '0005_presets'), ('groups', '0006_duties')]

    initial = True

    dependencies = [
        ('accounts', '0001_squashed_0002_groundwork'),
        ('delivery', '0001_squashed_0005_due_over_all_states'),
    ]

    operations = [
        CreateModels([
            migrations.CreateModel(
                name='BulkRun',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('key', models.CharField(max_length=64, unique=True)),
                    ('subject', models.SlugField(max_length=20)),
                    ('action', models.CharField(max_length=60)),
                    ('params', models.JSONField(default=dict)),
                    ('title', models.CharField(max_length=300)),
                    ('started_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='bulk_runs', to=settings.AUTH_USER_MODEL)),
                    ('state', models.CharField(choices=[('running', 'Running'), ('done', 'Done'), ('failed', 'Stopped'), ('undoing', 'Being undone'), ('undone', 'Undone')], default='running', max_length=10, verbose_name='state')),
                    ('total', models.PositiveIntegerField(default=0)),
                    ('changed', models.PositiveIntegerField(default=0)),
                    ('unchanged', models.PositiveIntegerField(default=0)),
                    ('failed', models.PositiveIntegerField(default=0)),
                    ('undone', models.PositiveIntegerField(default=0)),
                    ('kept', models.PositiveIntegerField(default=0)),
                    ('error', models.CharField(blank=True, max_length=500)),
                    ('created_at', models.DateTimeField(verbose_name='started')),
                    ('heartbeat_at', models.DateTimeField(blank=True, null=True)),
                    ('finished_at', models.DateTimeField(blank=True, null=True)),
                ],
                options={
                    'ordering': ['-created_at', '-id'],
                    'indexes': [models.Index(fields=['-created_at', '-id'], name='groups_bulkrun_latest')],
                    'constraints': [models.CheckConstraint(condition=models.Q(('state__in', ['running', 'done', 'failed', 'undoing', 'undone'])), name='groups_bulkrun_state_known')],
                },
            ),
            migrations.CreateModel(
                name='BulkRow',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('run', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='rows', to='groups.bulkrun')),
                    ('subject_id', models.BigIntegerField()),
                    ('name', models.CharField(max_length=120)),
                    ('state', models.CharField(choices=[('waiting', 'Waiting'), ('changed', 'Changed'), ('unchanged', 'Unchanged'), ('failed', 'Refused'), ('undone', 'Taken back'), ('kept', 'Kept')], default='waiting', max_length=10)),
                    ('note', models.CharField(blank=True, max_length=300)),
                    ('undo', models.JSONField(blank=True, null=True)),
                ],
                options={
                    'indexes': [models.Index(fields=['run', 'state', 'id'], name='groups_bulkrow_state')],
                    'constraints': [models.UniqueConstraint(fields=('run', 'subject_id'), name='groups_bulkrow_once'), models.CheckConstraint(condition=models.Q(('state__in', ['waiting', 'changed', 'unchanged', 'failed', 'undone', 'kept'])), name='groups_bulkrow_state_known')],
                },
            ),
            migrations.CreateModel(
                name='Grade',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('name', models.CharField(max_length=40, unique=True, verbose_name='name')),
                    ('position', models.PositiveSmallIntegerField(unique=True, verbose_name='position')),
                ],
                options={
                    'ordering': ['position'],
                },
            ),
            migrations.CreateModel(
                name='PresetEdit',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('motivation', models.CharField(max_length=10, unique=True)),
                    ('text', models.TextField()),
                    ('version', models.PositiveIntegerField(default=0)),
                    ('changed_at', models.DateTimeField()),
                    ('changed_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
            ),
            migrations.CreateModel(
                name='RolePermission',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('role', models.CharField(max_length=14)),
                    ('permission', models.CharField(choices=[('post', 'Post announcements'), ('invite', 'Invite'), ('moderate', 'Moderate'), ('answer', 'Answer questions'), ('review', 'Review members'), ('envelopes', 'Send red envelopes')], max_length=12)),
                    ('allowed', models.BooleanField()),
                ],
                options={
                    'constraints': [models.UniqueConstraint(fields=('role', 'permission'), name='groups_rolepermission_once'), models.CheckConstraint(condition=models.Q(('role__in', ['owner', 'administrator', 'leader', 'initiator', 'seed', 'member', 'operator'])), name='groups_rolepermission_role_known'), models.CheckConstraint(condition=models.Q(('permission__in', ['post', 'invite', 'moderate', 'answer', 'review', 'envelopes'])), name='groups_rolepermission_permission_known')],
                },
            ),
            migrations.CreateModel(
                name='Duty',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('role', models.CharField(choices=[('owner', 'Owner'), ('administrator', 'Administrator'), ('leader', 'Opinion leader'), ('initiator', 'Initiator'), ('seed', 'Seed user'), ('member', 'Member')], max_length=14)),
                    ('text', models.CharField(max_length=200, verbose_name='duty')),
                    ('rhythm', models.CharField(choices=[('opening', 'Once, before the group opens'), ('daily', 'Every day'), ('weekly', 'Every week')], default='daily', max_length=8, verbose_name='rhythm')),
                    ('position', models.PositiveSmallIntegerField(default=0)),
                    ('removed_at', models.DateTimeField(blank=True, null=True)),
                ],
                options={
                    'ordering': ['position', 'id'],
                    'constraints': [models.CheckConstraint(condition=models.Q(('role__in', ['owner', 'administrator', 'leader', 'initiator', 'seed', 'member'])), name='groups_duty_role_known'), models.CheckConstraint(condition=models.Q(('rhythm__in', ['opening', 'daily', 'weekly'])), name='groups_duty_rhythm_known')],
                },
            ),
            migrations.CreateModel(
                name='RuleSet',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('name', models.CharField(max_length=120, verbose_name='name')),
                    ('branch', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='rule_sets', to='accounts.branch', verbose_name='branch')),
                    ('created_at', models.DateTimeField()),
                    ('archived_at', models.DateTimeField(blank=True, null=True)),
                ],
                options={
                    'ordering': ['name', 'id'],
                    'constraints': [models.UniqueConstraint(fields=('branch', 'name'), name='groups_ruleset_name'), models.UniqueConstraint(condition=models.Q(('branch', None)), fields=('name',), name='groups_ruleset_name_shared')],
                },
            ),
            migrations.CreateModel(
                name='RuleSetVersion',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('rule_set', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='versions', to='groups.ruleset')),
                    ('number', models.PositiveIntegerField()),
                    ('state', models.CharField(choices=[('draft', 'Draft'), ('published', 'In force'), ('retired', 'Retired')], default='draft', max_length=10)),
                    ('preamble', models.TextField(blank=True, max_length=2000, verbose_name='preamble')),
                    ('ladder', models.JSONField(default=list)),
                    ('strike_days', models.PositiveSmallIntegerField(default=90, verbose_name='a strike counts for (days)')),
                    ('revision', models.PositiveIntegerField(default=1)),
                    ('fingerprint', models.CharField(blank=True, max_length=64)),
                    ('reacknowledge', models.BooleanField(default=False, verbose_name='members must read it again')),
                    ('note', models.TextField(blank=True, max_length=500, verbose_name='what changed')),
                    ('created_at', models.DateTimeField()),
                    ('created_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('published_at', models.DateTimeField(blank=True, null=True)),
                    ('published_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'ordering': ['rule_set_id', '-number'],
                    'constraints': [models.UniqueConstraint(fields=('rule_set', 'number'), name='groups_rulesetversion_number'), models.UniqueConstraint(condition=models.Q(('state', 'published')), fields=('rule_set',), name='groups_rulesetversion_one_in_force'), models.UniqueConstraint(condition=models.Q(('state', 'draft')), fields=('rule_set',), name='groups_rulesetversion_one_draft'), models.CheckConstraint(condition=models.Q(('state__in', ['draft', 'published', 'retired'])), name='groups_rulesetversion_state_known')],
                },
            ),
            migrations.CreateModel(
                name='Rule',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('version', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='rules', to='groups.rulesetversion')),
                    ('code', models.SlugField(max_length=40)),
                    ('position', models.PositiveSmallIntegerField(default=0)),
                    ('category', models.CharField(choices=[('advertising', 'Advertising'), ('adding_friends', 'Adding friends at random'), ('off_topic', 'Off-topic talk'), ('split_questions', 'Questions in many messages'), ('abuse', 'Abuse'), ('fraud', 'Fraud'), ('other', 'Other')], default='other', max_length=20, verbose_name='category')),
                    ('text', models.CharField(max_length=500, verbose_name='rule')),
                    ('detector', models.CharField(choices=[('none', 'Reported by people'), ('keywords', 'Keywords'), ('pattern', 'Pattern'), ('link', 'Link'), ('contact', 'Contact card or QR code'), ('flood', 'Flood'), ('split', 'Split message')], default='none', max_length=10, verbose_name='detector')),
                    ('params', models.JSONField(blank=True, default=dict)),
                    ('action', models.CharField(choices=[('remind', 'Remind'), ('warn', 'Warn'), ('mute', 'Mute'), ('remove', 'Remove')], default='remind', max_length=8, verbose_name='action')),
                    ('strikes', models.PositiveSmallIntegerField(default=1, verbose_name='strikes')),
                    ('reporter_points', models.PositiveSmallIntegerField(default=0, verbose_name='points for the reporter')),
                ],
                options={
                    'ordering': ['version_id', 'position', 'id'],
                    'constraints': [models.UniqueConstraint(fields=('version', 'code'), name='groups_rule_code'), models.CheckConstraint(condition=models.Q(('category__in', ['advertising', 'adding_friends', 'off_topic', 'split_questions', 'abuse', 'fraud', 'other'])), name='groups_rule_category_known'), models.CheckConstraint(condition=models.Q(('detector__in', ['none', 'keywords', 'pattern', 'link', 'contact', 'flood', 'split'])), name='groups_rule_detector_known'), models.CheckConstraint(condition=models.Q(('action__in', ['remind', 'warn', 'mute', 'remove'])), name='groups_rule_action_known')],
                },
            ),
            migrations.CreateModel(
                name='GroupTag',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('name', models.CharField(max_length=40, verbose_name='name')),
                    ('branch', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='group_tags', to='accounts.branch')),
                ],
                options={
                    'ordering': ['name', 'id'],
                    'constraints': [models.UniqueConstraint(fields=('branch', 'name'), name='groups_grouptag_name'), models.UniqueConstraint(condition=models.Q(('branch', None)), fields=('name',), name='groups_grouptag_name_shared')],
                },
            ),
            migrations.CreateModel(
                name='Group',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('external_id', models.CharField(max_length=120, unique=True, verbose_name='external id')),
                    ('name', models.CharField(max_length=120, verbose_name='name')),
                    ('branch', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='groups', to='accounts.branch', verbose_name='branch')),
                    ('state', models.CharField(choices=[('forming', 'Forming'), ('active', 'Active'), ('archived', 'Archived'), ('dismissed', 'Dismissed')], default='forming', max_length=12, verbose_name='state')),
                    ('motivation', models.CharField(blank=True, choices=[('sales', 'Sales'), ('social', 'Social circle'), ('growth', 'Growth'), ('brand', 'Brand'), ('fans', 'Fan attraction'), ('agents', 'Agents'), ('service', 'Service')], max_length=10, verbose_name='motivation')),
                    ('community_type', models.CharField(blank=True, choices=[('product', 'Product'), ('like_minded', 'Like-minded'), ('knowledge', 'Knowledge'), ('resource', 'Resource'), ('project', 'Project collaboration'), ('mixed', 'Mixed')], max_length=12, verbose_name='community type')),
                    ('purpose', models.TextField(blank=True, max_length=1000, verbose_name='purpose')),
                    ('pain_point', models.TextField(blank=True, max_length=1000, verbose_name='pain point')),
                    ('usage_scene', models.TextField(blank=True, max_length=1000, verbose_name='usage scene')),
                    ('promise', models.TextField(blank=True, max_length=1000, verbose_name='promise to members')),
                    ('slogan', models.CharField(blank=True, max_length=120, verbose_name='slogan')),
                    ('internal_slogan', models.CharField(blank=True, max_length=120, verbose_name='internal slogan')),
                    ('audience_tier', models.CharField(blank=True, choices=[('non_paying', 'Non-paying'), ('first_time', 'First-time paying'), ('senior', 'Senior paying'), ('hardcore', 'Hardcore')], max_length=10, verbose_name='tier')),
                    ('audience_identity', models.CharField(blank=True, max_length=60, verbose_name='identity')),
                    ('audience_grade', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='groups', to='groups.grade', verbose_name='grade')),
                    ('rule_set', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='groups', to='groups.ruleset', verbose_name='rules')),
                    ('keeps_messages', models.BooleanField(default=False, verbose_name='keep messages')),
                    ('merged_into', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='absorbed', to='groups.group')),
                    ('capacity', models.PositiveSmallIntegerField(default=500, verbose_name='capacity')),
                    ('destination', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='group', to='delivery.destination')),
                    ('page_token', models.CharField(default=groups.models.new_page_token, max_length=22, unique=True)),
                    ('opened_at', models.DateTimeField(blank=True, null=True, verbose_name='opened')),
                    ('created_at', models.DateTimeField(auto_now_add=True)),
                    ('member_count', models.PositiveIntegerField(default=0, verbose_name='members')),
                    ('last_event_at', models.DateTimeField(blank=True, null=True, verbose_name='last activity')),
                    ('active_7d', models.PositiveIntegerField(default=0, verbose_name='active in 7 days')),
                    ('messages_7d', models.PositiveIntegerField(default=0, verbose_name='messages in 7 days')),
                    ('stage', models.CharField(blank=True, choices=[('forming', 'Forming'), ('growing', 'Growing'), ('active', 'Active'), ('declining', 'Declining'), ('dead', 'Dead')], max_length=10, verbose_name='stage')),
                    ('stage_since', models.DateField(blank=True, null=True, verbose_name='stage since')),
                    ('noise', models.FloatField(blank=True, null=True, verbose_name='noise')),
                    ('tags', models.ManyToManyField(blank=True, related_name='groups', to='groups.grouptag', verbose_name='tags')),
                ],
                options={
                    'ordering': ['name', 'id'],
                    'indexes': [models.Index(fields=['branch', 'state'], name='groups_group_branch_state'), models.Index(fields=['name', 'id'], name='groups_group_name'), models.Index(fields=['stage', 'id'], name='groups_group_stage')],
                    'constraints': [models.CheckConstraint(condition=models.Q(('state__in', ['forming', 'active', 'archived', 'dismissed'])), name='groups_group_state_known'), models.CheckConstraint(condition=models.Q(models.Q(('state', 'active'), _negated=True), models.Q(models.Q(('motivation', ''), _negated=True), models.Q(('purpose', ''), _negated=True)), _connector='OR'), name='groups_group_active_is_positioned'), models.CheckConstraint(condition=models.Q(('stage__in', ['', 'forming', 'growing', 'active', 'declining', 'dead'])), name='groups_group_stage_known')],
                },
            ),
            migrations.CreateModel(
                name='GroupPlan',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('group', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='plan', to='groups.group')),
                    ('motivation', models.CharField(max_length=10)),
                    ('mix', models.JSONField()),
                    ('days', models.JSONField()),
                    ('noise_ceiling', models.PositiveIntegerField()),
                    ('starts_on', models.DateField()),
                ],
            ),
            migrations.CreateModel(
                name='StaffRole',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('group', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='staff_roles', to='groups.group')),
                    ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='group_roles', to=settings.AUTH_USER_MODEL)),
                    ('role', models.CharField(choices=[('owner', 'Owner'), ('administrator', 'Administrator')], max_length=14)),
                    ('since', models.DateTimeField()),
                ],
                options={
                    'indexes': [models.Index(fields=['user', 'group'], name='groups_staffrole_user')],
                    'constraints': [models.UniqueConstraint(fields=('group', 'user', 'role'), name='groups_staffrole_once'), models.UniqueConstraint(condition=models.Q(('role', 'owner')), fields=('group',), name='groups_staffrole_one_owner'), models.CheckConstraint(condition=models.Q(('role__in', ('owner', 'administrator'))), name='groups_staffrole_role_known')],
                },
            ),
            migrations.CreateModel(
                name='DutyCheck',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('duty', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='checks', to='groups.duty')),
                    ('group', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='duty_checks', to='groups.group')),
                    ('period', models.DateField()),
                    ('user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('done_at', models.DateTimeField()),
                ],
                options={
                    'indexes': [models.Index(fields=['group', 'done_at'], name='groups_dutycheck_group')],
                    'constraints': [models.UniqueConstraint(fields=('duty', 'group', 'period'), name='groups_dutycheck_once')],
                },
            ),
        ]),
    ]
