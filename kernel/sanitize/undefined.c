/* SPDX-License-Identifier: MIT */
/*
 * What -fsanitize=undefined calls where the kernel does something that C leaves
 * undefined: each is a panic that tells where. The names, and that a report begins with
 * the place in the source, are the compilers' ABI.
 */
#include "assert.h"

struct place {
    const char *file;
    uint32_t line, column;
};

#define HANDLER(name, what)                                                         \
    void __ubsan_handle_##name(const struct place *place);                          \
    void __ubsan_handle_##name(const struct place *place)                           \
    {                                                                               \
        panic("undefined behaviour: %s (%s:%u:%u)", what, place->file, place->line, \
              place->column);                                                       \
    }

HANDLER(add_overflow, "an addition overflows")
HANDLER(sub_overflow, "a subtraction overflows")
HANDLER(mul_overflow, "a multiplication overflows")
HANDLER(negate_overflow, "a negation overflows")
HANDLER(divrem_overflow, "a division by zero, or one that overflows")
HANDLER(shift_out_of_bounds, "a shift by too much, or out of the sign")
HANDLER(out_of_bounds, "an index outside of its array")
HANDLER(pointer_overflow, "a pointer that wraps")
HANDLER(type_mismatch_v1, "a pointer that is null, unaligned, or to something smaller")
HANDLER(load_invalid_value, "a value that its type does not have")
HANDLER(builtin_unreachable, "what cannot be reached was")
HANDLER(missing_return, "a function that ends without its value")
HANDLER(nonnull_arg, "a null argument where none may be")
HANDLER(nonnull_return_v1, "a null result where none may be")
HANDLER(vla_bound_not_positive, "an array of no size")
HANDLER(invalid_builtin, "a bit searched for in 0")
