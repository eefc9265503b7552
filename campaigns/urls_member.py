from __future__ import annotations

from django.urls import path

from campaigns import member
from campaigns.activities.urls import member_urlpatterns as activities
from campaigns.brainstorms.urls import member_urlpatterns as brainstorms
from campaigns.checkins.urls import member_urlpatterns as checkins
from campaigns.content.member import picture
from campaigns.envelopes.urls import member_urlpatterns as envelopes
from campaigns.prizes.urls import member_urlpatterns as prizes
from campaigns.proposals.urls import member_urlpatterns as proposals
from members.conduct.urls import member_urlpatterns as conduct
from members.consent.urls import member_urlpatterns as consent
from members.entry.urls import member_urlpatterns as entry
from members.feedback.urls import member_urlpatterns as feedback
from members.points.urls import member_urlpatterns as points
from members.questions.urls import member_urlpatterns as questions
from members.visitors.urls import member_urlpatterns as visitors

app_name = "member"
urlpatterns = [
    path("m/g/<slug:token>/", member.group_page, name="group"),
    path("m/p/<slug:token>/", picture, name="picture"),
    *brainstorms,
    *activities,
    *proposals,
    *checkins,
    *conduct,
    *consent,
    *entry,
    *questions,
    *envelopes,
    *points,
    *prizes,
    *feedback,
    *visitors,
]
