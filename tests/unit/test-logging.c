/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "base/logging.h"
#include "scratch.h"
#include "tap.h"

static void test_levels_have_names(void)
{
        static const char *const names[] = { "emerg",   "alert",  "crit", "err",
                                             "warning", "notice", "info", "debug" };

        for (int i = 0; i < (int)ELEMENTSOF(names); i++) {
                tap_eq_str(logging_level_to_string(i), names[i], "level %d", i);
                tap_eq_int(logging_level_from_string(names[i]), i, "and back");
        }
        tap_eq_int(logging_level_from_string("loud"), -EINVAL, "a level that is none");
        tap_eq_int(logging_level_from_string(""), -EINVAL, "no level");
        tap_eq_int(logging_level_from_string("3"), -EINVAL, "a number is no name");
}

static void test_targets_have_names(void)
{
        static const char *const names[] = { "console", "journal", "null" };
        LogTarget target = LOG_TARGET_CONSOLE;

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                tap_eq_int(logging_target_from_string(names[i], &target), 0, "%s", names[i]);
                tap_eq_str(logging_target_to_string(target), names[i], "and back");
        }
        tap_eq_int(logging_target_from_string("printer", &target), -EINVAL,
                   "a target that is none");
        tap_eq_int(target, LOG_TARGET_NULL, "nothing was touched");
}

static void test_below_systemd_the_journal_is_the_target(void)
{
        char stream[64];
        struct stat st;

        must(fstat(STDERR_FILENO, &st) == 0);
        snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
        must(setenv("JOURNAL_STREAM", stream, 1) == 0);
        logging_open();
        tap_eq_int(logging_get_target(), LOG_TARGET_JOURNAL, "with our JOURNAL_STREAM");
        must(setenv("JOURNAL_STREAM", "8:1", 1) == 0);
        logging_open();
        tap_eq_int(logging_get_target(), LOG_TARGET_CONSOLE, "with that of another");
        must(unsetenv("JOURNAL_STREAM") == 0);
        logging_open();
        tap_eq_int(logging_get_target(), LOG_TARGET_CONSOLE, "without");
}

/* What went to standard error while the function ran; the caller owns it. */
static char *capture(void (*function)(const char *argument), const char *argument)
{
        _cleanup_close_ int saved = dup(STDERR_FILENO), fd = -1;

        fd = open("stderr", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        must(saved >= 0 && fd >= 0 && dup2(fd, STDERR_FILENO) >= 0);
        function(argument);
        fflush(stderr);
        must(dup2(saved, STDERR_FILENO) >= 0);
        return file_read("stderr", NULL);
}

static void say_at_each_level(const char *argument)
{
        log_error("error %s", argument);
        log_warning("warning %s", argument);
        log_notice("notice %s", argument);
        log_info("info %s", argument);
        log_debug("debug %s", argument);
}

static void test_what_is_less_urgent_is_not_said(void)
{
        static const struct {
                int level;
                LogTarget target;
                const char *want;
        } rows[] = {
                { LOG_CRIT, LOG_TARGET_CONSOLE, "" },
                { LOG_ERR, LOG_TARGET_CONSOLE, "error x\n" },
                { LOG_INFO, LOG_TARGET_CONSOLE, "error x\nwarning x\nnotice x\ninfo x\n" },
                { LOG_DEBUG, LOG_TARGET_CONSOLE,
                  "error x\nwarning x\nnotice x\ninfo x\ndebug x\n" },
                { LOG_DEBUG, LOG_TARGET_NULL, "" },
        };
        _scratch_ Scratch scratch = scratch_enter();

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_free_ char *said = NULL;

                logging_set_level(rows[i].level);
                logging_set_target(rows[i].target);
                tap_eq_int(logging_get_level(), rows[i].level, "the level is kept");
                said = capture(say_at_each_level, "x");
                tap_eq_str(said, rows[i].want, "%s to %s", logging_level_to_string(rows[i].level),
                           logging_target_to_string(rows[i].target));
        }
        logging_set_level(LOG_INFO);
        logging_set_target(LOG_TARGET_CONSOLE);
}

static void say(const char *argument)
{
        log_error("%s", argument);
}

static void test_a_message_is_one_plain_line(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_free_ char *controls = capture(say, "a\nb\tc\x1b[31md\x7f"
                                                     "e\r"),
                            *longest = NULL;
        char text[4096];

        tap_eq_str(controls, "a b c [31md e \n", "no second line, no colours");
        memset(text, 'x', sizeof(text) - 1);
        text[sizeof(text) - 1] = '\0';
        longest = capture(say, text);
        tap_ok(strlen(longest) > 500 && strlen(longest) < sizeof(text) &&
                       strchr(longest, '\n') == longest + strlen(longest) - 1,
               "one that is too long is cut");
}

int main(void)
{
        test_levels_have_names();
        test_targets_have_names();
        test_below_systemd_the_journal_is_the_target();
        test_what_is_less_urgent_is_not_said();
        test_a_message_is_one_plain_line();
        return tap_done();
}
