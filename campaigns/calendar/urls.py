from __future__ import annotations

from django.urls import path

from campaigns.calendar.views import entries, pages

urlpatterns = [
    path("calendar/", pages.calendar, name="calendar"),
    path("groups/<int:pk>/coming/", pages.coming, name="group_coming"),
    path("calendar/<int:pk>/", entries.entry, name="calendar_entry"),
    path("calendar/<int:pk>/move/", entries.entry_move, name="calendar_move"),
    path("calendar/<int:pk>/edit/", entries.entry_edit, name="calendar_edit"),
    path("calendar/<int:pk>/send/", entries.entry_send, name="calendar_send"),
    path("calendar/<int:pk>/call-off/", entries.entry_call_off, name="calendar_call_off"),
    path("calendar/<int:pk>/restore/", entries.entry_restore, name="calendar_restore"),
    path("calendar/<int:pk>/put-back/<str:token>/", entries.entry_put_back, name="calendar_put_back"),
]
