from __future__ import annotations

from django.urls import path

from members.questions.views import knowledge, member, queue, report, settings

urlpatterns = [
    path("questions/", queue.questions, name="questions"),
    path("questions/<int:pk>/", queue.question, name="question"),
    path("questions/<int:pk>/take/", queue.question_take_it, name="question_take"),
    path("questions/<int:pk>/give-back/", queue.question_let_go, name="question_give_back"),
    path("questions/<int:pk>/close/", queue.question_end, name="question_close"),
    path("questions/<int:pk>/merge/", queue.question_unite, name="question_merge"),
    path("questions/<int:pk>/reopen/", queue.question_open_again, name="question_reopen"),
    path("questions/<int:pk>/picture/", queue.question_picture, name="question_picture"),
    path("questions/<int:pk>/answers/<int:answer_pk>/accept/", queue.question_accept, name="question_accept"),
    path("questions/<int:pk>/answers/<int:answer_pk>/unaccept/", queue.question_unaccept, name="question_unaccept"),
    path("questions/report/", report.report, name="questions_report"),
    path("questions/knowledge/", knowledge.knowledge, name="knowledge"),
    path("questions/knowledge/<int:pk>/", knowledge.item, name="knowledge_item"),
    path("questions/knowledge/<int:pk>/retire/", knowledge.retire, name="knowledge_retire"),
    path("questions/knowledge/<int:pk>/restore/", knowledge.restore, name="knowledge_restore"),
    path("questions/duty/", settings.duty, name="duty"),
    path("questions/duty/new/", settings.duty_new, name="duty_new"),
    path("questions/duty/<int:pk>/end/", settings.duty_end, name="duty_end"),
    path("questions/duty/swap/", settings.swap_new, name="swap_new"),
    path("questions/duty/swap/<int:pk>/end/", settings.swap_end, name="swap_remove"),
    path("questions/settings/", settings.settings, name="questions_settings"),
    path("questions/settings/group/", settings.hours_of_group, name="service_hours_group"),
    path("questions/settings/days/", settings.days_add, name="closed_days_add"),
    path("questions/settings/days/<int:pk>/remove/", settings.day_remove, name="closed_day_remove"),
    path("questions/settings/<slug:kind>/<int:pk>/", settings.hours, name="service_hours"),
    path("questions/settings/<slug:kind>/<int:pk>/drop/", settings.hours_drop, name="service_hours_drop"),
    path("groups/<int:pk>/questions/new/", queue.question_note, name="question_note"),
]

# Pages of members, in their namespace.
member_urlpatterns = [
    path("m/g/<slug:token>/questions/", member.questions, name="questions"),
    path("m/g/<slug:token>/questions/ask/", member.question_new, name="question_ask"),
    path("m/g/<slug:token>/questions/known/<int:pk>/", member.known, name="known"),
    path("m/g/<slug:token>/questions/<int:pk>/", member.question, name="question"),
    path("m/g/<slug:token>/questions/<int:pk>/answer/", member.question_answer, name="question_answer"),
    path("m/g/<slug:token>/questions/<int:pk>/withdraw/", member.question_take_back, name="question_withdraw"),
    path("m/g/<slug:token>/questions/<int:pk>/picture/", member.question_picture, name="question_picture"),
    path("m/g/<slug:token>/questions/<int:pk>/helpful/<int:answer_pk>/", member.helpful, name="answer_helpful"),
    path("m/g/<slug:token>/questions/<int:pk>/accept/<int:answer_pk>/", member.accept, name="answer_accept"),
]
