"""Whose activity it is: what every page of staff asks first."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.shortcuts import get_object_or_404

from accounts.access import StaffRequest
from campaigns.activities.models import Activity


def activity_visible(request: StaffRequest, pk: int) -> Activity:
    rows = Activity.objects.visible_to(request.user).select_related("picture", "organiser").with_counts()
    return get_object_or_404(rows, pk=pk)


def activity_changeable(request: StaffRequest, pk: int) -> Activity:
    """The activity, for whoever may change it."""
    activity = activity_visible(request, pk)
    if not activity.may_be_changed_by(request.user):
        raise PermissionDenied
    return activity
