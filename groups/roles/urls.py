from __future__ import annotations

from django.urls import path

from groups.roles import views

urlpatterns = [
    path("duties/", views.duties, name="duties"),
    path("duties/<int:pk>/done/", views.duty_done, name="duty_done"),
    path("duties/<int:pk>/undo/", views.duty_undo, name="duty_undo"),
]
