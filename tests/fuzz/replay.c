/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where there is no libFuzzer: gives every file of the folders that it is called with to the fuzz
 * target, and reports in TAP. What is wrong ends the program, which then has no plan.
 */
#include <dirent.h>
#include <stdlib.h>

#include "fuzz.h"
#include "tap.h"

static void replay(const char *folder, const char *name)
{
        char path[4096];
        uint8_t *data;
        size_t size;
        FILE *file;

        snprintf(path, sizeof(path), "%s/%s", folder, name);
        file = fopen(path, "re");
        fuzz_assert(file && fseek(file, 0, SEEK_END) == 0);
        size = (size_t)ftell(file);
        rewind(file);
        /* Not one byte more, so that reading behind the end is seen. */
        data = malloc(size > 0 ? size : 1);
        fuzz_assert(data && fread(data, 1, size, file) == size);
        fclose(file);

        LLVMFuzzerTestOneInput(data, size);
        tap_ok(true, "%s", name);
        free(data);
}

static int is_seed(const struct dirent *entry)
{
        return entry->d_name[0] != '.';
}

int main(int argc, char *argv[])
{
        for (int i = 1; i < argc; i++) {
                struct dirent **entries;
                int n = scandir(argv[i], &entries, is_seed, alphasort);

                tap_ok(n > 0, "there are seeds in %s", argv[i]);
                for (int k = 0; k < n; k++) {
                        replay(argv[i], entries[k]->d_name);
                        free(entries[k]);
                }
                if (n >= 0)
                        free(entries);
        }
        return tap_done();
}
