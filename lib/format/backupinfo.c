// SPDX-License-Identifier: Apache-2.0
#include "format/backupinfo.h"

#include "base/diag.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_SIZE = 700 };

enum backupinfo_file backupinfo_file(const char *name, size_t size) {
    static const struct {
        const char *name;
        enum backupinfo_file file;
    } files[] = {{"xtrabackup_info", BACKUPINFO_INFO},
                 {"mariadb_backup_info", BACKUPINFO_INFO},
                 {"xtrabackup_checkpoints", BACKUPINFO_CHECKPOINTS},
                 {"mariadb_backup_checkpoints", BACKUPINFO_CHECKPOINTS},
                 {"backup-my.cnf", BACKUPINFO_CONFIG}};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        if (size == strlen(files[i].name) && memcmp(name, files[i].name, size) == 0)
            return files[i].file;
    return BACKUPINFO_NONE;
}

// ---- Reading the files: lines of "key = value"; all other lines are skipped.

struct span {
    const char *text;
    size_t size;
};

static struct span trim(struct span s) {
    while (s.size > 0 && isspace((unsigned char)s.text[0])) {
        s.text++;
        s.size--;
    }
    while (s.size > 0 && isspace((unsigned char)s.text[s.size - 1]))
        s.size--;
    return s;
}

static bool is(struct span s, const char *text) {
    return s.size == strlen(text) && memcmp(s.text, text, s.size) == 0;
}

static bool begins(struct span s, const char *text) {
    return s.size >= strlen(text) && memcmp(s.text, text, strlen(text)) == 0;
}

