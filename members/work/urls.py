from __future__ import annotations

from django.urls import path

from members.work import views

urlpatterns = [
    path("tasks/", views.task_list, name="tasks"),
    path("tasks/new/", views.task_new, name="task_new"),
    path("tasks/many/", views.tasks_many, name="tasks_many"),
    path("tasks/undo/", views.tasks_undo, name="tasks_undo"),
    path("tasks/part/", views.tasks_part, name="tasks_part"),
    path("tasks/<int:pk>/", views.task_detail, name="task"),
    path("tasks/<int:pk>/settle/", views.task_end, name="task_settle"),
    path("tasks/<int:pk>/give/", views.task_give, name="task_give"),
    path("members/<int:pk>/tasks/", views.member_tasks, name="member_tasks"),
]
