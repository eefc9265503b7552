"""What the documents say is true of the code."""

from __future__ import annotations

import ast
import re
import shlex

import pytest
from django.core.management import get_commands, load_command_class

from tests.plugins.environment import BASE_DIR

pytestmark = pytest.mark.once

README = (BASE_DIR / "README.md").read_text(encoding="utf-8")
DOCUMENTS = [BASE_DIR / "README.md", BASE_DIR / "CHANGELOG.md", *sorted((BASE_DIR / "docs").rglob("*.md"))]


def settings_read() -> set[str]:
    """The names that the settings ask the environment for."""
    tree = ast.parse((BASE_DIR / "community_ops" / "settings.py").read_text(encoding="utf-8"))
    return {
        str(call.args[0].value)
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        and ast.unparse(call.func).split(".")[0] == "env"
        and call.args
        and isinstance(call.args[0], ast.Constant)
    }


def commands_of(text: str) -> list[list[str]]:
    """Command lines of the blocks of code, as words."""
    blocks = re.findall(r"^```\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    return [shlex.split(line, comments=True) for line in lines if line.startswith(("python3 ", "docker "))]


def test_the_table_of_settings_is_complete():
    table = README.partition("## Settings")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `([A-Z_]+)` \|", table, re.MULTILINE)) == settings_read()


@pytest.mark.parametrize("words", [words for words in commands_of(README) if words[1] == "run.py"], ids=" ".join)
def test_commands_of_the_readme_exist_with_their_options(words):
    source = (BASE_DIR / "run.py").read_text(encoding="utf-8")
    if words[2:3] != ["manage"]:
        options = [word for word in words[2:] if word.startswith("-")]
        assert all(f'"{option}"' in source for option in options)
        return
    name, *arguments = words[3:]
    command = load_command_class(get_commands()[name], name)
    parser = command.create_parser("manage.py", name)
    parser.parse_args(arguments)


def test_commands_named_in_a_sentence_exist():
    for name in re.findall(r"`(?:python3 run\.py manage|manage\.py|python manage\.py) ([a-z_]+)", README):
        assert name in get_commands(), name


def test_production_needs_no_setting_that_its_example_does_not_name():
    compose = (BASE_DIR / "docker-compose.yml").read_text(encoding="utf-8")
    example = (BASE_DIR / ".env.example").read_text(encoding="utf-8")
    needed = set(re.findall(r"\$\{([A-Z_]+):\?", compose))
    assert needed <= set(re.findall(r"^([A-Z_]+)=", example, re.MULTILINE))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(BASE_DIR).as_posix())
def test_links_between_documents_lead_somewhere(document):
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", document.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (document.parent / target).exists(), target


def test_files_named_in_the_architecture_exist():
    text = (BASE_DIR / "docs" / "architecture.md").read_text(encoding="utf-8")
    for name in re.findall(r"`((?:tests|docs|community_ops|campaigns|groups|members)/[\w/.]+\.\w+)`", text):
        assert (BASE_DIR / name).exists(), name


def test_pictures_are_small():
    pictures = list((BASE_DIR / "docs" / "images").glob("*.png"))
    assert pictures
    assert all(picture.stat().st_size < 200_000 for picture in pictures)
