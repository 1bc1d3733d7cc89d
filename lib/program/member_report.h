// SPDX-License-Identifier: Apache-2.0
// What xbunpack says of each member that it meets.
#ifndef XBPIPE_MEMBER_REPORT_H
#define XBPIPE_MEMBER_REPORT_H

#include "archive/extract.h"

#include <stdbool.h>

struct member_report_mode {
    bool list, info, test; // what the program does; none: it creates files
    bool verbose;
};

// Sets the calls of the settings that tell of members: lists go to standard output, all else to
// standard error.
void member_report_choose(struct extract_settings *settings, const struct member_report_mode *mode);

#endif
