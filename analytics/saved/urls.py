from __future__ import annotations

from django.urls import path

from analytics.saved import views

urlpatterns = [
    path("reports/saved/", views.saved, name="saved"),
    path("reports/saved/new/", views.saved_new, name="saved_new"),
    path("reports/saved/<int:pk>/", views.saved_report, name="saved_report"),
    path("reports/saved/<int:pk>/edit/", views.saved_edit, name="saved_edit"),
    path("reports/saved/<int:pk>/delete/", views.saved_delete, name="saved_delete"),
    path("reports/saved/<int:pk>/restore/", views.saved_restore, name="saved_restore"),
    path("reports/saved/<int:pk>/pin/", views.pin, name="pin"),
    path("reports/saved/<int:pk>/unpin/", views.unpin, name="unpin"),
    path("reports/dashboard/", views.dashboard, name="dashboard"),
    path("reports/dashboard/order/", views.pins_arrange, name="pins_arrange"),
    path("reports/dashboard/<int:pk>/", views.dashboard_card, name="dashboard_card"),
    path("reports/dashboard/<int:pk>/move/", views.pin_step, name="pin_step"),
]
