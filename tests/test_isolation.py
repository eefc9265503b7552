"""No way leads from one branch into another: not through a page, a fragment, an export, the search or the API.

Everything in the world of tests/test_urls.py belongs to the Hangzhou branch. Its texts are marked, and then Out, who
works in Chengdu and has every scope, asks for every address with every method, with numbers and names of Hangzhou's
rows in the address, the query and the body. No answer may hold a mark; no row of Hangzhou's may change or be added to.
"""

from __future__ import annotations

import inspect
import io
import json
import re
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from django import forms
from django.apps import apps
from django.db import connection, models, transaction
from django.db.models import F, Value
from django.db.models.functions import Concat, Length
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_django import DjangoDbBlocker
from rest_framework import serializers

from accounts.models import Branch
from community_ops.lib.sealed import SealedTextField
from groups.models import Group
from members.models import Member, Membership
from tests.builders import make_group, make_member
from tests.matrix import ROUTES
from tests.test_urls import World, lasting_world

# Who may see what does not depend on the database, and asking for every address in every way takes minutes.
pytestmark = pytest.mark.production

MARK = "‡"
ID_MARK = "†"
# What the product itself writes when Out is at work: sessions, the use of a token, kept answers.
OWN_TABLES = {
    "django_session",
    "accounts_apitoken",
    "accounts_idempotentrequest",
    "axes_accessattempt",
    "axes_accesslog",
}
# Plain numbers of rows in tables above the one that holds them.
PLAIN = {"group_id": "groups.group", "member_id": "members.member", "branch_id": "accounts.branch"}
# Texts that a program reads: marking them would break the row and not only its words.
UNMARKED = re.compile(
    r"token|digest|key|slug|code|path|kind|locale|language|timezone|rrule|url|secret|password|username|state|via"
)
NAMES = re.compile(r"""(?:POST|GET|data|query_params|params)(?:\.get(?:list)?\(|\[)\s*["'](\w+)["']""")

Owned = dict[str, set[Any]]


def tables() -> list[type[models.Model]]:
    rooms = {"accounts", "activity", "delivery", "groups", "members", "campaigns", "analytics"}
    return [model for model in apps.get_models(include_auto_created=True) if model._meta.app_label in rooms]


def pointers(model: type[models.Model]) -> Iterator[tuple[str, str]]:
    """The columns of `model` that name rows of others, with the label of their table. Staff are nobody's property."""
    for field in model._meta.concrete_fields:
        if isinstance(field, models.ForeignKey) and field.related_model._meta.label_lower != "accounts.user":
            yield field.attname, field.related_model._meta.label_lower
        elif field.attname in PLAIN and not field.is_relation:
            yield field.attname, PLAIN[field.attname]


def owned_rows(branch: Branch) -> Owned:
    """Numbers of the rows that belong to `branch`, by table: whatever points at one of its rows, and its members."""
    owned: Owned = defaultdict(set)
    owned["accounts.branch"].add(branch.pk)
    grown = True
    while grown:
        before = sum(map(len, owned.values()))
        for model in tables():
            label = model._meta.label_lower
            if label == "accounts.user":
                continue
            for column, target in pointers(model):
                if owned[target]:
                    rows = model._default_manager.filter(**{f"{column}__in": owned[target]})
                    owned[label] |= set(rows.order_by().values_list("pk", flat=True))
        elsewhere = Membership.objects.exclude(group__branch=branch).values("member")
        here = Member.objects.filter(memberships__group__branch=branch).exclude(pk__in=elsewhere)
        owned["members.member"] |= set(here.order_by().values_list("pk", flat=True))
        grown = sum(map(len, owned.values())) > before
    return owned


def mark(owned: Owned) -> None:
    for model in tables():
        label = model._meta.label_lower
        for field in model._meta.concrete_fields:
            text = isinstance(field, (models.CharField, models.TextField)) and not field.choices
            # What is sealed reads as nothing once a mark is added to it.
            text = text and not isinstance(field, SealedTextField)
            if text and not field.primary_key and not UNMARKED.search(field.name):
                sign = ID_MARK if field.name == "external_id" else MARK
                rows = model._default_manager.filter(pk__in=owned[label]).exclude(**{field.name: ""})
                if field.max_length:
                    rows = rows.annotate(length=Length(field.name)).filter(length__lt=field.max_length)
                rows.update(**{field.name: Concat(F(field.name), Value(sign), output_field=models.TextField())})


