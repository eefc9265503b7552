from __future__ import annotations

from django.urls import path

from campaigns.moments import views

urlpatterns = [
    path("playbooks/moments/", views.moments_list, name="moments"),
    path("playbooks/moments/new/", views.moments_new, name="moments_new"),
    path("playbooks/moments/<int:pk>/", views.moments_plan, name="moments_plan"),
    path("playbooks/moments/<int:pk>/edit/", views.moments_edit, name="moments_edit"),
]
