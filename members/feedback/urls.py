from __future__ import annotations

from django.urls import path

from members.feedback.views import inbox, member, settings

urlpatterns = [
    path("feedback/", inbox.needs, name="needs"),
    path("feedback/new/", inbox.need_new, name="need_new"),
    path("feedback/themes/", inbox.need_themes, name="need_themes"),
    path("feedback/<int:pk>/", inbox.need, name="need"),
    path("feedback/<int:pk>/asked/", inbox.need_heard, name="need_heard"),
    path("feedback/<int:pk>/reply/", inbox.reply_all, name="need_reply"),
    path("feedback/<int:pk>/merge/", inbox.merge, name="need_merge"),
    path("feedback/merges/<int:pk>/undo/", inbox.part, name="need_part"),
    path("settings/feedback/", settings.categories, name="need_categories"),
]

# Pages of members, in the namespace of all of them.
member_urlpatterns = [
    path("m/g/<slug:token>/feedback/", member.feedback, name="feedback"),
    path("m/g/<slug:token>/feedback/write/", member.write, name="feedback_write"),
]