def dump(only: set[str]) -> dict[str, dict[Any, tuple[Any, ...]]]:
    """The rows of the tables in `only`, by label of their model."""
    found = {}
    for model in tables():
        if model._meta.db_table in only:
            columns = [field.attname for field in model._meta.concrete_fields]
            rows = model._default_manager.order_by().values_list("pk", *columns)
            found[model._meta.label_lower] = {row[0]: row[1:] for row in rows}
    return found


class Prey:
    """Hangzhou as Out meets it: what may be tried, and whether something came of it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.branch = world.cast.hangzhou
        mark(owned_rows(self.branch))
        self.owned = owned_rows(self.branch)
        self.before = dump({model._meta.db_table for model in tables()} - OWN_TABLES)
        self.numbers = sorted({pk for pks in self.owned.values() for pk in pks if isinstance(pk, int)})
        names = {row.external_id for row in Member.objects.filter(pk__in=self.owned["members.member"])}
        self.texts = ["杭州", "王子涵", "早安", "hangzhou", "all", "on", "true", "1", "csv", "xlsx", "", *sorted(names)]
        self.texts += [Group.objects.get(pk=world.objects["group"]).external_id]

    def attempt(
        self, method: str, name: str, args: dict[str, Any], query: dict[str, Any], body: dict[str, Any]
    ) -> None:
        address = reverse(name, kwargs=args)
        extra: dict[str, Any] = {}
        sent = json.dumps([query, body], ensure_ascii=False, default=str)
        if address.startswith("/api/"):
            client = Client(headers={"authorization": f"Bearer {self.world.objects['out_token']}"})
        else:
            client = self.world.browser("out")
        written: set[str] = set()

        def watch(execute, sql, params, many, context):
            if hit := re.match(r'\s*(?:INSERT (?:OR \w+ )?INTO|UPDATE|DELETE FROM|WITH)\s+"?(\w+)', sql, re.IGNORECASE):
                written.add(hit[1])
            return execute(sql, params, many, context)

        with transaction.atomic():
            with connection.execute_wrapper(watch):
                if method == "get":
                    response = client.get(address, query, **extra)
                elif address.startswith("/api/"):
                    call = getattr(client, method)
                    response = call(address, json.dumps(body), content_type="application/json", **extra)
                else:
                    response = getattr(client, method)(address, body, **extra)
                answer = response.getvalue()
            what = f"{method.upper()} {address} {sent}"
            text = answer.decode("utf-8", "replace") if not answer.startswith(b"PK") else unpacked(answer)
            text += json.dumps(dict(response.items()), ensure_ascii=False)
            assert not response.get("location", "").startswith("/sign-in/"), f"{what}: Out is not signed in"
            assert MARK not in text, f"{what} shows {around(text, MARK)!r}"
            if ID_MARK not in sent:
                assert ID_MARK not in text, f"{what} shows {around(text, ID_MARK)!r}"
            if written - OWN_TABLES:
                self.look_for_changes(what, written - OWN_TABLES)
            transaction.set_rollback(True)

    def look_for_changes(self, what: str, written: set[str]) -> None:
        after = dump(written)
        for label, rows in after.items():
            for pk in self.owned[label]:
                assert rows.get(pk) == self.before[label].get(pk), f"{what} changes {label} {pk}"
        if not self.may_own_more(written):
            return
        owned, after = owned_rows(self.branch), dump({model._meta.db_table for model in tables()} - OWN_TABLES)
        for label, rows in self.before.items():
            added = {pk for pk in owned[label] if pk not in rows}
            assert not added, f"{what} adds {label} {[after[label][pk] for pk in added]}"

    def may_own_more(self, written: set[str]) -> bool:
        """Whether a row of these tables points at what the branch owns already: what newly belongs to it begins there.
        A member also comes to belong to it by what is taken away elsewhere."""
        if written & {Membership._meta.db_table, Group._meta.db_table}:
            return True
        return any(
            model._default_manager.filter(**{f"{column}__in": self.owned[target]})
            .exclude(pk__in=self.owned[model._meta.label_lower])
            .exists()
            for model in tables()
            if model._meta.db_table in written and model._meta.label_lower != "accounts.user"
            for column, target in pointers(model)
            if self.owned[target]
        )


def unpacked(book: bytes) -> str:
    """All texts of an XLSX file or another archive."""
    with zipfile.ZipFile(io.BytesIO(book)) as archive:
        return "\n".join(archive.read(name).decode("utf-8", "replace") for name in archive.namelist())


def around(text: str, sign: str) -> str:
    place = text.index(sign)
    return text[max(0, place - 80) : place + 20]


@cache
def views() -> dict[str, Any]:
    def walk(resolver: URLResolver, space: str) -> Iterator[tuple[str, Any]]:
        for pattern in resolver.url_patterns:
            if isinstance(pattern, URLResolver):
                yield from walk(pattern, f"{space}{pattern.namespace}:" if pattern.namespace else space)
            elif isinstance(pattern, URLPattern):
                yield f"{space}{pattern.name}", pattern.callback

    return dict(walk(get_resolver(), ""))


@cache
def field_names(name: str) -> tuple[str, ...]:
    """What the view behind `name` may read from a query or a body: names in its module, its forms, its serializers."""
    view = inspect.unwrap(views()[name])
    module = inspect.getmodule(getattr(view, "view_class", getattr(view, "cls", view)))
    if module is None:
        return ()
    found = set(NAMES.findall(inspect.getsource(module)))
    for thing in vars(module).values():
        if inspect.isclass(thing) and issubclass(thing, (forms.Form, forms.ModelForm)):
            found |= set(thing.base_fields)
        elif inspect.isclass(thing) and issubclass(thing, serializers.Serializer):
            found |= set(thing._declared_fields)
    return tuple(sorted(found | {"q", "export", "page", "sort", "pk", "ids", "selected"}))


def reachable() -> list[str]:
    """Routes that ask who one is. Whoever knows the address of a member's page may open it."""
    return [
        name
        for name, route in ROUTES.items()
        if name.partition(":")[0] not in ("member", "accounts") and not any("token" in kwarg for kwarg in route.args)
    ]


