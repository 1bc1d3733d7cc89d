// SPDX-License-Identifier: Apache-2.0
// The extractor: each wanted member of an xbstream or a tar archive goes through the decoders that
// its suffixes name (suffix.h, outermost first) into its own file, whose name lacks the suffixes
// that were undone; or one member goes to standard output; or the members are listed. It works in
// one pass and writes nothing else to the disk.
#ifndef XBPIPE_EXTRACT_H
#define XBPIPE_EXTRACT_H

#include "archive/selection.h"
#include "engine/stage.h"
#include "file/outfiles.h"
#include "format/backup_complete.h"
#include "format/backupinfo.h"
#include "format/innodb_check.h"
#include "format/xbcrypt_dec.h"

#include <stdbool.h>
#include <stdint.h>

// A complete member in the long list.
struct extract_entry {
    const char *name;    // as stored; printable
    uint64_t stored;     // bytes of payload in the archive, without its headers
    uint64_t restored;   // bytes of the file, holes included
    bool restored_known; // false if a transformation was not undone
    const char *forms;   // "qp", "xbcrypt,lz4" (outermost first), "sparse"; "-": none
};

struct extract_settings {
    struct outfiles *files;               // NULL: list the members, or to_stdout
    struct xbcrypt_dec_settings *decrypt; // NULL: .xbcrypt stays
    bool need_key;      // restoring a member that ends in .xbcrypt is EX_USAGE if `decrypt` is NULL
    bool decompress;    // .qp, .lz4, .zst are undone
    uint64_t max_chunk; // of all formats
    // Which members are wanted. The chunks of the others are only verified, and their names are not
    // checked.
    struct selection *selection;
    bool to_stdout;        // the only wanted member goes to standard output; `files` is then NULL
    struct limits *limits; // if `files` is NULL: of the sizes of members; not NULL
    // For the long list: extract_list calls it for each member, in the order of their ends. NULL:
    // nothing is decoded.
    void (*entry)(const struct extract_entry *entry);
    // Filled from the members that describe the backup; NULL if not wanted. With `info_only` these
    // members are the only ones wanted, whatever the selection.
    struct backupinfo *info;
    bool info_only;
    // Checks the pages of each tablespace that is restored or, with `info_only`, read. NULL: none.
    struct innodb_check *pages;
    // Called for each member whose file `restored` was compressed before it was backed up
    // (suffix.h) and stays compressed. The names are printable. NULL: not called.
    void (*layered)(const char *stored, const char *restored);
    // Gets the name of every member, selected or not. NULL: not needed.
    struct backup_complete *complete;
    // Called on the main thread for each wanted member in the stream, also for one that did not
    // end, with its name in the stream and the name of its file (extract_list passes the same name
    // twice). The names are printable. NULL: not called.
    void (*member)(const char *stored, const char *restored);
    void (*unfinished)(const char *stored);
    // Called if members may have been lost although no error was found; NULL: not called.
    void (*doubt)(const char *text);
    // Called for each member that the stream renames, or removes (`to` NULL). May be NULL.
    void (*changed)(const char *from, const char *to);
};

struct extract;

// Queues behind the stream's queue, on which the members' stages run. Returns 0 and *rear, the last
// one, which settings->files must use; or -1 and EX_OSERR in *f.
int extract_queues(struct ordered **rear, struct ordered *o, struct fault *f);

// Reads the stream on `o`, and decodes members on the queues behind it, if there are any
// (extract_queues): each decoder on its own queue, so that the results of one piece of the stream
// do not pile up. Returns 0 and *e; or -1 and EX_OSERR in *f. The settings outlive it.
int extract_new(struct extract **e, struct ordered *o, const struct extract_settings *settings,
                struct fault *f);

// The stage that takes an xbstream, and the one that takes a tar archive; only one of them may be
// used. They belong to the extractor.
struct stage *extract_stage(struct extract *e);
struct stage *extract_tar_stage(struct extract *e);

// The number of wanted members so far.
unsigned extract_members(const struct extract *e);

// If members are to be listed, lists them by settings->member or settings->entry, under their final
// names. Call it once, after the whole stream, or after a failure.
void extract_list(const struct extract *e);

// The number of members whose outermost suffix --decrypt could have undone.
unsigned extract_left_encrypted(const struct extract *e);

// The number of members that keep a suffix because the transformation was not undone, including
// those above.
unsigned extract_left_transformed(const struct extract *e);

// With info_only: the printable name of the first member that describes the backup and is
// encrypted, if there is no key; NULL: none. Lives as long as the extractor.
const char *extract_unread_info(const struct extract *e);

// No unit of it may be in flight. Call it before outfiles_free. NULL is allowed.
void extract_free(struct extract *e);

#endif
