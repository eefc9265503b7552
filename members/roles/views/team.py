"""The team of a group: who of the staff runs it, which roles members hold, and who would make an opinion leader."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from accounts.access import StaffRequest, staff_required, writer_required
from accounts.policies import policy_get
from community_ops.lib.forms import add_errors
from community_ops.lib.toasts import toast, warn
from groups.models import Group
from groups.roles.duties import done_now, due_in
from groups.roles.models import STAFF_ROLES, Duty, GroupRole, Permission, StaffRole
from groups.roles.permissions import ROW_LABELS, may, may_name_staff
from groups.roles.services import staff_role_grant, staff_role_revoke
from members.models import Member, Membership
from members.roles.forms import MemberRoleForm, StaffRoleForm
from members.roles.leaders import LEAST_SCORE, LeaderPolicy, candidates, leader_pass, leader_unpass, standing
from members.roles.models import MemberRole
from members.roles.selectors import roles_held, roles_of_member
from members.roles.services import member_role_end, member_role_grant

FOUND = 8


@require_GET
@staff_required
def team(request: StaffRequest, pk: int) -> HttpResponse:
    return _page(request, _group(request, pk))


def _page(
    request: StaffRequest,
    group: Group,
    *,
    staff_form: StaffRoleForm | None = None,
    role_form: MemberRoleForm | None = None,
    found: list[Member] | None = None,
) -> HttpResponse:
    now = timezone.now()
    policy = policy_get(LeaderPolicy)
    staff = list(StaffRole.objects.filter(group=group).select_related("user").order_by("since", "pk"))
    held: dict[str, list[MemberRole]] = {}
    for row in roles_held(group):
        held.setdefault(row.role, []).append(row)
    stands = standing(group=group, policy=policy)
    is_open = group.state in ("forming", "active")
    may_staff = is_open and may_name_staff(request.user, group)
    context = {
        "group": group,
        "tab": "team",
        "staff": [(role, role.label, [row for row in staff if row.role == role]) for role in STAFF_ROLES],
        "held": [(role, GroupRole(role).label, held.get(role, [])) for role in GroupRole.values if role in held],
        "stands": stands,
        "filled": min(100, round(100 * stands.leaders / max(1, stands.leaders + stands.missing))),
        "policy": policy,
        "least_score": LEAST_SCORE,
        "candidates": candidates(group=group, now=now, policy=policy) if is_open else [],
        "duties": _duties(request, group, staff),
        "may_staff": may_staff,
        "may_review": is_open and request.user.may_write and may(request.user, Permission.REVIEW, group),
        "staff_form": staff_form or (StaffRoleForm(user=request.user, group=group) if may_staff else None),
        "role_form": role_form or MemberRoleForm(),
        "found": found or [],
    }
    status = 422 if (staff_form and staff_form.is_bound) or (role_form and role_form.is_bound) else 200
    return render(request, "console/members/team.html", context, status=status)


def _duties(request: StaffRequest, group: Group, staff: list[StaffRole]) -> list[tuple[Any, list[dict[str, Any]]]]:
    """The duties in this group by role, each with who did it in the period at hand."""
    now = timezone.now()
    duties = [duty for duty in Duty.objects.in_force() if due_in(duty, group)]
    checks = done_now(duties=duties, groups=[group], now=now)
    mine = {row.role for row in staff if row.user_id == request.user.pk}
    rows = []
    for role in GroupRole.values:
        lines = [
            {
                "duty": duty,
                "check": checks.get((duty.pk, group.pk)),
                "may_tick": request.user.may_write and (request.user.is_admin or role in mine),
            }
            for duty in duties
            if duty.role == role
        ]
        if lines:
            rows.append((ROW_LABELS[role], lines))
    return rows


# Staff


@require_POST
@writer_required
def team_staff(request: StaffRequest, pk: int) -> HttpResponse:
    group = _group(request, pk)
    if not may_name_staff(request.user, group):
        raise PermissionDenied
    form = StaffRoleForm(_sent(request), user=request.user, group=group)
    if not form.is_valid():
        return _page(request, group, staff_form=form)
    person, role = form.cleaned_data["user"], form.cleaned_data["role"]
    try:
        staff_role_grant(by=request.user, now=timezone.now(), group=group, user=person, role=role)
    except ValidationError as error:
        add_errors(form, error)
        return _page(request, group, staff_form=form)
    undo = f"{reverse('members:team_staff_end', args=[group.pk])}?{urlencode({'user': person.pk, 'role': role})}"
    toast(request, _("%(name)s: %(role)s") % {"name": person, "role": ROW_LABELS[role]}, undo_url=undo)
    return redirect("members:team", group.pk)


@require_POST
@writer_required
def team_staff_end(request: StaffRequest, pk: int) -> HttpResponse:
    group = _group(request, pk)
    if not may_name_staff(request.user, group):
        raise PermissionDenied
    data = _sent(request)
    asked = str(data.get("user", ""))
    known = asked.isascii() and asked.isdigit() and len(asked) < 19
    held = StaffRole.objects.filter(group=group, user_id=int(asked) if known else 0, role=str(data.get("role", "")))
    row = get_object_or_404(held.select_related("user"))
    staff_role_revoke(by=request.user, now=timezone.now(), group=group, user=row.user, role=row.role)
    undo = f"{reverse('members:team_staff', args=[group.pk])}?{urlencode({'user': row.user_id, 'role': row.role})}"
    text = _("%(name)s is no longer %(role)s.") % {"name": row.user, "role": ROW_LABELS[row.role]}
    toast(request, text, undo_url=undo)
    return redirect("members:team", group.pk)


# Members' roles


@require_POST
@writer_required
def team_role(request: StaffRequest, pk: int) -> HttpResponse:
    """Gives a role to a member, named by number (`member`) or by what was typed (`who`)."""
    group = _reviewed(request, pk)
    data = _sent(request)
    asked = str(data.get("member", ""))
    if asked:
        form = MemberRoleForm({"who": asked, "role": data.get("role", "")})
        memberships = _present(group).filter(member_id=int(asked) if asked.isdigit() and len(asked) < 19 else 0)
    else:
        form = MemberRoleForm(data)
        memberships = _present(group).filter(
            member__in=Member.objects.matching(str(data.get("who", "")).replace("\x00", "").strip()).values("pk")
        )
    if not form.is_valid():
        return _page(request, group, role_form=form)
    rows = list(memberships[: FOUND + 1])
    if len(rows) != 1:
        text = _("Nobody in this group is called so.") if not rows else _("Several members are called so. Choose one.")
        form.add_error("who", text)
        return _page(request, group, role_form=form, found=[row.member for row in rows[:FOUND]])
    role = form.cleaned_data["role"]
    granted = member_role_grant(by=request.user, now=timezone.now(), membership=rows[0], role=role)
    undo = reverse("members:team_role_end", args=[group.pk, granted.pk])
    toast(request, _("%(name)s: %(role)s") % {"name": rows[0].member, "role": ROW_LABELS[role]}, undo_url=undo)
    return redirect("members:team", group.pk)


@require_POST
@writer_required
def team_role_end(request: StaffRequest, pk: int, role_pk: int) -> HttpResponse:
    group = _reviewed(request, pk)
    rows = MemberRole.objects.filter(membership__group=group).select_related("membership__member")
    row = get_object_or_404(rows, pk=role_pk)
    member = row.membership.member
    if member_role_end(by=request.user, now=timezone.now(), role=row):
        query = urlencode({"member": member.pk, "role": row.role})
        toast(
            request,
            _("%(name)s is no longer %(role)s.") % {"name": member, "role": ROW_LABELS[row.role]},
            undo_url=f"{reverse('members:team_role', args=[group.pk])}?{query}",
        )
    else:
        warn(request, _("This role had ended before."))
    return redirect("members:team", group.pk)


@require_POST
@writer_required
def team_pass(request: StaffRequest, pk: int) -> HttpResponse:
    """Puts a candidate for opinion leader off."""
    group = _reviewed(request, pk)
    row = _membership(request, group)
    leader_pass(by=request.user, now=timezone.now(), membership=row)
    days = policy_get(LeaderPolicy).again_days
    toast(
        request,
        _("%(name)s is not proposed for %(days)s days.") % {"name": row.member, "days": days},
        undo_url=f"{reverse('members:team_unpass', args=[group.pk])}?{urlencode({'member': row.member_id})}",
    )
    return redirect("members:team", group.pk)


@require_POST
@writer_required
def team_unpass(request: StaffRequest, pk: int) -> HttpResponse:
    group = _reviewed(request, pk)
    row = _membership(request, group)
    if leader_unpass(by=request.user, now=timezone.now(), membership=row):
        toast(request, _("%(name)s is a candidate again.") % {"name": row.member})
    return redirect("members:team", group.pk)


@require_GET
@staff_required
def member_roles(request: StaffRequest, pk: int) -> HttpResponse:
    """The roles of a member, a part of their page."""
    member = get_object_or_404(Member.objects.visible_to(request.user), pk=pk)
    rows = list(roles_of_member(member.pk, request.user))
    return render(request, "console/members/roles_part.html", {"member": member, "rows": rows})


def _group(request: StaffRequest, pk: int) -> Group:
    return get_object_or_404(Group.objects.visible_to(request.user).select_related("branch"), pk=pk)


def _reviewed(request: StaffRequest, pk: int) -> Group:
    """The group, if this person reviews its members."""
    group = _group(request, pk)
    if not may(request.user, Permission.REVIEW, group):
        raise PermissionDenied
    return group


def _present(group: Group) -> Any:
    return Membership.objects.present().filter(group=group).select_related("member", "group").order_by("pk")


def _membership(request: StaffRequest, group: Group) -> Membership:
    asked = str(_sent(request).get("member", ""))
    known = asked.isascii() and asked.isdigit() and len(asked) < 19
    row: Membership = get_object_or_404(_present(group), member_id=int(asked) if known else 0)
    return row


def _sent(request: StaffRequest) -> Any:
    """What was sent: by the form, or in the address of an Undo."""
    return request.POST if request.POST.keys() - {"csrfmiddlewaretoken"} else request.GET
