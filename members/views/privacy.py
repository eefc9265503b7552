"""What a person may ask for, and how long data is kept."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.http import FileResponse, Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import StaffRequest, role_required, writer_required
from accounts.models import Role
from accounts.policies import StalePolicy, policy_save, policy_version
from community_ops.lib.toasts import toast, warn
from members.forms import RetentionForm
from members.merging.services import known_elsewhere
from members.models import ExportState, Member, MemberExport, RetentionRun
from members.privacy.requests import erasure_request
from members.privacy.retention import RetentionPolicy, all_kinds, periods, retention_apply
from members.privacy.services import AlreadyErased, erasure_preview, export_path, export_request, member_erase
from members.tasks import enqueue_export
from members.views.console import visible_member


def may_erase(request: StaffRequest, member: Member) -> bool:
    """Administrators of headquarters, and those of a branch where nobody else knows the member."""
    return request.user.is_admin and not known_elsewhere(member, user=request.user)


@never_cache
@require_GET
@writer_required
def privacy(request: StaffRequest, pk: int) -> HttpResponse:
    member = visible_member(request, pk)
    context = {
        "member": member,
        "held": erasure_preview(member) if not member.erased_at else [],
        "exports": MemberExport.objects.filter(member=member, asked_by=request.user)[:5],
        "export_days": next(period.days for period in periods() if period.kind.slug == "exports"),
        "may_erase": may_erase(request, member),
        "may_copy": not known_elsewhere(member, user=request.user),
    }
    return render(request, "console/members/privacy.html", context)


@require_POST
@writer_required
def export_new(request: StaffRequest, pk: int) -> HttpResponse:
    member = visible_member(request, pk)
    if known_elsewhere(member, user=request.user):
        # A copy holds everything, also what other branches know.
        raise PermissionDenied
    export = export_request(by=request.user, now=timezone.now(), member=member)
    enqueue_export(export.pk)
    toast(request, _("The copy is being made. It is offered on this page when it is ready."))
    return redirect("members:privacy", member.pk)


@never_cache
@require_GET
@writer_required
def export_file(request: StaffRequest, pk: int) -> HttpResponseBase:
    """The copy, for whoever asked for it and still may see the member."""
    exports = MemberExport.objects.filter(asked_by=request.user, state=ExportState.READY)
    exports = exports.filter(member__in=Member.objects.visible_to(request.user)).select_related("member")
    export = get_object_or_404(exports, pk=pk)
    if known_elsewhere(export.member, user=request.user):
        raise PermissionDenied
    path = export_path(export)
    if not path.exists():
        raise Http404
    return FileResponse(path.open("rb"), as_attachment=True, filename=f"member-{export.member_id}.zip")


@require_POST
@writer_required
def erase(request: StaffRequest, pk: int) -> HttpResponse:
    """Ends it for good, where the name was typed; who may not, asks headquarters."""
    member = visible_member(request, pk)
    if not may_erase(request, member):
        raise PermissionDenied
    if request.POST.get("confirm", "").strip() != member.name.strip():
        warn(request, _("Nothing was erased: the name typed is not the member's."))
        return redirect("members:privacy", member.pk)
    try:
        member_erase(by=request.user, now=timezone.now(), member=member)
    except AlreadyErased:
        warn(request, _("This member was merged or erased in the meantime."))
    else:
        toast(request, _("The person is erased. What was counted stays counted."))
    return redirect("members:detail", member.pk)


@require_POST
@writer_required
def erase_ask(request: StaffRequest, pk: int) -> HttpResponse:
    member = visible_member(request, pk)
    if member.erased_at:
        warn(request, _("This member was merged or erased in the meantime."))
    else:
        erasure_request(by=request.user, now=timezone.now(), member=member)
        toast(request, _("Headquarters is asked to erase this member."))
    return redirect("members:privacy", member.pk)


# Retention


@require_http_methods(["GET", "POST"])
@role_required(Role.ADMIN)
def retention(request: StaffRequest) -> HttpResponse:
    if not request.user.is_headquarters:
        raise PermissionDenied
    now = timezone.now()
    version = policy_version(RetentionPolicy)
    form = RetentionForm(request.POST or None, periods=periods(), version=version)
    stale = False
    tried = {}
    if form.is_valid():
        tried = form.days()
        if request.POST.get("act") != "try":
            try:
                policy_save(
                    by=request.user,
                    now=now,
                    values=RetentionPolicy(days=tried),
                    version=form.cleaned_data["version"] or 0,
                )
            except StalePolicy as error:
                stale = True
                data = request.POST.copy()
                data["version"] = str(error.version)
                form.data = data
            else:
                toast(request, _("The periods are saved. They work from tonight on."))
                return redirect("members:retention")
    shown = periods(now=now, days=tried)
    rows = [(period, form[period.kind.slug] if not period.kind.fixed else None) for period in shown]
    labels = {kind.slug: kind.label for kind in all_kinds()}
    runs = [
        (run, [(labels.get(slug, slug), count) for slug, count in run.removed.items()])
        for run in RetentionRun.objects.select_related("by")[:20]
    ]
    status = 409 if stale else 422 if form.is_bound and form.errors else 200
    context = {"form": form, "rows": rows, "runs": runs, "stale": stale, "is_trial": bool(tried)}
    return render(request, "console/members/privacy_retention.html", context, status=status)


@require_POST
@role_required(Role.ADMIN)
def retention_run(request: StaffRequest) -> HttpResponse:
    if not request.user.is_headquarters:
        raise PermissionDenied
    run = retention_apply(now=timezone.now(), by=request.user)
    toast(request, _("%(number)d rows or files that were too old are deleted.") % {"number": sum(run.removed.values())})
    return redirect("members:retention")
