from __future__ import annotations

from django.urls import path

from campaigns.stories import views

urlpatterns = [
    path("stories/", views.stories, name="stories"),
    path("stories/missing/", views.stories_missing, name="stories_missing"),
    path("stories/candidates/<int:pk>/", views.story_candidates, name="story_candidates"),
    path("stories/nominate/<int:pk>/", views.story_nominate, name="story_nominate"),
    path("stories/<int:pk>/", views.story, name="story"),
    path("stories/<int:pk>/schedule/", views.story_schedule, name="story_schedule"),
    path("stories/<int:pk>/withdraw/", views.story_withdraw, name="story_withdraw"),
    path("stories/<int:pk>/restore/", views.story_restore, name="story_restore"),
]