// Where the value of a key is stored; NULL: nowhere. Other keys are never printed: tool_command may
// hold secrets.
static char *value_of(struct backupinfo *b, enum backupinfo_file file, struct span key) {
    const struct {
        enum backupinfo_file file;
        const char *key;
        char *value;
    } known[] = {{BACKUPINFO_INFO, "tool_name", b->tool},
                 {BACKUPINFO_INFO, "tool_version", b->tool_version},
                 {BACKUPINFO_INFO, "server_version", b->server_version},
                 {BACKUPINFO_INFO, "start_time", b->start},
                 {BACKUPINFO_INFO, "end_time", b->end},
                 {BACKUPINFO_INFO, "innodb_from_lsn", b->from_lsn},
                 {BACKUPINFO_INFO, "innodb_to_lsn", b->to_lsn},
                 {BACKUPINFO_INFO, "backup_size", b->backup_size},
                 {BACKUPINFO_INFO, "uncompressed_backup_size", b->uncompressed_size},
                 {BACKUPINFO_INFO, "partial", b->partial},
                 {BACKUPINFO_INFO, "incremental", b->incremental},
                 {BACKUPINFO_CHECKPOINTS, "backup_type", b->backup_type},
                 {BACKUPINFO_CHECKPOINTS, "from_lsn", b->from_lsn},
                 {BACKUPINFO_CHECKPOINTS, "to_lsn", b->to_lsn},
                 {BACKUPINFO_CHECKPOINTS, "last_lsn", b->last_lsn},
                 {BACKUPINFO_CONFIG, "innodb_page_size", b->page_size}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (known[i].file == file && is(key, known[i].key))
            return known[i].value;
    return NULL;
}

// Removes the line ends, also those of Windows, from a value; a space replaces those that do not
// follow a comma. Returns the size.
static size_t join_lines(char *text, size_t size) {
    size_t used = 0;
    for (size_t i = 0; i < size; i++)
        if (text[i] == '\r' && i + 1 < size && text[i + 1] == '\n')
            continue;
        else if (text[i] != '\n')
            text[used++] = text[i];
        else if (used > 0 && text[used - 1] != ',')
            text[used++] = ' ';
    return used;
}

// A printable copy of the value. NULL if the allocation failed.
static char *copy_value(struct span value) {
    size_t room = 4 * value.size + 1;
    char *raw = malloc(value.size), *shown = malloc(room);
    if (raw != NULL && shown != NULL) {
        memcpy(raw, value.text, value.size);
        diag_name(raw, join_lines(raw, value.size), shown, room);
    } else {
        free(shown);
        shown = NULL;
    }
    free(raw);
    return shown;
}

static int add_value(struct backupinfo *b, enum backupinfo_file file, struct span key,
                     struct span value) {
    if (value.size == 0)
        return 0;
    if (file == BACKUPINFO_INFO && is(key, "binlog_pos")) {
        free(b->binlog);
        b->binlog = copy_value(value);
        return b->binlog != NULL ? 0 : -1;
    }
    char *to = value_of(b, file, key);
    if (to != NULL)
        diag_name(value.text, value.size, to, BACKUPINFO_VALUE_MAX);
    return 0;
}

// Takes the first line off a text, with its key, which is empty if there is none.
static struct span take_line(struct span *rest, struct span *key) {
    const char *end = memchr(rest->text, '\n', rest->size);
    struct span line = {rest->text, end != NULL ? (size_t)(end - rest->text) : rest->size};
    size_t used = line.size + (end != NULL);
    rest->text += used;
    rest->size -= used;
    const char *equals = memchr(line.text, '=', line.size);
    *key = equals == NULL ? (struct span){line.text, 0}
                          : trim((struct span){line.text, (size_t)(equals - line.text)});
    return line;
}

static bool is_key(struct span key) {
    for (size_t i = 0; i < key.size; i++)
        if (!isalnum((unsigned char)key.text[i]) && key.text[i] != '_')
            return false;
    return key.size > 0;
}

// Takes the lines that do not begin with a key, which continue the value.
static void take_continuation(struct span *rest, struct span *value) {
    while (rest->size > 0) {
        struct span after = *rest, key;
        struct span line = take_line(&after, &key);
        if (is_key(key))
            return;
        value->size = (size_t)(line.text + line.size - value->text);
        *rest = after;
    }
}

static void add_config_line(struct backupinfo *b, struct span line) {
    if (begins(line, "# This MySQL options file was generated by"))
        b->mysql_config = true;
    if (begins(line, "# This options file was generated by"))
        b->mariadb_config = true;
}

int backupinfo_add(struct backupinfo *b, enum backupinfo_file file, const char *text, size_t size) {
    struct span rest = {text, size}, key;
    bool cut = size >= BACKUPINFO_FILE_MAX;
    while (rest.size > 0) {
        struct span line = take_line(&rest, &key);
        if (file == BACKUPINFO_CONFIG)
            add_config_line(b, line);
        if (!is_key(key))
            continue;
        const char *after = (const char *)memchr(line.text, '=', line.size) + 1;
        struct span value = {after, (size_t)(line.text + line.size - after)};
        if (file == BACKUPINFO_INFO && is(key, "binlog_pos"))
            take_continuation(&rest, &value);
        if ((rest.size > 0 || !cut) && add_value(b, file, key, trim(value)) < 0)
            return -1;
    }
    return 0;
}

void backupinfo_clear(struct backupinfo *b) {
    free(b->binlog);
    *b = (struct backupinfo){0};
}

bool backupinfo_known(const struct backupinfo *b) {
    return b->tool[0] != '\0' || b->tool_version[0] != '\0' || b->server_version[0] != '\0' ||
           b->backup_type[0] != '\0' || b->incremental[0] != '\0' || b->to_lsn[0] != '\0' ||
           b->page_size[0] != '\0' || b->mariadb_config || b->mysql_config;
}

// ---- Conclusions.

enum family { FAMILY_UNKNOWN, FAMILY_XTRABACKUP, FAMILY_MARIADB };

// The family of the program that prepares it: the one that made it, if that is known.
static enum family family_of(const struct backupinfo *b) {
    if (strcasestr(b->tool, "maria") != NULL)
        return FAMILY_MARIADB;
    if (strcasestr(b->tool, "xtrabackup") != NULL || strcasestr(b->tool, "innobackupex") != NULL)
        return FAMILY_XTRABACKUP;
    if (strcasestr(b->server_version, "mariadb") != NULL || b->mariadb_config)
        return FAMILY_MARIADB;
    if (b->server_version[0] != '\0' || b->mysql_config)
        return FAMILY_XTRABACKUP;
    return FAMILY_UNKNOWN;
}

static const char *program_of(enum family family) {
    return family == FAMILY_MARIADB ? "mariadb-backup" : "xtrabackup";
}

// The first two numbers of a version. Returns false if it does not begin with them.
static bool parse_version(const char *text, unsigned *major, unsigned *minor) {
    return sscanf(text, "%3u.%3u", major, minor) == 2;
}

// The series of the program that prepares the backup: "8.0". Returns false if it is not known.
static bool find_series(const struct backupinfo *b, enum family family, unsigned *major,
                        unsigned *minor) {
    bool mariadb = strcasestr(b->server_version, "mariadb") != NULL;
    bool server =
        parse_version(b->server_version, major, minor) && (family == FAMILY_MARIADB) == mariadb;
    if (!server && !parse_version(b->tool_version, major, minor))
        return false;
    // XtraBackup 2.4 reads the backups of all older versions and servers.
    if (family == FAMILY_XTRABACKUP && (server ? *major <= 5 : *major <= 2)) {
        *major = 2;
        *minor = 4;
    }
    return true;
}

// The size of the numbers of a version: all of "8.0.35-30", "10.11.6" of "10.11.6-MariaDB".
static int numbers_of(const char *version) {
    size_t n = 0;
    while (isdigit((unsigned char)version[n]) ||
           ((version[n] == '.' || version[n] == '-') && isdigit((unsigned char)version[n + 1])))
        n++;
    return (int)n;
}

// "xtrabackup 8.0, 8.0.35-30 or later". Returns false if it is not known.
static bool describe_program(const struct backupinfo *b, char *out, size_t size) {
    enum family family = family_of(b);
    unsigned major, minor, tool_major, tool_minor;
    if (family == FAMILY_UNKNOWN)
        return false;
    if (!find_series(b, family, &major, &minor)) {
        snprintf(out, size, "%s", program_of(family));
        return true;
    }
    int used = snprintf(out, size, "%s %u.%u", program_of(family), major, minor);
    // A program of the series that is older than the one that made the backup may not support its
    // format.
    if (used > 0 && (size_t)used < size &&
        parse_version(b->tool_version, &tool_major, &tool_minor) && tool_major == major &&
        tool_minor == minor)
        snprintf(out + used, size - (size_t)used, ", %.*s or later", numbers_of(b->tool_version),
                 b->tool_version);
    return true;
}

static bool is_incremental(const struct backupinfo *b) {
    return strcmp(b->backup_type, "incremental") == 0 ||
           (b->backup_type[0] == '\0' && b->incremental[0] == 'Y');
}

static bool is_prepared(const struct backupinfo *b) {
    return strcmp(b->backup_type, "full-prepared") == 0;
}

static bool is_partial(const struct backupinfo *b) {
    return b->partial[0] == 'Y';
}

// "full", "incremental", ...; NULL: not known.
static const char *type_of(const struct backupinfo *b) {
    if (is_prepared(b))
        return "full, prepared";
    if (strcmp(b->backup_type, "log-applied") == 0)
        return "full, log applied";
    if (is_incremental(b))
        return "incremental";
    return strcmp(b->backup_type, "full-backuped") == 0 || b->incremental[0] == 'N' ? "full" : NULL;
}

// A word for the shell, quoted if necessary.
static void quote(const char *text, char *out, size_t size) {
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "0123456789_-+./:@%,";
    const char *shown = diag_shown(text, BACKUPINFO_VALUE_MAX);
    if (shown[0] != '\0' && shown[strspn(shown, plain)] == '\0') {
        snprintf(out, size, "%s%s", shown[0] == '-' ? "./" : "", shown);
        return;
    }
    size_t used = 0;
    out[used++] = '\'';
    for (const char *p = shown; *p != '\0' && used + 6 < size; p++)
        used += (size_t)snprintf(out + used, size - used, *p == '\'' ? "'\\''" : "%c", *p);
    snprintf(out + used, size - used, "'");
}

// Whether the program that prepares the backup has, or may have, other names for options that this
// backup needs.
static bool has_new_names(const struct backupinfo *b) {
    unsigned major, minor;
    return family_of(b) == FAMILY_XTRABACKUP && is_incremental(b) &&
           find_series(b, FAMILY_XTRABACKUP, &major, &minor) &&
           (major > 9 || (major == 9 && minor >= 7));
}

static const char new_names[] =
    "from xtrabackup 9.7.2 on --apply-log-only and --incremental-dir have other names: see "
    "xtrabackup --help";

// The command. Returns false if none is known or needed.
static bool describe_command(const struct backupinfo *b, const char *dir, char *out, size_t size) {
    enum family family = family_of(b);
    char word[2 * BACKUPINFO_VALUE_MAX];
    if (family == FAMILY_UNKNOWN || is_prepared(b) || has_new_names(b))
        return false;
    quote(dir, word, sizeof word);
    if (is_incremental(b))
        snprintf(out, size, "%s --prepare%s --target-dir=BASE --incremental-dir=%s",
                 program_of(family), family == FAMILY_XTRABACKUP ? " --apply-log-only" : "", word);
    else
        snprintf(out, size, "%s --prepare%s --target-dir=%s", program_of(family),
                 is_partial(b) ? " --export" : "", word);
    return true;
}

// ---- For the program.

void backupinfo_describe(const struct backupinfo *b, const char *dir,
                         void (*line)(const char *key, const char *value)) {
    char program[TEXT_SIZE] = "", command[TEXT_SIZE] = "";
    describe_program(b, program, sizeof program);
    describe_command(b, dir, command, sizeof command);
    const char *type = type_of(b);
    const char *partial = b->partial[0] == '\0' ? "" : is_partial(b) ? "yes" : "no";
    const struct {
        const char *key, *value;
    } lines[] = {{"tool", b->tool},
                 {"tool-version", b->tool_version},
                 {"server-version", b->server_version},
                 {"type", type != NULL ? type : b->backup_type},
                 {"partial", partial},
                 {"from-lsn", b->from_lsn},
                 {"to-lsn", b->to_lsn},
                 {"last-lsn", b->last_lsn},
                 {"started", b->start},
                 {"ended", b->end},
                 {"binlog", b->binlog != NULL ? b->binlog : ""},
                 {"backup-size", b->backup_size},
                 {"uncompressed-backup-size", b->uncompressed_size},
                 {"page-size", b->page_size},
                 {"prepare-with", program},
                 {"prepare", command},
                 {"note", has_new_names(b) ? new_names : ""}};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        if (lines[i].value[0] != '\0')
            line(lines[i].key, lines[i].value);
}

bool backupinfo_made(const struct backupinfo *b, char text[static BACKUPINFO_TEXT_MAX]) {
    bool typed = type_of(b) != NULL;
    enum family family = family_of(b);
    if (!typed && family == FAMILY_UNKNOWN)
        return false;
    const char *tool = b->tool[0] != '\0'         ? b->tool
                       : family != FAMILY_UNKNOWN ? program_of(family)
                                                  : "a backup program";
    int used = snprintf(text, BACKUPINFO_TEXT_MAX, "made by %.*s%s%.*s%s%.*s", diag_cut(tool, 100),
                        tool, b->tool_version[0] != '\0' ? " " : "", diag_cut(b->tool_version, 100),
                        b->tool_version, b->server_version[0] != '\0' ? " from server " : "",
                        diag_cut(b->server_version, 100), b->server_version);
    if (!typed || used < 0 || used >= BACKUPINFO_TEXT_MAX)
        return true;
    text += used;
    size_t size = BACKUPINFO_TEXT_MAX - (size_t)used;
    used = snprintf(text, size, "; %s%s backup%s", is_partial(b) ? "partial " : "",
                    is_incremental(b) ? "incremental" : "full",
                    is_prepared(b) ? ", prepared already" : "");
    if (used < 0 || (size_t)used >= size || b->to_lsn[0] == '\0')
        return true;
    if (is_incremental(b) && b->from_lsn[0] != '\0')
        snprintf(text + used, size - (size_t)used, ", from LSN %.*s to %.*s",
                 diag_cut(b->from_lsn, 40), b->from_lsn, diag_cut(b->to_lsn, 40), b->to_lsn);
    else
        snprintf(text + used, size - (size_t)used, ", up to LSN %.*s", diag_cut(b->to_lsn, 40),
                 b->to_lsn);
    return true;
}

bool backupinfo_next(const struct backupinfo *b, const char *dir,
                     char text[static BACKUPINFO_TEXT_MAX]) {
    char command[TEXT_SIZE], program[TEXT_SIZE];
    if (!describe_command(b, dir, command, sizeof command) ||
        !describe_program(b, program, sizeof program))
        return false;
    snprintf(text, BACKUPINFO_TEXT_MAX, "%.*s (%.*s)%s", diag_cut(command, 600), command,
             diag_cut(program, 200), program,
             is_incremental(b) ? ", where BASE is the backup that it builds on" : "");
    return true;
}
