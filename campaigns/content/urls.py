from __future__ import annotations

from django.urls import path

from campaigns.content import mix_views, series_views, views
from campaigns.content.models import PieceState

urlpatterns = [
    path("content/", views.pieces, name="pieces"),
    path("content/questions/", views.questions, name="questions"),
    path("content/questions/daily/", series_views.daily_questions, name="daily_questions"),
    path("content/series/", series_views.series_list, name="series_list"),
    path("content/series/new/", series_views.series_new, name="series_new"),
    path("content/series/header/", series_views.series_header, name="series_header"),
    path("content/series/<int:pk>/", series_views.series, name="series"),
    path("content/series/<int:pk>/edit/", series_views.series_edit, name="series_edit"),
    path("content/series/<int:pk>/pieces/", series_views.series_pieces, name="series_pieces"),
    path("content/series/<int:pk>/find/", series_views.series_find, name="series_find"),
    path("content/series/<int:pk>/retire/", series_views.series_end, name="series_retire"),
    path("content/series/<int:pk>/restore/", series_views.series_again, name="series_restore"),
    path("content/mix/", mix_views.mix, name="mix"),
    path("groups/<int:pk>/mix/", mix_views.group_mix, name="group_mix"),
    path("content/new/", views.piece_new, name="piece_new"),
    path("content/preview/", views.piece_preview, name="piece_preview"),
    path("content/<int:pk>/", views.piece, name="piece"),
    path("content/<int:pk>/edit/", views.piece_edit, name="piece_edit"),
    path("content/<int:pk>/retire/", views.piece_state, {"state": PieceState.RETIRED}, name="piece_retire"),
    path("content/<int:pk>/restore/", views.piece_state, {"state": PieceState.READY}, name="piece_restore"),
]
