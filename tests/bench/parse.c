/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench-parse LOG
 *
 * Reads the lines of a log and parses each with json-c, as strictly as the service must, and does
 * nothing with them. Prints how long that took, as JSON.
 */
#include <json-c/json.h>

#include "bench.h"

#define BUFFER_SIZE (1024 * 1024)
#define DEPTH_MAX   16

int main(int argc, char *argv[])
{
        struct json_tokener *tokener = json_tokener_new_ex(DEPTH_MAX);
        uint64_t start = now_nsec(), n = 0, nsec;
        char *line = NULL;
        size_t size = 0;
        ssize_t length;
        FILE *log;

        if (argc != 2)
                die("bench-parse LOG");
        need(tokener, "memory");
        json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
        log = fopen(argv[1], "re");
        need(log, argv[1]);
        setvbuf(log, NULL, _IOFBF, BUFFER_SIZE);
        while ((length = getline(&line, &size, log)) > 0) {
                struct json_object *object;

                json_tokener_reset(tokener);
                object = json_tokener_parse_ex(tokener, line, (int)length - 1);
                if (!object)
                        die("a line is no JSON: %s", line);
                json_object_put(object);
                n++;
        }

        nsec = now_nsec() - start;
        printf("{\"lines\":%" PRIu64 ",\"nsec\":%" PRIu64 ",\"cpu_s\":%.6f}\n", n, nsec,
               (double)clock() / CLOCKS_PER_SEC);
        json_tokener_free(tokener);
        free(line);
        fclose(log);
        return EXIT_SUCCESS;
}
