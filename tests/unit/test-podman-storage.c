/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "scratch.h"
#include "sources/podman-storage.h"
#include "tap.h"

static const char *const variables[] = { "CONTAINERS_STORAGE_CONF", "XDG_CONFIG_HOME",
                                         "XDG_DATA_HOME", "HOME", "USER" };

static void forget_environment(void)
{
        for (size_t i = 0; i < ELEMENTSOF(variables); i++)
                must(unsetenv(variables[i]) == 0);
}

/* What is found; "<none>" for an error. The caller owns it. */
static char *found(bool user)
{
        char *path = NULL;
        int r = podman_graph_root(user, &path);

        if (r >= 0)
                return path;
        must(asprintf(&path, "<%s>", strerror(-r)) > 0);
        return path;
}

static void test_what_one_file_says(void)
{
        static const struct {
                const char *label, *text, *want;
        } rows[] = {
                { "nothing", "", "/var/lib/containers/storage" },
                { "the path", "[storage]\ngraphroot = \"/x\"\n", "/x" },
                { "among what else stands there",
                  "[storage]\ndriver = \"overlay\"\nrunroot = \"/r\"\ngraphroot = \"/x\"\n"
                  "[storage.options]\nadditionalimagestores = [\n\"/a\",\n]\n",
                  "/x" },
                { "in another section", "[storage.options]\ngraphroot = \"/x\"\n",
                  "/var/lib/containers/storage" },
                { "commented out", "[storage]\n# graphroot = \"/x\"\n",
                  "/var/lib/containers/storage" },
                { "empty", "[storage]\ngraphroot = \"\"\n", "/var/lib/containers/storage" },
                { "no string", "[storage]\ngraphroot = /x\n", "/var/lib/containers/storage" },
                { "that of users is not root's", "[storage]\nrootless_storage_path = \"/u\"\n",
                  "/var/lib/containers/storage" },
                { "root's variables", "[storage]\ngraphroot = \"$HOME/${USER}/$UID/x\"\n",
                  "/root/root/0/x" },
                { "none of ours", "[storage]\ngraphroot = \"/a$XDG_DATA_HOME/b\"\n", "/a/b" },
        };
        _scratch_ Scratch scratch = scratch_enter();

        forget_environment();
        must(setenv("CONTAINERS_STORAGE_CONF", "storage.conf", 1) == 0 &&
             setenv("XDG_DATA_HOME", "/data", 1) == 0 && setenv("HOME", "/home/x", 1) == 0);
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_free_ char *path = NULL;

                file_write("storage.conf", rows[i].text);
                path = found(false);
                tap_eq_str(path, rows[i].want, "%s", rows[i].label);
        }
        must(unlink("storage.conf") == 0);
        _cleanup_free_ char *missing = found(false);
        tap_eq_str(missing, "/var/lib/containers/storage", "one that is not there");
}

/* A function without root's rights, if we have them. */
static void as_user(void (*function)(void))
{
        if (geteuid() != 0) {
                function();
                return;
        }
        must(chmod(".", 0755) == 0 && seteuid(65534) == 0);
        function();
        must(seteuid(0) == 0);
}

static void make_file(const char *path, const char *content)
{
        file_write(path, content);
        must(chmod(path, 0644) == 0);
}

static void check_users(void)
{
        static const struct {
                const char *label, *all, *config_home, *data_home, *home, *want;
        } rows[] = {
                { "his own file", NULL, "graph", "/data", "/home/x", "/own" },
                { "which may say it as the system's does", NULL, "path", "/data", "/home/x",
                  "/path" },
                { "one that says nothing", NULL, "empty", "/data", "/home/x",
                  "/data/containers/storage" },
                { "none", NULL, "missing", "/data", "/home/x", "/data/containers/storage" },
                { "no XDG_DATA_HOME", NULL, "missing", NULL, "/home/x",
                  "/home/x/.local/share/containers/storage" },
                { "an empty one", NULL, "missing", "", "/home/x",
                  "/home/x/.local/share/containers/storage" },
                { "no home", NULL, "missing", NULL, NULL, "<No such device or address>" },
                { "HOME alone", NULL, NULL, NULL, "home", "/in-home" },
                { "one file for all", "all", "graph", "/data", "/home/x", "/all" },
                { "which says it of users", "users", "graph", "/data", "/home/x",
                  "/u/nobody//home/x" },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_free_ char *path = NULL;

                forget_environment();
                must(setenv("USER", "nobody", 1) == 0);
                must(!rows[i].all || setenv("CONTAINERS_STORAGE_CONF", rows[i].all, 1) == 0);
                must(!rows[i].config_home ||
                     setenv("XDG_CONFIG_HOME", rows[i].config_home, 1) == 0);
                must(!rows[i].data_home || setenv("XDG_DATA_HOME", rows[i].data_home, 1) == 0);
                must(!rows[i].home || setenv("HOME", rows[i].home, 1) == 0);
                path = found(true);
                tap_eq_str(path, rows[i].want, "%s", rows[i].label);
        }
}

static void check_uid(void)
{
        _cleanup_free_ char *path = NULL, *want = NULL;

        forget_environment();
        must(setenv("CONTAINERS_STORAGE_CONF", "uid", 1) == 0);
        must(asprintf(&want, "/u/%u", geteuid()) > 0);
        path = found(true);
        tap_eq_str(path, geteuid() == 0 ? "/var/lib/containers/storage" : want, "his number");
}

static void test_users(void)
{
        static const char *const folders[] = { "graph",
                                               "graph/containers",
                                               "path",
                                               "path/containers",
                                               "empty",
                                               "empty/containers",
                                               "home",
                                               "home/.config",
                                               "home/.config/containers" };
        _scratch_ Scratch scratch = scratch_enter();

        for (size_t i = 0; i < ELEMENTSOF(folders); i++)
                must(mkdir(folders[i], 0755) == 0 && chmod(folders[i], 0755) == 0);
        make_file("graph/containers/storage.conf",
                  "[storage]\nrootless_storage_path = \"/path\"\ngraphroot = \"/own\"\n");
        make_file("path/containers/storage.conf", "[storage]\nrootless_storage_path = \"/path\"\n");
        make_file("empty/containers/storage.conf", "[storage]\ndriver = \"vfs\"\n");
        make_file("home/.config/containers/storage.conf", "[storage]\ngraphroot = \"/in-home\"\n");
        make_file("all", "[storage]\ngraphroot = \"/all\"\n");
        make_file("users", "[storage]\nrootless_storage_path = \"/u/$USER/${HOME}\"\n");
        make_file("uid", "[storage]\nrootless_storage_path = \"/u/$UID\"\n");
        as_user(check_users);
        as_user(check_uid);
}

int main(void)
{
        test_what_one_file_says();
        test_users();
        return tap_done();
}
