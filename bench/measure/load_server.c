/*
 * A chat-completions server whose truth is known: one thread, epoll, a heap of due times.
 *
 *   load_server --tokens 100 --interval-us 20000 --first-us 200000 --for-s 60 --log FILE [--core C] [--realtime]
 *
 * Prints "port P" when it listens on 127.0.0.1, a port of the system's choice. Each POST to .../chat/completions streams
 * TOKENS events; the first is due FIRST after the kernel received the request's last byte, the others INTERVAL apart. The
 * content of token K of stream S is "S.K@SENT " (K = 0: "S.0@SENT~RECEIVED "), with CLOCK_MONOTONIC nanoseconds: SENT is
 * read just before the write. The finish reason comes with the last token, usage and [DONE] in the same write. Any GET
 * answers 200; a POST elsewhere (as to an OTLP collector) answers 200 with an empty body. After FOR seconds, or at
 * SIGTERM, it writes to FILE one JSON object a line: how it went, the streams (with their path and the "nonce=" of their
 * prompt), and the GETs.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "kernel_stamp.h"

#define CONNECTIONS_MAX 16384
#define STREAMS_MAX 65536
#define GETS_MAX 1000000
#define REQUEST_BYTES_MAX (8 << 20)
#define READ_BYTES 16384
#define EVENTS_MAX 32
#define NONCE_CHARS_MAX 40
#define PATH_CHARS_MAX 48
#define EVENT_BYTES_MAX 1024
#define REALTIME_PRIORITY 40

struct stream {
    char path[PATH_CHARS_MAX + 1];
    char nonce[NONCE_CHARS_MAX + 1];
    int64_t received_ns;
    int sent;
    int64_t sent_ns[];
};

struct get {
    char path[PATH_CHARS_MAX + 1];
    int64_t received_ns;
};

struct connection {
    int fd;
    char *request;
    size_t length, room;
    long stream; /* index of the stream being sent, -1 when none is */
    int64_t due_ns;
    size_t place; /* in the heap */
};

static struct {
    int tokens;
    int64_t interval_ns, first_ns, for_ns;
    const char *log;
    int core;
    bool realtime;
} options = {.tokens = 100, .interval_ns = 20000000, .first_ns = 200000000, .for_ns = 60000000000, .core = -1};

static struct stream *streams[STREAMS_MAX];
static long streams_count;
static struct get *gets;
static long gets_count;
static long cut_count; /* streams that a reader did not take fast enough or left */
static struct connection *heap[CONNECTIONS_MAX];
static size_t heap_size;
static int open_count;
static int poller;
static int64_t offset_ns;
static volatile sig_atomic_t stopping;

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

/* ---- the heap of connections by due time ---- */

static void put(size_t place, struct connection *one)
{
    heap[place] = one;
    one->place = place;
}

static void sift_up(size_t place)
{
    struct connection *one = heap[place];
    while (place > 0 && heap[(place - 1) / 2]->due_ns > one->due_ns) {
        put(place, heap[(place - 1) / 2]);
        place = (place - 1) / 2;
    }
    put(place, one);
}

static void sift_down(size_t place)
{
    struct connection *one = heap[place];
    for (;;) {
        size_t child = 2 * place + 1;
        if (child >= heap_size)
            break;
        if (child + 1 < heap_size && heap[child + 1]->due_ns < heap[child]->due_ns)
            child++;
        if (heap[child]->due_ns >= one->due_ns)
            break;
        put(place, heap[child]);
        place = child;
    }
    put(place, one);
}

static void schedule(struct connection *one, int64_t due_ns)
{
    one->due_ns = due_ns;
    put(heap_size, one);
    sift_up(heap_size++);
}

static void unschedule(struct connection *one)
{
    size_t place = one->place;
    struct connection *last = heap[--heap_size];
    if (last == one)
        return;
    put(place, last);
    sift_up(place);
    sift_down(last->place);
}

/* ---- connections ---- */

static void leave(struct connection *one)
{
    if (one->stream >= 0) {
        unschedule(one);
        cut_count++;
    }
    close(one->fd);
    free(one->request);
    free(one);
    open_count--;
}

