from __future__ import annotations

from django.urls import path

from analytics.channels import views

urlpatterns = [
    path("reports/channels/", views.channels, name="channels"),
    path("reports/channels/people/", views.channel_people, name="channel_people"),
    path("reports/channels/<int:pk>/", views.channel, name="channel"),
]
