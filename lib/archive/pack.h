// SPDX-License-Identifier: Apache-2.0
// Files → an xbstream, each compressed and encrypted, or a qpress archive: the reverse of
// extract.h. Several files are read, compressed, encrypted and summed at a time; the archive holds
// them one after the other and, except for the encryption's random parts, is the same for any
// number of threads.
#ifndef XBPIPE_PACK_H
#define XBPIPE_PACK_H

#include "file/filelist.h"
#include "format/frames_enc.h"
#include "format/qpress_enc.h"
#include "format/xbcrypt.h"

#include <sys/stat.h>

struct pack_settings {
    const struct indir *dir;
    const struct filelist *files;
    bool qpress_archive; // all files in one qpress archive, by `qpress`; false: an xbstream
    // Of the rest, for an xbstream:
    const char *suffix; // of the names in the stream: what the next three call for, in that order
    struct qpress_enc *qpress;       // each file is a qpress archive of one file; NULL: it is not
    struct frames_encoder *compress; // NULL: not compressed. At most one of these two
    struct xbcrypt_key *key;         // NULL: not encrypted
    // Holes of files that are neither compressed nor encrypted become sparse chunks, which not
    // every reader knows.
    bool sparse;
    // For both:
    const struct stat *output;         // the output, or the file it will replace; NULL: none
    void (*member)(const char *shown); // called as each file is begun; may be NULL
    // Called if a file is `output`; it is not packed. NULL: that is a failure.
    void (*left_out)(const char *shown);
};

// Packs the files into `sink`. Returns 0; or -1 and *f: EX_NOINPUT, EX_NOPERM, EX_DATAERR (no
// longer a regular file), EX_IOERR, EX_OSERR; EX_CANTCREAT (see `left_out`); EX_TEMPFAIL: the file
// changed while it was read, or, with an empty text, a signal asked the program to stop. After a
// failure the archive has all files before the one that failed, and that one without its end, so
// that what was written is not taken for the whole. Nothing is in flight then.
int pack_run(struct ordered *o, const struct pack_settings *settings, struct stage *sink,
             struct fault *f);

#endif
