"""Addresses of members as such: fields, tags, segments, merging, privacy."""

from __future__ import annotations

from django.urls import path

from members.views import console, fields, lists, merging, privacy, segments, tags

urlpatterns = [
    path("members/", lists.member_list, name="list"),
    path("members/new/", console.member_new, name="new"),
    path("members/duplicates/", merging.duplicates, name="duplicates"),
    path("members/tags/", tags.tags, name="tags"),
    path("members/tags/new/", tags.tag_new, name="tag_new"),
    path("members/tags/<int:pk>/", tags.tag_edit, name="tag"),
    path("members/tags/<int:pk>/delete/", tags.tag_remove, name="tag_delete"),
    path("members/merges/<int:pk>/undo/", merging.undo, name="merge_undo"),
    path("members/copies/<int:pk>/", privacy.export_file, name="export_file"),
    path("members/<int:pk>/", console.member_detail, name="detail"),
    path("members/<int:pk>/edit/", console.member_edit, name="edit"),
    path("members/<int:pk>/events/", console.member_timeline, name="timeline"),
    path("members/<int:pk>/duplicates/", console.duplicates_of, name="duplicates_of"),
    path("members/<int:pk>/marketing/", console.member_marketing, name="marketing"),
    path("members/<int:pk>/tag/", console.member_tag, name="member_tag"),
    path("members/<int:pk>/notes/", console.note_new, name="note_new"),
    path("members/<int:pk>/notes/<int:note_pk>/delete/", console.note_remove, name="note_delete"),
    path("members/<int:pk>/merge/", merging.merge, name="merge"),
    path("members/<int:pk>/different/", merging.not_duplicates, name="not_duplicates"),
    path("members/<int:pk>/privacy/", privacy.privacy, name="privacy"),
    path("members/<int:pk>/copy/", privacy.export_new, name="export"),
    path("members/<int:pk>/erase/", privacy.erase, name="erase"),
    path("members/<int:pk>/erase/ask/", privacy.erase_ask, name="erase_ask"),
    path("segments/", segments.segments, name="segments"),
    path("segments/new/", segments.segment_new, name="segment_new"),
    path("segments/preview/", segments.segment_preview, name="segment_preview"),
    path("segments/<int:pk>/", segments.segment_detail, name="segment"),
    path("segments/<int:pk>/edit/", segments.segment_edit, name="segment_edit"),
    path("segments/<int:pk>/delete/", segments.segment_remove, name="segment_delete"),
    path("settings/fields/", fields.fields, name="fields"),
    path("settings/fields/new/", fields.field_new, name="field_new"),
    path("settings/fields/<int:pk>/", fields.field_edit, name="field"),
    path("settings/fields/<int:pk>/archive/", fields.field_end, name="field_archive"),
    path("settings/fields/<int:pk>/restore/", fields.field_back, name="field_restore"),
    path("settings/retention/", privacy.retention, name="retention"),
    path("settings/retention/run/", privacy.retention_run, name="retention_run"),
    path("groups/<int:pk>/people/", lists.members_of_group, name="of_group"),
]
