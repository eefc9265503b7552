from __future__ import annotations

from django.urls import path

from members.seeds.views import board, people

urlpatterns = [
    path("seeds/", board.board, name="seeds"),
    path("seeds/list/", board.seed_list, name="seed_list"),
    path("seeds/column/<slug:stage>/", board.column, name="seed_column"),
    path("seeds/proposals/", people.proposals, name="seed_proposals"),
    path("seeds/add/", people.add, name="seeds_add"),
    path("seeds/exclude/", people.exclude, name="seed_exclude"),
    path("seeds/excluded/<int:pk>/propose/", people.unexclude, name="seed_unexclude"),
    path("seeds/results/", people.results, name="seed_results"),
    path("seeds/criteria/", people.criteria, name="seed_criteria"),
    path("seeds/scoring/", people.scoring, name="seed_scoring"),
    path("seeds/<int:pk>/", board.detail, name="seed"),
    path("seeds/<int:pk>/move/", board.move, name="seed_move"),
    path("seeds/<int:pk>/undo/<int:move_pk>/", board.undo, name="seed_undo"),
    path("seeds/<int:pk>/edit/", board.edit, name="seed_edit"),
    path("members/<int:pk>/seed/", board.of_member, name="member_seed"),
    path("members/<int:pk>/seed/answers/", people.answers, name="seed_answers"),
]
