from __future__ import annotations

import io
import os
import stat
import tarfile
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command

from accounts.models import User
from activity.models import Event
from activity.services import event_key
from analytics.index.building import index_build
from analytics.index.files import manifest_read
from community_ops.archive import SIGNS_OF_USE
from groups.models import Group
from members.ingestion import IncomingEvent, ingest
from tests.base import make_cast
from tests.builders import NOW, make_group

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def own_folders(settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.DATA_DIR = tmp_path / "data"
    settings.MEDIA_ROOT = settings.DATA_DIR / "files"
    settings.MEDIA_ROOT.mkdir(parents=True)
    monkeypatch.delenv("SECRET_KEY", raising=False)


@pytest.fixture
def community() -> Group:
    make_cast()
    group = make_group("亲子阅读")
    events = [
        IncomingEvent(
            key=event_key("test", str(number)),
            member=f"m{number % 3}",
            group=group.external_id,
            kind="message",
            at=NOW,
            properties='{"text": "你好", "n": [1, 2]}',
        )
        for number in range(7)
    ]
    ingest(events=events, source="test", by=None, create_missing=True, now=NOW)
    return group


def back_up(tmp_path: Path) -> Path:
    file = tmp_path / "backup.tar.gz"
    call_command("backup", str(file), stdout=io.StringIO())
    return file


def restore(file: Path, *options: str) -> None:
    call_command("restore", str(file), *options, stdout=io.StringIO())


def everything() -> dict[str, list[tuple[object, ...]]]:
    return {
        model._meta.label: list(model._base_manager.order_by("pk").values_list())
        for model in apps.get_models(include_auto_created=True)
        if model._meta.label != "sessions.Session"
    }


def empty() -> None:
    call_command("flush", "--noinput", verbosity=0)


def test_a_backup_brings_back_every_row_and_file_as_it_was(tmp_path: Path, community: Group, settings):
    (settings.MEDIA_ROOT / "posters").mkdir()
    (settings.MEDIA_ROOT / "posters" / "a.png").write_bytes(b"\x89PNG")
    before = everything()
    assert before["activity.Event"]
    file = back_up(tmp_path)
    empty()
    (settings.MEDIA_ROOT / "posters" / "a.png").unlink()
    restore(file)
    assert everything() == before
    assert (settings.MEDIA_ROOT / "posters" / "a.png").read_bytes() == b"\x89PNG"
    assert (settings.DATA_DIR / "secret-key").read_text("ascii") == settings.SECRET_KEY


def test_after_a_restore_there_is_no_index_of_what_was_there_before(tmp_path: Path, community: Group):
    file = back_up(tmp_path)
    index_build(now=NOW)
    restore(file, "--force")
    assert manifest_read() is None


def test_work_goes_on_after_a_restore(tmp_path: Path, community: Group):
    file = back_up(tmp_path)
    empty()
    restore(file)
    ids = set(Group.objects.values_list("pk", flat=True))
    assert make_group().pk not in ids


def test_an_installation_in_use_is_not_overwritten_unless_forced(tmp_path: Path, community: Group):
    file = back_up(tmp_path)
    later = make_group("Made after the backup")
    with pytest.raises(CommandError, match="in use"):
        restore(file)
    assert Group.objects.filter(pk=later.pk).exists()
    restore(file, "--force")
    assert list(Group.objects.all()) == [community]


def test_a_damaged_backup_changes_nothing(tmp_path: Path, community: Group):
    file = back_up(tmp_path)
    content = file.read_bytes()
    file.write_bytes(content[: len(content) * 2 // 3])
    with pytest.raises(CommandError, match="damaged or no backup"):
        restore(file, "--force")
    assert Event.objects.count() == 7


def test_a_file_that_is_no_backup_is_refused(tmp_path: Path):
    file = tmp_path / "notes.txt"
    file.write_text("hello", "utf-8")
    with pytest.raises(CommandError, match="no backup"):
        restore(file)


def test_a_missing_file_is_named(tmp_path: Path):
    with pytest.raises(CommandError, match=r"Cannot restore .*gone\.tar\.gz: No such file"):
        restore(tmp_path / "gone.tar.gz")


def test_a_folder_that_does_not_exist_is_named(tmp_path: Path):
    with pytest.raises(CommandError, match=r"Cannot write .*No such file or directory"):
        call_command("backup", str(tmp_path / "nowhere" / "b.tar.gz"))


def test_a_backup_of_another_version_is_refused(tmp_path: Path, community: Group, monkeypatch: pytest.MonkeyPatch):
    file = back_up(tmp_path)
    monkeypatch.setattr("community_ops.archive._migrations", lambda: [["accounts", "0002_later"]])
    with pytest.raises(CommandError, match="other tables than this version"):
        restore(file, "--force")


def test_a_backup_made_under_another_secret_key_is_refused(
    tmp_path: Path, community: Group, monkeypatch: pytest.MonkeyPatch
):
    file = back_up(tmp_path)
    monkeypatch.setenv("SECRET_KEY", "another")
    with pytest.raises(CommandError, match="another SECRET_KEY"):
        restore(file, "--force")


def test_only_its_owner_can_read_a_backup_and_it_holds_no_sessions(tmp_path: Path, community: Group, client):
    client.force_login(User.objects.get(username="lin"))
    file = back_up(tmp_path)
    assert stat.S_IMODE(os.stat(file).st_mode) == 0o600
    with tarfile.open(file) as archive:
        names = archive.getnames()
    assert "rows/sessions.session.jsonl" not in names
    for label in SIGNS_OF_USE:
        assert f"rows/{label.lower()}.jsonl" in names


def test_a_name_that_climbs_out_of_the_folder_is_refused(tmp_path: Path, settings):
    good = back_up(tmp_path)
    bad = tmp_path / "bad.tar.gz"
    with tarfile.open(good) as source, tarfile.open(bad, "w:gz") as target:
        for entry in source.getmembers():
            target.addfile(entry, source.extractfile(entry))
        entry = tarfile.TarInfo("files/../../evil")
        target.addfile(entry, io.BytesIO())
    with pytest.raises(CommandError, match="damaged or no backup"):
        restore(bad)
    assert not (tmp_path / "evil").exists()
