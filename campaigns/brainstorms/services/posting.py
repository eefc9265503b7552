"""The honour board as a post to its group."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.urls import reverse
from django.utils import translation
from django.utils.text import Truncator
from django.utils.translation import gettext as _

from accounts.audit import audit_record
from accounts.models import User
from campaigns.brainstorms.honours import board
from campaigns.brainstorms.models import Answer, Brainstorm
from campaigns.posts.models import Post
from campaigns.posts.services import Schedule, Source, post_create
from community_ops.lib.languages import language_of
from delivery.models import Message, Value

QUOTED = 200


def honours_post(*, by: User, now: datetime, session: Brainstorm) -> Post | None:
    """Posts the honour board of a session to its group at once; None when somebody has done so before.

    Raises ValidationError where nobody was liked yet, and as post_create does.
    """
    with transaction.atomic():
        row = Brainstorm.objects.select_for_update().get(pk=session.pk)
        if row.honours_id:
            return None
        title, text = honours_text(row)
        address = f"{settings.PUBLIC_URL}{reverse('member:brainstorm', args=[row.group.page_token, row.pk])}"
        post = post_create(
            by=by,
            now=now,
            title=title,
            body=text,
            groups=[row.group],
            schedule=Schedule(timezone=row.plan.timezone, at=now),
            source=Source(link=address, link_title=_in_its_language(row), value=Value.LINK),
        )
        Brainstorm.objects.filter(pk=row.pk).update(honours=post)
        audit_record(by=by, action="brainstorm.honoured", subject=row, after={"post": post})
    return post


def _in_its_language(session: Brainstorm) -> str:
    with translation.override(language_of(session.question)):
        return _("All answers")


def honours_text(session: Brainstorm) -> tuple[str, str]:
    """The title and text of the post. Raises ValidationError where nobody was liked yet."""
    rows = board(session)
    if not rows:
        raise ValidationError(_("Nobody was liked yet: there is nothing to show."))
    with translation.override(language_of(session.question)):
        title = _("Honour board of the brainstorm")
        lines = [session.question, ""]
        for row in rows:
            said = Truncator(row.answer.text if row.answer else "").chars(QUOTED)
            line = _("%(place)d. %(name)s (liked %(likes)d times)") % {
                "place": row.place,
                "name": row.member.name,
                "likes": row.likes,
            }
            lines += [line, said] if said else [line]
    return title, "\n".join(lines).replace("{", "｛").replace("}", "｝")[:5000]


def honours_forget(*, answers: QuerySet[Answer]) -> None:
    """Takes the words and the name of somebody who is erased out of the boards that were posted. The rows are still as
    they were."""
    shown = answers.filter(session__honours__isnull=False)
    for answer in shown.select_related("member", "session__honours__message"):
        post = answer.session.honours
        assert post is not None
        quoted = Truncator(answer.text).chars(QUOTED)
        for table, column, number in ((Post, "body", post.pk), (Message, "text", post.message_id)):
            text = table._base_manager.values_list(column, flat=True).get(pk=number)
            for words in filter(None, (quoted, answer.member.name)):
                text = text.replace(words.replace("{", "｛").replace("}", "｝"), f"#{answer.member_id}")
            table._base_manager.filter(pk=number).update(**{column: text})
