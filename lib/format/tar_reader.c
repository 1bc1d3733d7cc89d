// SPDX-License-Identifier: Apache-2.0
#include "format/tar_reader.h"

#include "base/member_name.h"
#include "base/names.h"
#include "engine/gather.h"
#include "engine/head.h"
#include "engine/salvage.h"
#include "format/tar.h"
#include "format/tar_extension.h"
#include "format/tar_zeros.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum state {
    IN_HEADER,
    IN_EXTENSION, // the contents of an extended header or a long name
    IN_BLOCKS,    // blocks that continue an old GNU map
    IN_TEXT,      // a map before the contents
    IN_CONTENTS,
    IN_PASSED // padding, and data that is not needed
};

struct reader {
    struct stage stage;
    uint64_t max_chunk;
    struct archive_target target;
    uint64_t position;
    uint64_t origin; // of the end of the input so far, as in struct view
    bool exact;
    enum state state;
    uint64_t zeros; // blocks of zeros in a row
    struct tar_zeros between;
    bool any; // there was an entry
    struct head head;
    struct tar_entry entry;
    struct place entry_place;
    struct tar_extension extension;
    struct gather gather;
    struct tar_map_text text;
    uint64_t left;   // bytes of contents, without their padding
    uint64_t passed; // bytes to skip
    struct names *names;
    // The member that is being read:
    struct name *name;
    void *member; // the target's
    unsigned weight;
    struct salvage_scope *scope; // NULL if it has not begun, or the reader does not salvage
    size_t run;                  // index in its map
    uint64_t offset, real_size;  // in the file
    // If the reader salvages: blocks are skipped up to the next header.
    bool lost;
    uint64_t lost_from;
    struct fault lost_why;
    struct fault cut; // what is wrong at the end of the input
};

static size_t most_runs(const struct reader *r) {
    return (size_t)(r->max_chunk / sizeof(struct tar_run));
}

// ---- Deliveries in order.

enum what { DATA, END, CUT, FINISH };

struct event {
    struct unit unit;
    enum what what;
    struct reader *reader;
    void *member;
    struct view view; // holds a reference
    const struct name *name;
};

// The archive is cut. The members' decoders finish first: if one of them fails, that is the cause,
// and only that is reported.
static void deliver_cut(struct reader *r, const struct name *name) {
    const struct archive_target *target = &r->target;
    if (!ordered_sound(r->stage.ordered))
        return;
    if (name != NULL && target->unfinished != NULL)
        target->unfinished(target->context, name->bytes, name->size);
    stage_break(&r->stage, &r->cut);
}

static void deliver(struct unit *unit) {
    const struct event *e = (struct event *)unit;
    const struct archive_target *target = &e->reader->target;
    if (e->reader->stage.broken)
        return;
    if (e->what == DATA)
        target->data(target->context, e->member, e->view);
    else if (e->what == END)
        target->end(target->context, e->member);
    else if (e->what == CUT)
        deliver_cut(e->reader, e->name);
    else
        target->finish(target->context);
}

static void release(struct unit *unit) {
    struct event *e = (struct event *)unit;
    slab_unref(e->view.slab);
    free(e);
}

static void submit(struct reader *r, enum what what, struct view v) {
    struct event *e = stage_unit(&r->stage, sizeof *e, deliver, &v);
    if (e == NULL)
        return;
    e->unit.release = release;
    e->unit.cost = (v.data != NULL ? v.size * r->weight : 0) + sizeof *e;
    e->what = what;
    e->reader = r;
    e->member = r->member;
    e->view = v;
    e->name = r->name;
    ordered_submit(r->stage.ordered, &e->unit);
}

// ---- Members.

// Names the entry before the text. Returns -1.
static int prefix_name(const char *name, size_t size, struct fault *f) {
    diag_prefix(f, diag_shown_name(name, size, 200));
    return -1;
}

static int begin_folder(struct reader *r, struct fault *f) {
    size_t size;
    const char *name = tar_extension_entry_name(&r->extension, &r->entry, &size);
    while (size > 1 && name[size - 1] == '/')
        size--;
    struct name *folder = names_add(&r->names, name, size);
    if (folder == NULL)
        return diag_fault_memory(f);
    return r->target.folder(r->target.context, folder->bytes, size, f);
}

