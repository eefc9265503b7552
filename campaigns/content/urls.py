from __future__ import annotations

from django.urls import path

from campaigns.content import views
from campaigns.content.models import PieceState

urlpatterns = [
    path("content/", views.pieces, name="pieces"),
    path("content/questions/", views.questions, name="questions"),
    path("content/new/", views.piece_new, name="piece_new"),
    path("content/preview/", views.piece_preview, name="piece_preview"),
    path("content/<int:pk>/", views.piece, name="piece"),
    path("content/<int:pk>/edit/", views.piece_edit, name="piece_edit"),
    path("content/<int:pk>/retire/", views.piece_state, {"state": PieceState.RETIRED}, name="piece_retire"),
    path("content/<int:pk>/restore/", views.piece_state, {"state": PieceState.READY}, name="piece_restore"),
]
