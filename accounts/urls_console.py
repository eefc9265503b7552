from __future__ import annotations

from django.urls import path

from accounts.views import audit, auth, preferences, settings

app_name = "accounts"
urlpatterns = [
    path("sign-in/", auth.SignIn.as_view(), name="sign_in"),
    path("sign-out/", auth.SignOut.as_view(), name="sign_out"),
    path("language/", preferences.language, name="language"),
    path("theme/", preferences.theme, name="theme"),
    path("profile/", preferences.profile, name="profile"),
    path("settings/", settings.overview, name="settings"),
    path("settings/staff/", settings.staff_list, name="staff"),
    path("settings/staff/new/", settings.staff_new, name="staff_new"),
    path("settings/staff/<int:pk>/", settings.staff_edit, name="staff_edit"),
    path("settings/staff/<int:pk>/password/", settings.staff_password, name="staff_password"),
    path("settings/branches/", settings.branch_list, name="branches"),
    path("settings/branches/new/", settings.branch_new, name="branch_new"),
    path("settings/branches/<int:pk>/", settings.branch_edit, name="branch_edit"),
    path("settings/audit/", audit.audit, name="audit"),
    path("history/", audit.history, name="history"),
    path("settings/tokens/", settings.token_list, name="tokens"),
    path("settings/tokens/new/", settings.token_new, name="token_new"),
    path("settings/tokens/<int:pk>/revoke/", settings.token_end, name="token_revoke"),
]
