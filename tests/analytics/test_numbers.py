"""Rows of numbers out of the database: the same whichever way they come."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from django.db.models import Case, ExpressionWrapper, F, FloatField, IntegerField, Value, When

from analytics.queries.periods import millis
from analytics.sources import EpochMillis, numbers_of
from groups.models import Group
from members.models import Membership
from tests.builders import NOW, make_group, make_member

pytestmark = pytest.mark.django_db


@pytest.fixture
def places(cast):
    groups = [make_group(), make_group()]
    for number in range(5):
        make_member(groups=[groups[number % 2]])
    fractions = (0, 1000, 250_000, 999_999, 5_123_000)
    for place, micro in zip(Membership.objects.order_by("pk"), fractions, strict=True):
        Membership.objects.filter(pk=place.pk).update(joined_at=NOW + timedelta(microseconds=micro))
    return Membership.objects.order_by()


def test_numbers_come_row_by_row_to_the_millisecond(places):
    sign = Case(When(pk__gt=0, then=Value(-7)), output_field=IntegerField())
    found = numbers_of(places.values_list("pk", EpochMillis(F("joined_at")), sign)).reshape(-1, 3)
    kept = {place.pk: [place.pk, millis(place.joined_at), -7] for place in places}
    assert {row[0]: row for row in found.tolist()} == kept
    assert found[:, 1].max() - found[:, 1].min() == 5123
    assert numbers_of(places.filter(pk=0).values_list("pk")).tolist() == []
    assert numbers_of(places.filter(pk__in=[]).values_list("pk")).tolist() == []


def test_the_order_that_is_asked_for_is_kept(places):
    numbers = sorted(Group.objects.values_list("pk", flat=True), reverse=True)
    assert numbers_of(Group.objects.order_by("-pk").values_list("pk")).tolist() == numbers


def test_a_fraction_is_cut_and_what_is_missing_is_not_taken_for_a_number(places):
    half = ExpressionWrapper(F("group_id") * 0 + 2.5, output_field=FloatField())
    assert np.unique(numbers_of(places.values_list(half))).tolist() == [2]
    with pytest.raises(TypeError):
        numbers_of(places.values_list("pk", Case(When(pk__lt=0, then=Value(1)), output_field=IntegerField())))
