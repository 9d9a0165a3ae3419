/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sys/wait.h>

#include "hash.h"
#include "scratch.h"
#include "tap.h"
#include "unit-name.h"

#define N_RANDOM 500

static void test_kinds(void)
{
        static const struct {
                const char *name;
                UnitNameKind kind;
        } rows[] = {
                { "dbus.service", UNIT_NAME_PLAIN },
                { "a-b:c_d.e\\x2d.service", UNIT_NAME_PLAIN },
                { "backup.target", UNIT_NAME_PLAIN },
                { "x.timer", UNIT_NAME_PLAIN },
                { "page@.service", UNIT_NAME_TEMPLATE },
                { "page@web.service", UNIT_NAME_INSTANCE },
                { "page@web@1.service", UNIT_NAME_INSTANCE },
                { "page@a.service.path", UNIT_NAME_INSTANCE },
                { "", UNIT_NAME_INVALID },
                { ".service", UNIT_NAME_INVALID },
                { "@web.service", UNIT_NAME_INVALID },
                { ".hidden.service", UNIT_NAME_INVALID },
                { "dbus", UNIT_NAME_INVALID },
                { "dbus.", UNIT_NAME_INVALID },
                { "dbus.conf", UNIT_NAME_INVALID },
                { "dbus.service@x", UNIT_NAME_INVALID },
                { "session.scope", UNIT_NAME_INVALID },
                { "dev-sda.device", UNIT_NAME_INVALID },
                { "a b.service", UNIT_NAME_INVALID },
                { "a/b.service", UNIT_NAME_INVALID },
                { "a%n.service", UNIT_NAME_INVALID },
                { "\xc3\xa9.service", UNIT_NAME_INVALID },
        };
        char longest[UNIT_NAME_MAX + 2];

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
                tap_eq_int(unit_name_kind(rows[i].name), rows[i].kind, "\"%s\"", rows[i].name);

        memset(longest, 'a', sizeof(longest));
        strcpy(longest + UNIT_NAME_MAX - strlen(".service"), ".service");
        tap_eq_int(unit_name_kind(longest), UNIT_NAME_PLAIN, "a name of 255 bytes");
        strcpy(longest + UNIT_NAME_MAX + 1 - strlen(".service"), ".service");
        tap_eq_int(unit_name_kind(longest), UNIT_NAME_INVALID, "a name of 256 bytes");
}

/* What systemd-escape prints for each of the texts, one after the other; the caller owns it. */
static char *systemd_escape(char **texts, size_t n)
{
        char **argv = calloc(n + 3, sizeof(char *));
        size_t length;
        char *answer;
        int status;
        pid_t pid;

        must(argv);
        argv[0] = (char *)"systemd-escape";
        argv[1] = (char *)"--";
        memcpy(argv + 2, texts, n * sizeof(char *));
        pid = fork();
        must(pid >= 0);
        if (pid == 0) {
                if (!freopen("escaped", "w", stdout))
                        _exit(126);
                execvp(argv[0], argv);
                _exit(127);
        }
        free(argv);
        must(waitpid(pid, &status, 0) == pid);
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
                return NULL;
        answer = file_read("escaped", &length);
        must(answer && length > 0);
        answer[length - 1] = '\0'; /* its "\n" */
        return answer;
}

static char *random_text(uint64_t *state)
{
        unsigned length = 1 + random_below(state, 60);
        char *text = malloc(length + 1);

        must(text);
        for (unsigned i = 0; i < length; i++)
                text[i] = (char)(1 + random_below(state, 255));
        if (random_below(state, 4) == 0)
                text[0] = "./-\\"[random_below(state, 4)];
        text[length] = '\0';
        return text;
}

static size_t count_characters(const char *escaped)
{
        size_t n = 0, length;

        for (; *escaped; escaped += length, n++) {
                length = unit_name_escaped_character(escaped);
                if (length == 0)
                        return 0;
        }
        return n;
}

static void test_escaping_is_systemds(void)
{
        char *texts[N_RANDOM], *save = NULL, *word;
        uint64_t state = 1;
        _cleanup_free_ char *answer = NULL;
        unsigned n = 0, n_whole = 0;

        for (size_t i = 0; i < N_RANDOM; i++)
                texts[i] = random_text(&state);
        answer = systemd_escape(texts, N_RANDOM);
        if (!answer)
                tap_skip("systemd-escape cannot be run");
        word = answer ? strtok_r(answer, " ", &save) : NULL;
        for (size_t i = 0; i < N_RANDOM; i++) {
                _cleanup_free_ char *own = NULL;

                must(unit_name_escape(texts[i], &own) == 0);
                if (answer && (!word || !tap_eq_str(own, word,
                                                    "text %zu is escaped as systemd "
                                                    "does",
                                                    i)))
                        break;
                n++;
                n_whole += count_characters(own) == strlen(texts[i]);
                word = word ? strtok_r(NULL, " ", &save) : NULL;
        }
        tap_eq_int(n, N_RANDOM, "all were compared");
        tap_eq_int(n_whole, N_RANDOM, "each byte has become one escaped character");
        for (size_t i = 0; i < N_RANDOM; i++)
                free(texts[i]);
}

static void test_escaped_characters(void)
{
        tap_eq_int((int)unit_name_escaped_character(""), 0, "none in an empty text");
        tap_eq_int((int)unit_name_escaped_character("-"), 1, "a \"-\", which was a \"/\"");
        tap_eq_int((int)unit_name_escaped_character("\\x2d"), 4, "an escaped one");
        tap_eq_int((int)unit_name_escaped_character("\\x2D"), 0, "not in capitals");
        tap_eq_int((int)unit_name_escaped_character("\\x2"), 0, "not half of one");
        tap_eq_int((int)unit_name_escaped_character("\\"), 0, "not a \"\\\" alone");
        tap_eq_int((int)unit_name_escaped_character("@"), 0, "no \"@\"");
}

static void test_hash(void)
{
        static const struct {
                char c;
                size_t length;
                const char *hash; /* by sha256sum */
        } rows[] = {
                { 'a', 0, "e3b0c44298fc1c149afbf4c8996fb924" },
                { 'a', 55, "9f4390f8d30c2dd92ec9f095b65e2b9a" },
                { 'a', 56, "b35439a4ac6f0948b6d6f9e3c6af0f5f" },
                { 'a', 64, "ffe054fe7ae0cb6dc65c3af9b61d5209" },
                { 'a', 1000, "41edece42d63e8d9bf515a9ba6932e1c" },
        };
        char text[1001], hash[TEXT_HASH_LENGTH + 1];

        text_hash("abc", hash);
        tap_eq_str(hash, "ba7816bf8f01cfea414140de5dae2223", "the hash of \"abc\"");
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                memset(text, rows[i].c, rows[i].length);
                text[rows[i].length] = '\0';
                text_hash(text, hash);
                tap_eq_str(hash, rows[i].hash, "the hash of %zu bytes", rows[i].length);
        }
}

int main(void)
{
        _scratch_ Scratch scratch = scratch_enter();

        test_kinds();
        test_escaping_is_systemds();
        test_escaped_characters();
        test_hash();
        return tap_done();
}