static bool write_all(struct connection *one, const char *bytes, size_t size)
{
    return send(one->fd, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)size;
}

static void accept_all(int listener)
{
    for (int i = 0; i < EVENTS_MAX; i++) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            return;
        if (open_count >= CONNECTIONS_MAX) {
            close(fd);
            continue;
        }
        int on = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        ask_for_stamps(fd);
        struct connection *one = calloc(1, sizeof *one);
        if (one == NULL)
            fail("calloc");
        *one = (struct connection){.fd = fd, .stream = -1};
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = one};
        if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) != 0)
            fail("epoll_ctl");
        open_count++;
    }
}

/* ---- what is answered ---- */

static void copy_word(char *into, const char *from, size_t length, size_t most)
{
    length = length < most ? length : most;
    memcpy(into, from, length);
    into[length] = '\0';
}

static void copy_path(char *into, const char *from)
{
    copy_word(into, from, strcspn(from, " ?\r\n\"\\"), PATH_CHARS_MAX);
}

static bool begin_stream(struct connection *one, const char *path, const char *body, int64_t received_ns)
{
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
                               "Cache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n";
    static const char full[] = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n";
    if (streams_count >= STREAMS_MAX)
        return write_all(one, full, sizeof full - 1);
    struct stream *made = calloc(1, sizeof *made + options.tokens * sizeof made->sent_ns[0]);
    if (made == NULL)
        fail("calloc");
    copy_path(made->path, path);
    const char *nonce = strstr(body, "nonce=");
    if (nonce != NULL) {
        nonce += strlen("nonce=");
        copy_word(made->nonce, nonce, strspn(nonce, "0123456789abcdefABCDEF"), NONCE_CHARS_MAX);
    }
    made->received_ns = received_ns;
    one->stream = streams_count;
    streams[streams_count++] = made;
    schedule(one, received_ns + options.first_ns);
    return write_all(one, head, sizeof head - 1);
}

static bool answer_plainly(struct connection *one, const char *type, const char *body)
{
    char answer[EVENT_BYTES_MAX];
    int size = snprintf(answer, sizeof answer, "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n%s", type,
                        strlen(body), body);
    return write_all(one, answer, (size_t)size);
}

static bool answer_get(struct connection *one, const char *path, int64_t received_ns)
{
    if (gets_count < GETS_MAX) {
        struct get *seen = &gets[gets_count++];
        seen->received_ns = received_ns;
        copy_path(seen->path, path);
    }
    if (strncmp(path, "/v1/models", 10) == 0)
        return answer_plainly(one, "application/json",
                              "{\"object\":\"list\",\"data\":[{\"id\":\"tiny\",\"object\":\"model\",\"owned_by\":\"bench\"}]}");
    return answer_plainly(one, "text/plain", "fine\n");
}

/* The chunk of one token, framed; with the end of the answer behind it when it is the last. */
static int token_chunks(char *into, long number, int token, int64_t now_ns)
{
    const struct stream *stream = streams[number];
    bool last = token + 1 == options.tokens;
    char received[32] = "", event[EVENT_BYTES_MAX / 2];
    if (token == 0)
        snprintf(received, sizeof received, "~%lld", (long long)stream->received_ns);
    int size = snprintf(event, sizeof event,
                        "data: {\"id\":\"chatcmpl-%ld\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"tiny\","
                        "\"choices\":[{\"index\":0,\"delta\":{\"content\":\"%ld.%d@%lld%s \"},\"finish_reason\":%s}]}\n\n",
                        number, number, token, (long long)now_ns, received, last ? "\"stop\"" : "null");
    int total = snprintf(into, EVENT_BYTES_MAX, "%x\r\n%s\r\n", (unsigned)size, event);
    if (!last)
        return total;
    size = snprintf(event, sizeof event,
                    "data: {\"id\":\"chatcmpl-%ld\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"tiny\","
                    "\"choices\":[],\"usage\":{\"prompt_tokens\":20,\"completion_tokens\":%d,\"total_tokens\":%d}}\n\n"
                    "data: [DONE]\n\n",
                    number, options.tokens, options.tokens + 20);
    return total + snprintf(into + total, EVENT_BYTES_MAX - total, "%x\r\n%s\r\n0\r\n\r\n", (unsigned)size, event);
}

