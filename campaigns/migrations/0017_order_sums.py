from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('campaigns', '0016_order_group'),
        ('members', '0021_membership_whose'),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name='order',
            name='campaigns_order_when',
        ),
        migrations.AddIndex(
            model_name='order',
            index=models.Index(fields=['ordered_at', 'member', 'currency', 'amount', 'group_id'], name='campaigns_order_sums'),
        ),
    ]
