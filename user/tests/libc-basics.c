/* SPDX-License-Identifier: MIT */
/*
 * Parts of the C library that need the processor more than the system: printf and scanf
 * of floating point, setjmp, qsort, 64-bit arithmetic, strings, mathematics.
 */
#include <errno.h>
#include <fenv.h>
#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

#include <limen/tap.h>

#define COUNT 1000

__attribute__((format(printf, 2, 3)))
static void prints(const char *wanted, const char *format, ...)
{
    char text[200];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    if (!tap_ok(!strcmp(text, wanted), "printf(\"%s\") gives %s", format, wanted))
        tap_note("it gives %s", text);
}

static void check_printf(void)
{
    prints("1.500000", "%f", 1.5);
    prints("-0.1", "%g", -0.1);
    prints("3.141592653589793", "%.15f", 3.14159265358979323846);
    prints("1e+300", "%g", 1e300);
    prints("0x1.8p+1", "%a", 3.0);
    prints("inf -inf nan", "%f %f %f", (double)INFINITY, -(double)INFINITY,
           fabs((double)NAN));
    prints("0.1000000000000000055511151231257827", "%.34f", 0.1);
    prints("18446744073709551615", "%llu", ~0ull);
    prints("-9223372036854775808", "%lld", (long long)INT64_MIN);
    prints("  +42|0x2a |052", "%+5d|%-#5x|%#o", 42, 42, 42);
    prints("abc|  c", "%.3s|%3c", "abcdef", 'c');
}

static void check_scanf(void)
{
    double number = 0;
    int integer = 0;
    char word[8] = "";
    int fields = sscanf("2.5e3 -17 word", "%lf %d %7s", &number, &integer, word);
    tap_is(fields, 3, "sscanf finds all fields");
    tap_ok(number == 2500.0 && integer == -17 && !strcmp(word, "word"),
           "and what they say");
    tap_ok(strtod("0x1.fp4", NULL) == 31.0, "strtod of a hexadecimal number");
    errno = 0;
    tap_ok(strtol("99999999999", NULL, 10) == 2147483647 && errno == ERANGE,
           "strtol out of range");
}

static jmp_buf place;

__attribute__((noinline)) static int jump(int depth)
{
    if (depth == 0)
        longjmp(place, 17);
    volatile int inner = depth > 0 ? jump(depth - 1) : 0;
    return inner + 1;
}

static void check_setjmp(void)
{
    volatile int turns = 0;
    int value = setjmp(place);
    turns++;
    if (value == 0)
        jump(10);
    tap_is(value, 17, "longjmp brings its value");
    tap_is(turns, 2, "setjmp returns twice");
    if (setjmp(place) == 0)
        longjmp(place, 0);
    else
        tap_ok(true, "longjmp of 0 is 1");
}

static int compare(const void *a, const void *b)
{
    int x = *(const int *)a, y = *(const int *)b;
    return x < y ? -1 : x > y;
}

static void check_qsort(void)
{
    static int numbers[COUNT];
    uint32_t seed = 1;
    for (int i = 0; i < COUNT; i++) {
        seed = seed * 1664525 + 1013904223;
        numbers[i] = (int)(seed >> 8);
    }
    qsort(numbers, COUNT, sizeof numbers[0], compare);
    int wrong = 0;
    for (int i = 1; i < COUNT; i++)
        wrong += numbers[i - 1] > numbers[i];
    tap_is(wrong, 0, "qsort sorts");
    int wanted = numbers[COUNT / 3];
    int *found = bsearch(&wanted, numbers, COUNT, sizeof numbers[0], compare);
    tap_ok(found && *found == wanted, "bsearch finds");
}

static void check_arithmetic(void)
{
    volatile uint64_t big = 0xfedcba9876543210ull;
    volatile uint64_t small = 0x12345;
    volatile int64_t negative = -1000000007ll;
    tap_is((long long)(big / small), 0xe0004fa01c4dll, "64-bit division");
    tap_is((long long)(big % small), (long long)(big - small * (big / small)),
           "64-bit remainder");
    tap_is(negative / 13, -76923077, "signed 64-bit division");
    tap_is((long long)(big >> small % 64), (long long)(0xfedcba9876543210ull >> 5),
           "64-bit shift");
}

static void check_mathematics(void)
{
    volatile double two = 2.0;
    volatile double root = sqrt(two);           /* rounded to 64 bits by being stored */
    tap_ok(root == 1.4142135623730951, "sqrt");
    tap_ok(fabs(sin(two) - 0.9092974268256817) < 1e-15, "sin");
    tap_ok(fabs(pow(two, 0.5) - sqrt(two)) < 1e-15, "pow");
    tap_ok(floor(-2.5) == -3.0 && trunc(-2.5) == -2.0 && rint(2.5) == 2.0, "roundings");
    tap_is(fesetround(FE_UPWARD), 0, "the rounding mode can be set");
    volatile double third = 1.0 / 3.0;
    fesetround(FE_TONEAREST);
    volatile double nearest = 1.0 / 3.0;
    tap_ok(third >= nearest, "and rounds so");
}

static void check_strings(void)
{
    char text[32] = "threshold";
    memmove(text + 2, text, 10);
    tap_ok(!strcmp(text, "ththreshold"), "memmove of ranges that overlap");
    tap_ok(strstr("abcabd", "abd") && !strstr("abc", "abd"), "strstr");
    tap_ok(!strcmp(strerror(ENOSYS), "Function not implemented"), "strerror");
    tap_ok(setlocale(LC_ALL, "C.UTF-8") != NULL, "a UTF-8 locale");
    wchar_t wide[4];
    tap_is((long long)mbstowcs(wide, "\xc3\xa4!", 4), 2, "UTF-8 is decoded");
}

static void check_files(void)
{
    errno = 0;
    tap_ok(!fopen("/nothing", "r") && errno == ENOSYS,
           "there are no files: fopen fails with ENOSYS");
    tap_is(close(17), -1, "close of a descriptor that is not open");
    tap_is(errno, EBADF, "fails with EBADF");
    tap_is(fflush(stdout), 0, "fflush of standard output");
    tap_is(ftell(stdout), -1, "standard output has no position");
}

int main(void)
{
    tap_plan(40);
    check_printf();
    check_scanf();
    check_setjmp();
    check_qsort();
    check_arithmetic();
    check_mathematics();
    check_strings();
    check_files();
    return tap_done();
}
