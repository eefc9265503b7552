from __future__ import annotations

from django.urls import path

from accounts.views import auth, preferences

app_name = "accounts"
urlpatterns = [
    path("sign-in/", auth.SignIn.as_view(), name="sign_in"),
    path("sign-out/", auth.SignOut.as_view(), name="sign_out"),
    path("language/", preferences.language, name="language"),
    path("theme/", preferences.theme, name="theme"),
    path("profile/", preferences.profile, name="profile"),
]
