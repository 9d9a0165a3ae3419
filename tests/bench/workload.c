/* SPDX-License-Identifier: Apache-2.0 */
#include "workload.h"

#include "bench.h"
#include "labels.h"
#include "random.h"

/* 2026-08-01T00:00:00Z, and four events a second: ten million of them are a month. */
#define FIRST_TIME_NSEC (UINT64_C(1785542400) * NSEC_PER_SEC)
#define STEP_NSEC       (NSEC_PER_SEC / 4)

/* Images are told up to 100 ms late, and some process is late by seconds. */
#define LATE_PERMILLE      100
#define LATE_NSEC          (NSEC_PER_SEC * 150 / 1000)
#define VERY_LATE_PERMILLE 1
#define VERY_LATE_NSEC     (NSEC_PER_SEC * 30)

/* How many live at once: thousands, where there are enough events for thousands of lives. */
#define ALIVE_MAX        5000
#define EVENTS_PER_ALIVE 25
#define OTHERS_PERMILLE  70 /* images, pods, volumes, networks */
#define DOUBLED_PERMILLE 50 /* exec_died that Podman writes twice */
#define LONG_LIFE_MAX    400

#define PROBES_MAX       64
#define PROBE_EVENTS     12
#define SPREAD_N         8
#define RARE_EVENTS      10
#define RARE_LABEL       "\"com.example.incident\":\"4711\""
#define EXECS_MAX        4096
#define RANGES_MAX       64
#define RANGE_EVENTS_MAX 1000

typedef enum Kind {
        JOB,
        SERVICE,
        LONG_LIVED,
} Kind;

typedef struct Container {
        char id[65];
        char pod_id[65]; /* "" if it is in none */
        char name[48];
        const char *image;
        Labels labels;
        Kind kind;
        unsigned step, n_steps;
        unsigned n_events;
        char exec_id[65]; /* of the session that runs */
} Container;

typedef struct Known {
        char id[65];
        char name[48];
} Known;

typedef struct Exec {
        char id[65];
        int code;
} Exec;

struct Workload {
        uint64_t n_events, n_done, n_bytes;
        uint64_t random;
        uint64_t n_containers;
        Container *alive; /* owned */
        uint32_t n_alive;
        Container spread[SPREAD_N], rare;
        uint64_t *times; /* owned: of each event */

        Known probes[PROBES_MAX];
        unsigned n_probes;
        Exec execs[EXECS_MAX];
        uint64_t n_execs; /* that were seen */

        /* The last exec_died, to be written again. */
        Container *doubled;
        int doubled_code;
        char doubled_id[65];
};

static const char *const images[] = {
        "docker.io/library/postgres:15.4",
        "docker.io/library/nginx:1.25-alpine",
        "docker.io/library/redis:7.2",
        "registry.example.com/payments/api:2026.08.1",
        "registry.example.com/platform/worker@sha256:"
        "4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945",
        "quay.io/prometheus/node-exporter:v1.6.1",
        "localhost/job:latest",
};

/* ---- lines ---- */

typedef struct Line {
        char *text;
        size_t n;
} Line;

static void put(Line *line, const char *text)
{
        size_t length = strlen(text);

        if (line->n + length >= WORKLOAD_LINE_MAX)
                die("a line is too long");
        memcpy(line->text + line->n, text, length);
        line->n += length;
}

/* "key":"value", -- unless there is none. */
static void put_member(Line *line, const char *key, const char *value)
{
        if (!*value)
                return;
        put(line, "\"");
        put(line, key);
        put(line, "\":\"");
        put(line, value);
        put(line, "\",");
}

static void put_digits(char *text, uint64_t number, unsigned digits)
{
        while (digits-- > 0) {
                text[digits] = (char)('0' + number % 10);
                number /= 10;
        }
}

/* RFC 3339 with as many digits of the second as are needed, as Go has it. */
static void put_time(Line *line, uint64_t time_nsec)
{
        char text[] = "0000-00-00T00:00:00.000000000";
        uint64_t seconds = time_nsec / NSEC_PER_SEC, days = seconds / 86400;
        uint64_t day, month, year;
        size_t n;

        /* Days since 1970 to a date of the Gregorian calendar, by years that start in March. */
        days += 719468;
        uint64_t era = days / 146097, of_era = days % 146097;
        uint64_t years = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
        uint64_t of_year = of_era - (365 * years + years / 4 - years / 100);
        uint64_t shifted = (5 * of_year + 2) / 153;

        day = of_year - (153 * shifted + 2) / 5 + 1;
        month = shifted < 10 ? shifted + 3 : shifted - 9;
        year = years + era * 400 + (month <= 2);

        put_digits(text, year, 4);
        put_digits(text + 5, month, 2);
        put_digits(text + 8, day, 2);
        put_digits(text + 11, seconds / 3600 % 24, 2);
        put_digits(text + 14, seconds / 60 % 60, 2);
        put_digits(text + 17, seconds % 60, 2);
        put_digits(text + 20, time_nsec % NSEC_PER_SEC, 9);
        for (n = sizeof(text) - 1; text[n - 1] == '0'; n--)
                text[n - 1] = '\0';
        if (text[n - 1] == '.')
                text[n - 1] = '\0';

        put(line, "\"Time\":\"");
        put(line, text);
        put(line, "Z\",");
}

