"""The rules of a group on a member's phone, what is held against the member, and reports.

Two addresses show them: that of the group, behind the door of its members, and the personal link that goes out with
messages. Whoever has that link reads the rules; what is about the member is shown on a device of theirs only.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from community_ops.lib.forms import add_errors
from community_ops.lib.unlisted import unlisted
from groups.models import Rule
from members.conduct.acknowledgements import rules_acknowledge, version_in_force, with_reading
from members.conduct.models import Violation
from members.conduct.services import appeal_make, violation_record
from members.consent.asking import asked_first
from members.consent.services import has_agreed
from members.links import membership_from, membership_token
from members.models import Member, Membership
from members.visitors.http import Visit, for_members, visitor_of
from members.visitors.tiles import Tile

# So many reports a member may make within a day; more is a quarrel.
REPORTS_A_DAY = 10
ABSENT = gettext_lazy("This link leads nowhere any more")


class ReportForm(forms.Form):
    name = forms.CharField(label=gettext_lazy("Who was it? The name in the group"), max_length=120)
    rule = forms.ModelChoiceField(
        label=gettext_lazy("Which rule was broken?"), queryset=Rule.objects.none(), empty_label=None
    )
    text = forms.CharField(
        label=gettext_lazy("What was written or shown?"),
        max_length=1000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
    )

    def __init__(self, *args: Any, membership: Membership, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["rule"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = Rule.objects.filter(
            version__rule_set_id=membership.group.rule_set_id, version__state="published"
        )


# On the page of the group


@require_GET
@for_members
def group_rules(request: HttpRequest, visit: Visit) -> HttpResponse:
    return _page(request, _membership(visit), _address(visit))


@require_POST
@for_members
def group_rules_read(request: HttpRequest, visit: Visit) -> HttpResponse:
    rules_acknowledge(by=None, now=timezone.now(), membership=_membership(visit))
    return redirect(_address(visit))


@require_POST
@for_members
def group_rules_appeal(request: HttpRequest, visit: Visit, pk: int) -> HttpResponse:
    return _appeal(request, _membership(visit), _address(visit), pk)


@require_POST
@for_members
def group_rules_report(request: HttpRequest, visit: Visit) -> HttpResponse:
    return _report(request, _membership(visit), _address(visit))


def _membership(visit: Visit) -> Membership:
    """The membership with what is known of it already, so that nothing is asked for twice."""
    visit.membership.group, visit.membership.member = visit.group, visit.member
    return visit.membership


def _address(visit: Visit) -> str:
    return reverse("member:group_rules", args=[visit.group.page_token])


def rules_tile(visit: Visit, now: datetime) -> Tile | None:
    """Nothing for a group without rules."""
    if version_in_force(visit.group) is None:
        return None
    row = with_reading(Membership.objects.filter(pk=visit.membership.pk))
    has_read = row.values_list("has_read", flat=True).first()
    state = "" if has_read else _("please read them")
    return Tile(gettext_lazy("Rules"), _address(visit), "shield-check", state, is_calling=not has_read)


# Behind a personal link


@require_GET
def rules_page(request: HttpRequest, token: str) -> HttpResponse:
    membership = membership_from(token)
    if membership is None:
        return _nowhere(request)
    return _page(request, membership, _link(membership), is_own=_is_own(request, membership))


@require_POST
def rules_read(request: HttpRequest, token: str) -> HttpResponse:
    """Whoever has the link says that the rules were read, signed in or not; on a phone of somebody else nobody does."""
    membership = membership_from(token)
    if membership is None or not membership.is_present:
        return _nowhere(request)
    if visitor_of(request) is not None and not _is_own(request, membership):
        return _page(request, membership, _link(membership), 403, is_own=False)
    rules_acknowledge(by=None, now=timezone.now(), membership=membership)
    return redirect(_link(membership))


@require_POST
def rules_appeal(request: HttpRequest, token: str, pk: int) -> HttpResponse:
    membership = membership_from(token)
    if membership is None:
        return _nowhere(request)
    return _held_back(request, membership) or _appeal(request, membership, _link(membership), pk)


@require_POST
def rules_report(request: HttpRequest, token: str) -> HttpResponse:
    membership = membership_from(token)
    if membership is None or not membership.is_present:
        return _nowhere(request)
    return _held_back(request, membership) or _report(request, membership, _link(membership))


def _link(membership: Membership) -> str:
    return reverse("member:rules", args=[membership_token(membership)])


def _is_own(request: HttpRequest, membership: Membership) -> bool:
    """Whether the device that asks is one of the very member's."""
    visitor = visitor_of(request)
    return visitor is not None and visitor.pk == membership.member_id


