from __future__ import annotations

from django.urls import path

from groups.presets import views

urlpatterns = [
    path("settings/presets/", views.presets, name="presets"),
    path("settings/presets/<slug:motivation>/", views.preset, name="preset"),
    path("settings/presets/<slug:motivation>/file/", views.preset_file, name="preset_file"),
    path("settings/presets/<slug:motivation>/reset/", views.preset_back, name="preset_reset"),
]
