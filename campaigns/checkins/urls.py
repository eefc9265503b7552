from __future__ import annotations

from django.urls import path

from campaigns.checkins.views import console, member, proofs

urlpatterns = [
    path("rituals/check-ins/", console.programmes, name="check_ins"),
    path("rituals/check-ins/new/", console.programme_new, name="check_ins_new"),
    path("rituals/check-ins/proofs/", proofs.proofs, name="check_in_proofs"),
    path("rituals/check-ins/proofs/judge/", proofs.judge, name="check_in_judge"),
    path("rituals/check-ins/check-in/<int:pk>/picture/", proofs.picture, name="check_in_photo"),
    path("rituals/check-ins/check-in/<int:pk>/reopen/", proofs.reopen, name="check_in_reopen"),
    path("rituals/check-ins/<int:pk>/", console.programme, name="check_ins_of"),
    path("rituals/check-ins/<int:pk>/edit/", console.programme_edit, name="check_ins_edit"),
    path("rituals/check-ins/<int:pk>/pause/", console.programme_rest, {"stops": False}, name="check_ins_pause"),
    path("rituals/check-ins/<int:pk>/stop/", console.programme_rest, {"stops": True}, name="check_ins_stop"),
    path("rituals/check-ins/<int:pk>/resume/", console.programme_go_on, name="check_ins_resume"),
    path("rituals/check-ins/<int:pk>/remind/", console.programme_remind, name="check_ins_remind"),
    path("rituals/check-ins/<int:pk>/for/", console.check_in_for, name="check_in_for"),
    path("rituals/check-ins/<int:pk>/all/", proofs.check_ins, name="check_in_list"),
    path("rituals/check-ins/<int:pk>/rewards/", console.rewards, name="check_in_rewards"),
]

# Pages of members, in their namespace.
member_urlpatterns = [
    path("m/g/<slug:token>/check-in/", member.programmes, name="check_ins"),
    path("m/g/<slug:token>/check-in/<int:pk>/", member.programme, name="check_in"),
    path("m/g/<slug:token>/check-in/<int:pk>/make-up/", member.card_use, name="check_in_make_up"),
    path("m/g/<slug:token>/check-in/<int:pk>/picture/<int:check_in>/", member.picture, name="check_in_picture"),
]
