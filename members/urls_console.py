from __future__ import annotations

from django.urls import path

from members.imports import views as imports
from members.views import console
from members.work import urls as work

app_name = "members"
urlpatterns = [
    path("members/", console.member_list, name="list"),
    path("members/<int:pk>/", console.member_detail, name="detail"),
    path("members/<int:pk>/edit/", console.member_edit, name="edit"),
    path("members/<int:pk>/events/", console.member_timeline, name="timeline"),
    path("groups/<int:pk>/people/", console.members_of_group, name="of_group"),
    path("imports/", imports.imports, name="imports"),
    path("imports/upload/", imports.upload, name="import_upload"),
    path("imports/<int:pk>/", imports.import_detail, name="import_detail"),
    path("imports/<int:pk>/preview/", imports.preview, name="import_preview"),
    path("imports/<int:pk>/start/", imports.start, name="import_start"),
    path("imports/<int:pk>/discard/", imports.discard, name="import_discard"),
    path("imports/<int:pk>/progress/", imports.progress, name="import_progress"),
    path("imports/<int:pk>/rejected/", imports.rejected, name="import_rejected"),
    *work.urlpatterns,
]
