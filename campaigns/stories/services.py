"""Every change of a benchmark."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.audit import audit_record
from accounts.models import User
from campaigns.posts.models import Post
from campaigns.posts.services import Schedule, Source, post_create
from campaigns.stories.models import Benchmark, BenchmarkState
from delivery.models import Picture, Value
from groups.models import Group
from members.models import Member, Membership


class StaleBenchmark(Exception):
    """Somebody else changed it since the page was opened."""


def benchmark_nominate(*, by: User, now: datetime, group: Group, member: Member) -> Benchmark:
    """Nominates a member who is in the group. Nominated twice, it is one nomination; a withdrawn one stands again."""
    if not Membership.objects.present().filter(group=group, member=member).exists():
        raise ValidationError(_("%(member)s is not in this group.") % {"member": member})
    with transaction.atomic():
        row, made = Benchmark.objects.get_or_create(
            group=group, member=member, defaults={"nominated_at": now, "nominated_by": by}
        )
        again = Benchmark.objects.filter(pk=row.pk, state=BenchmarkState.WITHDRAWN).update(
            state=BenchmarkState.NOMINATED, nominated_at=now, nominated_by=by
        )
        if made or again:
            audit_record(by=by, action="benchmark.nominated", subject=row, after={"group": group})
    row.refresh_from_db()
    return row


def benchmark_write(
    *, by: User, benchmark: Benchmark, title: str, story: str, consent: str, picture: Picture | None, version: int
) -> Benchmark:
    """Writes the story down, while it is not scheduled. Raises StaleBenchmark for who saw an older version."""
    values = {"title": title, "story": story, "consent": consent, "picture": picture, "version": version + 1}
    with transaction.atomic():
        ours = Benchmark.objects.filter(pk=benchmark.pk, version=version, state=BenchmarkState.NOMINATED)
        if not ours.update(**values):
            raise StaleBenchmark
        before = {"title": benchmark.title, "consent": benchmark.consent}
        audit_record(
            by=by,
            action="benchmark.written",
            subject=benchmark,
            before=before,
            after={"title": title, "consent": consent},
        )
    benchmark.refresh_from_db()
    return benchmark


def benchmark_schedule(*, by: User, now: datetime, benchmark: Benchmark, at: datetime) -> Post:
    """Plans the story as a post to its group. Of two who do it at once the second is told: StaleBenchmark.

    Raises ValidationError by field for a story that is not ready, and as post_create does.
    """
    with transaction.atomic():
        row = Benchmark.objects.select_for_update().get(pk=benchmark.pk)
        if row.state != BenchmarkState.NOMINATED:
            raise StaleBenchmark
        wanting = {
            name: _("Fill this in before it is scheduled.") for name in ("title", "story") if not getattr(row, name)
        }
        if not row.consent:
            wanting["consent"] = _("Ask the member first, and note how they agreed.")
        if at <= now:
            wanting["day"] = _("This time has passed.")
        if wanting:
            raise ValidationError(wanting)
        post = post_create(
            by=by,
            now=now,
            title=row.title,
            body=row.story,
            groups=[row.group],
            schedule=Schedule(timezone=settings.TIME_ZONE, at=at),
            source=Source(picture=row.picture, value=Value.OPINION),
        )
        Benchmark.objects.filter(pk=row.pk).update(state=BenchmarkState.SCHEDULED, post=post, version=row.version + 1)
        audit_record(by=by, action="benchmark.scheduled", subject=row, after={"post": post})
    benchmark.refresh_from_db()
    return post


def benchmark_withdraw(*, by: User, benchmark: Benchmark) -> bool:
    """Takes a nomination back while it is not scheduled. False when it is not, or not any more, only nominated."""
    with transaction.atomic():
        ours = Benchmark.objects.filter(pk=benchmark.pk, state=BenchmarkState.NOMINATED)
        done = bool(ours.update(state=BenchmarkState.WITHDRAWN))
        if done:
            audit_record(by=by, action="benchmark.withdrawn", subject=benchmark)
    return done


def benchmark_restore(*, by: User, benchmark: Benchmark) -> bool:
    """Takes benchmark_withdraw back."""
    with transaction.atomic():
        gone = Benchmark.objects.filter(pk=benchmark.pk, state=BenchmarkState.WITHDRAWN)
        done = bool(gone.update(state=BenchmarkState.NOMINATED))
        if done:
            audit_record(by=by, action="benchmark.restored", subject=benchmark)
    return done
