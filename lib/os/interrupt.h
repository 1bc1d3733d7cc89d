// SPDX-License-Identifier: Apache-2.0
// SIGINT, SIGTERM and SIGHUP taken as a request to stop, for programs that have temporary files to
// remove before they end.
#ifndef XBPIPE_INTERRUPT_H
#define XBPIPE_INTERRUPT_H

// Catches the three signals (those that are not ignored on entry). System calls in progress end
// with EINTR; fdio's reads then return it. A second signal of the same kind ends the process at
// once.
void interrupt_catch(void);

// The signal that was received, or 0.
int interrupt_pending(void);

// Says on standard error that the run was interrupted, if a signal is pending.
void interrupt_say(void);

// Ends the process by that signal as if it had never been caught, as a calling shell expects. Call
// it after cleaning up. Returns only if no signal is pending.
void interrupt_die(void);

#endif
