from __future__ import annotations

from django.urls import path

from members.acquisition import views

urlpatterns = [
    path("reports/channels/spend/", views.spends, name="spends"),
    path("reports/channels/spend/new/", views.spend_new, name="spend_new"),
    path("reports/channels/spend/<int:pk>/", views.spend_edit, name="spend"),
    path("reports/channels/spend/<int:pk>/remove/", views.spend_end, name="spend_remove"),
    path("reports/channels/spend/<int:pk>/restore/", views.spend_back, name="spend_restore"),
]
