from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("campaigns", "0001_squashed_0014_check_ins"),
    ]

    operations = [
        migrations.RemoveConstraint(model_name="activitynotice", name="campaigns_notice_kind_known"),
        migrations.AlterField(
            model_name="activitynotice",
            name="kind",
            field=models.CharField(
                choices=[
                    ("day", "It is tomorrow"),
                    ("hour", "It begins in an hour"),
                    ("moved_up", "A place became free: you are in"),
                    ("moved", "The time has changed"),
                    ("cancelled", "It does not take place"),
                    ("taken_off", "The team took you off the list"),
                ],
                max_length=10,
            ),
        ),
        migrations.AddConstraint(
            model_name="activitynotice",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["day", "hour", "moved_up", "moved", "cancelled", "taken_off"])),
                name="campaigns_notice_kind_known",
            ),
        ),
    ]