/* The time of the next event: later than most before it. */
static uint64_t next_time(Workload *workload)
{
        uint64_t time_nsec = FIRST_TIME_NSEC + VERY_LATE_NSEC + workload->n_done * STEP_NSEC +
                             random_next(&workload->random) % STEP_NSEC;

        if (random_permille(&workload->random, LATE_PERMILLE))
                time_nsec -= random_next(&workload->random) % LATE_NSEC;
        if (random_permille(&workload->random, VERY_LATE_PERMILLE))
                time_nsec -= random_next(&workload->random) % VERY_LATE_NSEC;
        workload->times[workload->n_done] = time_nsec;
        return time_nsec;
}

static void put_attributes(Line *line, const Labels *labels, const char *exec_id)
{
        put(line, "\"Attributes\":{");
        put(line, labels->head);
        if (*exec_id) {
                put(line, *labels->head ? ",\"execID\":\"" : "\"execID\":\"");
                put(line, exec_id);
                put(line, "\"");
        }
        if (*labels->tail && (*labels->head || *exec_id))
                put(line, ",");
        put(line, labels->tail);
        put(line, "}}\n");
}

/* "code" is negative where there is none. */
static void put_container(Workload *workload, Line *line, Container *container, const char *status,
                          int code, const char *exec_id)
{
        if (code >= 0) {
                char text[32];

                snprintf(text, sizeof(text), "\"ContainerExitCode\":%d,", code);
                put(line, text);
        }
        put_member(line, "ID", container->id);
        put_member(line, "Image", container->image);
        put_member(line, "Name", container->name);
        put_member(line, "Status", status);
        put_time(line, next_time(workload));
        put_member(line, "Type", "container");
        if (strcmp(status, "health_status") == 0)
                put_member(line, "health_status",
                           random_permille(&workload->random, 20) ? "unhealthy" : "healthy");
        put_member(line, "PodID", container->pod_id);
        put_attributes(line, &container->labels, exec_id);
        container->n_events++;
}

/* What is no container. */
static void put_other(Workload *workload, Line *line)
{
        static const struct {
                const char *type, *status, *network;
                bool image;
        } others[] = {
                { "image", "pull", "", true },
                { "image", "tag", "", true },
                { "image", "remove", "", true },
                { "pod", "create", "", false },
                { "pod", "start", "", false },
                { "pod", "stop", "", false },
                { "pod", "remove", "", false },
                { "volume", "create", "", false },
                { "volume", "remove", "", false },
                { "network", "connect", "podman", false },
                { "network", "disconnect", "podman", false },
        };
        uint32_t i = random_below(&workload->random, sizeof(others) / sizeof(others[0]));
        const Container *any = workload->alive + random_below(&workload->random, workload->n_alive);
        char id[65], name[32];

        random_id(&workload->random, id);
        snprintf(name, sizeof(name), "%s-%u", others[i].type,
                 random_below(&workload->random, 5000));
        if (strcmp(others[i].type, "volume") != 0)
                put_member(line, "ID", *others[i].network ? any->id : id);
        put_member(line, "Name", others[i].image ? any->image : name);
        put_member(line, "network", others[i].network);
        put_member(line, "Status", others[i].status);
        put_time(line, next_time(workload));
        put_member(line, "Type", others[i].type);
        put(line, "\"Attributes\":null}\n");
}

/* ---- lives ---- */

static void be_born(Workload *workload, Container *container)
{
        static const char *const words[] = { "job", "service", "resident" };
        uint64_t *random = &workload->random, number = workload->n_containers++;
        uint32_t percent = random_below(random, 100);

        *container = (Container){
                .kind = percent < 40   ? JOB
                        : percent < 90 ? SERVICE
                                       : LONG_LIVED,
                .image = images[random_below(random, sizeof(images) / sizeof(images[0]))],
        };
        container->n_steps = container->kind == JOB ? 6 : PROBE_EVENTS;
        if (container->kind == LONG_LIVED)
                container->n_steps = PROBE_EVENTS + random_below(random, LONG_LIFE_MAX);
        random_id(random, container->id);
        if (random_permille(random, 100))
                random_id(random, container->pod_id);
        snprintf(container->name, sizeof(container->name), "%s-%" PRIu64, words[container->kind],
                 number);
        labels_make(&container->labels, number, random);
}

