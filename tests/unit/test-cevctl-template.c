/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include <json-c/json.h>

#include "tap.h"
#include "template.h"

static const char died[] =
        "{\"ContainerExitCode\":0,\"ID\":\"cafe\",\"Image\":\"busybox\",\"Name\":\"web\","
        "\"Status\":\"died\",\"Time\":\"2026-11-22T12:00:00Z\",\"Type\":\"container\","
        "\"Attributes\":{\"a\":\"1\",\"io.containers.autoupdate\":\"local\",\"esc\":\"\\u001b[31m\"},"
        "\"timeNano\":1795348800000000000,\"Seq\":7,\"Engine\":\"podman\",\"OOMKilled\":true,"
        "\"health_status\":\"healthy\",\"Cursor\":\"cafe:7\"}";

static const char bare[] = "{\"Status\":\"refresh\",\"Type\":\"system\"}";

static char *printed(const Template *t, const char *event, bool escape)
{
        json_object *object = json_tokener_parse(event);
        char *result = NULL;
        size_t size;
        FILE *f = open_memstream(&result, &size);

        if (!f || !object)
                abort();
        tap_eq_int(template_print(t, f, object, escape), 0, "it prints");
        fclose(f);
        json_object_put(object);
        return result;
}

static void check(const char *text, const char *event, bool escape, const char *want)
{
        char *error = NULL, *got;
        Template *t = NULL;

        if (!tap_eq_int(template_parse(text, &t, &error), 0, "%s is a template", text)) {
                printf("# %s\n", error);
                free(error);
                return;
        }
        got = printed(t, event, escape);
        tap_eq_str(got, want, "%s", text);
        free(got);
        template_free(t);
}

static void test_fields(void)
{
        static const struct {
                const char *text;
                const char *want;
        } rows[] = {
                { "", "\n" },
                { "no action", "no action\n" },
                { "{{.ID}}", "cafe\n" },
                { "ID: {{ .ID }} {{.Status}}", "ID: cafe died\n" },
                { "{{.ContainerExitCode}}", "0\n" },
                { "{{.OOMKilled}} {{.Synthetic}}", "true false\n" },
                { "{{.Seq}} {{.Engine}} {{.Cursor}}", "7 podman cafe:7\n" },
                { "{{.HealthStatus}}", "healthy\n" },
                { "{{.Time}} {{.TimeNano}}", "2026-11-22T12:00:00Z 1795348800000000000\n" },
                { "{{.Attributes.a}}", "1\n" },
                { "{{.Attributes.none}}", "\n" },
                { "{{.Attributes.io.containers.autoupdate}}", "local\n" },
                { "{{index .Attributes \"io.containers.autoupdate\"}}", "local\n" },
                { "{{index .Attributes `a`}}", "1\n" },
                { "{{.Attributes}}", "map[a:1 io.containers.autoupdate:local esc:\x1b[31m]\n" },
                { "{{json .Attributes.a}}", "\"1\"\n" },
                { "{{json .Attributes.none}}", "\"\"\n" },
                { "{{json .Name}} {{json .PodID}}", "\"web\" \"\"\n" },
                { "{{json .Seq}} {{json .UID}}", "7 null\n" },
                { "{{.ID}}\\t{{.Name}}\\n", "cafe\tweb\n\n" },
                { "C:\\\\tmp \\x", "C:\\tmp \\x\n" },
                { "}} { {.ID}", "}} { {.ID}\n" },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
                check(rows[i].text, died, false, rows[i].want);
        check("{{.ContainerExitCode}}|{{.Name}}|{{.Attributes}}|{{.OOMKilled}}", bare, false,
              "||map[]|false\n");
        check("{{json .}}", bare, false, "{\"Status\":\"refresh\",\"Type\":\"system\"}\n");
}

static void test_a_terminal_is_not_driven(void)
{
        check("{{.Attributes.esc}}", died, true, "\\x1b[31m\n");
        check("{{.Attributes.esc}}", died, false, "\x1b[31m\n");
        check("\x1b[1m{{.Name}}", died, true, "\x1b[1mweb\n");
        check("{{json .Attributes.esc}}", died, true, "\"\\u001b[31m\"\n");
}

static void test_what_is_refused(void)
{
        static const struct {
                const char *text;
                const char *word; /* what the sentence must have */
        } rows[] = {
                { "{{.Nmae}}", "no field \"Nmae\"; they have Attributes," },
                { "{{json .Foo}}", "no field \"Foo\"" },
                { "{{.id}}", "no field \"id\"" },
                { "{{if .ID}}x{{end}}", "conditions, loops and blocks are not supported" },
                { "{{range .Attributes}}", "conditions, loops and blocks" },
                { "{{.}}", "only .FIELD" },
                { "{{}}", "only .FIELD" },
                { "{{ID}}", "only .FIELD" },
                { "{{.ID .Name}}", "only .FIELD" },
                { "{{printf \"%s\" .ID}}", "only .FIELD" },
                { "{{index .Attributes}}", "only .FIELD" },
                { "{{index .ID \"a\"}}", "only .FIELD" },
                { "{{.ID | upper}}", "only .FIELD" },
                { "{{- .ID}}", "only .FIELD" },
                { "{{.ID", "not closed with }}" },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                char *error = NULL;
                Template *t = NULL;

                tap_eq_int(template_parse(rows[i].text, &t, &error), -EINVAL, "%s is refused",
                           rows[i].text);
                if (!tap_ok(error && strstr(error, rows[i].word), "%s, and it is said why",
                            rows[i].text))
                        printf("# %s\n", error ?: "(nothing)");
                free(error);
        }
}

int main(void)
{
        test_fields();
        test_a_terminal_is_not_driven();
        test_what_is_refused();
        return tap_done();
}
