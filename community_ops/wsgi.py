from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "community_ops.settings")

application = get_wsgi_application()

from analytics.warmup import warm_up_in_background  # noqa: E402  needs the applications to be loaded

warm_up_in_background()
