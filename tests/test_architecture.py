"""Rules of the house that no single test of a behaviour would notice."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
from pathlib import Path
from types import ModuleType

import pytest
from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.template import engines

BASE_DIR = Path(settings.BASE_DIR)
OURS = ("accounts", "activity", "delivery", "groups", "members", "campaigns", "analytics")
PYTHON = sorted(path for app in (*OURS, "community_ops") for path in (BASE_DIR / app).rglob("*.py"))
TEMPLATES = sorted((BASE_DIR / "templates").rglob("*.html"))
BELOW_THE_PAGES = {"models", "querysets", "services", "selectors", "tasks", "queries", "ingestion"}


def name_of(path: Path) -> str:
    return path.relative_to(BASE_DIR).as_posix()


def parts_of(path: Path) -> set[str]:
    return {path.stem, *path.relative_to(BASE_DIR).parts}


def imported_by(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def service_modules() -> list[ModuleType]:
    found = []
    for app in OURS:
        for module in pkgutil.walk_packages([str(BASE_DIR / app)], prefix=f"{app}."):
            parts = module.name.split(".")
            if "services" in parts:
                found.append(importlib.import_module(module.name))
    return found


@pytest.mark.django_db
def test_every_change_of_a_model_has_its_migration():
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)


def test_what_changes_something_is_called_with_names():
    """A service that takes a person, an object or a time by position is called wrongly sooner or later."""
    by_position = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    for module in service_modules():
        for name, function in inspect.getmembers(module, inspect.isfunction):
            if function.__module__ == module.__name__ and not name.startswith("_"):
                parameters = inspect.signature(function).parameters.values()
                types = [str(parameter.annotation) for parameter in parameters if parameter.kind in by_position]
                assert len(types) <= 1 or set(types) == {"str"}, f"{module.__name__}.{name} takes {types} by position"


def test_what_lies_below_the_pages_does_not_know_them():
    pages = {"views", "forms", "api", "urls_console", "urls_member"}
    for path in PYTHON:
        if BELOW_THE_PAGES & parts_of(path):
            for name in imported_by(path):
                app, *parts = name.split(".")
                assert app not in OURS or not pages & set(parts), f"{name_of(path)} imports {name}"


def test_queries_do_not_ask_the_clock():
    """The time is passed in, so that a test and a report can say what "now" is."""
    clocks = {"timezone.now", "now", "datetime.now", "date.today", "time.time"}
    asked_without_a_time = {"timezone.localdate", "timezone.localtime"}
    for path in PYTHON:
        if path.stem != "api" and {"querysets", "selectors", "queries", "kernels", "ingestion"} & parts_of(path):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
            assert not {ast.unparse(call.func) for call in calls} & clocks, name_of(path)
            bare = {ast.unparse(call.func) for call in calls if not call.args and not call.keywords}
            assert not bare & asked_without_a_time, name_of(path)


def test_templates_hold_no_script_and_no_style_of_their_own():
    """The content security policy would refuse them, in the browser and not before."""
    for path in TEMPLATES:
        text = path.read_text(encoding="utf-8")
        if "mail" in path.parts:
            # Letters are read in mail programs, which know no policy of ours and load no file of ours.
            assert "<script" not in text, name_of(path)
            text = text.replace("<style>", "", 1)
        for pattern in (
            r"<style\b",
            r"""\sstyle\s*=\s*["']""",
            r"""\son[a-z]+\s*=\s*["']""",
            r"""(?:href|src|action)\s*=\s*["']javascript:""",
        ):
            assert not re.search(pattern, text), f"{name_of(path)}: {pattern}"
        for tag in re.findall(r"<script\b[^>]*>", text):
            assert "src=" in tag or 'type="application/json"' in tag, f"{name_of(path)}: {tag}"


def test_templates_load_nothing_from_elsewhere():
    for path in TEMPLATES:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"""(?:src|srcset|data|action)\s*=\s*["'](?:https?:)?//""", text), name_of(path)
        assert not re.search(r"""<link[^>]*href\s*=\s*["'](?:https?:)?//""", text), name_of(path)


def test_templates_can_be_read():
    for path in TEMPLATES:
        engines["django"].get_template(path.relative_to(BASE_DIR / "templates").as_posix())


def test_rows_are_told_apart_by_named_constraints_and_indexes():
    for app in OURS:
        for model in apps.get_app_config(app).get_models():
            for index in model._meta.indexes:
                assert index.name.startswith(f"{app}_"), f"{model.__name__}: {index.name}"
            assert not model._meta.unique_together


def test_nothing_points_at_an_app_above():
    """Events and deliveries keep plain numbers, so that the tables below know nothing of those above."""
    layers = (("accounts", "activity", "delivery"), ("groups",), ("members",), ("campaigns",), ("analytics",))
    level = {app: number for number, layer in enumerate(layers) for app in layer}
    for app in OURS:
        for model in apps.get_app_config(app).get_models():
            for field in model._meta.get_fields():
                target = getattr(field, "related_model", None)
                if not field.auto_created and target is not None and target._meta.app_label in level:
                    other = target._meta.app_label
                    assert other == app or level[other] < level[app], f"{model.__name__}.{field.name} -> {other}"
