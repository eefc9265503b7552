from __future__ import annotations

from django.urls import path

from campaigns.activities.views import console, door, edit, member, people

urlpatterns = [
    path("rituals/activities/", console.activity_list, name="activities"),
    path("rituals/activities/new/", edit.activity_new, name="activity_new"),
    path("rituals/activities/times/", edit.activity_times, name="activity_times"),
    path("rituals/activities/<int:pk>/", console.activity_detail, name="activity"),
    path("rituals/activities/<int:pk>/edit/", edit.activity_edit, name="activity_edit"),
    path("rituals/activities/<int:pk>/open/", console.activity_publish, name="activity_open"),
    path("rituals/activities/<int:pk>/cancel/", console.activity_call_off, name="activity_cancel"),
    path("rituals/activities/<int:pk>/again/", console.activity_again, name="activity_again"),
    path("rituals/activities/<int:pk>/door/", door.activity_door, name="activity_door"),
    path("rituals/activities/<int:pk>/door/code/", door.door_code, name="activity_code"),
    path("rituals/activities/<int:pk>/tick/", door.attendance_tick, name="activity_tick"),
    path("rituals/activities/<int:pk>/untick/", door.attendance_untick, name="activity_untick"),
    path("rituals/activities/<int:pk>/people/<int:signup>/off/", people.take_off, name="activity_take_off"),
    path("rituals/activities/<int:pk>/missed/", door.attendance_missed, name="activity_missed"),
]
# Pages of members, in their namespace.
member_urlpatterns = [
    path("m/g/<slug:token>/activities/", member.activities, name="activities"),
    path("m/g/<slug:token>/activities/<int:pk>/", member.activity, name="activity"),
    path("m/g/<slug:token>/activities/<int:pk>/sign-up/", member.sign_up, name="activity_sign_up"),
    path("m/g/<slug:token>/activities/<int:pk>/give-back/", member.give_back, name="activity_give_back"),
    path("m/g/<slug:token>/activities/<int:pk>/review/", member.review, name="activity_review"),
    path("m/g/<slug:token>/activities/<int:pk>/calendar.ics", member.calendar, name="activity_calendar"),
    path("m/attend/<slug:code>/", member.attend, name="activity_attend"),
]