static bool answer_next(struct connection *one, int64_t received_ns);

static void send_token(struct connection *one)
{
    char chunks[EVENT_BYTES_MAX];
    struct stream *stream = streams[one->stream];
    int64_t due_ns = one->due_ns, now_ns = clock_ns(CLOCK_MONOTONIC);
    int size = token_chunks(chunks, one->stream, stream->sent, now_ns);
    stream->sent_ns[stream->sent++] = now_ns;
    if (!write_all(one, chunks, (size_t)size)) {
        leave(one);
        return;
    }
    unschedule(one);
    if (stream->sent < options.tokens) {
        schedule(one, due_ns + options.interval_ns);
        return;
    }
    one->stream = -1;
    if (!answer_next(one, clock_ns(CLOCK_MONOTONIC)))
        leave(one);
}

/* Answer the request at the start of the buffer when it is there whole; false when the connection is to be closed. */
static bool answer_next(struct connection *one, int64_t received_ns)
{
    if (one->stream >= 0 || one->length == 0)
        return true;
    char *end = strstr(one->request, "\r\n\r\n");
    if (end == NULL)
        return one->length < READ_BYTES;
    *end = '\0';
    const char *length = strcasestr(one->request, "\r\ncontent-length:");
    *end = '\r';
    size_t head = (size_t)(end - one->request) + 4;
    size_t body = length != NULL ? strtoul(length + strlen("\r\ncontent-length:"), NULL, 10) : 0;
    if (body > REQUEST_BYTES_MAX - head)
        return false;
    if (one->length < head + body)
        return true;
    bool good;
    if (strncmp(one->request, "GET ", strlen("GET ")) == 0)
        good = answer_get(one, one->request + strlen("GET "), received_ns);
    else if (strstr(one->request, "/chat/completions HTTP/1.1\r\n") != NULL)
        good = begin_stream(one, one->request + strlen("POST "), one->request + head, received_ns);
    else
        good = answer_plainly(one, "application/x-protobuf", "");
    one->length -= head + body;
    memmove(one->request, one->request + head + body, one->length + 1);
    return good;
}

static void read_request(struct connection *one)
{
    if (one->room - one->length < READ_BYTES + 1) {
        one->room = one->length + 2 * READ_BYTES + 1;
        one->request = realloc(one->request, one->room);
        if (one->request == NULL)
            fail("realloc");
    }
    int64_t wall_ns;
    ssize_t got = receive_stamped(one->fd, one->request + one->length, READ_BYTES, &wall_ns);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0 || one->length + (size_t)got > REQUEST_BYTES_MAX) {
        leave(one);
        return;
    }
    one->length += (size_t)got;
    one->request[one->length] = '\0';
    if (!answer_next(one, wall_ns != 0 ? wall_ns + offset_ns : clock_ns(CLOCK_MONOTONIC)))
        leave(one);
}

/* ---- the process ---- */

static void stop(int number)
{
    (void)number;
    stopping = 1;
}

static void read_options(int count, char **words)
{
    static const struct option known[] = {
        {"tokens", required_argument, NULL, 't'},   {"interval-us", required_argument, NULL, 'i'},
        {"first-us", required_argument, NULL, 'f'}, {"for-s", required_argument, NULL, 's'},
        {"log", required_argument, NULL, 'l'},      {"core", required_argument, NULL, 'c'},
        {"realtime", no_argument, NULL, 'r'},       {NULL, 0, NULL, 0}};
    for (int found; (found = getopt_long(count, words, "", known, NULL)) != -1;) {
        switch (found) {
        case 't': options.tokens = atoi(optarg); break;
        case 'i': options.interval_ns = atoll(optarg) * 1000; break;
        case 'f': options.first_ns = atoll(optarg) * 1000; break;
        case 's': options.for_ns = atoll(optarg) * INT64_C(1000000000); break;
        case 'l': options.log = optarg; break;
        case 'c': options.core = atoi(optarg); break;
        case 'r': options.realtime = true; break;
        default: exit(2);
        }
    }
    if (options.log == NULL || options.tokens < 1) {
        fputs("load_server: --log FILE is needed, and --tokens of 1 or more\n", stderr);
        exit(2);
    }
}

