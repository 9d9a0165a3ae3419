/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sys/wait.h>

#include "environment-file.h"
#include "scratch.h"
#include "tap.h"

static const TriggerEvent died = {
        .type = "container",
        .status = "died",
        .id = "4f2d",
        .name = "web",
        .image = "localhost/web:1",
        .engine = "podman",
        .time_nsec = UINT64_C(1795348800000000005),
        .seq = 4711,
        .cursor = "0123:4711",
        .exit_code = 137,
        .has_exit_code = true,
};

static void test_file_names(void)
{
        static const struct {
                const char *unit, *file;
        } rows[] = {
                { "page.service", "page.env" },
                { "page@web.service", "page@web.env" },
                { "page@a.b.target", "page@a.b.env" },
                { "page@my\\x2dweb.service", "page@myx2dweb.env" },
                { "page@\\x2e\\x2e-\\x2e.service", "page@x2ex2e-x2e.env" },
        };
        static const char *const bad[] = { "",           "page",
                                           ".service",   "../page.service",
                                           "page@.conf", ".page@a.service" };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                _cleanup_free_ char *file = NULL;

                must(environment_file_name(rows[i].unit, &file) == 0);
                tap_eq_str(file, rows[i].file, "the file of \"%s\"", rows[i].unit);
        }
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                char *file = NULL;

                tap_eq_int(environment_file_name(bad[i], &file), -EINVAL, "no file of \"%s\"",
                           bad[i]);
        }
}

static void test_the_text(void)
{
        _cleanup_free_ char *text = NULL, *all = NULL;
        TriggerEvent e = died;

        must(environment_file_text(&e, "page", 1, &text) == 0);
        tap_eq_str(text,
                   "CONTAINER_EVENT_TRIGGER=\"page\"\n"
                   "CONTAINER_EVENT_TYPE=\"container\"\n"
                   "CONTAINER_EVENT_STATUS=\"died\"\n"
                   "CONTAINER_EVENT_ID=\"4f2d\"\n"
                   "CONTAINER_EVENT_NAME=\"web\"\n"
                   "CONTAINER_EVENT_IMAGE=\"localhost/web:1\"\n"
                   "CONTAINER_EVENT_ENGINE=\"podman\"\n"
                   "CONTAINER_EVENT_CURSOR=\"0123:4711\"\n"
                   "CONTAINER_EVENT_SEQ=4711\n"
                   "CONTAINER_EVENT_TIME=2026-11-22T12:00:00.000000005Z\n"
                   "CONTAINER_EVENT_TIME_NSEC=1795348800000000005\n"
                   "CONTAINER_EVENT_EXIT_CODE=137\n"
                   "CONTAINER_EVENT_COALESCED=1\n",
                   "what a container's end gives");

        e = (TriggerEvent){ .exec_id = "e",
                            .pod_id = "p",
                            .network = "n",
                            .error = "x",
                            .health_status = "healthy",
                            .reason = "r",
                            .time_nsec = UINT64_MAX,
                            .uid = 1000,
                            .has_uid = true,
                            .oom_killed = true,
                            .synthetic = true,
                            .backlog = true,
                            .truncated = true };
        must(environment_file_text(&e, "t", 3, &all) == 0);
        tap_eq_str(all,
                   "CONTAINER_EVENT_TRIGGER=\"t\"\n"
                   "CONTAINER_EVENT_TYPE=\"\"\n"
                   "CONTAINER_EVENT_STATUS=\"\"\n"
                   "CONTAINER_EVENT_ID=\"\"\n"
                   "CONTAINER_EVENT_NAME=\"\"\n"
                   "CONTAINER_EVENT_IMAGE=\"\"\n"
                   "CONTAINER_EVENT_ENGINE=\"\"\n"
                   "CONTAINER_EVENT_CURSOR=\"\"\n"
                   "CONTAINER_EVENT_EXEC_ID=\"e\"\n"
                   "CONTAINER_EVENT_POD_ID=\"p\"\n"
                   "CONTAINER_EVENT_NETWORK=\"n\"\n"
                   "CONTAINER_EVENT_ERROR=\"x\"\n"
                   "CONTAINER_EVENT_HEALTH_STATUS=\"healthy\"\n"
                   "CONTAINER_EVENT_REASON=\"r\"\n"
                   "CONTAINER_EVENT_SEQ=0\n"
                   "CONTAINER_EVENT_TIME=2554-07-21T23:34:33.709551615Z\n"
                   "CONTAINER_EVENT_TIME_NSEC=18446744073709551615\n"
                   "CONTAINER_EVENT_UID=1000\n"
                   "CONTAINER_EVENT_OOM_KILLED=1\n"
                   "CONTAINER_EVENT_SYNTHETIC=1\n"
                   "CONTAINER_EVENT_BACKLOG=1\n"
                   "CONTAINER_EVENT_COALESCED=3\n"
                   "CONTAINER_EVENT_TRUNCATED=1\n",
                   "all that there can be, and empty ones");
}

