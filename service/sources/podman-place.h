/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * PodmanPlace: a place in Podman's events.log that survives what Podman does to the file.
 *
 * Podman rotates by copying the newer half of the file to a new one, with a "log-rotation" record
 * before and (since 4.5) behind it, and renaming that over the old. An offset is then worth
 * nothing; but the last line that we took is known by its hash, and stands in the kept half. A line
 * holds an ID and a time in nanoseconds, so lines are alike only if somebody made them so: for that
 * case the place counts how many equal lines in a row end there.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Podman's own lines are a few hundred bytes; labels can make them long. What is longer still is
 * told as an error and left out. */
#define PODMAN_LINE_MAX (2 * 1024 * 1024)

/* The place as text, its NUL included. */
#define PODMAN_PLACE_SIZE 96

/* How much of each the text has: it stands in every record, so it has what tells, and no more. By
 * chance alone one boot in 260,000 is taken for another, and so is an inode, whose line then tells;
 * in a log of a million lines one lost place in 280 million is found where it is not. */
#define PODMAN_PLACE_HASH_BITS  18
#define PODMAN_PLACE_INODE_BITS 18
#define PODMAN_PLACE_LINE_BITS  48

typedef struct PodmanPlace {
        uint32_t path;        /* hash of the file's path: another file is another history */
        uint32_t boot;        /* hash of the boot's ID: Podman's log does not outlive it */
        uint64_t inode;       /* only the low bits count */
        uint64_t offset;      /* right behind the last event that was taken */
        uint64_t line;        /* hash of its line; 0: none was */
        uint64_t run;         /* how many lines like it end here */
        uint64_t backlog_end; /* what ends up to here was there when we first ran; 0: nothing */
        uint64_t time_nsec;   /* of the last event */
        /* Not part of the text: */
        size_t line_length; /* "\n" included; 0: not known */
        bool interrupted;   /* another line came since: the next one starts a new run */
} PodmanPlace;

/*
 * Path, boot, inode, line and offset, in digits of 6 bits (those of base64url), the first four of
 * fixed widths; then, if there is something to say, "*RUN" and "<BACKLOG_END"; last the time in
 * base 10, so that a record can leave it out where it is its own (log/record.h).
 */
void podman_place_format(const PodmanPlace *place, char text[static PODMAN_PLACE_SIZE]);

/* Returns -EINVAL for what is no place. */
int podman_place_parse(const char *text, PodmanPlace *ret);

/* Of a line: never 0, and no more bits than the text has. */
uint64_t podman_hash(const char *bytes, size_t length);

/* The start of a file: all that is in it now is backlog. Returns negative errno. */
int podman_place_first(int fd, const char *path, PodmanPlace *ret);

/* Whether it is a place in the log of that path. */
bool podman_place_is_in(const PodmanPlace *place, const char *path);

/* Moves the place behind an event that was read. */
void podman_place_advance(PodmanPlace *place, uint64_t offset, const char *line, size_t length);

/* A line that is no event does not move the place: rubbish is alike, and would not be found again.
 */
void podman_place_interrupt(PodmanPlace *place);

/* Whether the line that ends at the place is still the one that was taken: 1 or 0, or negative
 * errno. It is not after the file was truncated and written anew. */
int podman_place_holds(int fd, const PodmanPlace *place);

/*
 * Where in the file the place is. Returns 1 if the file simply goes on there; 0 if it was found
 * elsewhere, and then *ret_passed says how many lines lie before it; -ENOENT if it is not in the
 * file; another negative errno. "place" gets the new inode and offset, unless it fails.
 */
int podman_place_find(int fd, PodmanPlace *place, uint64_t *ret_passed);