static int refuse_other(struct reader *r, struct fault *f) {
    size_t size;
    const char *name = tar_extension_entry_name(&r->extension, &r->entry, &size);
    if (!r->target.wants(r->target.context, name, size))
        return 0;
    diag_fault(f, EX_DATAERR,
               "%s in tar archive %s: only files and folders are unpacked; leave it out with "
               "--exclude",
               r->entry.what, place_text(&r->entry_place, 0));
    return prefix_name(name, size, f);
}

static int check_name(const struct reader *r, struct fault *f) {
    size_t size;
    const char *name = tar_extension_entry_name(&r->extension, &r->entry, &size);
    if (size > 0 && size <= MEMBER_NAME_MAX)
        return 0;
    diag_fault(f, EX_DATAERR,
               "name of an entry in tar archive %s: expected 1 to %d bytes, found %zu",
               place_text(&r->entry_place, 0), MEMBER_NAME_MAX, size);
    return size > 0 ? prefix_name(name, size, f) : -1;
}

// Adds the member to the names, and begins it.
static int begin_member(struct reader *r, struct fault *f) {
    const struct archive_target *target = &r->target;
    r->scope = NULL;
    size_t size;
    const char *bytes = tar_extension_entry_name(&r->extension, &r->entry, &size);
    r->name = names_add(&r->names, bytes, size);
    if (r->name == NULL)
        return diag_fault_memory(f);
    if (r->name->value != NULL) {
        diag_fault(f, EX_DATAERR, "the archive has a second member of this name %s",
                   place_text(&r->entry_place, 0));
        return prefix_name(bytes, size, f);
    }
    r->name->value = r;
    if (target->begin(target->context, r->name->bytes, size, &r->member, f) < 0)
        return -1;
    r->weight = target->weight != NULL ? target->weight(target->context, r->member) : 1;
    if (r->stage.salvage == NULL)
        return 0;
    r->scope = salvage_member(r->stage.salvage->record, r->name->bytes, size);
    if (r->scope == NULL)
        return diag_fault_memory(f);
    if (target->salvage != NULL)
        target->salvage(target->context, r->member, r->scope);
    return 0;
}

// ---- Sparse files.

static bool is_sparse(const struct reader *r) {
    return r->entry.kind == TAR_SPARSE || r->extension.sparse;
}

// Checks the complete map against the contents and the size of the file.
static int check_map(const struct reader *r, struct fault *f) {
    if (tar_map_check(&r->extension.map, r->left, r->real_size, &r->entry_place, f) == 0)
        return 0;
    return prefix_name(r->name->bytes, r->name->size, f);
}

// The contents end inside the map.
static int refuse_map_end(const struct reader *r, struct fault *f) {
    diag_fault(f, EX_DATAERR,
               "map of a sparse file in tar archive %s: expected a further block of it, found the "
               "end of the member",
               place_text(&r->entry_place, 0));
    return prefix_name(r->name->bytes, r->name->size, f);
}

// Passes on the hole before the next run, or the one at the end of the file.
static void pass_hole(struct reader *r) {
    const struct tar_map *m = &r->extension.map;
    uint64_t next = r->run < m->count ? m->runs[r->run].offset : r->real_size;
    if (next > r->offset)
        submit(r, DATA,
               (struct view){.size = (size_t)(next - r->offset),
                             .origin = r->entry_place.origin,
                             .exact = r->entry_place.exact});
    r->offset = next;
}

// ---- Headers.

// Skips the last `left` bytes of contents of `size` bytes, and their padding.
static void pass_over(struct reader *r, uint64_t left, uint64_t size) {
    r->passed = left + (TAR_BLOCK - size % TAR_BLOCK) % TAR_BLOCK;
    r->state = IN_PASSED;
}

static void gather_contents(struct reader *r, size_t size, enum state state) {
    gather_clear(&r->gather);
    gather_begin(&r->gather, size);
    r->state = state;
}

static int begin_contents(struct reader *r, struct fault *f) {
    if (is_sparse(r) && check_map(r, f) < 0)
        return -1;
    if (is_sparse(r))
        pass_hole(r);
    r->state = IN_CONTENTS;
    return 0;
}

