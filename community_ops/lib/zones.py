"""Time zones by name."""

from __future__ import annotations

from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _


@cache
def _names() -> frozenset[str]:
    return frozenset(available_timezones())


def zone_named(name: str) -> ZoneInfo:
    """The time zone of an IANA name. Raises ValidationError when there is none.

    ZoneInfo alone would take any file name below its folder, and fails in four different ways on the others.
    """
    if name not in _names():
        raise ValidationError(_("This time zone is not known. Use a name like Asia/Shanghai."), code="unknown_timezone")
    return ZoneInfo(name)
