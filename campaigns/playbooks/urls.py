from __future__ import annotations

from django.urls import path

from campaigns.playbooks.views import edit, lists, runs

urlpatterns = [
    path("playbooks/", lists.playbook_list, name="playbooks"),
    path("playbooks/begin/", runs.playbook_begin, name="playbook_begin"),
    path("playbooks/choose/", edit.playbook_choose, name="playbook_choose"),
    path("playbooks/new/", edit.playbook_new, name="playbook_new"),
    path("playbooks/<int:pk>/", lists.playbook_detail, name="playbook"),
    path("playbooks/<int:pk>/edit/", edit.playbook_edit, name="playbook_edit"),
    path("playbooks/<int:pk>/history/", edit.playbook_history, name="playbook_history"),
    path("playbooks/<int:pk>/file/", lists.playbook_file, name="playbook_file"),
    path("playbooks/<int:pk>/start/", lists.playbook_start, name="playbook_start"),
    path("playbooks/<int:pk>/pause/", lists.playbook_hold, name="playbook_pause"),
    path("playbooks/<int:pk>/retire/", lists.playbook_end, name="playbook_retire"),
    path("playbooks/runs/<int:pk>/", runs.playbook_run, name="playbook_run"),
    path("playbooks/runs/<int:pk>/stop/", runs.playbook_run_stop, name="playbook_run_stop"),
    path("playbooks/runs/<int:pk>/continue/", runs.playbook_run_continue, name="playbook_run_continue"),
    path("playbooks/steps/<int:pk>/skip/", runs.playbook_step_skip, name="playbook_step_skip"),
    path("playbooks/steps/<int:pk>/plan/", runs.playbook_step_plan, name="playbook_step_plan"),
    path("groups/<int:pk>/playbooks/", runs.group_playbooks, name="group_playbooks"),
    path("groups/<int:pk>/playbooks/plan/", runs.group_plan_run, name="group_plan_run"),
    path("groups/<int:pk>/playbooks/<int:playbook_pk>/", runs.group_playbook_switch, name="group_playbook_switch"),
    path("members/<int:pk>/playbooks/", runs.member_playbooks, name="member_playbooks"),
]
