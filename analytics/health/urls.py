from __future__ import annotations

from django.urls import path

from analytics.health import views

urlpatterns = [
    path("reports/health/", views.health, name="health"),
    path("today/interactions/", views.interactions_today, name="interactions_today"),
    path("reports/branches/", views.branches, name="branches"),
    path("reports/branches/<int:pk>/people/", views.branch_people, name="branch_people"),
    path("settings/health/", views.health_policy, name="health_policy"),
    path("groups/<int:pk>/health/", views.group_health, name="group_health"),
    path("groups/<int:pk>/health/card/", views.group_health_card, name="group_health_card"),
    path("groups/<int:pk>/merge/", views.group_merge_plan, name="group_merge"),
    path("groups/<int:pk>/unmerge/", views.group_merge_undo, name="group_unmerge"),
    path("groups/<int:pk>/close/", views.group_close, name="group_close"),
]
