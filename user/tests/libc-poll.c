/* SPDX-License-Identifier: MIT */
/*
 * poll, select and reads from the terminal, which a thread of this program serves: what
 * the test writes to it is what was typed. With time-outs, and with signals that end
 * them.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/select.h>
#include <sys/time.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include <limen/console.h>
#include <limen/server.h>
#include <limen/tap.h>

#define MS 1000000ll

/* --- The console --- */

static handle_t port, console;
static struct server_queue waiting;     /* who polls */
static uint8_t typed[256];
static uint32_t typed_size;

#define OPERATION SERVER_HANDLER
#include <limen/console.def>
#undef OPERATION

static long give(handle_t reply, uint32_t room)
{
    uint32_t size = room < typed_size ? room : typed_size;
    long given = limen_message_write(reply, 0, typed, size);
    if (given > 0) {
        typed_size -= (uint32_t)given;
        memmove(typed, typed + given, typed_size);
    }
    return given;
}

static long on_console_write(struct server_request *call, const struct protocol_none *,
                             struct protocol_none *)
{
    memcpy(typed + typed_size, call->bytes, call->size);
    typed_size += call->size;
    while (waiting.first)
        (void)server_answer(waiting.first, 0);
    return (long)call->size;
}

static long on_console_read(struct server_request *,
                            const struct console_read_request *request,
                            struct protocol_none *)
{
    return typed_size ? give((handle_t){0}, request->size) : -EAGAIN;
}

static long on_console_poll(struct server_request *,
                            const struct console_poll_request *request,
                            struct protocol_none *)
{
    struct server_waiter *waiter;
    if (typed_size)
        return 0;
    return request->flags & CONSOLE_NOW ? -EAGAIN : server_wait(&waiting, &waiter);
}

static long on_console_drain(struct server_request *, const struct protocol_none *,
                             struct protocol_none *)
{
    return 0;
}

static const struct server_operation operations[] = {
#define OPERATION SERVER_ROW
#include <limen/console.def>
#undef OPERATION
};

static void *serve(void *unused)
{
    static uint8_t buffer[256];
    const struct server server = {
        .port = port,
        .operations = operations,
        .operation_count = sizeof operations / sizeof operations[0],
        .buffer = buffer,
        .buffer_size = sizeof buffer,
    };
    (void)server_run(&server);
    return unused;
}

static void start_console(void)
{
    pthread_t thread;
    sigset_t all, before;
    port = (handle_t){(uint32_t)limen_port_create()};
    console = (handle_t){(uint32_t)limen_endpoint_mint(port, 0)};
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    pthread_create(&thread, NULL, serve, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    limen_console_use(console, (handle_t){getauxval(AT_LIMEN_OUTPUT)},
                      (handle_t){getauxval(AT_LIMEN_ERROR)});
}

/* What is typed would show between the checks. */
static void be_silent(void)
{
    struct termios settings;
    tcgetattr(0, &settings);
    settings.c_lflag &= ~(tcflag_t)(ECHO | ECHONL);
    tcsetattr(0, TCSANOW, &settings);
}

static void type(const char *keys)
{
    limen_console_write(console, keys, (uint32_t)strlen(keys));
}

static void *type_later(void *keys)
{
    usleep(20000);
    type(keys);
    return NULL;
}

static void type_soon(const char *keys)
{
    pthread_t thread;
    pthread_create(&thread, NULL, type_later, (void *)keys);
    pthread_detach(thread);
}

/* --- Signals --- */

static atomic_int calls;

static void note(int number)
{
    (void)number;
    calls++;
}

static void alarm_in(long us, long again, int flags)
{
    struct sigaction action = {.sa_handler = note, .sa_flags = flags};
    struct itimerval value = {.it_value.tv_usec = us, .it_interval.tv_usec = again};
    calls = 0;
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &value, NULL);
}

static void stop_alarm(void)
{
    setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
}

