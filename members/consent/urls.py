from __future__ import annotations

from django.urls import path

from members.consent.views import console, member

urlpatterns = [
    path("settings/consent/", console.texts, name="consent"),
    path("settings/consent/publish/", console.publish, name="consent_publish"),
]
# Pages of members, in their namespace.
member_urlpatterns = [
    path("m/me/consent/", member.consent, name="consent"),
    path("m/me/consent/withdraw/", member.withdraw, name="consent_withdraw"),
]
