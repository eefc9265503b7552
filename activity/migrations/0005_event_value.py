from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('activity', '0004_taken_back'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='event',
            index=models.Index(condition=models.Q(('value__isnull', False)), fields=['kind', 'at'], name='activity_event_value'),
        ),
    ]
