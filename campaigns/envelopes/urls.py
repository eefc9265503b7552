from __future__ import annotations

from django.urls import path

from campaigns.envelopes.views import budgets, console, member

urlpatterns = [
    path("rituals/envelopes/", console.envelopes, name="envelopes"),
    path("rituals/envelopes/new/", console.envelope_new, name="envelope_new"),
    path("rituals/envelopes/<int:pk>/", console.envelope, name="envelope"),
    path("rituals/envelopes/<int:pk>/stop/", console.envelope_end, name="envelope_stop"),
    path("rituals/envelopes/rounds/<int:pk>/", console.envelope_round, name="envelope_round"),
    path("settings/envelopes/", budgets.budgets, name="envelope_budgets"),
    path("settings/envelopes/new/", budgets.budget, name="envelope_budget_new"),
    path("settings/envelopes/<int:pk>/", budgets.budget, name="envelope_budget"),
]
# Pages of members, in their namespace.
member_urlpatterns = [
    path("m/g/<slug:token>/envelopes/<int:pk>/", member.envelope, name="envelope"),
]
