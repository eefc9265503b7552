from django.db import migrations, models
from django.db.models import OuterRef, Subquery


def look_up(apps, schema_editor):
    """The groups of the orders that are there, by their events."""
    order, event = apps.get_model("campaigns", "Order"), apps.get_model("activity", "Event")
    own = event.objects.filter(key=OuterRef("key")).values("group_id")[:1]
    order.objects.update(group_id=Subquery(own))


class Migration(migrations.Migration):

    dependencies = [
        ("activity", "0005_event_value"),
        ("campaigns", "0015_taken_off"),
    ]

    operations = [
        migrations.AddField(
            model_name="order",
            name="group_id",
            field=models.BigIntegerField(null=True),
        ),
        migrations.RunPython(look_up, migrations.RunPython.noop),
    ]
