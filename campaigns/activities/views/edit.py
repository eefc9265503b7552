"""The form of an activity, and what its times mean while they are being written."""

from __future__ import annotations

from typing import Any, BinaryIO, cast

from django.core.exceptions import ValidationError
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from accounts.access import StaffRequest, writer_required
from accounts.models import User
from campaigns.activities.forms import REMINDERS, ActivityForm, TimesForm
from campaigns.activities.models import Activity
from campaigns.activities.services import StaleActivity, activity_save
from campaigns.activities.services.telling import BEFORE
from campaigns.activities.texts import VARIABLES, moment_words, when_words
from campaigns.activities.views.reach import activity_changeable
from community_ops.lib.forms import add_errors
from community_ops.lib.toasts import toast
from delivery.services import picture_create
from groups.choices import groups_to_post_to


@require_http_methods(["GET", "POST"])
@writer_required
def activity_new(request: StaffRequest) -> HttpResponse:
    return _edited(request, None)


@require_http_methods(["GET", "POST"])
@writer_required
def activity_edit(request: StaffRequest, pk: int) -> HttpResponse:
    return _edited(request, activity_changeable(request, pk))


def _edited(request: StaffRequest, activity: Activity | None) -> HttpResponse:
    data, refused = _typed(request)
    group = request.GET.get("group", "")
    initial = {"groups": [int(group)]} if group.isascii() and group.isdigit() and len(group) < 19 else None
    form = ActivityForm(data, user=request.user, activity=activity, initial=initial)
    if refused is not None:
        form.add_error("picture", refused)
    stale = False
    if form.is_valid():
        try:
            saved = activity_save(
                by=request.user,
                now=timezone.now(),
                activity=activity,
                content=form.content(),
                groups=list(form.cleaned_data["groups"]),
                version=form.cleaned_data["version"],
            )
        except ValidationError as error:
            add_errors(form, _by_field(error))
        except StaleActivity:
            stale = True
        else:
            toast(request, _("The activity is saved.") if activity else _("The draft is saved. Open it for sign-up."))
            return redirect("campaigns:activity", saved.pk)
    if stale and activity is not None and data is not None:
        activity.refresh_from_db()
        # Sent again, it is meant.
        data["version"] = str(activity.version)
    context = {
        "form": form,
        "activity": activity,
        "stale": stale,
        "picker": _picker(form, request.user),
        "variables": VARIABLES,
        "reminder_boxes": [form[name] for name in REMINDERS],
        **_times_shown(form),
    }
    return render(request, "console/campaigns/activities/form.html", context, status=422 if form.is_bound else 200)


def _typed(request: StaffRequest) -> tuple[QueryDict | None, ValidationError | None]:
    """What was typed, with a picture taken in and named, and why a picture cannot be taken."""
    if request.method != "POST":
        return None, None
    data = request.POST.copy()
    if (file := request.FILES.get("picture")) is not None:
        try:
            taken = picture_create(file=cast(BinaryIO, file), branch_id=request.user.branch_id, now=timezone.now())
        except ValidationError as error:
            return data, error
        data["picture_token"] = taken.token
        data.pop("picture_remove", None)
    return data, None


def _by_field(error: ValidationError) -> ValidationError:
    """Errors of instants stand beside the day of theirs."""
    if not hasattr(error, "error_dict"):
        return error
    names = {"starts_at": "starts_day", "ends_at": "ends_day", "opens_at": "opens_day", "closes_at": "closes_day"}
    return ValidationError({names.get(name, name): errors for name, errors in error.error_dict.items()})


def _picker(form: ActivityForm, user: User) -> dict[str, Any]:
    chosen = form.chosen()
    found, more = groups_to_post_to(user, "", {group.pk for group in chosen})
    return {"name": "groups", "chosen": chosen, "is_required": True, "found": found, "more": more}


@require_GET
@writer_required
def activity_times(request: StaffRequest) -> HttpResponse:
    """What the times mean as they are being chosen: a part of the form."""
    form = TimesForm(request.GET)
    form.is_valid()
    return render(request, "console/campaigns/activities/times.html", _times_shown(form))


def _times_shown(form: TimesForm) -> dict[str, Any]:
    """When it is in words, when sign-up ends and when members are reminded; nothing while the times are not right."""
    if form.is_bound:
        moments = getattr(form, "moments")  # noqa: B009
        zone = form.cleaned_data.get("timezone", "") if hasattr(form, "cleaned_data") else ""
    elif isinstance(form, ActivityForm) and form.activity is not None:
        row = form.activity
        moments = {"starts": row.starts_at, "ends": row.ends_at, "opens": row.opens_at, "closes": row.closes_at}
        zone = row.timezone
    else:
        return {"shown": None}
    starts, ends = moments["starts"], moments["ends"]
    if not zone or starts is None or ends is None or ends <= starts:
        return {"shown": None}
    told = Activity(timezone=zone, starts_at=starts, ends_at=ends, closes_at=moments["closes"])
    assert told.signup_ends_at
    return {
        "shown": {
            "when": when_words(told),
            "here": (starts, ends) if zone != timezone.get_current_timezone_name() else None,
            "until": moment_words(told.signup_ends_at, told),
            "reminders": [(kind, moment_words(starts - before, told)) for kind, before in BEFORE.items()],
            "is_past": starts <= timezone.now(),
        }
    }
