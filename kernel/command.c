/* SPDX-License-Identifier: MIT */
/* The kernel's command line: see command.h. */
#include "command.h"

#include "memory.h"

static const char *skip_spaces(const char *at)
{
    while (*at == ' ')
        at++;
    return at;
}

int command_find(const char *line, const char *key, const char **value)
{
    uint32_t key_length = (uint32_t)strlen(key);
    int found = -1;

    for (const char *word = skip_spaces(line); *word; word = skip_spaces(word)) {
        uint32_t length = 0;
        while (word[length] && word[length] != ' ')
            length++;
        if (length == 2 && word[0] == '-' && word[1] == '-')
            break;
        if (length > key_length && strncmp(word, key, key_length) == 0 &&
            word[key_length] == '=') {
            *value = word + key_length + 1;
            found = (int)(length - key_length - 1);
        }
        word += length;
    }
    return found;
}

int command_choice(const char *line, const char *key, const char *const *names,
                   int missing)
{
    const char *value;
    int length = command_find(line, key, &value);

    if (length < 0)
        return missing;
    for (int i = 0; names[i]; i++) {
        if (strlen(names[i]) == (uint32_t)length &&
            strncmp(names[i], value, (uint32_t)length) == 0)
            return i;
    }
    return -1;
}