@pytest.mark.django_db
def test_what_belongs_to_a_branch_is_known(cast):
    here, there = make_group(branch=cast.hangzhou), make_group(branch=cast.chengdu)
    only_here, in_both = make_member(groups=[here]), make_member(groups=[here, there])
    owned = owned_rows(cast.hangzhou)
    assert owned["groups.group"] == {here.pk}
    assert owned["members.member"] == {only_here.pk}
    assert len(owned["members.membership"]) == 2
    assert in_both.pk not in owned["members.member"]


@pytest.fixture(scope="module")
def prey(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Prey]:
    with lasting_world(django_db_blocker) as world:
        yield Prey(world)


@pytest.mark.django_db
@pytest.mark.parametrize("name", reachable())
def test_every_address_keeps_the_other_branch_out(prey, name):
    route = ROUTES[name]
    args = {kwarg: prey.world.objects[thing] for kwarg, thing in route.args.items()}
    group, member = prey.world.objects["group"], prey.world.objects["member"]
    names = field_names(name)
    everywhere = [dict.fromkeys(names, group), dict.fromkeys(names, member)]
    for query in ({}, {"q": "杭州"}, {"export": "csv"}, {"export": "xlsx"}, *everywhere):
        prey.attempt("get", name, args, query, {})
    objects = prey.world.objects
    by_name = {each: objects.get(each, objects.get(each.removesuffix("s"), group)) for each in names}
    bodies = [route.data or {}, *everywhere, by_name]
    for method in ("post", "patch", "put", "delete") if name.startswith("api:") else ("post",):
        for body in bodies:
            prey.attempt(method, name, args, {}, body)


@settings(max_examples=250, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), print_blob=False)
@given(data=st.data())
def test_no_mixture_of_numbers_and_names_opens_the_other_branch(prey, data):
    name = data.draw(st.sampled_from(reachable()), label="route")
    numbers = st.sampled_from(prey.numbers)
    args = {
        kwarg: prey.world.objects[thing] if isinstance(prey.world.objects[thing], str) else data.draw(numbers)
        for kwarg, thing in ROUTES[name].args.items()
    }
    values = numbers | st.sampled_from(prey.texts) | st.lists(numbers, max_size=3)
    sent = data.draw(st.dictionaries(st.sampled_from(field_names(name)), values, max_size=8), label="sent")
    methods = ["get", "post", "patch", "delete"] if name.startswith("api:") else ["get", "post"]
    method = data.draw(st.sampled_from(methods))
    prey.attempt(method, name, args, sent if method == "get" else {}, sent)
