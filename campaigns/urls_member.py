from __future__ import annotations

from django.urls import path

from campaigns import member

app_name = "member"
urlpatterns = [
    path("m/g/<slug:token>/", member.group_page, name="group"),
]
