from __future__ import annotations

from django.urls import path

from campaigns.brainstorms.views import member, plans, sessions

urlpatterns = [
    path("rituals/brainstorms/", sessions.sessions, name="brainstorms"),
    path("rituals/brainstorms/to-like/", sessions.queue, name="brainstorm_queue"),
    path("rituals/brainstorms/plans/", plans.plans, name="brainstorm_plans"),
    path("rituals/brainstorms/plans/new/", plans.plan_new, name="brainstorm_plan_new"),
    path("rituals/brainstorms/plans/<int:pk>/", plans.plan, name="brainstorm_plan"),
    path("rituals/brainstorms/plans/<int:pk>/end/", plans.plan_stop, name="brainstorm_plan_end"),
    path("rituals/brainstorms/<int:pk>/", sessions.session, name="brainstorm"),
    path("rituals/brainstorms/<int:pk>/question/", sessions.session_question, name="brainstorm_question"),
    path("rituals/brainstorms/<int:pk>/call-off/", sessions.session_call_off, name="brainstorm_call_off"),
    path("rituals/brainstorms/<int:pk>/restore/", sessions.session_return, name="brainstorm_restore"),
    path("rituals/brainstorms/<int:pk>/honours/", sessions.session_honours, name="brainstorm_honours"),
    path("rituals/brainstorms/answers/<int:pk>/like/", sessions.like, name="answer_like"),
    path("rituals/brainstorms/answers/<int:pk>/unlike/", sessions.unlike, name="answer_unlike"),
    path("rituals/brainstorms/answers/<int:pk>/hide/", sessions.hide, name="answer_hide"),
    path("rituals/brainstorms/answers/<int:pk>/show/", sessions.show, name="answer_show"),
]

# Pages of members, in the namespace of all of them.
member_urlpatterns = [
    path("m/g/<slug:token>/brainstorms/", member.sessions, name="brainstorms"),
    path("m/g/<slug:token>/brainstorms/<int:pk>/", member.session, name="brainstorm"),
    path("m/g/<slug:token>/brainstorms/<int:pk>/answer/", member.answer, name="brainstorm_answer"),
    path("m/g/<slug:token>/brainstorms/answers/<int:pk>/like/", member.like, name="brainstorm_like"),
    path("m/g/<slug:token>/brainstorms/answers/<int:pk>/unlike/", member.unlike, name="brainstorm_unlike"),
]
