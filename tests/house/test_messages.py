from __future__ import annotations

import gettext
from io import StringIO
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from django.conf import settings
from django.core.management import CommandError, call_command
from django.utils.translation import gettext as translate_now
from django.utils.translation import override, pgettext

from community_ops.lib import translations
from community_ops.management.commands.messages import local_apps

pytestmark = pytest.mark.once

APPS = ["groups", "community_ops"]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "groups").mkdir()
    (tmp_path / "community_ops").mkdir()
    (tmp_path / "templates" / "console" / "groups").mkdir(parents=True)
    (tmp_path / "templates" / "shared").mkdir()
    (tmp_path / "groups" / "forms.py").write_text('LABEL = _("Group")\nfrom x import y\n', "utf-8")
    return tmp_path


def template(project: Path, text: str, name: str = "console/groups/list.html") -> None:
    (project / "templates" / name).write_text(text, "utf-8")


def update(project: Path) -> list[Path]:
    return translations.update(project, APPS, "community_ops")


def check(project: Path) -> list[str]:
    return translations.check(project, APPS, "community_ops")


def catalogue(project: Path, app: str = "groups") -> Path:
    return translations.catalogue_path(project, app, "zh_Hans")


def translate(project: Path, source: str, target: str, app: str = "groups") -> None:
    path = catalogue(project, app)
    before = path.read_text("utf-8")
    after = before.replace(f'msgid "{source}"\nmsgstr ""', f'msgid "{source}"\nmsgstr "{target}"')
    assert after != before
    path.write_text(after, "utf-8")


def ids(text: str) -> list[object]:
    return [(found.id, found.context) for found in translations.template_messages(text)]


def test_strings_of_python_are_found_with_context_and_plural():
    source = b"""
a = gettext_lazy("Name")
b = pgettext_lazy("verb", "Post")
c = ngettext("%(count)s group", "%(count)s groups", n)
d = _(variable)
e = npgettext("noun", "one", "many", n)
"""
    found = [(message.id, message.context) for message in translations.python_messages(source)]
    assert found == [
        ("Name", None),
        ("Post", "verb"),
        (("%(count)s group", "%(count)s groups"), None),
        (("one", "many"), "noun"),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{% translate "Save" %}', [("Save", None)]),
        ("{% translate 'Save' as label %}", [("Save", None)]),
        ('{% trans "May" context "month" %}', [("May", "month")]),
        ('{% translate "a|b"|upper %}', [("a|b", None)]),
        ('{% translate "50% off" %}', [("50%% off", None)]),
        ("{% translate label %}", []),
        ('{% include "x.html" with title=_("Groups") %}', [("Groups", None)]),
        ('{{ name|default:_("Nobody") }}', [("Nobody", None)]),
        ('{% comment %}{% translate "Gone" %}{% endcomment %}', []),
        ("{% blocktranslate %}Hello {{ name }}{% endblocktranslate %}", [("Hello %(name)s", None)]),
        ("{% blocktranslate trimmed %}\n  One\n  two\n{% endblocktranslate %}", [("One two", None)]),
        (
            "{% blocktranslate count n=m %}{{ n }} member{% plural %}{{ n }} members{% endblocktranslate %}",
            [(("%(n)s member", "%(n)s members"), None)],
        ),
    ],
)
def test_strings_of_templates_are_found(text: str, expected: list[object]):
    assert ids(text) == expected


def test_a_block_that_is_never_closed_is_named_with_its_file(project: Path):
    template(project, "{% blocktranslate %}Hello")
    with pytest.raises(ValueError, match=r"templates/console/groups/list.html: blocktranslate without end"):
        update(project)


def test_strings_go_to_the_catalogue_of_the_app_that_owns_the_template(project: Path):
    template(project, '{% translate "Members" %}')
    template(project, '{% translate "Menu" %}', "shared/menu.html")
    update(project)
    assert 'msgid "Members"' in catalogue(project).read_text("utf-8")
    assert 'msgid "Menu"' in catalogue(project, "community_ops").read_text("utf-8")


def test_translations_stay_and_a_second_run_changes_nothing(project: Path):
    update(project)
    translate(project, "Group", "社群")
    template(project, '{% translate "Members" %}')
    update(project)
    assert 'msgid "Group"\nmsgstr "社群"' in catalogue(project).read_text("utf-8")
    assert update(project) == []


def test_a_string_that_moves_to_another_app_keeps_its_translation(project: Path):
    update(project)
    translate(project, "Group", "社群")
    (project / "groups" / "forms.py").write_text("", "utf-8")
    template(project, '{% translate "Group" %}', "shared/menu.html")
    update(project)
    assert 'msgstr "社群"' in catalogue(project, "community_ops").read_text("utf-8")
    assert 'msgid "Group"' not in catalogue(project).read_text("utf-8")


def test_the_check_names_what_is_wrong(project: Path):
    assert check(project) == [
        "groups: missing (run `manage.py messages`): 'Group' in groups/forms.py",
    ]
    update(project)
    assert check(project) == ["groups: untranslated: 'Group' in groups/forms.py"]
    translate(project, "Group", "社群")
    assert check(project) == []
    (project / "groups" / "forms.py").write_text("", "utf-8")
    assert check(project) == ["groups: stale (run `manage.py messages`): 'Group'"]


def test_the_check_compares_placeholders(project: Path):
    template(project, "{% blocktranslate %}Hello {{ name }}{% endblocktranslate %}")
    update(project)
    translate(project, "Group", "社群")
    translate(project, "Hello %(name)s", "你好 %(nam)s")
    assert "placeholders differ (%(nam)s, %(name)s)" in check(project)[0]


def test_two_catalogues_may_not_differ_over_one_string(project: Path):
    template(project, '{% translate "Group" %}', "shared/menu.html")
    update(project)
    translate(project, "Group", "社群")
    translate(project, "Group", "小组", "community_ops")
    assert check(project) == ["community_ops: translated otherwise than in groups ('社群'): 'Group', '小组'"]


def test_compiled_catalogues_translate(project: Path):
    template(project, "{% blocktranslate count n=m %}{{ n }} member{% plural %}{{ n }} members{% endblocktranslate %}")
    update(project)
    translate(project, "Group", "社群")
    path = catalogue(project)
    path.write_text(path.read_text("utf-8").replace('msgstr[0] ""', 'msgstr[0] "%(n)s 位成员"'), "utf-8")
    assert len(translations.compile_catalogues(project, APPS)) == 1
    assert translations.compile_catalogues(project, APPS) == []
    with path.with_suffix(".mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    assert compiled.gettext("Group") == "社群"
    assert compiled.ngettext("%(n)s member", "%(n)s members", 5) == "%(n)s 位成员"


@pytest.mark.parametrize("app", local_apps())
def test_no_other_app_translates_our_strings_otherwise(app: str):
    path = translations.catalogue_path(Path(settings.BASE_DIR), app, "zh_Hans")
    with path.open("rb") as file, override("zh-hans"):
        for message in read_po(file):
            if isinstance(message.id, str) and message.id:
                shown = pgettext(message.context, message.id) if message.context else translate_now(message.id)
                assert shown == message.string


def test_the_command_refuses_an_app_that_does_not_exist():
    with pytest.raises(CommandError, match="No such app: nowhere"):
        call_command("messages", "nowhere", stdout=StringIO())