def _held_back(request: HttpRequest, membership: Membership) -> HttpResponse | None:
    """What somebody gets who may not act for the member here."""
    if not _is_own(request, membership):
        return _page(request, membership, _link(membership), 403, is_own=False)
    return None if has_agreed(membership.member) else asked_first(request)


# Both


def _appeal(request: HttpRequest, membership: Membership, address: str, pk: int) -> HttpResponse:
    violation = Violation.objects.filter(pk=pk, member=membership.member_id, group=membership.group_id).first()
    if violation is None:
        return _nowhere(request)
    text = request.POST.get("text", "").replace("\x00", "")
    try:
        appeal_make(by=None, now=timezone.now(), violation=violation, text=text)
    except ValidationError as error:
        return _page(request, membership, address, 422, appealed=violation.pk, problem=error.messages[0], typed=text)
    return redirect(address)


def _report(request: HttpRequest, membership: Membership, address: str) -> HttpResponse:
    form = ReportForm(request.POST, membership=membership)
    if form.is_valid():
        try:
            _record(membership, form.cleaned_data)
        except ValidationError as error:
            add_errors(form, error)
        else:
            return redirect(f"{address}?reported=1")
    return _page(request, membership, address, 422, form=form)


def _record(membership: Membership, values: dict[str, Any]) -> None:
    now = timezone.now()
    today = Violation.objects.filter(reporter=membership.member, noted_at__gt=now - timedelta(days=1))
    if today.count() >= REPORTS_A_DAY:
        raise ValidationError(_("You have reported a lot today. Please tell the staff directly."))
    present = Membership.objects.present().filter(group=membership.group).values("member")
    named = list(Member.objects.filter(pk__in=present, name__iexact=values["name"].strip())[:2])
    if len(named) != 1:
        words = (
            _("Several members have this name. Please tell the staff directly.")
            if named
            else _("Nobody in the group has this name. Write it exactly as it stands in the group.")
        )
        raise ValidationError({"name": words})
    text = values["text"].replace("\x00", "")
    if today.filter(member=named[0], rule=values["rule"], text=text).exists():
        # Sent twice, it is one report.
        return
    try:
        violation_record(
            by=None,
            now=now,
            member=named[0],
            group=membership.group,
            rule=values["rule"],
            at=now,
            text=text,
            reporter=membership.member,
        )
    except ValidationError as error:
        raise ValidationError({"name": error.messages}) from error


def _page(
    request: HttpRequest, membership: Membership, address: str, status: int = 200, *, is_own: bool = True, **more: Any
) -> HttpResponse:
    """The rules, and where `is_own` what is about the member. The acts lie below `address`."""
    now = timezone.now()
    version = version_in_force(membership.group)
    has_read = with_reading(Membership.objects.filter(pk=membership.pk)).values_list("has_read", flat=True).first()
    context = {
        "membership": membership,
        "group": membership.group,
        "address": address,
        "is_own": is_own,
        "visitor": None if is_own else visitor_of(request),
        "version": version,
        "rules": list(version.rules.all()) if version else [],
        "has_read": has_read,
        "read_at": membership.acknowledgements.order_by("-at").values_list("at", flat=True).first(),
        "is_present": membership.is_present,
    }
    if is_own:
        own = Violation.objects.filter(member=membership.member, group=membership.group)
        own = own.exclude(state="open", source="report")
        context |= {
            "violations": [
                (one, one.counts(now)) for one in own.select_related("rule", "appeal").order_by("-at", "-pk")[:20]
            ],
            "strikes": sum(one.strikes for one in own.in_force(now)),
            "form": ReportForm(membership=membership),
            "is_reported": request.GET.get("reported") == "1",
        }
    return unlisted(render(request, "member/members/rules.html", context | more, status=status))


def _nowhere(request: HttpRequest) -> HttpResponse:
    return unlisted(render(request, "member/members/nowhere.html", {"head": ABSENT}, status=404))
