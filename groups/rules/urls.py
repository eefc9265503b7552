from __future__ import annotations

from django.urls import path

from groups.rules.views import drafts, sets

urlpatterns = [
    path("rules/", sets.rule_sets, name="rule_sets"),
    path("rules/new/", sets.rule_set_new, name="rule_set_new"),
    path("rules/try/", drafts.rules_try_form, name="rules_try_form"),
    path("rules/try/<int:pk>/", drafts.rules_try, name="rules_try"),
    path("rules/<int:pk>/", sets.rule_set, name="rule_set"),
    path("rules/<int:pk>/compare/", sets.rules_diff, name="rules_diff"),
    path("rules/<int:pk>/rename/", sets.rules_rename, name="rules_rename"),
    path("rules/<int:pk>/copy/", sets.rules_copy, name="rules_copy"),
    path("rules/<int:pk>/archive/", sets.rules_archive, name="rules_archive"),
    path("rules/<int:pk>/unarchive/", sets.rules_unarchive, name="rules_unarchive"),
    path("rules/<int:pk>/versions/<int:number>/", sets.rules_version, name="rules_version"),
    path("rules/<int:pk>/versions/<int:number>/file/", sets.rules_export, name="rules_export"),
    path("rules/<int:pk>/versions/<int:number>/restore/", sets.rules_restore, name="rules_restore"),
    path("rules/<int:pk>/draft/", drafts.draft, name="rules_draft"),
    path("rules/<int:pk>/draft/begin/", drafts.draft_begin, name="rules_draft_begin"),
    path("rules/<int:pk>/draft/order/", drafts.draft_order, name="rules_draft_order"),
    path("rules/<int:pk>/draft/details/", drafts.draft_details, name="rules_draft_details"),
    path("rules/<int:pk>/draft/rule/", drafts.draft_rule, name="rules_draft_rule_new"),
    path("rules/<int:pk>/draft/rule/<slug:code>/", drafts.draft_rule, name="rules_draft_rule"),
    path("rules/<int:pk>/draft/rule/<slug:code>/remove/", drafts.draft_rule_delete, name="rules_draft_rule_remove"),
    path("rules/<int:pk>/draft/publish/", drafts.draft_publish, name="rules_publish"),
    path("rules/<int:pk>/draft/discard/", drafts.draft_throw_away, name="rules_discard"),
]
