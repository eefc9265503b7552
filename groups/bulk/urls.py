from __future__ import annotations

from django.urls import path

from groups.bulk import views

urlpatterns = [
    path("bulk/", views.bulk_runs, name="bulk_runs"),
    path("bulk/runs/<int:pk>/", views.bulk_run, name="bulk_run"),
    path("bulk/runs/<int:pk>/progress/", views.bulk_progress, name="bulk_progress"),
    path("bulk/runs/<int:pk>/undo/", views.bulk_take_back, name="bulk_undo"),
    path("bulk/<slug:subject>/", views.bulk, name="bulk"),
]
