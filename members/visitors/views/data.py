"""My data: a member sees, copies, corrects and erases what is held about them, on their own."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from community_ops.lib.unlisted import unlisted
from members.forms import OWN
from members.models import Consent, ExportState, Member, MemberExport, MemberSession
from members.privacy.retention import periods
from members.privacy.services import AlreadyErased, erasure_preview, export_path, export_request_own, member_erase
from members.services import (
    MemberGone,
    StaleMember,
    fields_open_to,
    member_marketing_set,
    member_update,
    member_version,
)
from members.tasks import enqueue_export
from members.visitors.forms import OwnDataForm
from members.visitors.http import for_visitors_unasked, nobody, session_of, sign_out
from members.visitors.services import devices_sign_out


@require_http_methods(["GET", "POST"])
@for_visitors_unasked
def data(request: HttpRequest, member: Member) -> HttpResponse:
    """Everything about oneself in one place; POST corrects it."""
    definitions = list(fields_open_to(None))
    post = request.POST if request.method == "POST" else None
    form = OwnDataForm(post, member=member, definitions=definitions, version=member_version(member))
    is_stale = False
    if form.is_valid():
        try:
            member_update(
                by=None,
                member=member,
                changes=form.changes(),
                fields=form.own_values(),
                version=form.cleaned_data["version"],
            )
        except StaleMember as error:
            is_stale = True
            typed = request.POST.copy()
            typed["version"] = member_version(error.member)
            form.data = typed
        except MemberGone:
            return nobody(request)
        except ValidationError as error:
            for name, messages in error.message_dict.items():
                field = name.replace("fields.", OWN)
                for message in messages:
                    form.add_error(field if field in form.fields else None, message)
        else:
            return redirect(f"{request.path}?saved=1")
    now = timezone.now()
    session = session_of(request)
    context = {
        "member": member,
        "form": form,
        "is_stale": is_stale,
        "is_saved": request.GET.get("saved") == "1",
        "devices": MemberSession.objects.live(now).filter(member=member),
        "here": session.pk if session else 0,
        "copies": MemberExport.objects.filter(member=member, by_member=True)[:3],
        "copy_days": next(period.days for period in periods() if period.kind.slug == "exports"),
        "consent": Consent.objects.standing().filter(member=member).select_related("text").first(),
    }
    return render(request, "member/members/data.html", context, status=409 if is_stale else 422 if form.errors else 200)


@require_POST
@for_visitors_unasked
def marketing(request: HttpRequest, member: Member) -> HttpResponse:
    member_marketing_set(by=None, member=member, no_marketing=request.POST.get("no_marketing") == "yes")
    return redirect("member:data")


@require_POST
@for_visitors_unasked
def devices(request: HttpRequest, member: Member) -> HttpResponse:
    """Signs one device out, or all but this one."""
    now = timezone.now()
    session = session_of(request)
    asked = request.POST.get("device", "")
    rows = MemberSession.objects.live(now).filter(member=member)
    if asked == "others":
        rows = rows.exclude(pk=session.pk if session else 0)
    else:
        rows = rows.filter(pk=int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 19 else 0)
    for row in rows:
        devices_sign_out(by=None, now=now, members=[member], only=row.pk)
    return redirect("member:data")


@require_GET
@for_visitors_unasked
def held(request: HttpRequest, member: Member) -> HttpResponse:
    """What is held, table by table, in plain words."""
    return render(request, "member/members/data_held.html", {"member": member, "held": erasure_preview(member)})


@require_POST
@for_visitors_unasked
def copy(request: HttpRequest, member: Member) -> HttpResponse:
    """Asks for a copy, which a task makes."""
    export = export_request_own(now=timezone.now(), member=member)
    if export is not None:
        enqueue_export(export.pk)
    return redirect("member:data")


@require_GET
@for_visitors_unasked
def copy_file(request: HttpRequest, member: Member, pk: int) -> HttpResponseBase:
    """The copy, for the member who asked for it."""
    ready = MemberExport.objects.filter(member=member, by_member=True, state=ExportState.READY)
    path = export_path(get_object_or_404(ready, pk=pk))
    if not path.exists():
        raise Http404
    return FileResponse(path.open("rb"), as_attachment=True, filename="my-data.zip")


@require_http_methods(["GET", "POST"])
@for_visitors_unasked
def erase(request: HttpRequest, member: Member) -> HttpResponse:
    """Ends it for good, where the name was typed; the device is signed out like all others."""
    is_wrong = False
    if request.method == "POST":
        if request.POST.get("confirm", "").strip() == member.name.strip():
            try:
                member_erase(by=None, now=timezone.now(), member=member)
            except AlreadyErased:
                return nobody(request)
            response = unlisted(render(request, "member/members/data_erased.html"))
            sign_out(response)
            return response
        is_wrong = True
    context = {"member": member, "held": erasure_preview(member), "is_wrong": is_wrong}
    return render(request, "member/members/data_erase.html", context, status=422 if is_wrong else 200)
