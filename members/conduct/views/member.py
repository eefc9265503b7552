"""The personal page of a member: the rules of their group, what is held against them, and reports. On the phone."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
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
from members.links import membership_from, membership_token
from members.models import Member, Membership

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


@require_GET
def rules_page(request: HttpRequest, token: str) -> HttpResponse:
    membership = membership_from(token)
    return _page(request, membership) if membership else _nowhere(request)


@require_POST
def rules_read(request: HttpRequest, token: str) -> HttpResponse:
    membership = membership_from(token)
    if membership is None or not membership.is_present:
        return _nowhere(request)
    rules_acknowledge(by=None, now=timezone.now(), membership=membership)
    return redirect("member:rules", membership_token(membership))


@require_POST
def rules_appeal(request: HttpRequest, token: str, pk: int) -> HttpResponse:
    membership = membership_from(token)
    violation = (
        Violation.objects.filter(pk=pk, member=membership.member, group=membership.group).first()
        if membership
        else None
    )
    if membership is None or violation is None:
        return _nowhere(request)
    text = request.POST.get("text", "").replace("\x00", "")
    try:
        appeal_make(by=None, now=timezone.now(), violation=violation, text=text)
    except ValidationError as error:
        return _page(request, membership, 422, appealed=violation.pk, problem=error.messages[0], typed=text)
    return redirect("member:rules", membership_token(membership))


@require_POST
def rules_report(request: HttpRequest, token: str) -> HttpResponse:
    membership = membership_from(token)
    if membership is None or not membership.is_present:
        return _nowhere(request)
    form = ReportForm(request.POST, membership=membership)
    if form.is_valid():
        try:
            _report(membership, form.cleaned_data)
        except ValidationError as error:
            add_errors(form, error)
        else:
            return redirect(f"{request.path.removesuffix('report/')}?reported=1")
    return _page(request, membership, 422, form=form)


def _report(membership: Membership, values: dict[str, Any]) -> None:
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


def _page(request: HttpRequest, membership: Membership, status: int = 200, **more: Any) -> HttpResponse:
    now = timezone.now()
    version = version_in_force(membership.group)
    own = Violation.objects.filter(member=membership.member, group=membership.group).exclude(
        state="open", source="report"
    )
    has_read = with_reading(Membership.objects.filter(pk=membership.pk)).values_list("has_read", flat=True).first()
    context = {
        "membership": membership,
        "group": membership.group,
        "token": membership_token(membership),
        "version": version,
        "rules": list(version.rules.all()) if version else [],
        "has_read": has_read,
        "read_at": membership.acknowledgements.order_by("-at").values_list("at", flat=True).first(),
        "is_present": membership.is_present,
        "violations": [
            (one, one.counts(now)) for one in own.select_related("rule", "appeal").order_by("-at", "-pk")[:20]
        ],
        "strikes": sum(one.strikes for one in own.in_force(now)),
        "form": ReportForm(membership=membership),
        "is_reported": request.GET.get("reported") == "1",
        **more,
    }
    return unlisted(render(request, "member/members/rules.html", context, status=status))


def _nowhere(request: HttpRequest) -> HttpResponse:
    return unlisted(render(request, "member/members/nowhere.html", {"head": ABSENT}, status=404))
