from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from campaigns import search, today

app_name = "campaigns"
urlpatterns: list[URLPattern | URLResolver] = [
    path("", today.home, name="home"),
    path("today/", today.today, name="today"),
    path("search/", search.search, name="search"),
]
