/* SPDX-License-Identifier: Apache-2.0 */
#include "trigger-folder.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "layers.h"
#include "specifier.h"
#include "strv.h"
#include "text-format.h"
#include "trigger-file.h"

/* So that it can be part of a file's name, and of a message, as it is. */
#define NAME_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:_.-"

/* Makes it a broken one. The path is only told if the sentence does not have it. */
static int breaks(Trigger *t, const char *path, int r)
{
        const char *what = r == -ENOTSUP ? "it is no file"
                           : r == -EFBIG ? "it is larger than any trigger"
                                         : strerror(-r);

        if (r == -ENOMEM)
                return r;
        t->state = TRIGGER_BROKEN;
        if (text_format(&t->problem, "%s: %s", path, what) < 0)
                return -ENOMEM;
        return 0;
}

/* One file of the trigger. Returns 1; 0 if it is masked, or the trigger is broken now. */
static int read_file(Trigger *t, const char *path, const TriggerReport *report)
{
        _cleanup_free_ char *text = NULL;
        size_t length;
        int r;

        r = layered_file_read(path, &text, &length);
        if (r < 0)
                return breaks(t, path, r);
        if (r == 0)
                return 0;
        r = trigger_file_read(t, path, text, length, report, &t->problem);
        if (r != -EINVAL)
                return r < 0 ? r : 1;
        t->state = TRIGGER_BROKEN;
        return 0;
}

static int read_drop_ins(Trigger *t, const char *root, const TriggerReport *report)
{
        _cleanup_(layered_files_done) LayeredFiles files = {};
        _cleanup_free_ char *subfolder = NULL, *where = NULL;
        int r;

        if (text_format(&subfolder, "%s" TRIGGER_SUFFIX ".d", t->name) < 0)
                return -ENOMEM;
        r = layered_files_list(root, subfolder, ".conf", &files, &where);
        if (r < 0)
                return breaks(t, where ?: subfolder, r);
        for (size_t i = 0; i < files.n && t->state == TRIGGER_LOADED; i++) {
                r = read_file(t, files.files[i].path, report);
                if (r > 0)
                        r = strv_append(&t->drop_ins, files.files[i].path);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* root NULL: without drop-ins. */
static int load_trigger(Trigger *t, const char *root, const TriggerReport *report)
{
        int r = read_file(t, t->path, report);

        if (r < 0 || t->state == TRIGGER_BROKEN)
                return r < 0 ? r : 0;
        if (r == 0) {
                t->state = TRIGGER_MASKED;
                return 0;
        }
        r = root ? read_drop_ins(t, root, report) : 0;
        if (r < 0 || t->state == TRIGGER_BROKEN)
                return r;
        r = trigger_file_check(t, report, &t->problem);
        if (r == -EINVAL) {
                t->state = TRIGGER_BROKEN;
                return 0;
        }
        return r;
}

static int load(const char *path, const char *root, const TriggerReport *report, Trigger **ret)
{
        const char *slash = strrchr(path, '/'), *file = slash ? slash + 1 : path;
        size_t length = strlen(file), suffix = strlen(TRIGGER_SUFFIX);
        _cleanup_(trigger_freep) Trigger *t = NULL;
        _cleanup_free_ char *name = NULL;
        int r;

        if (length > suffix && strcmp(file + length - suffix, TRIGGER_SUFFIX) == 0)
                length -= suffix;
        name = strndup(file, length);
        if (!name)
                return -ENOMEM;
        r = trigger_new(name, &t);
        if (r < 0)
                return r;
        t->path = strdup(path);
        if (!t->path)
                return -ENOMEM;
        r = load_trigger(t, root, report);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(t);
        return 0;
}

int trigger_load_file(const char *path, const TriggerReport *report, Trigger **ret)
{
        return load(path, NULL, report, ret);
}

static void warn(const TriggerReport *report, const char *place, const char *text)
{
        if (report && report->warning)
                report->warning(place, text, report->userdata);
}

static bool name_is_good(const char *file_name)
{
        return file_name[strspn(file_name, NAME_CHARACTERS)] == '\0';
}

static int load_files(const LayeredFiles *files, const char *root, const TriggerReport *report,
                      TriggerSet *set)
{
        int r;

        for (size_t i = 0; i < files->n; i++) {
                if (!name_is_good(files->files[i].name)) {
                        warn(report, files->files[i].path,
                             "the file is passed over: a trigger's name has only letters, digits, "
                             "\":\", \"_\", \".\" and \"-\"");
                        continue;
                }
                r = load(files->files[i].path, root, report, &set->triggers[set->n]);
                if (r < 0)
                        return r;
                set->n++;
        }
        return 0;
}

int trigger_set_load(const char *root, const TriggerReport *report, TriggerSet *ret)
{
        _cleanup_(layered_files_done) LayeredFiles files = {};
        _cleanup_(trigger_set_done) TriggerSet set = {};
        _cleanup_free_ char *where = NULL;
        int r;

        r = layered_files_list(root, "", TRIGGER_SUFFIX, &files, &where);
        if (r < 0) {
                warn(report, where ?: root, strerror(-r));
                return r;
        }
        set.triggers = calloc(files.n + 1, sizeof(Trigger *));
        if (!set.triggers)
                return -ENOMEM;
        r = load_files(&files, root, report, &set);
        if (r < 0)
                return r;
        *ret = set;
        set = (TriggerSet){};
        return 0;
}

void trigger_set_done(TriggerSet *set)
{
        for (size_t i = 0; i < set->n; i++)
                trigger_free(set->triggers[i]);
        free(set->triggers);
        *set = (TriggerSet){};
}

const Trigger *trigger_set_find(const TriggerSet *set, const char *name)
{
        for (size_t i = 0; i < set->n; i++) {
                const char *own = set->triggers[i]->name;
                size_t length = strlen(own);

                if (strncmp(own, name, length) == 0 &&
                    (name[length] == '\0' || strcmp(name + length, TRIGGER_SUFFIX) == 0))
                        return set->triggers[i];
        }
        return NULL;
}

bool trigger_may_start(const TriggerSet *set, const char *unit)
{
        for (size_t i = 0; i < set->n; i++)
                if (set->triggers[i]->state == TRIGGER_LOADED &&
                    unit_pattern_matches(set->triggers[i]->unit, unit))
                        return true;
        return false;
}
