// SPDX-License-Identifier: Apache-2.0
#include "os/interrupt.h"

#include "base/diag.h"

#include <signal.h>
#include <stddef.h>

static volatile sig_atomic_t pending;

static void note(int signal_number) {
    pending = signal_number;
}

void interrupt_catch(void) {
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        struct sigaction old, action = {.sa_handler = note, .sa_flags = (int)SA_RESETHAND};
        sigemptyset(&action.sa_mask);
        if (sigaction(signals[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
            sigaction(signals[i], &action, NULL);
    }
}

int interrupt_pending(void) {
    return pending;
}

void interrupt_say(void) {
    if (pending != 0)
        diag_error("interrupted");
}

void interrupt_die(void) {
    if (pending == 0)
        return;
    signal(pending, SIG_DFL);
    raise(pending);
}
