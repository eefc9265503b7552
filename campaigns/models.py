from __future__ import annotations

from campaigns.orders.models import Order
from campaigns.posts.models import Occurrence, Post, PostGroup, PostState

__all__ = ["Occurrence", "Order", "Post", "PostGroup", "PostState"]
