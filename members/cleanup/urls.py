from __future__ import annotations

from django.urls import path

from members.cleanup import views

urlpatterns = [
    path("clean-up/", views.cleanup, name="cleanup"),
    path("clean-up/start/", views.cleanup_begin, name="cleanup_begin"),
    path("clean-up/record/", views.cleanup_record, name="cleanup_record"),
    path("clean-up/rules/keep/", views.cleanup_rule_keep, name="cleanup_rule_keep"),
    path("clean-up/rules/<int:pk>/delete/", views.cleanup_rule_forget, name="cleanup_rule_forget"),
    path("clean-up/exemptions/", views.exemptions, name="cleanup_exemptions"),
    path("clean-up/exemptions/<int:pk>/end/", views.unexempt, name="cleanup_unexempt"),
    path("clean-up/exempt/<int:pk>/", views.exempt, name="cleanup_exempt"),
    path("clean-up/<int:pk>/", views.cleanup_run, name="cleanup_run"),
    path("clean-up/<int:pk>/progress/", views.cleanup_progress, name="cleanup_progress"),
    path("clean-up/<int:pk>/undo/", views.cleanup_undo_run, name="cleanup_undo_run"),
    path("clean-up/people/<int:pk>/undo/", views.cleanup_undo_item, name="cleanup_undo_item"),
]
