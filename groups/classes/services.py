"""School grades: their names and their order."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max, ProtectedError
from django.utils.translation import gettext as _

from accounts.audit import audit_record
from accounts.models import User
from groups.models import Grade

USUAL = (
    *("幼儿园小班", "幼儿园中班", "幼儿园大班"),
    *("一年级", "二年级", "三年级", "四年级", "五年级", "六年级"),
    *("初一", "初二", "初三", "高一", "高二", "高三"),
)


def grades_usual(*, by: User) -> int:
    """Makes the grades of a Chinese school, where there are none yet; returns how many."""
    with transaction.atomic():
        _lock()
        if Grade.objects.exists():
            return 0
        made = Grade.objects.bulk_create([Grade(name=name, position=number) for number, name in enumerate(USUAL, 1)])
        audit_record(by=by, action="grade.created", subject=made[0], after={"names": "、".join(USUAL)})
    return len(made)


def grade_add(*, by: User, name: str) -> Grade:
    """Adds a grade above the others. Raises ValidationError when the name is taken or empty."""
    with transaction.atomic():
        _lock()
        grade = Grade(name=name.strip(), position=(Grade.objects.aggregate(top=Max("position"))["top"] or 0) + 1)
        grade.full_clean()
        grade.save()
        audit_record(by=by, action="grade.created", subject=grade, after={"name": grade.name})
    return grade


def grade_rename(*, by: User, grade: Grade, name: str) -> None:
    """Raises ValidationError when the name is taken or empty."""
    with transaction.atomic():
        current = Grade.objects.select_for_update().get(pk=grade.pk)
        before, current.name = current.name, name.strip()
        if before == current.name:
            return
        current.full_clean()
        current.save(update_fields=["name"])
        audit_record(by=by, action="grade.updated", subject=current, before={"name": before}, after={"name": name})


def grade_move(*, by: User, grade: Grade, up: bool) -> bool:
    """Changes places with the grade before (`up`) or after it. False at the end of the list."""
    with transaction.atomic():
        _lock()
        current = Grade.objects.get(pk=grade.pk)
        others = Grade.objects.filter(position__lt=current.position).order_by("-position")
        if not up:
            others = Grade.objects.filter(position__gt=current.position).order_by("position")
        other = others.first()
        if other is None:
            return False
        here, there = current.position, other.position
        # A position belongs to one grade at a time: one steps aside while they change places.
        aside = (Grade.objects.aggregate(top=Max("position"))["top"] or 0) + 1
        Grade.objects.filter(pk=other.pk).update(position=aside)
        Grade.objects.filter(pk=current.pk).update(position=there)
        Grade.objects.filter(pk=other.pk).update(position=here)
        audit_record(
            by=by, action="grade.updated", subject=current, before={"position": here}, after={"position": there}
        )
    return True


def grade_delete(*, by: User, grade: Grade) -> None:
    """Raises ValidationError while a group or a member has the grade."""
    with transaction.atomic():
        audit_record(by=by, action="grade.deleted", subject=grade, before={"name": grade.name})
        try:
            grade.delete()
        except ProtectedError as error:
            raise ValidationError(
                _("%(name)s is still in use by groups or members; give them another grade first.")
                % {"name": grade.name}
            ) from error


def _lock() -> None:
    """Those who change the order wait for each other."""
    list(Grade.objects.select_for_update().order_by("pk").values_list("pk", flat=True))
