"""Asking the memory for what is needed soon."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

# Instants in a line of the cache, which is what memory gives at once.
LINE = 8


def _ask_for(_typing: Any, values: Any, _place: Any) -> Any:
    """`llvm.prefetch` of an element to read. Outside of the array nothing happens."""

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        place = builder.bitcast(builder.gep(data, [arguments[1]]), ir.IntType(8).as_pointer())
        number = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [place.type, number, number, number])
        to_read, to_keep, is_data = (ir.Constant(number, value) for value in (0, 3, 1))
        ask = builder.module.declare_intrinsic("llvm.prefetch", [place.type], kind)
        builder.call(ask, [place, to_read, to_keep, is_data])
        return context.get_dummy_value()

    return types.void(values, types.int64), codegen


ask_for: Any = intrinsic(_ask_for)
