from __future__ import annotations

from django.urls import path

from campaigns.prizes.views import awards, member, prizes

urlpatterns = [
    path("rituals/prizes/", prizes.prizes, name="prizes"),
    path("rituals/prizes/new/", prizes.prize_new, name="prize_new"),
    path("rituals/prizes/awards/", awards.awards, name="awards"),
    path("rituals/prizes/awards/sent/", awards.awards_sent, name="awards_sent"),
    path("rituals/prizes/awards/addresses/", awards.addresses, name="awards_addresses"),
    path("rituals/prizes/awards/<int:pk>/", awards.award, name="award"),
    path("rituals/prizes/awards/<int:pk>/sent/", awards.award_sent, name="award_sent"),
    path("rituals/prizes/awards/<int:pk>/unsend/", awards.award_not_sent, name="award_unsend"),
    path("rituals/prizes/<int:pk>/", prizes.prize, name="prize"),
    path("rituals/prizes/<int:pk>/stock/", prizes.prize_stock, name="prize_stock"),
]
# Pages of members, in their namespace.
member_urlpatterns = [
    path("m/me/prizes/", member.prizes, name="prizes"),
    path("m/me/prizes/offers/<int:pk>/", member.offer, name="prize_offer"),
    path("m/me/prizes/<int:pk>/", member.award, name="award"),
    path("m/me/prizes/<int:pk>/received/", member.award_received, name="award_received"),
]
