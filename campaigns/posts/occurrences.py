"""What a person changes about a single occurrence: its time, its words, or whether it goes out at all.

Every service locks the post first and the deliveries after it, as those of the post itself do. The dispatcher passes
locked rows by; a worker's claim names the state that it found. So what is moved is not sent at its old time, and what
has begun to be sent is not moved.

A post of a single time is moved itself: its occurrence stays the one that planning makes, and is never made twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.db import transaction
from django.db.models import DateTimeField, DurationField, ExpressionWrapper, F, Q, Value
from django.db.models.functions import Replace
from django.utils.translation import gettext as _

from accounts.audit import audit_record
from accounts.models import User
from campaigns.content.variables import GROUP_VARIABLES
from campaigns.posts.fitting import check_fits
from campaigns.posts.models import Occurrence, Post, PostState
from campaigns.posts.services import LONGEST_BODY, fill
from community_ops.lib.variables import check_variables, has_variables
from community_ops.lib.zones import zone_named
from delivery.models import Delivery, Message, Missed, State
from delivery.querysets import DeliveryQuerySet
from delivery.services import NOT_BEGUN, ORDERED_BY_HAND, Content, message_create
from groups.models import Group

# A receiver may have it, or is about to: its time and its words are history.
BEGUN = Q(state__in=[State.SENT, State.SENDING, State.UNKNOWN]) | Q(attempts__gt=0)
TIME_PASSED = Q(state=State.WAITING, error_code="missed") | Q(
    state=State.SKIPPED, error_code__in=["missed", "too_late"]
)
# Nobody has tried to send it. What merely missed its time may be given another.
MOVABLE = Q(attempts=0) & (Q(state__in=[State.PLANNED, State.QUEUED]) | TIME_PASSED)
HELD = Q(attempts=0, state=State.CANCELLED, error_code="paused")


@dataclass(frozen=True)
class Standing:
    """How an occurrence stands, so that a change can be put back."""

    due_at: datetime
    message_id: int | None
    by_hand: bool


def standing(occurrence: Occurrence) -> Standing:
    return Standing(occurrence.due_at, occurrence.message_id, occurrence.by_hand)


def occurrence_move(
    *, by: User | None, now: datetime, occurrence: Occurrence, at: datetime, seen_at: datetime | None = None
) -> Occurrence:
    """Gives this occurrence another time, and its deliveries with it.

    `seen_at` is the time that the person believes it has. Raises ValidationError: `past`, `has_begun`, `called_off`,
    `post_over`, `changed_meanwhile`.
    """
    if at <= now:
        raise ValidationError({"at": ValidationError(_("This time has passed."), code="past")})
    with transaction.atomic():
        post, occurrence = _locked(occurrence)
        if seen_at is not None and occurrence.due_at != seen_at:
            raise _changed_meanwhile()
        _check_goes_out(post, occurrence)
        if at == occurrence.due_at:
            return occurrence
        _check_not_begun(occurrence)
        before = occurrence.due_at
        _shift(post, occurrence, at)
        occurrence.save()
        audit_record(
            by=by, action="occurrence.moved", subject=occurrence, before={"due_at": before}, after={"due_at": at}
        )
    return occurrence


def occurrence_send_now(*, by: User | None, now: datetime, occurrence: Occurrence) -> Occurrence:
    """Lets this occurrence go out with the next run of the dispatcher. Raises ValidationError as `occurrence_move`
    does, and `post_paused`."""
    with transaction.atomic():
        post, occurrence = _locked(occurrence)
        _check_goes_out(post, occurrence)
        if post.state == PostState.PAUSED:
            raise ValidationError(_("The post is paused. Let it run again first."), code="post_paused")
        _check_not_begun(occurrence)
        before = occurrence.due_at
        _shift(post, occurrence, now)
        _deliveries(occurrence).planned().update(missed=Missed.LATE, late_until=now + ORDERED_BY_HAND)
        occurrence.save()
        audit_record(
            by=by, action="occurrence.sent_now", subject=occurrence, before={"due_at": before}, after={"due_at": now}
        )
    return occurrence


def occurrence_reword(
    *,
    by: User | None,
    now: datetime,
    occurrence: Occurrence,
    title: str,
    text: str,
    link: str = "",
    link_title: str = "",
    seen_message_id: int | None = None,
) -> Occurrence:
    """Gives this occurrence words of its own; picture and value stay those of its post.

    `seen_message_id` is the message that the person began from. Raises ValidationError, by field where it is about
    one, else `has_begun`, `called_off`, `post_over`, `changed_meanwhile`, and `goes_out_once` for a post that has no
    other time.
    """
    _check_words(title, text, link, link_title)
    with transaction.atomic():
        post, occurrence = _locked(occurrence)
        old = words_of(occurrence)
        if seen_message_id is not None and old.pk != seen_message_id:
            raise _changed_meanwhile()
        _check_goes_out(post, occurrence)
        if post.at is not None:
            raise ValidationError(_("This post goes out once: edit the post itself."), code="goes_out_once")
        _check_not_begun(occurrence, queued_too=True)
        content = Content(
            title=title,
            text=text,
            link=link,
            link_title=link_title,
            picture_id=old.picture_id,
            value=old.value,
            piece_id=old.piece_id,
            has_variables=has_variables(title, text),
        )
        check_fits(content, Group.objects.filter(posts=post), now, name="text")
        _say(occurrence, message_create(content=content))
        occurrence.by_hand = True
        occurrence.save()
        named = {"title": (old.title, title), "text": (old.text, text), "link": (old.link, link)}
        changed = {name: pair for name, pair in named.items() if pair[0] != pair[1]}
        audit_record(
            by=by,
            action="occurrence.reworded",
            subject=occurrence,
            before={name: pair[0] for name, pair in changed.items()},
            after={name: pair[1] for name, pair in changed.items()},
        )
    return occurrence


def occurrence_cancel(*, by: User | None, now: datetime, occurrence: Occurrence) -> int:
    """Calls this occurrence off, also while it is going out: what has not begun is cancelled. Returns to how many
    groups it does not go; what was sent stays.

    Raises ValidationError: `called_off`, `post_over`, `has_gone_out`.
    """
    with transaction.atomic():
        post, occurrence = _locked(occurrence)
        _check_goes_out(post, occurrence)
        rows = _deliveries(occurrence)
        stopped = rows.filter(NOT_BEGUN | HELD).update(
            state=State.CANCELLED, error_code="called_off", error="", queued_at=None, retry_at=None, settled_at=now
        )
        if not stopped and (rows.exists() or occurrence.due_at <= now):
            raise ValidationError(_("It has gone out already: there is nothing left to call off."), code="has_gone_out")
        occurrence.cancelled_at = now
        occurrence.by_hand = True
        occurrence.save()
        audit_record(by=by, action="occurrence.called_off", subject=occurrence, after={"cancelled": stopped})
    return stopped


def occurrence_restore(*, by: User | None, now: datetime, occurrence: Occurrence) -> int:
    """Lets an occurrence that was called off go out after all, as long as its time has not passed. Returns to how many
    groups it goes again.

    Raises ValidationError: `not_called_off`, `past`, `post_over`, `changed_meanwhile` when the post has another time.
    """
    with transaction.atomic():
        post, occurrence = _locked(occurrence)
        _check_open(post)
        if occurrence.cancelled_at is None:
            raise ValidationError(_("It is not called off."), code="not_called_off")
        if post.at is not None and post.at != occurrence.due_at:
            raise _changed_meanwhile()
        off = _deliveries(occurrence).filter(state=State.CANCELLED, error_code="called_off")
        in_time = off.filter(late_until__gte=now)
        if not in_time.exists() and (occurrence.due_at <= now or off.exists()):
            raise ValidationError(_("This time has passed."), code="past")
        if post.state == PostState.PAUSED:
            restored = in_time.update(error_code="paused")
        else:
            restored = in_time.update(state=State.PLANNED, error_code="", settled_at=None)
        occurrence.cancelled_at = None
        occurrence.save()
        audit_record(by=by, action="occurrence.restored", subject=occurrence, after={"restored": restored})
    return restored


def occurrence_put_back(
    *, by: User | None, now: datetime, occurrence: Occurrence, before: Standing, after: Standing
) -> Occurrence:
    """Undoes a move or other words: the occurrence stands as `before` again, if it still stands as `after`.

    Raises ValidationError as `occurrence_move` does.
    """
    with transaction.atomic():
        post, occurrence = _locked(occurrence)
        if standing(occurrence) != after:
            raise _changed_meanwhile()
        _check_goes_out(post, occurrence)
        _check_not_begun(occurrence, queued_too=before.message_id != after.message_id)
        changes: dict[str, tuple[Any, Any]] = {}
        if before.due_at != after.due_at:
            if before.due_at <= now:
                raise ValidationError({"at": ValidationError(_("This time has passed."), code="past")})
            _shift(post, occurrence, before.due_at)
            changes["due_at"] = (after.due_at, before.due_at)
        if before.message_id != after.message_id:
            new = words_of(occurrence)
            own = before.message_id
            _say(occurrence, None if own is None else Message.objects.get(pk=own))
            changes["title"] = (new.title, words_of(occurrence).title)
        occurrence.by_hand = before.by_hand
        occurrence.save()
        audit_record(
            by=by,
            action="occurrence.put_back",
            subject=occurrence,
            before={name: pair[0] for name, pair in changes.items()},
            after={name: pair[1] for name, pair in changes.items()},
        )
    return occurrence


def words_of(occurrence: Occurrence) -> Message:
    """What this occurrence says: words of its own, or those of its post."""
    return occurrence.message or occurrence.post.message


def begun_count(occurrence: Occurrence) -> int:
    """To how many groups it has begun to go out."""
    return _deliveries(occurrence).filter(BEGUN).count()


def _locked(occurrence: Occurrence) -> tuple[Post, Occurrence]:
    """The post and this occurrence as they are now, kept from changing. Its deliveries are locked by what updates
    them, after the post, so two changes of one post come one after the other."""
    post = Post.objects.select_for_update().get(pk=occurrence.post_id)
    locked = Occurrence.objects.select_for_update().filter(pk=occurrence.pk).first()
    if locked is None:  # its post was given other times meanwhile
        raise _changed_meanwhile()
    locked.post = post
    if locked.is_filling and post.state == PostState.ACTIVE and locked.cancelled_at is None:
        fill(post=post, occurrences=[locked], whole=True)  # what a person decides is about all of its groups
    # In one order, so that two who lock many rows never wait for each other.
    list(_deliveries(locked).select_for_update().order_by("pk").values_list("pk"))
    return post, locked


def _deliveries(occurrence: Occurrence) -> DeliveryQuerySet:
    return Delivery.objects.filter(post_id=occurrence.post_id, occurrence_id=occurrence.pk)


def _shift(post: Post, occurrence: Occurrence, at: datetime) -> None:
    """Moves the occurrence and what of it nobody has begun to send; how late it may come stays as long as it was."""
    rows = _deliveries(occurrence)
    lateness = ExpressionWrapper(F("late_until") - F("due_at"), output_field=DurationField())
    late_until = ExpressionWrapper(Value(at, output_field=DateTimeField()) + lateness, output_field=DateTimeField())
    times: dict[str, Any] = {"due_at": at, "late_until": late_until}
    moved = rows.filter(MOVABLE).update(state=State.PLANNED, queued_at=None, settled_at=None, error_code="", **times)
    moved += rows.filter(HELD).update(**times)
    if not moved and rows.exists():
        raise ValidationError(_("Nothing of it is left to send."), code="has_gone_out")
    if post.at is not None:
        local = at.astimezone(zone_named(post.timezone)).replace(tzinfo=None).isoformat(timespec="seconds")
        rows.update(dedupe_key=Replace(F("dedupe_key"), Value(f":{occurrence.local}:"), Value(f":{local}:")))
        occurrence.local = local
        post.at, post.version = at, post.version + 1
        post.save(update_fields=["at", "version"])
    else:
        occurrence.by_hand = True
    occurrence.due_at = at
    if post.audience is not None:
        occurrence.resolved_at = None  # it is asked again when the new time has come


def _say(occurrence: Occurrence, message: Message | None) -> None:
    occurrence.message = message
    _deliveries(occurrence).filter(MOVABLE | HELD).update(message=words_of(occurrence))


def _check_open(post: Post) -> None:
    if not post.is_open:
        raise ValidationError(_("This post is over and cannot be changed any more."), code="post_over")


def _check_goes_out(post: Post, occurrence: Occurrence) -> None:
    _check_open(post)
    if occurrence.cancelled_at is not None:
        raise ValidationError(_("This one is called off. Let it go out again first."), code="called_off")


def _check_not_begun(occurrence: Occurrence, *, queued_too: bool = False) -> None:
    # A worker may have read the words of what is queued, but not its time: that is checked when it claims the row.
    begun = BEGUN | Q(state=State.QUEUED) if queued_too else BEGUN
    if _deliveries(occurrence).filter(begun).exists():
        raise ValidationError(
            _("It has begun to go out, so its time and its words stay. What is left can be called off."),
            code="has_begun",
        )


def _changed_meanwhile() -> ValidationError:
    return ValidationError(
        _("Somebody changed it meanwhile. Nothing was done: look at it as it is now."), code="changed_meanwhile"
    )


def _check_words(title: str, text: str, link: str, link_title: str) -> None:
    errors: dict[str, Any] = {}
    most: Sequence[tuple[str, str, int]] = (
        ("title", title, 200),
        ("text", text, LONGEST_BODY),
        ("link", link, 500),
        ("link_title", link_title, 100),
    )
    for name, value, length in most:
        if len(value) > length:
            errors[name] = ValidationError(
                _("This has at most %(most)d characters.") % {"most": length}, code="max_length"
            )
    if not title.strip():
        errors["title"] = ValidationError(_("Give it a title."), code="required")
    if not text.strip():
        errors["text"] = ValidationError(_("Write what members are to read."), code="required")
    for name, value in (("title", title), ("text", text)):
        if name not in errors:
            try:
                check_variables(value, GROUP_VARIABLES)
            except ValidationError as error:
                errors[name] = error
    if link and "link" not in errors:
        try:
            URLValidator(["http", "https"])(link)
        except ValidationError as error:
            errors["link"] = error
    if errors:
        raise ValidationError(errors)
