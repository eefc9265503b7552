from __future__ import annotations

from django.urls import path

from members.visitors.views import member

# Pages of members, in their namespace.
member_urlpatterns = [
    path("m/i/<slug:code>/", member.link, name="link"),
    path("m/me/", member.me, name="me"),
    path("m/me/sign-out/", member.leave_device, name="sign_out"),
]
