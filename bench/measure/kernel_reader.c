/*
 * The least that a client can be: bare sockets, epoll, the kernel's receive time of every read. The limit of the bench.
 *
 *   kernel_reader --port P --streams N --requests R --for-s 60 --out FILE
 *
 * Keeps N streams open against load_server on 127.0.0.1 until R requests were sent. While streams are open it only stamps
 * and stores; FILE gets one JSON object a line for each stream that ended: its number, when its request was written, and
 * for each token the kernel's stamp and ours (both CLOCK_MONOTONIC ns) of the read that completed its event.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "kernel_stamp.h"

#define STREAMS_MAX 16384
#define READ_BYTES 4096 /* small, so that few reads hold two segments: a read has one stamp */
#define STREAM_BYTES_MAX (4 << 20)
#define READS_MAX 20000
#define EVENTS_MAX 64
#define REQUEST_BYTES_MAX 512

struct reading {
    size_t end; /* offset in the answer after this read */
    int64_t wall_ns, user_ns;
};

struct stream {
    int fd;
    bool written;
    int64_t written_ns;
    char *answer;
    size_t length, room;
    struct reading *reads;
    size_t reads_count, reads_room;
};

static struct {
    int port, streams, requests;
    int64_t for_ns;
    const char *out;
} options = {.port = 0, .streams = 1, .requests = 1, .for_ns = 60000000000};

static struct stream *done[STREAMS_MAX];
static int begun_count, done_count, open_count;
static int poller;

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static void begin(void)
{
    struct stream *one = calloc(1, sizeof *one);
    struct sockaddr_in there = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)options.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (one == NULL || (one->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) < 0)
        fail("socket");
    int on = 1;
    setsockopt(one->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ask_for_stamps(one->fd);
    if (connect(one->fd, (struct sockaddr *)&there, sizeof there) != 0 && errno != EINPROGRESS)
        fail("connect");
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.ptr = one};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, one->fd, &event) != 0)
        fail("epoll_ctl");
    begun_count++;
    open_count++;
}

static void write_request(struct stream *one)
{
    static const char body[] = "{\"model\":\"tiny\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"go on\"}]}";
    char request[REQUEST_BYTES_MAX];
    int size = snprintf(request, sizeof request,
                        "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
                        "Content-Length: %zu\r\n\r\n%s",
                        sizeof body - 1, body);
    one->written_ns = clock_ns(CLOCK_MONOTONIC);
    if (send(one->fd, request, (size_t)size, MSG_NOSIGNAL) != size)
        fail("send");
    one->written = true;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = one};
    if (epoll_ctl(poller, EPOLL_CTL_MOD, one->fd, &event) != 0)
        fail("epoll_ctl");
}

static void end(struct stream *one)
{
    close(one->fd);
    done[done_count++] = one;
    open_count--;
    if (begun_count < options.requests)
        begin();
}

static void make_room(struct stream *one)
{
    if (one->room - one->length < READ_BYTES + 1) {
        one->room = one->room == 0 ? 8 * READ_BYTES : 2 * one->room;
        one->answer = realloc(one->answer, one->room);
    }
    if (one->reads_count == one->reads_room) {
        one->reads_room = one->reads_room == 0 ? 128 : 2 * one->reads_room;
        one->reads = realloc(one->reads, one->reads_room * sizeof one->reads[0]);
    }
    if (one->answer == NULL || one->reads == NULL)
        fail("realloc");
}

static void read_some(struct stream *one)
{
    make_room(one);
    int64_t wall_ns;
    ssize_t got = receive_stamped(one->fd, one->answer + one->length, READ_BYTES, &wall_ns);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got > 0) {
        one->length += (size_t)got;
        one->answer[one->length] = '\0';
        one->reads[one->reads_count++] = (struct reading){one->length, wall_ns, clock_ns(CLOCK_MONOTONIC)};
    }
    bool whole = one->length >= 5 && memcmp(one->answer + one->length - 5, "0\r\n\r\n", 5) == 0;
    if (got <= 0 || whole || one->length > STREAM_BYTES_MAX || one->reads_count >= READS_MAX)
        end(one);
}

/* One line of JSON: the tokens in order, each with the stamps of the read in which its event was complete. */
static void print_stream(FILE *file, const struct stream *one, int64_t offset_ns)
{
    static const char mark[] = "\"delta\":{\"content\":\"";
    const char *at = one->answer == NULL ? NULL : strstr(one->answer, mark);
    if (at == NULL)
        return;
    size_t read = 0;
    fprintf(file, "{\"stream\": %ld, \"written_ns\": %lld, \"kernel_user_ns\": [", strtol(at + sizeof mark - 1, NULL, 10),
            (long long)one->written_ns);
    for (const char *comma = ""; at != NULL; at = strstr(at + 1, mark), comma = ", ") {
        const char *end_of_event = strstr(at, "\n\n");
        if (end_of_event == NULL)
            break;
        size_t offset = (size_t)(end_of_event + 2 - one->answer);
        while (read + 1 < one->reads_count && one->reads[read].end < offset)
            read++;
        const struct reading *seen = &one->reads[read];
        fprintf(file, "%s[%lld, %lld]", comma, (long long)(seen->wall_ns + offset_ns), (long long)seen->user_ns);
    }
    fputs("]}\n", file);
}

static void read_options(int count, char **words)
{
    static const struct option known[] = {{"port", required_argument, NULL, 'p'},
                                          {"streams", required_argument, NULL, 'n'},
                                          {"requests", required_argument, NULL, 'r'},
                                          {"for-s", required_argument, NULL, 's'},
                                          {"out", required_argument, NULL, 'o'},
                                          {NULL, 0, NULL, 0}};
    for (int found; (found = getopt_long(count, words, "", known, NULL)) != -1;) {
        switch (found) {
        case 'p': options.port = atoi(optarg); break;
        case 'n': options.streams = atoi(optarg); break;
        case 'r': options.requests = atoi(optarg); break;
        case 's': options.for_ns = atoll(optarg) * INT64_C(1000000000); break;
        case 'o': options.out = optarg; break;
        default: exit(2);
        }
    }
    if (options.out == NULL || options.port == 0 || options.streams > options.requests || options.requests > STREAMS_MAX) {
        fputs("kernel_reader: --port and --out are needed, and no more streams than requests (16384 at most)\n", stderr);
        exit(2);
    }
}

int main(int count, char **words)
{
    read_options(count, words);
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    poller = epoll_create1(EPOLL_CLOEXEC);
    int64_t offset_ns = monotonic_minus_realtime_ns(), until_ns = clock_ns(CLOCK_MONOTONIC) + options.for_ns;
    while (begun_count < options.streams)
        begin();
    struct epoll_event events[EVENTS_MAX];
    while (open_count > 0 && clock_ns(CLOCK_MONOTONIC) < until_ns) {
        int ready = epoll_wait(poller, events, EVENTS_MAX, 1000);
        for (int i = 0; i < ready; i++) {
            struct stream *one = events[i].data.ptr;
            if (!one->written && (events[i].events & EPOLLOUT) != 0)
                write_request(one);
            else
                read_some(one);
        }
    }
    int64_t step_ns = monotonic_minus_realtime_ns() - offset_ns;
    FILE *file = fopen(options.out, "w");
    if (file == NULL)
        fail(options.out);
    for (int i = 0; i < done_count; i++)
        print_stream(file, done[i], offset_ns + step_ns / 2);
    return fclose(file) == 0 ? 0 : 1;
}