static int begin_file(struct reader *r, struct fault *f) {
    r->offset = r->run = 0;
    r->left = r->extension.has_size ? r->extension.size : r->entry.size;
    r->real_size = r->extension.real_size;
    if (begin_member(r, f) < 0)
        return -1;
    r->text = (struct tar_map_text){0};
    if (r->entry.kind == TAR_SPARSE) {
        r->real_size = r->entry.real_size;
        if (tar_map_add_runs(&r->extension.map, r->entry.runs, TAR_HEADER_RUNS, most_runs(r),
                             &r->entry_place, f) < 0)
            return prefix_name(r->name->bytes, r->name->size, f);
    }
    if (r->entry.kind == TAR_SPARSE && r->entry.continued)
        gather_contents(r, TAR_BLOCK, IN_BLOCKS);
    else if (r->extension.map_in_data)
        gather_contents(r, TAR_BLOCK, IN_TEXT);
    else
        return begin_contents(r, f);
    return 0;
}

static int begin_extension(struct reader *r, struct fault *f) {
    if (r->entry.size > r->max_chunk)
        return diag_fault(f, EX_DATAERR,
                          "extended tar header %s is too large: expected at most %" PRIu64
                          " bytes, found %" PRIu64
                          "; if the file is sound, use a larger --max-chunk",
                          place_text(&r->entry_place, 0), r->max_chunk, r->entry.size);
    gather_contents(r, (size_t)r->entry.size, IN_EXTENSION);
    return 0;
}

static int begin_named(struct reader *r, struct fault *f) {
    if (r->entry.kind == TAR_FILE || r->entry.kind == TAR_SPARSE)
        return begin_file(r, f);
    int result = r->entry.kind == TAR_FOLDER ? begin_folder(r, f) : refuse_other(r, f);
    tar_extension_clear(&r->extension);
    pass_over(r, r->entry.size, r->entry.size);
    return result;
}

// Begins the entry of the parsed header.
static int begin_entry(struct reader *r, struct fault *f) {
    if (r->entry.kind == TAR_ZEROS && r->extension.any)
        return diag_fault(f, EX_DATAERR,
                          "extended tar header without an entry: expected one %s; the archive is "
                          "damaged: fetch the backup again",
                          place_text(&r->entry_place, 0));
    r->zeros = r->entry.kind == TAR_ZEROS ? r->zeros + 1 : 0;
    if (r->entry.kind == TAR_ZEROS)
        return 0;
    r->any = true;
    r->left = r->entry.size;
    switch (r->entry.kind) {
    case TAR_LONG_NAME:
    case TAR_PAX:
    case TAR_PAX_GLOBAL:
        return begin_extension(r, f);
    case TAR_PASSED: // extensions before it belong to the entry after it
        pass_over(r, r->entry.size, r->entry.size);
        return 0;
    default:
        return check_name(r, f) < 0 ? -1 : begin_named(r, f);
    }
}

// ---- Salvage.

static void note_loss(struct reader *r, struct salvage_scope *scope, uint64_t from, uint64_t until,
                      const struct fault *why) {
    struct salvage_loss loss = {.format = "tar", .offset = from, .length = until - from};
    salvage_submit(&r->stage, NULL, scope, &loss, why->text);
}

// A block is not a header; the next blocks may not be either.
static void lose_block(struct reader *r, const struct fault *why) {
    if (!r->lost) {
        r->lost_from = r->position - TAR_BLOCK;
        r->lost_why = *why;
    }
    r->lost = true;
    r->zeros = 0;
}

static void end_lost(struct reader *r, uint64_t until) {
    if (r->lost)
        note_loss(r, r->stage.salvage, r->lost_from, until, &r->lost_why);
    r->lost = false;
}

// The entry, or the member that has begun, is refused because of *f. Returns 0 if the reader goes
// on with the next entry; or -1.
static int lose_entry(struct reader *r, const struct fault *f) {
    bool is_named = r->entry.kind != TAR_PAX && r->entry.kind != TAR_PAX_GLOBAL &&
                    r->entry.kind != TAR_LONG_NAME && r->entry.kind != TAR_ZEROS;
    if (r->stage.salvage == NULL || !is_named || f->status != EX_DATAERR)
        return -1;
    note_loss(r, r->scope != NULL ? r->scope : r->stage.salvage, r->entry_place.position,
              r->position + r->left, f);
    if (r->scope != NULL)
        submit(r, END, (struct view){0});
    pass_over(r, r->left, r->left);
    tar_extension_clear(&r->extension);
    r->name = NULL;
    r->scope = NULL;
    return 0;
}