/* Algorithm R: each exec session has the same chance to be among those that are kept. */
static void note_exec(Workload *workload, const char *id, int code)
{
        uint64_t place = workload->n_execs++;

        if (place >= EXECS_MAX)
                place = random_next(&workload->random) % workload->n_execs;
        if (place >= EXECS_MAX)
                return;
        memcpy(workload->execs[place].id, id, 65);
        workload->execs[place].code = code;
}

static int any_code(Workload *workload)
{
        return random_permille(&workload->random, 800)
                       ? 0
                       : (int)random_below(&workload->random, 255) + 1;
}

static void put_exec_died(Workload *workload, Line *line, Container *container)
{
        int code = any_code(workload);

        put_container(workload, line, container, "exec_died", code, container->exec_id);
        note_exec(workload, container->exec_id, code);
        if (random_permille(&workload->random, DOUBLED_PERMILLE)) {
                workload->doubled = container;
                workload->doubled_code = code;
                memcpy(workload->doubled_id, container->exec_id, 65);
        }
}

/* A service whose whole life was its 12 events, now and then over the whole history. */
static void note_probe(Workload *workload, const Container *container)
{
        unsigned n_wanted = (unsigned)(workload->n_done * (PROBES_MAX + 1) / workload->n_events);
        Known *probe = workload->probes + workload->n_probes;

        if (container->n_events != PROBE_EVENTS || workload->n_probes >= n_wanted ||
            workload->n_probes >= PROBES_MAX)
                return;
        memcpy(probe->id, container->id, sizeof(probe->id));
        memcpy(probe->name, container->name, sizeof(probe->name));
        workload->n_probes++;
}

/* A life: created, initialised, started, whatever comes in between, and its end. */
static void live_on(Workload *workload, Line *line, Container *container)
{
        static const char *const births[] = { "create", "init", "start", "attach" };
        unsigned left = container->n_steps - container->step, step = container->step++;

        if (step < (container->kind == JOB ? 4U : 3U)) {
                put_container(workload, line, container, births[step], -1, "");
        } else if (left > (container->kind == JOB ? 2U : 3U)) {
                if (*container->exec_id) {
                        put_exec_died(workload, line, container);
                        container->exec_id[0] = '\0';
                } else if (left > 4 && random_permille(&workload->random, 400)) {
                        put_container(workload, line, container, "exec", -1, "");
                        random_id(&workload->random, container->exec_id);
                } else {
                        put_container(workload, line, container, "health_status", -1, "");
                }
        } else if (left == (container->kind == JOB ? 2U : 3U)) {
                put_container(workload, line, container, "died", any_code(workload), "");
        } else if (left == 2) {
                put_container(workload, line, container, "cleanup", -1, "");
        } else {
                put_container(workload, line, container, "remove", -1, "");
                note_probe(workload, container);
                be_born(workload, container);
        }
}

/* The events whose place is fixed; true if it was the turn of one. */
static bool put_fixed(Workload *workload, Line *line)
{
        uint64_t n = workload->n_events, i = workload->n_done;

        for (unsigned j = 0; j < RARE_EVENTS; j++)
                if (i == n * (2 * j + 1) / (2 * RARE_EVENTS)) {
                        put_container(workload, line, &workload->rare, "health_status", -1, "");
                        return true;
                }
        for (unsigned s = 0; s < SPREAD_N; s++)
                for (unsigned j = 0; j < PROBE_EVENTS; j++)
                        if (i == n * j / PROBE_EVENTS + n * (s + 1) / (12 * PROBE_EVENTS)) {
                                put_container(workload, line, workload->spread + s,
                                              j == 0 ? "start" : "health_status", -1, "");
                                return true;
                        }
        return false;
}

size_t workload_next(Workload *workload, char text[static WORKLOAD_LINE_MAX])
{
        Line line = { .text = text };
        uint32_t any;

        if (workload->n_done >= workload->n_events)
                return 0;

        put(&line, "{");
        any = random_below(&workload->random, workload->n_alive);
        if (put_fixed(workload, &line)) {
                /* one of those */
        } else if (workload->doubled) {
                put_container(workload, &line, workload->doubled, "exec_died",
                              workload->doubled_code, workload->doubled_id);
                workload->doubled = NULL;
        } else if (random_permille(&workload->random, OTHERS_PERMILLE)) {
                put_other(workload, &line);
        } else {
                live_on(workload, &line, workload->alive + any);
        }

        workload->n_done++;
        workload->n_bytes += line.n;
        return line.n;
}

