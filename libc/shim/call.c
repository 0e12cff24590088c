/* SPDX-License-Identifier: MIT */
/*
 * The table from Linux call number to function, made from calls.def. Each row's words are
 * converted by their declared type, which must be one word wide; no function is cast.
 */
#include "shim.h"

#include <sys/syscall.h>

struct entry {
    long (*answer)(const uint32_t word[6]);
    int words;
};

#define A(type, n) ((type)word[n])
#define LIST(...) __VA_ARGS__
#define CALL(name, params, words, count)                                  \
    static long answer_##name([[maybe_unused]] const uint32_t word[6])    \
    {                                                                     \
        return shim_##name(LIST words);                                   \
    }
#include "calls.def"
#undef CALL

static const struct entry table[] = {
#define CALL(name, params, words, count) [__NR_##name] = {answer_##name, count},
#include "calls.def"
#undef CALL
};

static const struct entry unmap_exit_entry = {.words = 2};
static const struct entry unserved = {.words = 6};

static const struct entry *find(uint32_t number)
{
    if (number == CALL_UNMAP_EXIT)
        return &unmap_exit_entry;
    if (number < sizeof table / sizeof table[0] && table[number].answer)
        return &table[number];
    return &unserved;
}

static long answer(const struct entry *entry, const struct linux_call *call)
{
    if (entry->answer)
        return entry->answer(call->word);
    if (call->number == CALL_UNMAP_EXIT)
        return shim_unmap_exit(call->word[0], call->word[1]);
    return -ENOSYS;
}

/* Whether a call does not come back, so that it must be traced beforehand. */
static bool is_last(uint32_t number)
{
    return number == __NR_exit || number == __NR_exit_group || number == CALL_UNMAP_EXIT
           || number == __NR_sigreturn || number == __NR_rt_sigreturn;
}

long shim_call(struct linux_call *call)
{
    const struct shim_thread *self = shim_self();
    const struct entry *entry = find(call->number);
    long result;
    do {
        if (shim_traced && is_last(call->number))
            shim_trace(call, entry->words, NULL);
        result = answer(entry, call);
        if (shim_traced)
            shim_trace(call, entry->words, &result);
    } while ((self->attention || (int32_t)self->critical < 0)
             && shim_attend(call, result));
    return result;
}