// ---- Input.

static bool failed(struct reader *r, int result, const struct fault *f) {
    if (result < 0 && lose_entry(r, f) < 0)
        stage_fail(&r->stage, f);
    return r->stage.failed;
}

static bool take_header(struct reader *r, struct view *v) {
    struct fault f;
    if (v->size == 0 || !head_fill(&r->head, TAR_BLOCK, v, &r->position))
        return false;
    r->entry_place = r->head.place;
    r->head.have = 0;
    int parsed = tar_parse(r->head.bytes, &r->head.place, &r->entry, &f);
    if (parsed < 0 && r->stage.salvage != NULL && !r->extension.any) {
        lose_block(r, &f);
        return true;
    }
    if (r->entry.kind != TAR_ZEROS && parsed >= 0)
        parsed = tar_zeros_header(&r->between, &r->stage, &r->target, &r->entry_place,
                                  r->lost ? 0 : r->zeros, r->head.bytes, &f);
    if (r->entry.kind != TAR_ZEROS)
        end_lost(r, r->position - TAR_BLOCK);
    return !failed(r, parsed < 0 ? -1 : begin_entry(r, &f), &f);
}

static int end_extension(struct reader *r, struct fault *f) {
    const struct gather *g = &r->gather;
    if (r->entry.kind == TAR_LONG_NAME)
        return tar_extension_name(&r->extension, g->data, g->have, f);
    return tar_extension_add(&r->extension, g->data, g->have, r->entry.kind == TAR_PAX_GLOBAL,
                             most_runs(r), &g->place, f);
}

// Takes a block of the map that has been gathered.
static int end_map_block(struct reader *r, struct fault *f) {
    struct tar_map *m = &r->extension.map;
    const uint8_t *block = r->gather.data;
    int complete;
    if (r->state == IN_BLOCKS) {
        complete = tar_map_add_block(m, block, most_runs(r), &r->gather.place, f);
    } else {
        complete = tar_map_add_text(m, &r->text, block, most_runs(r), &r->gather.place, f);
        r->left -= TAR_BLOCK;
    }
    if (complete < 0)
        return prefix_name(r->name->bytes, r->name->size, f);
    if (complete > 0)
        return begin_contents(r, f);
    gather_contents(r, TAR_BLOCK, r->state);
    return 0;
}

static bool take_gathered(struct reader *r, struct view *v) {
    struct fault f;
    bool complete = r->gather.have == r->gather.need;
    if (r->state == IN_TEXT && r->left < TAR_BLOCK)
        return !failed(r, refuse_map_end(r, &f), &f);
    if (v->size == 0 && !complete)
        return false;
    int gathered = gather_fill(&r->gather, v, &r->position);
    if (gathered < 0)
        stage_fail_memory(&r->stage);
    if (gathered <= 0)
        return !r->stage.failed;
    if (r->state != IN_EXTENSION)
        return !failed(r, end_map_block(r, &f), &f);
    pass_over(r, 0, r->gather.have);
    return !failed(r, end_extension(r, &f), &f);
}

static void end_file(struct reader *r) {
    if (is_sparse(r))
        pass_hole(r);
    submit(r, END, (struct view){0});
    pass_over(r, 0, r->extension.has_size ? r->extension.size : r->entry.size);
    tar_extension_clear(&r->extension);
    r->name = NULL;
    r->scope = NULL;
}

static bool take_contents(struct reader *r, struct view *v) {
    const struct tar_map *m = &r->extension.map;
    if (r->left == 0) {
        end_file(r);
        return !r->stage.failed;
    }
    if (v->size == 0)
        return false;
    uint64_t most = r->left;
    if (is_sparse(r)) {
        const struct tar_run *run = &m->runs[r->run];
        most = run->offset + run->size - r->offset;
    }
    struct view part = view_split(v, v->size < most ? v->size : (size_t)most);
    r->position += part.size;
    r->left -= part.size;
    r->offset += part.size;
    submit(r, DATA, part);
    if (is_sparse(r) && part.size == most) {
        r->run++;
        if (r->left > 0)
            pass_hole(r);
    }
    return !r->stage.failed;
}

