from __future__ import annotations

from django.urls import path

from groups.bulk.urls import urlpatterns as bulk_urls
from groups.presets.urls import urlpatterns as preset_urls
from groups.roles.urls import urlpatterns as roles_urls
from groups.rules.urls import urlpatterns as rule_urls
from groups.views import console, lists

app_name = "groups"
urlpatterns = [
    path("groups/", lists.group_list, name="list"),
    path("groups/new/", console.group_new, name="new"),
    path("groups/<int:pk>/", console.group_detail, name="detail"),
    path("groups/<int:pk>/members/", console.group_part, {"tab": "members"}, name="members"),
    path("groups/<int:pk>/feed/", console.group_part, {"tab": "feed"}, name="feed"),
    path("groups/<int:pk>/deliveries/", console.group_part, {"tab": "deliveries"}, name="deliveries"),
    path("groups/<int:pk>/edit/", console.group_edit, name="edit"),
    path("groups/<int:pk>/archive/", console.group_close, name="archive"),
    path("groups/<int:pk>/restore/", console.group_reopen, name="restore"),
    *bulk_urls,
    *rule_urls,
    *roles_urls,
    *preset_urls,
]
