from __future__ import annotations

from django.urls import path

from members.acquisition import urls as acquisition
from members.classes import urls as classes
from members.cleanup import urls as cleanup
from members.conduct import urls as conduct
from members.consent import urls as consent
from members.entry import urls as entry
from members.feedback import urls as feedback
from members.imports import views as imports
from members.initiators import urls as initiators
from members.participation import views as participation
from members.points import urls as points
from members.questions import urls as questions
from members.roles import urls as roles
from members.seeds import urls as seeds
from members.views import urls as people
from members.visitors import urls as visitors
from members.work import urls as work

app_name = "members"
urlpatterns = [
    *people.urlpatterns,
    path("imports/", imports.imports, name="imports"),
    path("imports/upload/", imports.upload, name="import_upload"),
    path("imports/<int:pk>/", imports.import_detail, name="import_detail"),
    path("imports/<int:pk>/preview/", imports.preview, name="import_preview"),
    path("imports/<int:pk>/start/", imports.start, name="import_start"),
    path("imports/<int:pk>/discard/", imports.discard, name="import_discard"),
    path("imports/<int:pk>/progress/", imports.progress, name="import_progress"),
    path("imports/<int:pk>/rejected/", imports.rejected, name="import_rejected"),
    *acquisition.urlpatterns,
    *classes.urlpatterns,
    *work.urlpatterns,
    *roles.urlpatterns,
    *entry.urlpatterns,
    *cleanup.urlpatterns,
    *initiators.urlpatterns,
    *seeds.urlpatterns,
    *conduct.urlpatterns,
    *points.urlpatterns,
    *feedback.urlpatterns,
    path("settings/participation/", participation.settings, name="participation"),
    *consent.urlpatterns,
    *visitors.urlpatterns,
    *questions.urlpatterns,
]
