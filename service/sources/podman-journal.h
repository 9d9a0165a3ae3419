/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The source for the Podmans that log their events to systemd's journal, which is what they do by
 * themselves where systemd runs: of one user, or of all users of the machine, each event with its
 * "uid".
 *
 * It has no file of its own to follow, but what journald tells: of new entries, within half a
 * second, and of files that come and go. How entries are found in their order stands in
 * sources/podman-journal-view.h, how one is read in sources/podman-entry.h.
 *
 * When it runs for the first time, what was logged in this boot is backlog, as all of Podman's own
 * file would be; what was logged before is left alone.
 */

#include "sources/podman-verdict.h"
#include "sources/source.h"

/*
 * "user": only what our own user logged. "known" is what else is known of the endings that Podman
 * tells of; NULL: nothing. The source has the name "podman-journal". Returns -ENOMEM and what
 * sd-event says.
 */
int podman_journal_new(bool user, sd_event *loop, const SourceSink *sink,
                       const PodmanKnowledge *known, Source **ret);
