"""Importing a file in the console."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone

from accounts.models import AuditEntry, User
from activity.models import Event
from groups.models import Group
from members.imports import services
from members.imports.importers import importer_named
from members.imports.runner import BATCH
from members.imports.services import (
    import_path,
    import_run,
    import_start,
    import_upload,
    imports_unattended,
    rejected_path,
)
from members.models import ImportRun, ImportState
from members.tasks import run_import
from tests.base import Cast
from tests.builders import NOW, make_group

FILE = "时间,群,成员,备注\n2026-03-01 09:00,readers,ann,x\n2026-03-01 09:01,readers,ben,\nnever,readers,ben,\n"


@pytest.fixture(autouse=True)
def files(settings, tmp_path: Path, monkeypatch) -> Path:
    settings.MEDIA_ROOT = tmp_path
    monkeypatch.setattr("members.imports.views.enqueue_import", lambda run_id: None)
    return tmp_path


def upload(client, content: str | bytes = FILE, kind: str = "messages", name: str = "march.csv"):
    content = content.encode() if isinstance(content, str) else content
    file = SimpleUploadedFile(name, content)
    return client.post(reverse("members:import_upload"), {"kind": kind, "file": file})


def started(by: User, content: str = FILE, kind: str = "messages") -> ImportRun:
    run = import_upload(by=by, kind=kind, file=SimpleUploadedFile("march.csv", content.encode()), now=NOW)
    import_start(by=by, run=run, mapping=run.mapping, timezone_name="Asia/Shanghai", now=NOW)
    return run


class TestTheWholeWay:
    def test_a_file_is_uploaded_looked_at_started_taken_in_and_told_of(self, client, cast: Cast):
        client.force_login(cast.mei)
        answer = upload(client)
        run = ImportRun.objects.get()
        assert answer.headers["Location"] == reverse("members:import_detail", args=[run.pk])
        assert run.mapping == {"occurred_at": "时间", "group": "群", "member": "成员"}

        page = client.get(answer.headers["Location"]).content.decode()
        assert '<option value="时间" selected translate="no">' in page
        columns = {f"column_{field}": column for field, column in run.mapping.items()}
        preview = client.get(reverse("members:import_preview", args=[run.pk]), {**columns, "timezone": "Asia/Tokyo"})
        html = preview.content.decode()
        assert "2 new" in html
        assert "1 rejected" in html
        assert "2026-03-01 09:00:00" in html
        assert not Event.objects.exists()
        assert not Group.objects.exists()

        client.post(reverse("members:import_start", args=[run.pk]), {**columns, "timezone": "Asia/Shanghai"})
        run.refresh_from_db()
        assert (run.state, run.started_by) == (ImportState.RUNNING, cast.mei)
        waiting = client.get(reverse("members:import_progress", args=[run.pk])).content.decode()
        assert 'hx-trigger="every 1s"' in waiting

        run_import(run.pk)
        run_import(run.pk)
        run.refresh_from_db()
        assert (run.state, run.rows_read, run.rows_imported, run.rows_rejected) == (ImportState.DONE, 3, 2, 1)
        assert run.percent == 100
        assert Group.objects.get().branch == cast.hangzhou
        assert not import_path(run).exists()
        done = client.get(reverse("members:import_detail", args=[run.pk])).content.decode()
        assert "hx-trigger" not in done.split("<main")[1]
        rejected = client.get(reverse("members:import_rejected", args=[run.pk]))
        text = b"".join(rejected.streaming_content).decode("utf-8-sig")
        assert text.splitlines()[0] == "时间,群,成员,备注,line,reason"
        assert "never,readers,ben,,4," in text
        assert "march.csv" in client.get(reverse("members:imports")).content.decode()
        assert AuditEntry.objects.filter(action="import.started", actor=cast.mei).exists()

    def test_the_same_file_again_adds_nothing_and_the_preview_says_so(self, client, cast: Cast):
        run = started(cast.mei)
        run_import(run.pk)
        client.force_login(cast.mei)
        upload(client)
        again = ImportRun.objects.latest("pk")
        columns = {f"column_{field}": column for field, column in again.mapping.items()}
        html = client.get(reverse("members:import_preview", args=[again.pk]), columns).content.decode()
        assert "0 new" in html
        assert "2 known already" in html
        client.post(reverse("members:import_start", args=[again.pk]), {**columns, "timezone": "Asia/Shanghai"})
        run_import(again.pk)
        again.refresh_from_db()
        assert (again.rows_imported, again.rows_duplicate) == (0, 2)

    def test_the_file_of_rejected_rows_speaks_the_language_of_who_signed_in(self, cast: Cast):
        cast.lin.seen_language = "zh-hans"
        cast.lin.save()
        run = started(cast.lin)
        import_run(run_id=run.pk, clock=lambda: NOW)
        head, row = rejected_path(run).read_text(encoding="utf-8-sig").splitlines()
        assert head.endswith(",行号,理由")
        assert "时间“never”不是时间" in row

    def test_orders_come_the_same_way(self, cast: Cast):
        run = started(cast.lin, "member,ordered_at,amount\nann,2026-03-01,99\n", kind="orders")
        run_import(run.pk)
        run.refresh_from_db()
        assert run.rows_imported == 1

    def test_rows_out_of_reach_are_rejected(self, cast: Cast):
        make_group(external_id="readers", branch=cast.chengdu)
        run = started(cast.mei)
        run_import(run.pk)
        run.refresh_from_db()
        assert (run.rows_imported, run.rows_rejected) == (0, 3)
        assert "No such group within reach." in services.rejected_path(run).read_text()


class TestWhatCannotBeDone:
    @pytest.mark.parametrize(
        ("content", "words"),
        [("", "empty"), (FILE.encode("utf-16"), "UTF-16"), (b"\x1f\x8bbroken", "gzip file is broken")],
    )
    def test_a_file_that_cannot_be_read_is_refused_with_what_to_do(self, client, cast: Cast, files, content, words):
        client.force_login(cast.lin)
        answer = upload(client, content)
        assert answer.status_code == 422
        assert words in answer.content.decode()
        assert not ImportRun.objects.exists()
        assert not any(path.is_file() for path in files.rglob("*"))

    def test_a_file_that_is_too_large_is_refused(self, client, cast: Cast, monkeypatch):
        monkeypatch.setattr(services, "MAX_UPLOAD", 10)
        client.force_login(cast.lin)
        assert "larger than" in upload(client).content.decode()

    def test_a_column_that_is_needed_must_be_chosen(self, client, cast: Cast):
        client.force_login(cast.lin)
        upload(client)
        run = ImportRun.objects.get()
        chosen = {"column_occurred_at": "时间", "column_group": "群", "timezone": "Asia/Shanghai"}
        preview = client.get(reverse("members:import_preview", args=[run.pk]), chosen)
        answer = client.post(reverse("members:import_start", args=[run.pk]), chosen)
        for response, status in ((preview, 200), (answer, 422)):
            assert response.status_code == status
            assert "Which column is &quot;Member&quot;?" in response.content.decode()
        run.refresh_from_db()
        assert run.state == ImportState.MAPPING

    def test_an_unknown_zone_is_refused(self, client, cast: Cast):
        client.force_login(cast.lin)
        upload(client)
        run = ImportRun.objects.get()
        chosen = {f"column_{field}": column for field, column in run.mapping.items()} | {"timezone": "../etc"}
        assert client.post(reverse("members:import_start", args=[run.pk]), chosen).status_code == 422
        assert (
            "time zone is not known"
            in client.get(reverse("members:import_preview", args=[run.pk]), chosen).content.decode()
        )

    def test_a_started_import_is_not_dropped_nor_started_again(self, client, cast: Cast):
        client.force_login(cast.lin)
        run = started(cast.lin)
        client.post(reverse("members:import_discard", args=[run.pk]))
        client.post(reverse("members:import_start", args=[run.pk]), {"timezone": "UTC"})
        run.refresh_from_db()
        assert (run.state, run.timezone) == (ImportState.RUNNING, "Asia/Shanghai")

    def test_an_upload_is_dropped_with_its_file(self, client, cast: Cast):
        client.force_login(cast.lin)
        upload(client)
        run = ImportRun.objects.get()
        client.post(reverse("members:import_discard", args=[run.pk]))
        assert not ImportRun.objects.exists()
        assert not import_path(run).exists()

    def test_who_only_reads_or_belongs_elsewhere_stays_out(self, client, cast: Cast):
        run = started(cast.mei)
        for user, status in ((cast.ana, 403), (cast.out, 404)):
            client.force_login(user)
            for name in ("import_detail", "import_progress", "import_preview", "import_rejected"):
                assert client.get(reverse(f"members:{name}", args=[run.pk])).status_code == status
            for name in ("import_start", "import_discard"):
                assert client.post(reverse(f"members:{name}", args=[run.pk])).status_code == status
        client.force_login(cast.ana)
        assert upload(client).status_code == 403
        client.force_login(cast.mei)
        assert client.get(reverse("members:import_start", args=[run.pk])).status_code == 405

    @pytest.mark.parametrize("rows", [2, 20])
    def test_the_history_takes_a_constant_number_of_queries(self, client, cast: Cast, rows, django_assert_num_queries):
        for _ in range(rows):
            started(cast.mei)
        client.force_login(cast.mei)
        with django_assert_num_queries(5):
            client.get(reverse("members:imports"))


class TestWorkers:
    def test_a_killed_workers_import_is_taken_up_where_it_stopped(self, cast: Cast, monkeypatch):
        monkeypatch.setattr("members.imports.runner.read_batches.__defaults__", (10,))
        rows = "".join(
            f"2026-03-01 09:{number % 60:02},g,m{number % 7}\n" if number % 9 else "never,g,m\n" for number in range(95)
        )
        run = started(cast.lin, "occurred_at,group,member\n" + rows)
        batches = 0
        write = importer_named("messages").write

        class Killed(BaseException):
            pass

        def dies_in_the_fourth_batch(self, items, **kwargs):
            nonlocal batches
            batches += 1
            written = write(items, **kwargs)
            if batches == 4:
                raise Killed
            return written

        monkeypatch.setattr("members.imports.messages.MessagesImporter.write", dies_in_the_fourth_batch)
        now = timezone.now()
        with pytest.raises(Killed):
            import_run(run_id=run.pk, clock=lambda: now)
        run.refresh_from_db()
        assert (run.state, run.rows_read) == (ImportState.RUNNING, 30)
        assert imports_unattended(now=now + timedelta(seconds=10)) == []
        assert not import_run(run_id=run.pk, clock=lambda: now + timedelta(seconds=10))
        later = now + timedelta(seconds=21)
        assert imports_unattended(now=later) == [run.pk]
        assert import_run(run_id=run.pk, clock=lambda: later)
        run.refresh_from_db()
        assert (run.state, run.rows_read, run.rows_imported, run.rows_rejected) == (ImportState.DONE, 95, 84, 11)
        assert run.rows_duplicate == 0
        assert Event.objects.count() == 84
        assert len(services.rejected_path(run).read_text().splitlines()) == 12

    def test_a_second_import_waits_until_the_first_is_over(self, cast: Cast):
        first, second = started(cast.lin), started(cast.lin)
        now = timezone.now()
        ImportRun.objects.filter(pk=first.pk).update(heartbeat_at=now)
        assert not import_run(run_id=second.pk, clock=lambda: now)
        assert imports_unattended(now=now) == [second.pk]
        ImportRun.objects.filter(pk=first.pk).update(state=ImportState.DONE)
        assert import_run(run_id=second.pk, clock=lambda: now)

    def test_of_two_workers_at_one_import_the_slower_one_stops(self, cast: Cast, monkeypatch):
        run = started(cast.lin)
        write = importer_named("messages").write

        def overtaken(self, items, **kwargs):
            written = write(items, **kwargs)
            ImportRun.objects.filter(pk=run.pk).update(rows_read=1)
            return written

        monkeypatch.setattr("members.imports.messages.MessagesImporter.write", overtaken)
        assert not import_run(run_id=run.pk)
        run.refresh_from_db()
        assert run.state == ImportState.RUNNING

    def test_a_file_that_is_gone_fails_with_a_sentence(self, cast: Cast):
        run = started(cast.lin)
        import_path(run).unlink()
        run_import(run.pk)
        run.refresh_from_db()
        assert run.state == ImportState.FAILED
        assert "cannot be opened" in run.error

    def test_an_unexpected_error_fails_the_import_and_is_not_hidden(self, cast: Cast, monkeypatch):
        run = started(cast.lin)
        monkeypatch.setattr("members.imports.messages.MessagesImporter.write", lambda *args, **kwargs: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            run_import(run.pk)
        run.refresh_from_db()
        assert run.state == ImportState.FAILED
        assert run.error

    def test_without_its_person_an_import_does_not_run(self, cast: Cast):
        run = started(cast.mei)
        ImportRun.objects.filter(pk=run.pk).update(started_by=None)
        run_import(run.pk)
        assert not Event.objects.exists()

    def test_uploads_that_nobody_went_on_with_are_dropped(self, client, cast: Cast):
        client.force_login(cast.lin)
        upload(client)
        assert imports_unattended(now=timezone.now() + timedelta(days=8)) == []
        assert not ImportRun.objects.exists()

    def test_batches_are_small_enough_to_report_often(self):
        assert BATCH <= 50_000