static bool take_passed(struct reader *r, struct view *v) {
    if (r->passed == 0) {
        r->state = IN_HEADER;
        return true;
    }
    if (v->size == 0)
        return false;
    struct view part = view_split(v, v->size < r->passed ? v->size : (size_t)r->passed);
    r->position += part.size;
    r->passed -= part.size;
    return true;
}

static void push(struct stage *stage, struct view v) {
    struct reader *r = (struct reader *)stage;
    bool more = !stage_is_closed(stage);
    r->origin = v.origin + (v.exact ? v.size : 0);
    r->exact = v.exact;
    while (more) {
        ordered_relieve(stage->ordered);
        switch (r->state) {
        case IN_HEADER:
            more = take_header(r, &v);
            break;
        case IN_CONTENTS:
            more = take_contents(r, &v);
            break;
        case IN_PASSED:
            more = take_passed(r, &v);
            break;
        default:
            more = take_gathered(r, &v);
        }
    }
}

// ---- The end.

// Whether the archives have ended correctly; the padding of the last record may be cut off.
static bool has_ended(const struct reader *r) {
    for (size_t i = 0; i < r->head.have; i++)
        if (r->head.bytes[i] != 0)
            return false;
    return r->zeros >= 2 && r->any && r->state == IN_HEADER;
}

static void describe_cut(const struct reader *r, struct fault *f) {
    struct place end = {.origin = r->origin, .exact = r->exact, .position = r->position};
    const char *where = place_text(&end, 0);
    if (r->name != NULL) {
        diag_fault(f, EX_DATAERR,
                   "tar archive ends too early, %s: expected %" PRIu64
                   " more bytes of this member; it was cut short: fetch the backup again",
                   where, r->left);
        prefix_name(r->name->bytes, r->name->size, f);
        return;
    }
    bool inside = r->head.have > 0 || r->state != IN_HEADER || r->extension.any;
    diag_fault(f, EX_DATAERR,
               "tar archive ends too early, %s: expected %s; it was cut short: fetch the backup "
               "again",
               where, inside ? "the rest of an entry" : "an end mark, two blocks of zeros");
}

// Notes the loss at the end of a cut archive, and ends the member that was cut.
static void salvage_cut(struct reader *r) {
    struct salvage_loss loss = {.format = "tar", .offset = r->position};
    if (r->name == NULL) {
        salvage_submit(&r->stage, NULL, r->stage.salvage, &loss, "the archive has no end mark");
        return;
    }
    loss.placed = true;
    loss.output_offset = r->offset;
    salvage_submit(&r->stage, NULL, r->scope, &loss, "the archive ends inside the member");
    submit(r, END, (struct view){0});
}

static void finish(struct stage *stage) {
    struct reader *r = (struct reader *)stage;
    struct fault f;
    if (stage_is_closed(stage))
        return;
    end_lost(r, r->position);
    struct place end = {.origin = r->origin, .exact = r->exact, .position = r->position};
    if (has_ended(r) && r->head.have == 0 &&
        tar_zeros_finish(&r->between, stage, &r->target, &end, r->zeros, &f) < 0)
        stage_fail(stage, &f);
    else if (has_ended(r)) {
        submit(r, FINISH, (struct view){0});
    } else if (!r->any && r->head.have == 0) {
        diag_fault(&f, EX_DATAERR, "the tar archive is empty: expected a member");
        stage_fail(stage, &f);
    } else if (stage->salvage != NULL) {
        salvage_cut(r);
        submit(r, FINISH, (struct view){0});
    } else {
        describe_cut(r, &r->cut);
        submit(r, CUT, (struct view){0});
        stage->failed = true;
    }
}

static void free_reader(struct stage *stage) {
    struct reader *r = (struct reader *)stage;
    gather_clear(&r->gather);
    tar_extension_clear(&r->extension);
    names_free(r->names);
    free(r);
}

struct stage *tar_reader_new(struct ordered *o, uint64_t max_chunk, struct archive_target target) {
    static const struct stage_operations operations = {
        .push = push, .finish = finish, .free = free_reader};
    struct reader *r = stage_new(sizeof *r, &operations, o);
    if (r == NULL)
        return NULL;
    r->max_chunk = max_chunk;
    r->target = target;
    return &r->stage;
}
