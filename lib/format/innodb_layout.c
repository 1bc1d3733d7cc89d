// SPDX-License-Identifier: Apache-2.0
#include "format/innodb_layout.h"

#include "format/innodb_delta.h"

enum { SERVER_DEFAULT = 16 << 10, ROWS_MAX = 16 << 10 };

static bool is_sound(const uint8_t *page, size_t size, const struct innodb_page_layout *layout) {
    char unused[INNODB_PAGE_WHY];
    return size >= layout->size && innodb_page_judge(page, layout, unused) == INNODB_PAGE_SOUND;
}

// The number of pages that are sound and whose numbers fit the pages before them.
static unsigned count_sound(const uint8_t *data, size_t size,
                            const struct innodb_page_layout *layout) {
    unsigned count = 0;
    uint32_t first = 0;
    for (size_t i = 0; i < size / layout->size; i++) {
        const uint8_t *page = data + i * layout->size;
        uint32_t from = innodb_page_number(page) - (uint32_t)i;
        if (!is_sound(page, layout->size, layout) || (count > 0 && from != first))
            continue;
        first = from;
        count++;
    }
    return count;
}

// Tries a layout, and takes it if it is better than the best so far.
static void try_layout(const uint8_t *data, size_t size, struct innodb_page_layout layout,
                       struct innodb_page_layout *best, unsigned *most) {
    unsigned count = count_sound(data, size, &layout);
    if (count <= *most)
        return;
    *most = count;
    *best = layout;
}

// Whether the file begins with page 0 and its flags give a layout.
static bool has_flags(const uint8_t *data, size_t size, struct innodb_page_layout *layout) {
    return size >= INNODB_PAGE_MIN_ROWS && innodb_page_number(data) == 0 &&
           innodb_page_layout(data, layout);
}

struct innodb_page_layout innodb_layout_find(const uint8_t *data, size_t size, size_t server) {
    struct innodb_page_layout claimed, best;
    bool claims = has_flags(data, size, &claimed);
    if (claims && is_sound(data, size, &claimed))
        return claimed;
    best = (struct innodb_page_layout){.size = server != 0 ? server : SERVER_DEFAULT,
                                       .kind = INNODB_PAGE_EITHER};
    unsigned most = 0;
    if (claims)
        try_layout(data, size, claimed, &best, &most);
    try_layout(data, size, best, &best, &most);
    for (size_t n = INNODB_PAGE_MIN; n <= INNODB_PAGE_MAX; n *= 2)
        try_layout(data, size, (struct innodb_page_layout){n, INNODB_PAGE_EITHER}, &best, &most);
    for (size_t n = INNODB_PAGE_MIN_ROWS; n <= ROWS_MAX; n *= 2)
        try_layout(data, size, (struct innodb_page_layout){n, INNODB_PAGE_ROWS}, &best, &most);
    return most == 0 && claims ? claimed : best;
}

// How well a layout fits the first group of changes: 0 not at all; 1: its first page has the right
// number; 2: that page is sound; 3: both.
static unsigned fit_delta(const uint8_t *data, size_t size,
                          const struct innodb_page_layout *layout) {
    bool last;
    if (size < layout->size)
        return 0;
    long pages = innodb_delta_group(data, layout->size, &last);
    if (pages <= 0 || size < 2 * layout->size)
        return pages == 0 && size == layout->size;
    const uint8_t *first = data + layout->size;
    bool right = innodb_page_number(first) == innodb_delta_number(data, 0);
    return (unsigned)right + (is_sound(first, layout->size, layout) ? 2 : 0);
}

struct innodb_page_layout innodb_layout_find_delta(const uint8_t *data, size_t size, size_t server,
                                                   const struct innodb_page_layout *known) {
    if (known != NULL)
        return *known;
    struct innodb_page_layout best = {.size = server != 0 ? server : SERVER_DEFAULT,
                                      .kind = INNODB_PAGE_EITHER};
    unsigned most = fit_delta(data, size, &best);
    for (unsigned rows = 0; rows < 2; rows++)
        for (size_t n = rows ? INNODB_PAGE_MIN_ROWS : INNODB_PAGE_MIN;
             n <= (rows ? ROWS_MAX : INNODB_PAGE_MAX); n *= 2) {
            struct innodb_page_layout layout = {n, rows ? INNODB_PAGE_ROWS : INNODB_PAGE_EITHER};
            unsigned fit = fit_delta(data, size, &layout);
            if (fit <= most)
                continue;
            most = fit;
            best = layout;
        }
    return best;
}
