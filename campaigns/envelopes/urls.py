from __future__ import annotations

from django.urls import path

from campaigns.envelopes.views import member

# Pages of members, in their namespace.
member_urlpatterns = [
    path("m/g/<slug:token>/envelopes/<int:pk>/", member.envelope, name="envelope"),
]
