"""One of each thing of the content library, and pictures to upload."""

from __future__ import annotations

import io
from datetime import datetime
from typing import Any

from PIL import Image

from accounts.models import User
from campaigns.content.series_services import series_create
from campaigns.content.services import piece_create
from delivery.services import picture_create
from groups.models import Group


def picture_bytes(
    kind: str = "PNG", size: tuple[int, int] = (40, 30), mode: str = "RGB", color: Any = "teal", **options: Any
) -> bytes:
    file = io.BytesIO()
    Image.new(mode, size, color).save(file, kind, **options)
    return file.getvalue()


def content_things(*, by: User, group: Group, now: datetime) -> dict[str, Any]:
    """The numbers that addresses of the library take, all of the branch of `by`."""
    picture = picture_create(file=io.BytesIO(picture_bytes()), branch_id=by.branch_id, now=now)
    piece = piece_create(
        by=by, now=now, title="晨读十分钟", text="{group}的家长们，早", value="learning", picture=picture, tags=["晨读"]
    )
    series = series_create(by=by, now=now, name="晨读", header_style="bar", header_color="#1f7a4d", pieces=[piece])
    return {"picture": picture.token, "piece": piece.pk, "series": series.pk}
