// SPDX-License-Identifier: Apache-2.0
// The extractor: each member of an xbstream or a tar archive that is wanted goes through the
// decoders that its name calls for (suffix.h, outermost first) into a file of its own, under the
// name without the suffixes undone; or one member goes to standard output; or they are listed. One
// pass: nothing else is ever on disk.
#ifndef XBPIPE_EXTRACT_H
#define XBPIPE_EXTRACT_H

#include "archive/selection.h"
#include "engine/stage.h"
#include "file/outfiles.h"
#include "format/backup_complete.h"
#include "format/backupinfo.h"
#include "format/xbcrypt_dec.h"

#include <stdbool.h>
#include <stdint.h>

// A member, complete, in the list's long form.
struct extract_entry {
    const char *name;    // as stored; printable
    uint64_t stored;     // bytes of payload in the archive, without the archive's own
    uint64_t restored;   // bytes of the file, holes included
    bool restored_known; // false if a transformation was not undone
    const char *forms;   // "qp", "xbcrypt,lz4" (outermost first), "sparse"; "-": none
};

struct extract_settings {
    struct outfiles *files;               // NULL: list the members, or to_stdout
    struct xbcrypt_dec_settings *decrypt; // NULL: .xbcrypt stays
    bool need_key;      // a member to be restored that ends in .xbcrypt is EX_USAGE if `decrypt` is
                        // NULL
    bool decompress;    // .qp, .lz4, .zst are undone
    uint64_t max_chunk; // of all formats
    // Which members are wanted. The chunks of the others are only verified, and their names are not
    // checked.
    struct selection *selection;
    bool to_stdout;        // the one member wanted goes to standard output; `files` is then NULL
    struct limits *limits; // where `files` is NULL: of its size, and of those in a list; not NULL
    // Of a list in long form: called by extract_list for each member, in the order of their ends.
    // NULL: nothing is decoded.
    void (*entry)(const struct extract_entry *entry);
    // Filled from the members that describe the backup; NULL if not wanted. With `info_only` these
    // members are the only ones wanted, whatever the selection.
    struct backupinfo *info;
    bool info_only;
    // Called for each member whose file, of the name `restored`, was compressed before it was
    // backed up (suffix.h) and is left so. The names are printable. NULL: not called.
    void (*layered)(const char *stored, const char *restored);
    // Told of every member, wanted or not. NULL: not wanted.
    struct backup_complete *complete;
    // Called on the main thread for each member that has been met, with the name as it is in the
    // stream and the name of its file (of a list by extract_list, the same twice); and for one that
    // did not end. Only for those wanted. The names are printable. NULL: not called.
    void (*member)(const char *stored, const char *restored);
    void (*unfinished)(const char *stored);
    // Called if members may have been lost though nothing is wrong; NULL: not called.
    void (*doubt)(const char *text);
    // Called for each member that the stream renames or, NULL, removes. May be NULL.
    void (*changed)(const char *from, const char *to);
};

struct extract;

// Queues behind the one of the stream on which extract_queues sets up the members' stages.
// Returns 0 and *rear, the last one, on which settings->files are to be; or -1 and EX_OSERR in *f.
int extract_queues(struct ordered **rear, struct ordered *o, struct fault *f);

// Takes the stream on `o`, and decodes members on the queues behind that, as far as there are any
// (extract_queues): each decoder on its own, so that the result of one piece of the stream does not
// pile up. Returns 0 and *e; or -1 and EX_OSERR in *f. The settings outlive it.
int extract_new(struct extract **e, struct ordered *o, const struct extract_settings *settings,
                struct fault *f);

// The stage that takes an xbstream, and the one that takes a tar archive; only one of them may be
// used. They belong to the extractor.
struct stage *extract_stage(struct extract *e);
struct stage *extract_tar_stage(struct extract *e);

// Members that were wanted and have been met.
unsigned extract_members(const struct extract *e);

// Lists the members by settings->member or settings->entry, if they are to be listed, under the
// names that they have in the end. To be called once, when all has been read, or could not be.
void extract_list(const struct extract *e);

// Members whose outermost suffix was one that could have been undone with --decrypt.
unsigned extract_left_encrypted(const struct extract *e);

// Members that keep a suffix of a transformation that was not undone, those above included.
unsigned extract_left_transformed(const struct extract *e);

// With info_only: the printable name of the first member that describes the backup and is
// encrypted, if there is no key; NULL: none. Lives as long as the extractor.
const char *extract_unread_info(const struct extract *e);

// Nothing of it may be in flight. Call it before outfiles_free. NULL is allowed.
void extract_free(struct extract *e);

#endif
