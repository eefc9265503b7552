"""64 events at a time: one bit of a word for each, the earliest event in the lowest.

A question like "which of these events are messages" takes a processor a few instructions for 64 events, if it is asked
of a vector. The compiler does not find that by itself in a loop over events, so the comparison of a vector is spelled
out here; it is turned into whatever the processor has (one instruction on AVX-512, a few on any other).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from analytics.columns import Numbers

WORD = 64
ONE = np.uint64(1)
NONE, ALL = np.uint64(0), ~np.uint64(0)

Word = np.uint64
Words = npt.NDArray[np.uint64]
# An integer of any type, which mypy cannot tell apart as Numba does.
Number = Any
_BITS, _TRUE = ir.IntType(WORD), ir.Constant(ir.IntType(1), 1)


def _loaded(context: Any, builder: ir.IRBuilder, array_type: Any, array: Any, start: Any) -> Any:
    """64 elements of an array as a vector. They must be there: nothing is checked."""
    element = context.get_data_type(array_type.dtype)
    vector = ir.VectorType(element, WORD)
    data = context.make_array(array_type)(context, builder, array).data
    place = builder.bitcast(builder.gep(data, [start]), vector.as_pointer())
    return builder.load(place, align=element.width // 8)


def _comparison(compare: Callable[[ir.IRBuilder, Any, Any], Any]) -> Any:
    """A function (values, start, other) that compares the values start:start + 64 with one other."""

    def build(_typing: Any, values: Any, _start: Any, _other: Any) -> Any:
        def codegen(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
            loaded = _loaded(context, builder, signature.args[0], arguments[0], arguments[1])
            undefined = ir.Constant(loaded.type, ir.Undefined)
            first = builder.insert_element(undefined, arguments[2], ir.Constant(ir.IntType(32), 0))
            everywhere = ir.Constant(ir.VectorType(ir.IntType(32), WORD), [0] * WORD)
            same = builder.shuffle_vector(first, undefined, everywhere)
            return builder.bitcast(compare(builder, loaded, same), _BITS)

        return types.uint64(values, types.int64, values.dtype), codegen

    return intrinsic(build)


_equal = _comparison(lambda builder, left, right: builder.icmp_unsigned("==", left, right))
_not_before = _comparison(lambda builder, left, right: builder.icmp_signed(">=", left, right))
_have_any = _comparison(
    lambda builder, left, right: builder.icmp_unsigned("!=", builder.and_(left, right), ir.Constant(left.type, None))
)


def _compared_with_the_one_before(_typing: Any, values: Any, _start: Any) -> Any:
    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        before = builder.sub(arguments[1], ir.Constant(arguments[1].type, 1))
        left, right = (
            _loaded(context, builder, signature.args[0], arguments[0], start) for start in (arguments[1], before)
        )
        return builder.bitcast(builder.icmp_unsigned("==", left, right), _BITS)

    return types.uint64(values, types.int64), codegen


_as_the_one_before: Any = intrinsic(_compared_with_the_one_before)


def _of_a_word(build: Callable[[ir.IRBuilder, Any], Any]) -> Any:
    def typed(_typing: Any, _word: Any) -> Any:
        return types.int64(types.uint64), lambda _context, builder, _signature, arguments: build(builder, arguments[0])

    return intrinsic(typed)


# How many bits are set; which is the lowest and the highest of them (of a word with any).
many = _of_a_word(lambda builder, word: builder.ctpop(word))
lowest = _of_a_word(lambda builder, word: builder.cttz(word, ir.Constant(ir.IntType(1), 0)))
highest = _of_a_word(lambda builder, word: builder.sub(ir.Constant(_BITS, WORD - 1), builder.ctlz(word, _TRUE)))


# Those below say no of events behind the end of the column.
_EQUAL, _NOT_BEFORE, _HAVE_ANY = 0, 1, 2


@njit(cache=True, nogil=True)
def _at_the_end(values: Numbers, start: Number, other: Number, comparison: int) -> Word:
    """The same of the last values, of which there are fewer than 64."""
    word = NONE
    for i in range(start, len(values)):
        if comparison == _EQUAL:
            fits = values[i] == other
        elif comparison == _NOT_BEFORE:
            fits = values[i] >= other
        else:
            fits = values[i] & other != 0
        word |= np.uint64(fits) << np.uint64(i - start)
    return word


@njit(cache=True, nogil=True)
def equal(values: Numbers, start: Number, wanted: Number) -> Any:
    """Which of the 64 values from `start` on are `wanted`, a number of their own type."""
    if start + WORD > len(values):
        return _at_the_end(values, start, wanted, _EQUAL)
    return _equal(values, start, wanted)


@njit(cache=True, nogil=True)
def not_before(values: Numbers, start: Number, least: Number) -> Any:
    """Which of the 64 values (signed) from `start` on are `least` or more."""
    if start + WORD > len(values):
        return _at_the_end(values, start, least, _NOT_BEFORE)
    return _not_before(values, start, least)


@njit(cache=True, nogil=True)
def have_any(values: Numbers, start: Number, bits: Number) -> Any:
    """Which of the 64 values from `start` on have one of these bits, a number of their own type."""
    if start + WORD > len(values):
        return _at_the_end(values, start, bits, _HAVE_ANY)
    return _have_any(values, start, bits)


@njit(cache=True, nogil=True)
def as_the_one_before(values: Numbers, start: Number) -> Word:
    """Which of the 64 values from `start` on are equal to the one before them; the first of all is not."""
    if start > 0 and start + WORD <= len(values):
        return _as_the_one_before(values, start)  # type: ignore[no-any-return]
    word = NONE
    for i in range(max(start, 1), min(start + WORD, len(values))):
        word |= np.uint64(values[i] == values[i - 1]) << np.uint64(i - start)
    return word


@njit(cache=True, nogil=True)
def below(p: Number) -> Word:
    """The bits of a word before bit p, counted on over the words."""
    return (ONE << np.uint64(p & 63)) - ONE


@njit(cache=True, nogil=True)
def first_bit(words: Words, lo: Number, hi: Number) -> Number:
    """The first of the bits lo:hi that is set; `hi` for none."""
    if lo >= hi:
        return hi
    w, last = lo >> 6, (hi - 1) >> 6
    word = words[w] & ~below(lo)
    while word == NONE:
        if w == last:
            return hi
        w += 1
        word = words[w]
    return min((w << 6) + lowest(word), hi)


@njit(cache=True, nogil=True)
def last_bit(words: Words, lo: Number, hi: Number) -> Number:
    """The last of the bits lo:hi that is set; `lo - 1` for none."""
    if lo >= hi:
        return lo - 1
    w, first = (hi - 1) >> 6, lo >> 6
    word = words[w] & (ALL >> np.uint64(63 - ((hi - 1) & 63)))
    while word == NONE:
        if w == first:
            return lo - 1
        w -= 1
        word = words[w]
    return max((w << 6) + highest(word), lo - 1)
