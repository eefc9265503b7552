from __future__ import annotations

from django.db import migrations

# What the events so far already tell: the first introduction of each member in each group.
FILL = """
    UPDATE members_membership SET introduced_at = told.at
    FROM (
        SELECT member_id, group_id, MIN(at) AS at FROM activity_event
        WHERE group_id IS NOT NULL AND kind_id IN (SELECT id FROM activity_eventkind WHERE slug = 'introduced')
        GROUP BY member_id, group_id
    ) AS told
    WHERE members_membership.member_id = told.member_id AND members_membership.group_id = told.group_id
"""


class Migration(migrations.Migration):
    dependencies = [
        ("activity", "0001_initial"),
        ("members", "0006_conduct"),
    ]

    operations = [migrations.RunSQL(FILL, migrations.RunSQL.noop)]
