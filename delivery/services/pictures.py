"""Pictures that can be sent: kept, shared by those who upload the same, and swept when nothing shows them."""

from __future__ import annotations

import hashlib
import secrets
from contextlib import suppress
from datetime import datetime, timedelta
from typing import BinaryIO

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction
from django.db.models import Exists, ManyToOneRel, OuterRef, ProtectedError
from django.utils import timezone

from community_ops.lib.images import Encoded, encode_anew
from delivery.models import Picture

# A picture is uploaded a while before the form that shows it is saved.
KEPT_UNUSED = timedelta(days=2)
FOLDER = "pictures"


def picture_create(*, file: BinaryIO, branch_id: int | None, now: datetime) -> Picture:
    """Takes in an upload; the same picture again is the row there is. Raises ValidationError as encode_anew does."""
    return picture_keep(picture=encode_anew(file), branch_id=branch_id, now=now)


def picture_keep(*, picture: Encoded, branch_id: int | None, now: datetime) -> Picture:
    """Keeps a picture that the product itself has encoded."""
    digest = hashlib.sha256(picture.data).hexdigest()
    known = Picture.objects.filter(branch_id=branch_id, sha256=digest)
    if found := known.first():
        # Used again, so the sweep counts anew.
        Picture.objects.filter(pk=found.pk).update(created_at=now)
        return found
    row = Picture(
        sha256=digest,
        mime=picture.mime,
        width=picture.width,
        height=picture.height,
        size=len(picture.data),
        branch_id=branch_id,
        created_at=now,
    )
    row.file.save(f"{secrets.token_hex(16)}.{picture.ending}", ContentFile(picture.data), save=False)
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError:
        # Somebody uploaded the same at the same moment.
        row.file.delete(save=False)
        return known.get()
    return row


def pictures_sweep(*, now: datetime) -> int:
    """Removes pictures that nothing shows, and files that no row names; returns how many rows went."""
    before = now - KEPT_UNUSED
    unused = Picture.objects.filter(created_at__lt=before)
    # Whatever table shows pictures has a foreign key to them, also those of the apps above.
    for relation in Picture._meta.get_fields(include_hidden=True):
        if isinstance(relation, ManyToOneRel):
            shown = relation.field.model._base_manager.filter(**{relation.field.name: OuterRef("pk")})
            unused = unused.exclude(Exists(shown))
    gone = 0
    for picture in unused:
        # A form that shows it may be saved at this moment: then its key keeps the row.
        with suppress(ProtectedError, IntegrityError), transaction.atomic():
            gone += picture.delete()[0]
    _files_sweep(before)
    return gone


def _files_sweep(before: datetime) -> None:
    if not default_storage.exists(FOLDER):
        return
    named = set(Picture.objects.values_list("file", flat=True))
    for name in default_storage.listdir(FOLDER)[1]:
        path = f"{FOLDER}/{name}"
        if path not in named and timezone.localtime(default_storage.get_modified_time(path)) < before:
            default_storage.delete(path)
