from __future__ import annotations

from django.urls import path

from analytics.carriers import views as carriers
from analytics.channels import urls as channels
from analytics.digest import urls as digest
from analytics.health import urls as health
from analytics.overview import views as overview
from analytics.ranking import views as ranking
from analytics.saved import urls as saved
from analytics.views import console, saving

app_name = "analytics"
urlpatterns = [
    path("reports/", overview.overview, name="overview"),
    path("reports/part/", overview.overview_part, name="overview_part"),
    path("reports/activity/", console.activity, name="activity"),
    path("reports/lifecycle/", console.lifecycle, name="lifecycle"),
    path("reports/stickiness/", console.stickiness, name="stickiness"),
    path("reports/retention/", console.retention, name="retention"),
    path("reports/leavers/", console.leavers, name="leavers"),
    path("reports/funnel/", console.funnel, name="funnel"),
    path("reports/best-hour/", console.best_hour, name="best_hour"),
    path("reports/people/", console.people, name="people"),
    path("reports/people/save/", saving.people_save, name="people_save"),
    path("reports/groups/", console.group_options, name="group_options"),
    *channels.urlpatterns,
    path("reports/ranking/", ranking.ranking, name="ranking"),
    path("reports/carriers/", carriers.carriers, name="carriers"),
    path("reports/carriers/tree/", carriers.tree, name="referrals"),
    *health.urlpatterns,
    *saved.urlpatterns,
    *digest.urlpatterns,
]
