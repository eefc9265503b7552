from __future__ import annotations

from django.urls import path

from members.roles.views import matrix, team

urlpatterns = [
    path("groups/<int:pk>/team/", team.team, name="team"),
    path("groups/<int:pk>/team/staff/", team.team_staff, name="team_staff"),
    path("groups/<int:pk>/team/staff/end/", team.team_staff_end, name="team_staff_end"),
    path("groups/<int:pk>/team/role/", team.team_role, name="team_role"),
    path("groups/<int:pk>/team/role/<int:role_pk>/end/", team.team_role_end, name="team_role_end"),
    path("groups/<int:pk>/team/pass/", team.team_pass, name="team_pass"),
    path("groups/<int:pk>/team/unpass/", team.team_unpass, name="team_unpass"),
    path("members/<int:pk>/roles/", team.member_roles, name="member_roles"),
    path("settings/roles/", matrix.roles, name="roles"),
    path("settings/roles/cell/", matrix.role_cell, name="role_cell"),
    path("settings/roles/reset/", matrix.roles_reset, name="roles_reset"),
    path("settings/roles/leaders/", matrix.leader_policy, name="leader_policy"),
    path("settings/roles/duties/suggest/", matrix.duties_propose, name="duties_suggest"),
    path("settings/roles/duties/<slug:role>/", matrix.role_duties, name="role_duties"),
]
