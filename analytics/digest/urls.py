from __future__ import annotations

from django.urls import path

from analytics.digest import views

urlpatterns = [
    path("profile/digest/", views.digest, name="digest"),
    path("profile/digest/letter/", views.digest_letter, name="digest_letter"),
    path("profile/digest/letters/", views.digest_letters, name="digest_letters"),
    path("profile/digest/now/", views.digest_now, name="digest_now"),
    path("profile/digest/<int:pk>/again/", views.digest_again, name="digest_again"),
    path("digest/stop/<str:token>/", views.digest_stop_page, name="digest_stop"),
]
