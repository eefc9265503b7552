from __future__ import annotations

from django.urls import path

from members.initiators import views

urlpatterns = [
    path("groups/<int:pk>/initiators/", views.page, name="group_initiators"),
    path("groups/<int:pk>/initiators/save/", views.save, name="initiators_save"),
    path("groups/<int:pk>/initiators/kit/", views.kit_new, name="initiators_kit_new"),
    path("groups/<int:pk>/initiators/kit/<int:item_pk>/remove/", views.kit_delete, name="initiators_kit_remove"),
    path("groups/<int:pk>/initiators/<int:member_pk>/grant/", views.grant, name="initiator_grant"),
    path("groups/<int:pk>/initiators/roles/<int:role_pk>/end/", views.end, name="initiator_end"),
]