/* What a shell has in the variable when it has read the file; the caller owns it. It is written to
 * a file, for $(...) would cut newlines. */
static char *ask_shell(const char *shell, const char *text)
{
        static const char script[] = ". ./env && printf %s \"$CONTAINER_EVENT_NAME\" > answer";
        int status;
        pid_t pid;

        (void)unlink("answer");
        file_write("env", text);
        pid = fork();
        must(pid >= 0);
        if (pid == 0) {
                execlp(shell, shell, "-c", script, NULL);
                _exit(127);
        }
        must(waitpid(pid, &status, 0) == pid);
        return file_read("answer", NULL);
}

static void check_shell(const char *shell, const char *name, const char *want, const char *what)
{
        _cleanup_free_ char *text = NULL, *answer = NULL;
        TriggerEvent e = died;

        e.name = name;
        must(environment_file_text(&e, "t", 1, &text) == 0);
        answer = ask_shell(shell, text);
        tap_eq_str(answer, want, "%s reads %s", shell, what);
}

static void test_shells(const char *shell)
{
        static const char *const rows[] = {
                "",
                "a b",
                " a ",
                "a\nb",
                "\n",
                "a\\",
                "\\\\n\\",
                "a\"b",
                "'a'",
                "$(touch executed)",
                "`touch executed`",
                "$HOME ${HOME} $$",
                "\"; touch executed; \"",
                "\nCONTAINER_EVENT_NAME=other\n",
                "#x",
                "!!",
                "~/*?[a]",
                "../../etc/passwd",
                "\t\r\x01\x1b[2J\x7f",
                "\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\xb3 \xc2\x85",
        };
        char what[64];

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                snprintf(what, sizeof(what), "text %zu", i);
                check_shell(shell, rows[i], rows[i], what);
        }
        tap_ok(!file_exists("executed"), "%s executes nothing", shell);
}

static void test_random_texts(void)
{
        unsigned n_good = 0, n = 200;
        uint64_t state = 3;

        for (unsigned i = 0; i < n; i++) {
                _cleanup_free_ char *text = NULL, *answer = NULL;
                char name[301] = "";
                TriggerEvent e = died;
                unsigned length = random_below(&state, 300);

                for (unsigned k = 0; k < length; k++)
                        name[k] = random_below(&state, 3) == 0
                                          ? "\"\\`$'\n#;& ("[random_below(&state, 11)]
                                          : (char)(1 + random_below(&state, 127));
                e.name = name;
                must(environment_file_text(&e, "t", 1, &text) == 0);
                answer = ask_shell("sh", text);
                n_good += answer && strcmp(answer, name) == 0;
        }
        tap_eq_int(n_good, n, "a shell reads random texts");
}

#define R "\xef\xbf\xbd"

static void test_what_is_no_text(void)
{
        check_shell("sh", "a\xff\xfe z", "a" R R " z", "bytes that are not UTF-8");
        check_shell("sh", "\xc3", R, "half a character");
        check_shell("sh", "\xed\xa0\x80", R R R, "a surrogate");
        check_shell("sh", "\xef\xb7\x90\xef\xbf\xbe\xf0\x9f\xbf\xbf", R R R R R R R R R R,
                    "what Unicode has set aside");
}

static void test_long_texts(void)
{
        enum { LIMIT = 64 * 1024 };
        _cleanup_free_ char *name = malloc(LIMIT + 3), *text = NULL, *whole = NULL, *split = NULL;
        TriggerEvent e = died;

        must(name);
        memset(name, '$', LIMIT + 2);
        name[LIMIT] = '\0';
        check_shell("sh", name, name, "64 KiB");
        e.name = name;
        must(environment_file_text(&e, "t", 1, &whole) == 0);
        tap_ok(!strstr(whole, "_TRUNCATED"), "which are whole");
        name[LIMIT] = '$';
        name[LIMIT + 1] = '\0';
        must(environment_file_text(&e, "t", 1, &text) == 0);
        tap_ok(strstr(text, "CONTAINER_EVENT_TRUNCATED=1\n"), "of more the end is left out");
        strcpy(name + LIMIT - 1, "\xc3\xa9");
        must(environment_file_text(&e, "t", 1, &split) == 0);
        tap_ok(!strchr(split, '\xc3') && strstr(split, "CONTAINER_EVENT_TRUNCATED=1\n"),
               "and no half character stays");
}

int main(void)
{
        _scratch_ Scratch scratch = scratch_enter();

        test_file_names();
        test_the_text();
        test_shells("sh");
        test_shells("bash");
        test_random_texts();
        test_what_is_no_text();
        test_long_texts();
        return tap_done();
}
