from __future__ import annotations

from django.urls import path

from campaigns.rituals import views

urlpatterns = [
    path("rituals/", views.rituals, name="rituals"),
    path("groups/<int:pk>/rituals/", views.of_group, name="group_rituals"),
]
