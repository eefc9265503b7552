from __future__ import annotations

from django.urls import path

from members.points.views import console, member

urlpatterns = [
    path("members/<int:pk>/points/", console.member_points, name="member_points"),
    path("members/<int:pk>/points/part/", console.points_part, name="member_points_part"),
    path("settings/points/", console.ledger, name="points"),
    path("settings/points/by-hand/", console.ceilings, name="points_by_hand"),
]
# Pages of members, in their namespace.
member_urlpatterns = [path("m/me/points/", member.points, name="points")]
