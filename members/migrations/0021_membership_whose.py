from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("groups", "0001_squashed_0006_duties"),
        ("members", "0020_member_lists"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="membership",
            index=models.Index(fields=["group", "member"], name="members_membership_whose"),
        ),
    ]
