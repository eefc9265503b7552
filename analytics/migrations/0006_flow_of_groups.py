from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('analytics', '0005_sums_of_groups'),
        ('groups', '0001_squashed_0006_duties'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='dailygroupstat',
            index=models.Index(condition=models.Q(('joined__gt', 0), ('left__gt', 0), _connector='OR'), fields=['day', 'group', 'joined', 'left'], name='analytics_dailygroupstat_flow'),
        ),
    ]