static long long now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000 * MS + time.tv_nsec;
}

/* --- poll --- */

static int poll_input(int timeout)
{
    struct pollfd file = {.fd = 0, .events = POLLIN};
    int result = poll(&file, 1, timeout);
    return result == 1 ? file.revents : result;
}

static void check_poll(void)
{
    char line[16];
    struct pollfd files[3] = {
        {.fd = 1, .events = POLLOUT},
        {.fd = -1, .events = POLLIN},
        {.fd = 77, .events = POLLIN},
    };
    tap_ok(poll(files, 3, -1) == 2 && files[0].revents == POLLOUT && files[1].revents == 0
               && files[2].revents == POLLNVAL,
           "output is ready, and what is not open");
    tap_is(poll_input(0), 0, "input is not");
    long long start = now();
    tap_is(poll_input(20), 0, "nor after a while");
    tap_ok(now() - start >= 20 * MS, "which is waited for");
    type("a");
    tap_is(poll_input(10), 0, "a part of a line is not enough");
    type_soon("b\r");
    tap_is(poll_input(-1), POLLIN, "a line that is typed meanwhile is");
    tap_ok(poll_input(0) == POLLIN && poll_input(-1) == POLLIN, "it stays");
    tap_ok(read(0, line, sizeof line) == 3 && !memcmp(line, "ab\n", 3), "and is read");
    tap_is(poll_input(0), 0, "then it is gone");
    start = now();
    tap_ok(poll(NULL, 0, 10) == 0 && now() - start >= 10 * MS, "poll of nothing");
}

static void check_select(void)
{
    char line[16];
    fd_set in, out;
    struct timeval soon = {.tv_usec = 10000};
    FD_ZERO(&in);
    FD_ZERO(&out);
    FD_SET(0, &in);
    FD_SET(1, &out);
    FD_SET(2, &out);
    tap_ok(select(3, &in, &out, NULL, NULL) == 2 && !FD_ISSET(0, &in) && FD_ISSET(1, &out)
               && FD_ISSET(2, &out),
           "select: output is ready");
    FD_SET(0, &in);
    tap_ok(select(1, &in, NULL, NULL, &soon) == 0 && !FD_ISSET(0, &in), "input is not");
    FD_SET(0, &in);
    type_soon("x\r");
    tap_ok(select(1, &in, NULL, NULL, NULL) == 1 && FD_ISSET(0, &in), "but then it is");
    tap_is(read(0, line, sizeof line), 2, "and can be read");
    FD_SET(9, &in);
    errno = 0;
    tap_ok(select(10, &in, NULL, NULL, NULL) == -1 && errno == EBADF,
           "a descriptor that is not open");
}

/* --- Interrupted --- */

static void check_interrupted(void)
{
    char line[16];
    alarm_in(5000, 5000, SA_RESTART);
    errno = 0;
    tap_ok(poll_input(-1) == -1 && errno == EINTR && calls >= 1,
           "a signal ends poll, with SA_RESTART, too");
    fd_set in;
    FD_ZERO(&in);
    FD_SET(0, &in);
    alarm_in(5000, 5000, SA_RESTART);
    errno = 0;
    tap_ok(select(1, &in, NULL, NULL, NULL) == -1 && errno == EINTR && calls >= 1,
           "and select");
    alarm_in(5000, 5000, 0);
    errno = 0;
    tap_ok(read(0, line, sizeof line) == -1 && errno == EINTR && calls >= 1, "and read");
    alarm_in(5000, 5000, SA_RESTART);
    type_soon("line\r");
    tap_ok(read(0, line, sizeof line) == 5 && calls >= 1,
           "which goes on with SA_RESTART");
    signal(SIGALRM, SIG_IGN);
    tap_is(poll_input(10), 0, "one that is ignored does not");
    stop_alarm();
}

