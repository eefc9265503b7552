"""What campaigns does with the news of the apps below."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from campaigns.posts.services import deliveries_settled
from delivery.signals import settled


def on_settled(sender: Any, ids: Iterable[int], **kwargs: Any) -> None:
    deliveries_settled(ids=ids)


def connect() -> None:
    settled.connect(on_settled, dispatch_uid="campaigns.deliveries_settled")
