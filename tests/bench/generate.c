/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench-generate EVENTS SEED LOG FACTS
 *
 * Writes an events.log of Podman's with made-up events, and what is known of them, as JSON.
 */
#include "bench.h"
#include "workload.h"

#define BUFFER_SIZE (1024 * 1024)

int main(int argc, char *argv[])
{
        char line[WORKLOAD_LINE_MAX];
        Workload *workload;
        FILE *log, *facts;
        size_t length;

        if (argc != 5)
                die("bench-generate EVENTS SEED LOG FACTS");
        workload = workload_new(number_of(argv[1]), number_of(argv[2]));
        log = fopen(argv[3], "we");
        need(log, argv[3]);
        setvbuf(log, NULL, _IOFBF, BUFFER_SIZE);
        while ((length = workload_next(workload, line)) > 0)
                need(fwrite(line, 1, length, log) == length, argv[3]);
        need(fclose(log) == 0, argv[3]);

        facts = fopen(argv[4], "we");
        need(facts, argv[4]);
        fprintf(facts, "{");
        workload_print_facts(workload, facts);
        fprintf(facts, "}\n");
        need(fclose(facts) == 0, argv[4]);
        workload_free(workload);
        return EXIT_SUCCESS;
}
