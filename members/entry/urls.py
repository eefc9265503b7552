from __future__ import annotations

from django.urls import path

from members.entry.views import applications, groups, member

urlpatterns = [
    path("applications/", applications.applications, name="applications"),
    path("applications/approve/", applications.applications_approve, name="applications_approve"),
    path("applications/<int:pk>/", applications.application, name="application"),
    path("applications/<int:pk>/decide/", applications.application_decide, name="application_decide"),
    path("applications/<int:pk>/reopen/", applications.application_again, name="application_reopen"),
    path("groups/<int:pk>/entry/", groups.group_entry, name="group_entry"),
    path("groups/<int:pk>/entry/remind/", groups.group_entry_remind, name="group_entry_remind"),
    path("groups/<int:pk>/entry/questions/", groups.group_entry_questions, name="group_entry_questions"),
    path("groups/<int:pk>/entry/welcome/", groups.group_welcome, name="group_welcome"),
    path("groups/<int:pk>/entry/titles/", groups.group_titles, name="group_titles"),
    path("groups/<int:pk>/entry/titles/give/", groups.group_title_give, name="group_title_give"),
    path("members/<int:pk>/entry/", applications.member_entry, name="member_entry"),
]
# Pages of applicants, in the namespace of the members' pages.
member_urlpatterns = [
    path("m/g/<slug:token>/join/", member.join, name="join"),
    path("m/a/<slug:token>/", member.application, name="application"),
]
