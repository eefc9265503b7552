"""The editor of a draft: its rules one by one, what stands beside them, and putting it in force."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import StaffRequest, role_required, staff_required
from accounts.models import Role
from community_ops.lib.forms import add_errors
from community_ops.lib.toasts import toast, warn
from groups.rules.content import (
    ContentError,
    RuleContent,
    details_seen,
    rule_check,
    rule_seen,
    version_content,
)
from groups.rules.detection import Message, MessageType, RuleSpec, compiled_for, compiled_from
from groups.rules.detection.params import words_sort
from groups.rules.diff import field_diff, rule_diff, version_diff
from groups.rules.forms import DetailsForm, PublishForm, RuleForm
from groups.rules.models import Category, Detector, RuleSet, RuleSetVersion, VersionState
from groups.rules.selectors import hit_words, rule_set_reach, runs
from groups.rules.services import (
    StaleDraft,
    draft_details_save,
    draft_discard,
    draft_open,
    draft_rule_remove,
    draft_rule_save,
    draft_rules_order,
    version_publish,
)
from groups.rules.views.common import draft_to_edit, dry_run_address, needs_draft, own_draft, own_set
from groups.rules.words import FIELD_WORDS, ladder_words

LONGEST_SENTENCE = 2000


@require_POST
@role_required(Role.ADMIN)
def draft_begin(request: StaffRequest, pk: int) -> HttpResponse:
    found = own_set(request, pk)
    draft_open(by=request.user, now=timezone.now(), rule_set=found)
    return redirect("groups:rules_draft", found.pk)


@require_GET
@role_required(Role.ADMIN)
def draft(request: StaffRequest, pk: int) -> HttpResponse:
    found = own_set(request, pk)
    version = found.versions.filter(state=VersionState.DRAFT).first()
    if version is None:
        return redirect("groups:rule_set", found.pk)
    return render(request, "console/groups/rules/draft.html", _draft_context(version))


@require_POST
@role_required(Role.ADMIN)
@needs_draft
def draft_order(request: StaffRequest, pk: int) -> HttpResponse:
    """Moves one rule up or down (`move` is "code:-1"), or takes a whole order (`codes`)."""
    found, version = own_draft(request, pk)
    codes = request.POST.getlist("codes")
    code, _colon, step = request.POST.get("move", "").partition(":")
    if code in codes and step in ("-1", "1"):
        place = codes.index(code)
        other = min(max(place + int(step), 0), len(codes) - 1)
        codes[place], codes[other] = codes[other], codes[place]
    try:
        draft_rules_order(by=request.user, now=timezone.now(), version=version, codes=codes)
    except StaleDraft:
        warn(request, _("Somebody added or removed a rule meanwhile. The order below is the one that stands."))
    if request.htmx:
        context = _draft_context(version)
        if code in codes:
            context["moved"] = _("Rule %(place)s of %(count)s") % {"place": codes.index(code) + 1, "count": len(codes)}
        return render(request, "console/groups/rules/draft.html", context)
    return redirect("groups:rules_draft", found.pk)


@require_http_methods(["GET", "POST"])
@role_required(Role.ADMIN)
@needs_draft
def draft_details(request: StaffRequest, pk: int) -> HttpResponse:
    found, version = draft_to_edit(request, pk)
    stands = version_content(version)
    initial = DetailsForm.initial_from(stands, details_seen(stands))
    form = DetailsForm(request.POST or None, initial=initial)
    context: dict[str, Any] = {"rule_set": found, "version": version, "form": form}
    status = 422 if form.is_bound else 200
    if form.is_valid():
        typed = {name: form.cleaned_data[name] for name in ("preamble", "strike_days")}
        try:
            draft_details_save(
                by=request.user,
                now=timezone.now(),
                version=version,
                seen=form.cleaned_data["seen"],
                ladder=form.ladder(),
                **typed,
            )
        except StaleDraft as stale:
            theirs = stale.content
            sides = (
                ("preamble", theirs.preamble, typed["preamble"]),
                ("ladder", ladder_words(theirs.ladder), ladder_words(form.ladder())),
                ("strike_days", str(theirs.strike_days), str(typed["strike_days"])),
            )
            context["conflict"] = [field_diff(FIELD_WORDS[name], old, new) for name, old, new in sides if old != new]
            context["is_stale"] = True
            _see(form, details_seen(theirs))
            status = 409
        except ContentError as error:
            for path, words in error.errors:
                form.add_error(path.strip("/") if path.strip("/") in form.fields else None, words)
        else:
            toast(request, _("The draft is saved."))
            return redirect("groups:rules_draft", found.pk)
    return render(request, "console/groups/rules/details.html", context, status=status)


@require_http_methods(["GET", "POST"])
@role_required(Role.ADMIN)
@needs_draft
def draft_rule(request: StaffRequest, pk: int, code: str = "") -> HttpResponse:
    """One rule, or a new one. `switch` shows the fields of another detector and saves nothing."""
    found, version = draft_to_edit(request, pk)
    content = version_content(version)
    stands = content.rule(code)
    gone = bool(code) and stands is None
    if gone and request.method != "POST":
        raise Http404
    detector = request.POST.get("detector") or (stands.detector if stands else Detector.KEYWORDS)
    if detector not in Detector.values:
        detector = Detector.NONE
    start = stands or RuleContent(text="", detector=detector, category=Category.OTHER)
    initial = RuleForm.initial_from(start, detector, rule_seen(stands))
    if "switch" in request.POST:
        initial |= {name: value for name, value in request.POST.items() if name in initial}
        form = RuleForm(None, initial=initial, detector=detector)
    else:
        form = RuleForm(request.POST or None, request.FILES or None, initial=initial, detector=detector)
    context: dict[str, Any] = {"rule_set": found, "version": version, "form": form, "code": code, "rule": stands}
    status = 422 if form.is_bound else 200
    if form.is_bound and form.is_valid():
        try:
            rule = form.rule(code)
            saved = draft_rule_save(
                by=request.user, now=timezone.now(), version=version, seen=form.cleaned_data["seen"], rule=rule
            )
        except StaleDraft as stale:
            theirs = stale.content.rule(code)
            context["is_stale"], context["conflict"] = True, rule_diff(theirs, rule_check(rule)) if theirs else []
            context["is_gone"] = theirs is None
            _see(form, rule_seen(theirs))
            status = 409
        except ContentError as error:
            form.add_content_errors(error)
        else:
            _say_saved(request, rule, saved.content.rule(code) or saved.content.rules[-1])
            return redirect("groups:rules_draft", found.pk)
    return render(request, "console/groups/rules/rule_form.html", context, status=status)


@require_http_methods(["GET", "POST"])
@role_required(Role.ADMIN)
@needs_draft
def draft_rule_delete(request: StaffRequest, pk: int, code: str) -> HttpResponse:
    found, version = own_draft(request, pk)
    rule = version_content(version).rule(code)
    if rule is None:
        raise Http404
    status = 200
    if request.method == "POST":
        try:
            draft_rule_remove(
                by=request.user, now=timezone.now(), version=version, code=code, seen=request.POST.get("seen", "")
            )
        except StaleDraft:
            warn(request, _("Somebody changed this rule meanwhile. Look again before you remove it."))
            status = 409
        else:
            toast(request, _("The rule is out of the draft."))
            return redirect("groups:rules_draft", found.pk)
    context = {"rule_set": found, "version": version, "rule": rule, "seen": rule_seen(rule)}
    return render(request, "console/groups/rules/rule_remove.html", context, status=status)


@require_http_methods(["GET", "POST"])
@role_required(Role.ADMIN)
@needs_draft
def draft_publish(request: StaffRequest, pk: int) -> HttpResponse:
    """What changes, for whom; then it is in force."""
    found, version = own_draft(request, pk)
    in_force = found.versions.filter(state=VersionState.PUBLISHED).first()
    diff = version_diff(version_content(in_force) if in_force else None, version_content(version))
    told = any(
        rule.kind in ("added", "removed") or (rule.old and rule.old.text != rule.rule.text) for rule in diff.changed
    )
    form = PublishForm(request.POST or None, initial={"revision": version.revision, "reacknowledge": told})
    context: dict[str, Any] = {
        "rule_set": found,
        "version": version,
        "in_force": in_force,
        "diff": diff,
        "reach": rule_set_reach(rule_set=found, user=request.user),
        "form": form,
        "dry_run_url": dry_run_address(version),
    }
    status = 422 if form.is_bound else 200
    if form.is_valid():
        try:
            version_publish(by=request.user, now=timezone.now(), version=version, **form.cleaned_data)
        except StaleDraft as stale:
            context["is_stale"] = True
            _see(form, stale.version.revision, "revision")
            status = 409
        except ValidationError as error:
            add_errors(form, error)
        else:
            toast(request, _("Version %(number)s is in force.") % {"number": version.number})
            return redirect("groups:rule_set", found.pk)
    return render(request, "console/groups/rules/publish.html", context, status=status)


@require_http_methods(["GET", "POST"])
@role_required(Role.ADMIN)
@needs_draft
def draft_throw_away(request: StaffRequest, pk: int) -> HttpResponse:
    found, version = own_draft(request, pk)
    if request.method == "POST":
        try:
            draft_discard(by=request.user, version=version)
        except ValidationError as error:
            warn(request, " ".join(error.messages))
            return redirect("groups:rules_draft", found.pk)
        else:
            toast(request, _("The draft is thrown away."))
        return redirect("groups:rule_set", found.pk)
    in_force = found.versions.filter(state=VersionState.PUBLISHED).first()
    diff = version_diff(version_content(in_force) if in_force else None, version_content(version))
    context = {"rule_set": found, "version": version, "in_force": in_force, "diff": diff}
    return render(request, "console/groups/rules/discard.html", context)


@require_POST
@staff_required(readers_may_post=True)
def rules_try(request: StaffRequest, pk: int) -> HttpResponse:
    """What a saved version finds in a sentence."""
    version = RuleSetVersion.objects.filter(pk=pk, rule_set__in=RuleSet.objects.visible_to(request.user)).first()
    if version is None:
        raise Http404
    rules = list(version.rules.only("code", "detector", "params", "text"))
    text = request.POST.get("sentence", "")[:LONGEST_SENTENCE]
    hits = compiled_for(version.pk).check(_message(request, text))
    context = {
        "text": text,
        "runs": runs(text, hits, {rule.code: number for number, rule in enumerate(rules, start=1)}),
        "found": hit_words(hits, list(rules), {rule.code: rule.text for rule in rules}),
    }
    return render(request, "console/groups/rules/try.html", context)


@require_POST
@role_required(Role.ADMIN)
def rules_try_form(request: StaffRequest) -> HttpResponse:
    """What a rule finds that is being typed; also how many words it knows, and which of them are doubles."""
    detector = request.POST.get("detector", "")
    form = RuleForm(request.POST, detector=detector if detector in Detector.values else Detector.NONE)
    form.is_valid()
    params = form.params_given()
    context: dict[str, Any] = {"text": request.POST.get("sentence", "")[:LONGEST_SENTENCE]}
    if detector == Detector.KEYWORDS:
        context["words"], context["rejected"] = words_sort(params["words"])
        params["words"] = context["words"]
    rule = RuleContent(text="-", code="rule", detector=form.detector_key, params=params)
    try:
        checked = rule_check(rule)
    except ContentError as error:
        context["problems"] = [words for _path, words in error.errors]
    else:
        spec = RuleSpec("rule", checked.detector, checked.params)
        hits = compiled_from([spec]).check(_message(request, context["text"]))
        context["runs"] = runs(context["text"], hits, {"rule": 1})
        context["found"] = hit_words(hits, [spec], {})
    return render(request, "console/groups/rules/try.html", context)


def _message(request: StaffRequest, text: str) -> Message:
    kind = request.POST.get("type", "")
    return Message(0, 0, timezone.now(), kind if kind in list(MessageType) else MessageType.TEXT, text)


def _draft_context(version: RuleSetVersion) -> dict[str, Any]:
    content = version_content(version)
    found = version.rule_set
    in_force = found.versions.filter(state=VersionState.PUBLISHED).first()
    diff = version_diff(version_content(in_force) if in_force else None, content)
    return {
        "rule_set": found,
        "version": version,
        "content": content,
        "in_force": in_force,
        "kinds": {rule.code: rule.kind for rule in diff.rules} if in_force else {},
        "removed": [rule for rule in diff.rules if rule.kind == "removed"],
        "is_same": in_force is not None and diff.is_empty,
        "dry_run_url": dry_run_address(version),
    }


def _see(form: Any, seen: object, name: str = "seen") -> None:
    """Sent again, the form is meant: it now knows the other change. What was typed stays."""
    form.data = form.data.copy()
    form.data[name] = seen


def _say_saved(request: StaffRequest, typed: RuleContent, saved: RuleContent) -> None:
    if saved.detector != Detector.KEYWORDS:
        toast(request, _("The rule is saved."))
        return
    kept, given = len(saved.params["words"]), len({word.strip() for word in typed.params["words"] if word.strip()})
    text = ngettext("%(count)s keyword is kept.", "%(count)s keywords are kept.", kept) % {"count": f"{kept:,}"}
    if given > kept:
        doubles = given - kept
        text += " " + ngettext(
            "%(count)s reads the same as another and is left out.",
            "%(count)s read the same as others and are left out.",
            doubles,
        ) % {"count": doubles}
    toast(request, text)
