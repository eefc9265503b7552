from __future__ import annotations

from django.urls import path

from members.conduct.views import dry_run, group, member, queue

urlpatterns = [
    path("violations/", queue.violations, name="violations"),
    path("violations/decide/", queue.violations_decide, name="violations_decide"),
    path("settings/conduct/", group.settings, name="conduct_settings"),
    path("violations/<int:pk>/", queue.violation_detail, name="violation"),
    path("violations/<int:pk>/confirm/", queue.violation_decide, {"decision": "confirm"}, name="violation_confirm"),
    path("violations/<int:pk>/dismiss/", queue.violation_decide, {"decision": "dismiss"}, name="violation_dismiss"),
    path("violations/<int:pk>/reopen/", queue.violation_undo, name="violation_reopen"),
    path("violations/<int:pk>/appeal/", queue.violation_appeal, name="violation_appeal"),
    path("violations/<int:pk>/uphold/", queue.violation_settle, {"decision": "uphold"}, name="violation_uphold"),
    path("violations/<int:pk>/overturn/", queue.violation_settle, {"decision": "overturn"}, name="violation_overturn"),
    path("members/<int:pk>/conduct/", queue.member_conduct, name="member_conduct"),
    path("groups/<int:pk>/rules/", group.group_rules, name="group_rules"),
    path("groups/<int:pk>/rules/assign/", group.rules_assign, name="rules_assign"),
    path("groups/<int:pk>/rules/schedule/", group.rules_schedule, name="rules_schedule"),
    path("groups/<int:pk>/rules/post/", group.rules_repost, name="rules_repost"),
    path("groups/<int:pk>/rules/keep/", group.messages_keep, name="messages_keep"),
    path("groups/<int:pk>/rules/read/<int:membership_pk>/", group.rules_read_by_hand, name="rules_read_by_hand"),
    path("groups/<int:pk>/rules/record/", queue.violation_new, name="violation_new"),
    path("rule-sets/<int:pk>/read/", group.rules_ack_share, name="rules_ack_share"),
    path("rule-sets/versions/<int:pk>/dry-run/", dry_run.rules_dry_run, name="rules_dry_run"),
    path("dry-runs/<int:pk>/", dry_run.dry_run_detail, name="dry_run"),
    path("dry-runs/<int:pk>/state/", dry_run.dry_run_state, name="dry_run_state"),
    path("dry-runs/<int:pk>/mark/", dry_run.dry_run_mark, name="dry_run_mark"),
]

# Pages of members, in the namespace of all of them.
member_urlpatterns = [
    path("m/g/<slug:token>/rules/", member.group_rules, name="group_rules"),
    path("m/g/<slug:token>/rules/read/", member.group_rules_read, name="group_rules_read"),
    path("m/g/<slug:token>/rules/report/", member.group_rules_report, name="group_rules_report"),
    path("m/g/<slug:token>/rules/appeal/<int:pk>/", member.group_rules_appeal, name="group_rules_appeal"),
    path("m/r/<slug:token>/", member.rules_page, name="rules"),
    path("m/r/<slug:token>/read/", member.rules_read, name="rules_read"),
    path("m/r/<slug:token>/report/", member.rules_report, name="rules_report"),
    path("m/r/<slug:token>/appeal/<int:pk>/", member.rules_appeal, name="rules_appeal"),
]