Workload *workload_new(uint64_t n_events, uint64_t seed)
{
        Workload *workload;

        workload = calloc(1, sizeof(Workload));
        need(workload, "memory");
        workload->n_events = n_events;
        workload->random = seed;
        workload->times = reallocarray(NULL, n_events + 1, sizeof(uint64_t));
        workload->n_alive = (uint32_t)(n_events / EVENTS_PER_ALIVE > ALIVE_MAX
                                               ? ALIVE_MAX
                                               : n_events / EVENTS_PER_ALIVE + 1);
        workload->alive = calloc(workload->n_alive, sizeof(Container));
        need(workload->times && workload->alive, "memory");
        for (uint32_t i = 0; i < workload->n_alive; i++)
                be_born(workload, workload->alive + i);
        be_born(workload, &workload->rare);
        snprintf(workload->rare.labels.head, LABELS_SIZE, RARE_LABEL);
        for (unsigned i = 0; i < SPREAD_N; i++)
                be_born(workload, workload->spread + i);
        return workload;
}

Workload *workload_free(Workload *workload)
{
        if (!workload)
                return NULL;

        free(workload->alive);
        free(workload->times);
        free(workload);
        return NULL;
}

/* ---- facts ---- */

static int compare(const void *a, const void *b)
{
        const uint64_t *x = a, *y = b;

        return *x < *y ? -1 : *x > *y;
}

/*
 * Stretches of time in which so many events happened. What is very late is so by VERY_LATE_NSEC, so
 * the events of a stretch are near each other: only those are sorted.
 */
static void print_ranges(const Workload *workload, FILE *file)
{
        const uint64_t near = VERY_LATE_NSEC / STEP_NSEC + 2;
        uint64_t count = workload->n_events / 8, size;
        uint64_t *some;

        if (count > RANGE_EVENTS_MAX)
                count = RANGE_EVENTS_MAX;
        size = count + 4 * near;
        if (size > workload->n_events) {
                size = workload->n_events;
                if (count + 4 * near > size && count > size / 8)
                        count = size / 8;
        }
        some = reallocarray(NULL, size, sizeof(uint64_t));
        need(some, "memory");

        fprintf(file, "\"range_events\":%" PRIu64 ",\"ranges\":[", count);
        for (unsigned i = 0; i < RANGES_MAX; i++) {
                uint64_t first = (workload->n_events - size) * i / RANGES_MAX;
                uint64_t start = (size - count) / 2;

                memcpy(some, workload->times + first, size * sizeof(uint64_t));
                qsort(some, size, sizeof(uint64_t), compare);
                fprintf(file, "%s[%" PRIu64 ",%" PRIu64 "]", i > 0 ? "," : "", some[start],
                        some[start + count]);
        }
        fprintf(file, "]");
        free(some);
}

static void print_known(FILE *file, const char *key, const char *id, const char *name, bool first)
{
        if (first)
                fprintf(file, ",\"%s\":[", key);
        fprintf(file, "%s[\"%s\",\"%s\"]", first ? "" : ",", id, name);
}

void workload_print_facts(Workload *workload, FILE *file)
{
        uint64_t n_execs = workload->n_execs < EXECS_MAX ? workload->n_execs : EXECS_MAX;

        fprintf(file,
                "\"events\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"containers\":%" PRIu64
                ",\"alive\":%u,\"execs_in_all\":%" PRIu64 ",",
                workload->n_done, workload->n_bytes, workload->n_containers, workload->n_alive,
                workload->n_execs);
        print_ranges(workload, file);
        fprintf(file, ",\"container_events\":%d", PROBE_EVENTS);
        for (unsigned i = 0; i < workload->n_probes; i++)
                print_known(file, "probes", workload->probes[i].id, workload->probes[i].name,
                            i == 0);
        fprintf(file, "%s", workload->n_probes > 0 ? "]" : ",\"probes\":[]");
        for (unsigned i = 0; i < SPREAD_N; i++)
                print_known(file, "spread", workload->spread[i].id, workload->spread[i].name,
                            i == 0);
        fprintf(file,
                "],\"rare_label\":\"com.example.incident=4711\",\"rare_events\":%d,"
                "\"execs\":[",
                RARE_EVENTS);
        for (uint64_t i = 0; i < n_execs; i++)
                fprintf(file, "%s[\"%s\",%d]", i > 0 ? "," : "", workload->execs[i].id,
                        workload->execs[i].code);
        fprintf(file, "]");
}
