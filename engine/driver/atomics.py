"""Ordered loads and stores of int64 words, for what one thread writes and another reads. Numba intrinsics over LLVM
atomics: plain moves on x86-64, ldar/stlr on arm64."""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

WORD_BYTES = 8


def _is_words(array: types.Type) -> bool:
    return isinstance(array, types.Array) and array.dtype == types.int64 and array.ndim == 1 and array.layout == "C"


def _address(context, builder, array_type: types.Array, array, index) -> ir.Value:
    return builder.gep(context.make_array(array_type)(context, builder, array).data, [index])


@intrinsic
def load_acquire(typing_context, words, index):
    """words[index] of an int64 array: what the other thread wrote before its `store_release` is visible after this."""
    if not _is_words(words):
        return None

    def code(context, builder, signature, args):
        address = _address(context, builder, signature.args[0], *args)
        return builder.load_atomic(address, "acquire", WORD_BYTES)

    return types.int64(words, types.intp), code


@intrinsic
def store_release(typing_context, words, index, value):
    """words[index] = value: whoever reads it by `load_acquire` also sees everything written here before."""
    if not _is_words(words):
        return None

    def code(context, builder, signature, args):
        array, at, new_value = args
        builder.store_atomic(new_value, _address(context, builder, signature.args[0], array, at), "release", WORD_BYTES)
        return context.get_dummy_value()

    return types.void(words, types.intp, types.int64), code
