"""Which address leads where. Each app lists its own pages; the API is put together in api.py."""

from __future__ import annotations

from django.urls import include, path

from community_ops import health

urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", health.metrics, name="metrics"),
    path("api/v1/", include("community_ops.api")),
    path("", include("accounts.urls_console")),
    path("", include("campaigns.urls_console")),
    path("", include("campaigns.urls_member")),
    path("", include("groups.urls_console")),
    path("", include("members.urls_console")),
    path("", include("analytics.urls_console")),
]
