"""A member in the console: who this is, and what can be done."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import F
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import StaffRequest, staff_required, writer_required
from activity.models import EventKind
from community_ops.lib.forms import add_errors
from community_ops.lib.toasts import toast, warn
from groups.models import Group
from members.fields.values import field_text
from members.forms import OWN, MemberForm, NoteForm
from members.merging.candidates import duplicate_candidates
from members.merging.services import known_elsewhere, undo_obstacle
from members.models import FieldDefinition, Member, Membership, MemberTag, MergeRun, Note, Tag
from members.services import MemberGone, StaleMember, member_create, member_marketing_set, member_update, member_version
from members.tags.services import members_tag, members_untag
from members.timeline.selectors import Place, timeline_page
from members.timeline.services import note_add, note_delete
from members.timeline.sources import all_sources
from members.views.lists import shown_tags, tags_of


def visible_member(request: StaffRequest, pk: int) -> Member:
    """The member if this person may see them, else 404."""
    return get_object_or_404(Member.objects.visible_to(request.user), pk=pk)


@require_GET
@staff_required
def member_detail(request: StaffRequest, pk: int) -> HttpResponse:
    user = request.user
    people = Member.objects.visible_to(user).select_related("grade", "invited_by").prefetch_related(tags_of(user))
    member = get_object_or_404(people, pk=pk)
    if member.merged_into_id:
        return redirect("members:detail", member.merged_into_id)
    memberships = Membership.objects.filter(member=member, group__in=Group.objects.visible_to(user))
    definitions = FieldDefinition.objects.visible_to(user).in_use()
    invitees = Member.objects.visible_to(user).filter(invited_by=member)
    now = timezone.now()
    merges = MergeRun.objects.filter(winner=member, undone_at=None).select_related("loser", "winner", "by")
    if known_elsewhere(member, user=user):
        # Whoever became part of them may have been known in another branch only.
        merges = merges.none()
    context = {
        "member": member,
        "memberships": memberships.select_related("group").order_by(
            F("left_at").asc(nulls_first=True), "-last_seen_at"
        ),
        "own_fields": [(item.label, field_text(item, member.fields.get(item.key))) for item in definitions],
        "invitees": invitees.count(),
        "inviter": member.invited_by if member.invited_by and _sees(user, member.invited_by) else None,
        "merges": [(run, undo_obstacle(run, now=now, by=user)) for run in merges[:5]],
        "note_form": NoteForm(),
        **_tags(request, member),
        **_timeline(request, member),
    }
    return render(request, "console/members/detail.html", context)


def _sees(user: Any, member: Member) -> bool:
    return user.branch_id is None or Member.objects.visible_to(user).filter(pk=member.pk).exists()


@require_GET
@staff_required
def member_timeline(request: StaffRequest, pk: int) -> HttpResponse:
    """More of a timeline, or another part of it: a part of the member's page."""
    member = visible_member(request, pk)
    return render(request, "console/members/timeline.html", {"member": member, **_timeline(request, member)})


def _timeline(request: StaffRequest, member: Member) -> dict[str, object]:
    sources = all_sources()
    kinds = list(EventKind.objects.all())
    show = request.GET.get("show", "")
    if show not in {source.slug for source in sources} | {f"events:{kind.slug}" for kind in kinds}:
        show = ""
    after = Place.read(request.GET.get("after", ""))
    page = timeline_page(member=member, user=request.user, show=show, after=after)
    return {"page": page, "sources": sources, "kinds": kinds, "show": show, "is_continued": after is not None}


@require_GET
@staff_required
def duplicates_of(request: StaffRequest, pk: int) -> HttpResponse:
    """Who else this may be: a part of the member's page."""
    member = visible_member(request, pk)
    found = duplicate_candidates(user=request.user, member=member)
    pairs = [(pair.second if pair.first.pk == member.pk else pair.first, pair.reasons) for pair in found]
    return render(request, "console/members/merge_hint.html", {"member": member, "pairs": pairs})


@require_http_methods(["GET", "POST"])
@writer_required
def member_new(request: StaffRequest) -> HttpResponse:
    if not request.user.is_headquarters:
        # Somebody without a group belongs to no branch: a branch's members come with their first event.
        raise PermissionDenied
    definitions = list(FieldDefinition.objects.in_use())
    form = MemberForm(request.POST or None, definitions=definitions)
    if form.is_valid():
        try:
            member = member_create(
                by=request.user,
                external_id=form.cleaned_data["external_id"],
                fields=form.own_values(),
                **form.changes(),
            )
        except ValidationError as error:
            _add_errors(form, error)
        else:
            toast(request, _("%(name)s is added.") % {"name": member.name})
            return redirect("members:detail", member.pk)
    return render(request, "console/members/edit.html", {"form": form}, status=422 if form.is_bound else 200)