static void check_masked(void)
{
    sigset_t set, none, after;
    struct pollfd file = {.fd = 0, .events = POLLIN};
    struct timespec soon = {.tv_nsec = 10 * MS};
    sigemptyset(&none);
    sigemptyset(&set);
    sigaddset(&set, SIGALRM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    alarm_in(1000, 0, 0);
    usleep(5000);
    tap_is(calls, 0, "a blocked signal waits");
    errno = 0;
    tap_ok(ppoll(&file, 1, NULL, &none) == -1 && errno == EINTR && calls == 1,
           "ppoll lets it in");
    sigprocmask(SIG_SETMASK, NULL, &after);
    tap_ok(sigismember(&after, SIGALRM), "for so long");
    raise(SIGALRM);
    errno = 0;
    tap_ok(ppoll(&file, 1, &(struct timespec){0}, &none) == -1 && errno == EINTR
               && calls == 2,
           "also for no time at all");
    tap_is(ppoll(&file, 1, &soon, &none), 0, "its time-out");
    sigprocmask(SIG_SETMASK, NULL, &after);
    tap_ok(sigismember(&after, SIGALRM), "leaves the mask as it was");

    soon.tv_nsec = 1000 * MS;
    errno = 0;
    tap_ok(ppoll(&file, 1, &soon, &none) == -1 && errno == EINVAL, "what is no time");

    fd_set in;
    FD_ZERO(&in);
    FD_SET(0, &in);
    alarm_in(5000, 0, 0);
    errno = 0;
    tap_ok(pselect(1, &in, NULL, NULL, NULL, &none) == -1 && errno == EINTR && calls == 1,
           "so does pselect");
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}

/* No key is lost, whenever a signal comes. */
static void check_race(void)
{
    char line[16];
    int wrong = 0;
    for (int i = 0; i < 300; i++) {
        alarm_in(1 + i * 7, 0, i % 2 ? SA_RESTART : 0);
        type("key\r");
        ssize_t size;
        while ((size = read(0, line, sizeof line)) == -1 && errno == EINTR)
            ;
        wrong += size != 4 || memcmp(line, "key\n", 4) != 0;
    }
    stop_alarm();
    tap_is(wrong, 0, "300 lines under signals");
}

/* --- The terminal's control characters --- */

static void check_keys(void)
{
    char line[16];
    struct termios settings, raw;
    struct sigaction action = {.sa_handler = note};
    calls = 0;
    sigaction(SIGINT, &action, NULL);
    type("lost\003");
    errno = 0;
    tap_ok(read(0, line, sizeof line) == -1 && errno == EINTR && calls == 1,
           "^C runs a handler and ends the read");
    tcgetattr(0, &settings);
    raw = settings;
    raw.c_lflag &= ~(tcflag_t)ICANON;
    raw.c_cc[VMIN] = 0;
    raw.c_cc[VTIME] = 1;
    tcsetattr(0, TCSANOW, &raw);
    long long start = now();
    tap_ok(read(0, line, sizeof line) == 0 && now() - start >= 100 * MS,
           "VMIN 0 and VTIME: a read that gives up");
    type("q");
    tap_ok(poll_input(-1) == POLLIN && read(0, line, 1) == 1 && line[0] == 'q',
           "without lines a key is enough");
    tcsetattr(0, TCSANOW, &settings);
}

static void *read_for_ever(void *unused)
{
    char line[16];
    for (;;)
        (void)!read(0, line, sizeof line);
    return unused;
}

static void check_cancelled(void)
{
    void *result = NULL;
    pthread_t thread;
    pthread_create(&thread, NULL, read_for_ever, NULL);
    usleep(5000);
    pthread_cancel(thread);
    pthread_join(thread, &result);
    tap_ok(result == PTHREAD_CANCELED, "a thread that reads is cancelled");
}

int main(void)
{
    start_console();
    be_silent();
    tap_plan(33);
    check_poll();
    check_select();
    check_interrupted();
    check_masked();
    check_race();
    check_keys();
    check_cancelled();
    return tap_done();
}
