from __future__ import annotations

from django.urls import path

from members.classes import views

urlpatterns = [
    path("settings/classes/", views.classes, name="classes"),
    path("settings/classes/tiers/", views.tiers_save, name="tiers_save"),
    path("settings/classes/grades/", views.grades_change, name="grades_change"),
    path("settings/classes/promotion/", views.promotion, name="promotion"),
    path("settings/classes/promotion/day/", views.promotion_save, name="promotion_save"),
    path("settings/classes/promotion/<int:pk>/undo/", views.promotion_back, name="promotion_undo"),
    path("members/misfits/", views.misfit_list, name="misfits"),
    path("members/misfits/propose/", views.misfits_propose, name="misfits_propose"),
]
