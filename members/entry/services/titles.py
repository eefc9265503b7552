"""The titles that a group gives."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.audit import audit_record
from accounts.models import User
from groups.models import Group
from members.entry.models import GroupTitle
from members.models import Membership
from members.querysets import MembershipQuerySet

MOST_TITLES = 20


def titles_save(*, by: User, group: Group, titles: Sequence[GroupTitle]) -> None:
    """Puts these titles in the place of the group's. One that is renamed is renamed on its holders; one that is gone is
    taken from them. Raises ValidationError."""
    names = [title.name for title in titles]
    if len(set(names)) < len(names):
        raise ValidationError(_("Two titles have the same name."))
    if len(names) > MOST_TITLES:
        raise ValidationError(
            _("At most %(most)d titles: what everybody has is worth nothing.") % {"most": MOST_TITLES}
        )
    with transaction.atomic():
        Group.objects.select_for_update(no_key=True).get(pk=group.pk)
        known = {title.pk: title for title in GroupTitle.objects.filter(group=group)}
        here = Membership.objects.filter(group=group)
        for title in titles:
            was = known.get(title.pk)
            if was and title.exclusive and here.filter(title=was.name).present().count() > 1:
                raise ValidationError(
                    _("Several members hold “%(title)s”. Take it from all but one, then it can have one holder.")
                    % {"title": was.name}
                )
        gone = known.keys() - {title.pk for title in titles}
        here.filter(title__in=[known[pk].name for pk in gone]).update(title="")
        GroupTitle.objects.filter(pk__in=gone).delete()
        renamed = [(known[title.pk].name, title) for title in titles if title.pk in known]
        renamed = [(name, title) for name, title in renamed if name != title.name]
        holders = {title.pk: list(here.filter(title=name).values_list("pk", flat=True)) for name, title in renamed}
        for _name, title in renamed:
            # Out of the way first: two titles may exchange their names.
            GroupTitle.objects.filter(pk=title.pk).update(name=f"~{title.pk}")
        for position, title in enumerate(titles):
            title.group, title.position = group, position
            title.save()
        for _name, title in renamed:
            here.filter(pk__in=holders[title.pk]).update(title=title.name)
        before = [title.name for title in known.values()]
        if before != names:
            audit_record(
                by=by, action="entry.titles_changed", subject=group, before={"titles": before}, after={"titles": names}
            )


def title_give(*, by: User, group: Group, memberships: Collection[Membership], title: str) -> int:
    """Gives a title of the group to these of its members, or takes theirs with an empty one; returns how many changed.

    An exclusive title passes from whoever held it to the one it is given to. Raises ValidationError when the group has
    no such title, or several shall hold an exclusive one.
    """
    with transaction.atomic():
        # One at a time for each group: two people giving an exclusive title would both find it free.
        Group.objects.select_for_update(no_key=True).get(pk=group.pk)
        if title:
            known = GroupTitle.objects.filter(group=group, name=title).first()
            if known is None:
                raise ValidationError(_("This group has no such title."), code="unknown_title")
            if known.exclusive:
                if len(memberships) > 1:
                    raise ValidationError(
                        _("“%(title)s” has one holder at a time.") % {"title": title}, code="exclusive_title"
                    )
                others = Membership.objects.filter(group=group, title=title)
                _give(by, others.exclude(pk__in=[membership.pk for membership in memberships]), "")
        chosen = Membership.objects.filter(group=group, pk__in=[membership.pk for membership in memberships])
        return _give(by, chosen.exclude(title=title), title)


def _give(by: User, memberships: MembershipQuerySet, title: str) -> int:
    changed = list(memberships.select_related("member", "group"))
    for membership in changed:
        audit_record(
            by=by,
            action="member.title_given" if title else "member.title_taken",
            subject=membership.member,
            before={"title": membership.title, "group": membership.group},
            after={"title": title, "group": membership.group},
        )
    Membership.objects.filter(pk__in=[membership.pk for membership in changed]).update(title=title)
    return len(changed)
