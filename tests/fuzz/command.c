/* SPDX-License-Identifier: MIT */
/* The kernel's command line, against a slow reading of it, word by word. */
#include "command.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

#define LINE_MAX 1024

/* Where the last KEY=VALUE before `--` has its value; NULL: nowhere. */
static const char *model_find(const char *line, const char *key, size_t *length)
{
    const char *found = NULL;

    for (const char *at = line; *at;) {
        const char *end = at + strcspn(at, " ");
        if (end == at + 2 && at[0] == '-' && at[1] == '-')
            break;
        size_t key_length = strlen(key);
        if ((size_t)(end - at) > key_length && strncmp(at, key, key_length) == 0 &&
            at[key_length] == '=') {
            found = at + key_length + 1;
            *length = (size_t)(end - found);
        }
        at = *end ? end + 1 : end;
    }
    return found;
}

static void require(bool right)
{
    if (!right)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static const char *const names[] = {"auto", "int80", "", "autopilot", NULL};
    static const char *const keys[] = {"gate", "g", "log"};
    const char *key = keys[size > 0 ? bytes[0] % 3 : 0];
    const char *value = NULL;
    size_t length = 0;
    char *line = calloc(1, size + 1);

    require(line != NULL);
    memcpy(line, bytes, size);
    const char *expected = model_find(line, key, &length);
    int found = command_find(line, key, &value);
    require(found == (expected ? (int)length : -1));
    require(!expected || value == expected);
    int choice = command_choice(line, key, names, 9);
    if (!expected)
        require(choice == 9);
    else if (choice >= 0)
        require(strlen(names[choice]) == length &&
                memcmp(names[choice], expected, length) == 0);
    else
        for (int i = 0; names[i]; i++)
            require(strlen(names[i]) != length || memcmp(names[i], expected, length));
    free(line);
    return 0;
}
