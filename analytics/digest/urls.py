from __future__ import annotations

from django.urls import path

from analytics.digest import views

urlpatterns = [
    path("profile/digest/", views.digest, name="digest"),
    path("profile/digest/<int:pk>/again/", views.digest_again, name="digest_again"),
    path("digest/stop/<str:token>/", views.digest_stop_page, name="digest_stop"),
]
