/* SPDX-License-Identifier: Apache-2.0 */
#include "checkup.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "configuration.h"
#include "log/verify.h"

typedef struct Checkup {
        const CheckupOptions *options;
        bool terminal; /* progress is shown */
        bool failed;   /* something could not be printed */
        int percent;   /* that is shown; -1: nothing is */
} Checkup;

/* ---- progress, on a terminal ---- */

static void hide_progress(Checkup *checkup)
{
        if (checkup->percent < 0)
                return;
        fputs("\r\033[K", stderr);
        checkup->percent = -1;
}

static void show_progress(uint64_t done, uint64_t all, void *userdata)
{
        Checkup *checkup = userdata;
        int percent = all > 0 && done < all ? (int)((double)done * 100 / (double)all) : 100;

        if (!checkup->terminal || percent == checkup->percent)
                return;
        checkup->percent = percent;
        fprintf(stderr, "\rchecking: %d %%\033[K", percent);
}

/* ---- findings ---- */

/* A file that is none of ours may have any name. */
static void print_text(const char *text)
{
        for (const unsigned char *c = (const unsigned char *)text; *c; c++)
                if (*c < 0x20 || *c == 0x7f)
                        printf("\\x%02x", *c);
                else
                        putchar(*c);
}

static void print_plain(const Finding *finding)
{
        fputs(finding_level_word(finding->level), stdout);
        fputs(": ", stdout);
        print_text(strcmp(finding->file, ".") == 0 ? "the folder" : finding->file);
        if (finding->line > 0)
                printf(", line %" PRIu64 ", byte %" PRIu64, finding->line, finding->offset);
        if (finding->seq > 0)
                printf(", event %" PRIu64, finding->seq);
        fputs(": ", stdout);
        print_text(finding->text);
        putchar('\n');
}

static int print_json(struct json_object *object)
{
        const char *text = json_object_to_json_string_ext(
                object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);

        if (!text)
                return -1;
        puts(text);
        return 0;
}

static int add_number(struct json_object *object, const char *key, uint64_t number)
{
        return json_add(object, key, json_object_new_uint64(number));
}

static int print_finding_json(const Finding *finding)
{
        _cleanup_json_ struct json_object *object = json_object_new_object();

        if (!object ||
            json_add(object, "Level", json_object_new_string(finding_level_word(finding->level))) <
                    0 ||
            json_add(object, "Kind", json_object_new_string(finding_kind_word(finding->kind))) <
                    0 ||
            json_add(object, "File", json_object_new_string(finding->file)) < 0)
                return -1;
        if (finding->line > 0 && (add_number(object, "Line", finding->line) < 0 ||
                                  add_number(object, "Offset", finding->offset) < 0))
                return -1;
        if (finding->seq > 0 && add_number(object, "Seq", finding->seq) < 0)
                return -1;
        if (json_add(object, "Text", json_object_new_string(finding->text)) < 0)
                return -1;
        return print_json(object);
}

static void print_finding(const Finding *finding, void *userdata)
{
        Checkup *checkup = userdata;

        hide_progress(checkup);
        if (!checkup->options->json)
                print_plain(finding);
        else if (print_finding_json(finding) < 0)
                checkup->failed = true;
}

/* ---- the summary ---- */

static int print_summary_json(const VerifyResult *result)
{
        _cleanup_json_ struct json_object *object = json_object_new_object();

        if (!object || add_number(object, "Files", result->n_files) < 0 ||
            add_number(object, "Lines", result->n_lines) < 0 ||
            add_number(object, "Events", result->n_events) < 0 ||
            add_number(object, "Bytes", result->n_bytes) < 0 ||
            add_number(object, "Problems", result->n_problems) < 0 ||
            add_number(object, "Notes", result->n_notes) < 0 ||
            add_number(object, "Repairs", result->n_repairs) < 0 ||
            add_number(object, "Unexplained", result->n_unexplained) < 0)
                return -1;
        return print_json(object);
}

static void print_summary(Checkup *checkup, const VerifyResult *result)
{
        if (checkup->options->json) {
                if (print_summary_json(result) < 0)
                        checkup->failed = true;
                return;
        }
        printf("%" PRIu64 " files, %" PRIu64 " lines, %" PRIu64 " events: %" PRIu64 " problems",
               result->n_files, result->n_lines, result->n_events, result->n_problems);
        if (checkup->options->repair)
                printf(", %" PRIu64 " repairs", result->n_repairs);
        putchar('\n');
}

/* ---- all of it ---- */

/* The caller owns the string; NULL after a message. */
static char *find_directory(const CheckupOptions *options)
{
        Configuration configuration;
        char *directory;
        int r;

        if (options->directory)
                return strdup(options->directory);
        r = configuration_load(options->config_file, options->user, &configuration);
        if (r < 0) {
                fprintf(stderr, "The configuration cannot be read: %s.\n", strerror(-r));
                return NULL;
        }
        directory = TAKE_PTR(configuration.directory);
        configuration_done(&configuration);
        return directory;
}

CheckupStatus checkup_run(const CheckupOptions *options)
{
        Checkup checkup = {
                .options = options,
                .terminal = isatty(STDERR_FILENO) > 0,
                .percent = -1,
        };
        _cleanup_free_ char *directory = NULL;
        char failure[VERIFY_FAILURE_SIZE];
        VerifyOptions verify = {
                .repair = options->repair,
                .report = print_finding,
                .progress = show_progress,
                .userdata = &checkup,
        };
        VerifyResult result;
        int r;

        directory = find_directory(options);
        if (!directory)
                return CHECKUP_FAILED;
        verify.directory = directory;
        r = verify_run(&verify, &result, failure);
        hide_progress(&checkup);
        if (r < 0) {
                fflush(stdout);
                fprintf(stderr, "%s\n", failure);
                return CHECKUP_FAILED;
        }

        print_summary(&checkup, &result);
        if (checkup.failed || fflush(stdout) != 0 || ferror(stdout)) {
                fprintf(stderr, "What was found cannot be printed.\n");
                return CHECKUP_FAILED;
        }
        return result.n_problems > 0 ? CHECKUP_PROBLEMS : CHECKUP_GOOD;
}
