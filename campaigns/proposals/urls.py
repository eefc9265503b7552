from __future__ import annotations

from django.urls import path

from campaigns.proposals.views import console, member

urlpatterns = [
    path("proposals/", console.proposals, name="proposals"),
    path("proposals/<int:pk>/", console.proposal, name="proposal"),
    path("proposals/<int:pk>/decide/", console.decide, name="proposal_decide"),
    path("proposals/<int:pk>/reopen/<int:version>/", console.reopen, name="proposal_reopen"),
    path("proposals/<int:pk>/hide/", console.hide, name="proposal_hide"),
    path("proposals/<int:pk>/show/", console.show, name="proposal_show"),
]

# Pages of members, in the namespace of all of them.
member_urlpatterns = [
    path("m/g/<slug:token>/proposals/", member.proposals, name="proposals"),
    path("m/g/<slug:token>/proposals/new/", member.propose, name="propose"),
    path("m/g/<slug:token>/proposals/<int:pk>/vote/", member.vote, name="proposal_vote"),
    path("m/g/<slug:token>/proposals/<int:pk>/unvote/", member.unvote, name="proposal_unvote"),
    path("m/g/<slug:token>/proposals/<int:pk>/withdraw/", member.withdraw, name="proposal_withdraw"),
]