static int listening(void)
{
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_in here = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof here;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    ask_for_stamps(fd); /* from the first connection's first segment on */
    if (bind(fd, (struct sockaddr *)&here, size) != 0 || listen(fd, SOMAXCONN) != 0)
        fail("listen");
    getsockname(fd, (struct sockaddr *)&here, &size);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) != 0)
        fail("epoll_ctl");
    printf("port %d\n", ntohs(here.sin_port));
    fflush(stdout);
    return fd;
}

static void write_log(int64_t step_ns)
{
    FILE *file = fopen(options.log, "w");
    if (file == NULL)
        fail(options.log);
    fprintf(file, "{\"cut\": %ld, \"clock_step_ns\": %lld, \"realtime\": %s}\n", cut_count, (long long)step_ns,
            options.realtime ? "true" : "false");
    for (long i = 0; i < streams_count; i++) {
        const struct stream *one = streams[i];
        fprintf(file, "{\"stream\": %ld, \"path\": \"%s\", \"nonce\": \"%s\", \"received_ns\": %lld, \"sent_ns\": [", i,
                one->path, one->nonce, (long long)one->received_ns);
        for (int k = 0; k < one->sent; k++)
            fprintf(file, "%s%lld", k > 0 ? ", " : "", (long long)one->sent_ns[k]);
        fputs("]}\n", file);
    }
    for (long i = 0; i < gets_count; i++)
        fprintf(file, "{\"get\": \"%s\", \"received_ns\": %lld}\n", gets[i].path, (long long)gets[i].received_ns);
    if (fclose(file) != 0)
        fail(options.log);
}

static void serve(int listener, int64_t until_ns)
{
    struct epoll_event events[EVENTS_MAX];
    int64_t now_ns = clock_ns(CLOCK_MONOTONIC);
    while (!stopping && now_ns < until_ns) {
        int64_t wait_ns = (heap_size > 0 ? heap[0]->due_ns : until_ns) - now_ns;
        wait_ns = wait_ns < 0 ? 0 : wait_ns;
        struct timespec patience = {.tv_sec = wait_ns / 1000000000, .tv_nsec = wait_ns % 1000000000};
        int ready = epoll_pwait2(poller, events, EVENTS_MAX, &patience, NULL);
        for (int i = 0; i < ready; i++) {
            if (events[i].data.ptr == NULL)
                accept_all(listener);
            else
                read_request(events[i].data.ptr);
        }
        now_ns = clock_ns(CLOCK_MONOTONIC);
        for (int i = 0; i < EVENTS_MAX && heap_size > 0 && heap[0]->due_ns <= now_ns; i++)
            send_token(heap[0]);
    }
}

int main(int count, char **words)
{
    read_options(count, words);
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    struct sigaction action = {.sa_handler = stop};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    gets = calloc(GETS_MAX, sizeof *gets);
    poller = epoll_create1(EPOLL_CLOEXEC);
    if (gets == NULL || poller < 0)
        fail("load_server");
    cpu_set_t cores;
    CPU_ZERO(&cores);
    CPU_SET(options.core >= 0 ? options.core : 0, &cores);
    if (options.core >= 0 && sched_setaffinity(0, sizeof cores, &cores) != 0)
        fail("--core");
    struct sched_param priority = {.sched_priority = REALTIME_PRIORITY};
    if (options.realtime)
        options.realtime = sched_setscheduler(0, SCHED_FIFO, &priority) == 0;
    offset_ns = monotonic_minus_realtime_ns();
    int listener = listening();
    serve(listener, clock_ns(CLOCK_MONOTONIC) + options.for_ns);
    write_log(monotonic_minus_realtime_ns() - offset_ns);
    return 0;
}