@require_http_methods(["GET", "POST"])
@writer_required
def member_edit(request: StaffRequest, pk: int) -> HttpResponse:
    member = visible_member(request, pk)
    definitions = list(FieldDefinition.objects.visible_to(request.user).in_use())
    form = MemberForm(request.POST or None, definitions=definitions, member=member, version=member_version(member))
    context: dict[str, Any] = {"form": form, "member": member}
    if form.is_valid():
        try:
            member_update(
                by=request.user,
                member=member,
                changes=form.changes(),
                fields=form.own_values(),
                version=form.cleaned_data["version"],
                complete=True,
            )
        except ValidationError as error:
            _add_errors(form, error)
        except MemberGone:
            warn(request, _("This member was merged or erased in the meantime."))
            return redirect("members:detail", member.pk)
        except StaleMember as error:
            # What was typed stays. Sent again, it is meant: the form now knows the other change.
            data = request.POST.copy()
            data["version"] = member_version(error.member)
            form.data = data
            context["differences"] = _differences(form, error.member)
            return render(request, "console/members/edit.html", context, status=409)
        else:
            toast(request, _("%(name)s is saved.") % {"name": form.cleaned_data["name"]})
            return redirect("members:detail", member.pk)
    return render(request, "console/members/edit.html", context, status=422 if form.is_bound else 200)


def _differences(form: MemberForm, current: Member) -> list[tuple[Any, str]]:
    found: list[tuple[Any, str]] = []
    for name, value in form.changes().items():
        if getattr(current, name) != value:
            field = name.removesuffix("_id")
            shown = getattr(current, field)
            found.append((form[field].label, _("yes") if shown is True else _("no") if shown is False else str(shown)))
    for definition in form.definitions:
        kept = field_text(definition, current.fields.get(definition.key))
        if kept != str(form.cleaned_data.get(f"{OWN}{definition.key}") or ""):
            found.append((definition.label, kept))
    return found


def _add_errors(form: MemberForm, error: ValidationError) -> None:
    """The services know own fields as "fields.<key>", the form as "own_<key>"."""
    if hasattr(error, "error_dict"):
        named = {name.replace("fields.", OWN, 1): items for name, items in error.error_dict.items()}
        error = ValidationError(named)
    add_errors(form, error)


# Small acts on the page


@require_POST
@writer_required
def member_marketing(request: StaffRequest, pk: int) -> HttpResponse:
    member = visible_member(request, pk)
    try:
        member_marketing_set(by=request.user, member=member, no_marketing=request.POST.get("no_marketing") == "yes")
    except MemberGone:
        warn(request, _("This member was merged or erased in the meantime."))
    else:
        toast(request, _("The member's word about advertising is noted."))
    return redirect("members:detail", member.pk)


@require_POST
@writer_required
def note_new(request: StaffRequest, pk: int) -> HttpResponse:
    member = visible_member(request, pk)
    form = NoteForm(request.POST)
    if form.is_valid() and not member.erased_at:
        note_add(by=request.user, now=timezone.now(), member=member, text=form.cleaned_data["text"])
        toast(request, _("The note is written."))
    else:
        warn(request, _("A note needs a text of at most 2,000 characters."))
    return redirect("members:detail", member.pk)


@require_POST
@writer_required
def note_remove(request: StaffRequest, pk: int, note_pk: int) -> HttpResponse:
    member = visible_member(request, pk)
    note = get_object_or_404(Note.objects.visible_to(request.user), pk=note_pk, member=member)
    note_delete(by=request.user, note=note)
    toast(request, _("The note is deleted."))
    return redirect("members:detail", member.pk)


@require_POST
@writer_required
def member_tag(request: StaffRequest, pk: int) -> HttpResponse:
    """Puts a tag on or takes it off; answers with the tags for a page, or leads back to it."""
    member = visible_member(request, pk)
    number = request.POST.get("tag", "")
    tags = Tag.objects.visible_to(request.user).by_hand()
    tag = tags.filter(pk=number).first() if number.isdecimal() and len(number) < 19 else None
    if tag is None:
        warn(request, _("Choose a tag."))
    elif request.POST.get("act") == "off":
        members_untag(by=request.user, tag=tag, members=[member])
    else:
        members_tag(by=request.user, now=timezone.now(), tag=tag, members=[member])
    if request.htmx:
        people = Member.objects.prefetch_related(tags_of(request.user))
        member = people.get(pk=member.pk)
        return render(request, "console/members/tags_of_member.html", {"member": member, **_tags(request, member)})
    return redirect("members:detail", member.pk)


def _tags(request: StaffRequest, member: Member) -> dict[str, object]:
    has: list[MemberTag] = shown_tags(member)
    others = Tag.objects.visible_to(request.user).by_hand().exclude(pk__in=[row.tag_id for row in has])
    return {"tags": has, "other_tags": others if request.user.may_write and not member.erased_at else []}
