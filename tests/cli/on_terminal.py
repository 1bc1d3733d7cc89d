#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs a command with some of its descriptors on a terminal: on_terminal.py FD[,FD] COMMAND...

What is written to the terminal goes to standard output; what the variable TYPED holds is typed there, and then Ctrl-D.
Ends with the command's status.
"""
import os
import pty
import sys
import termios

master, slave = pty.openpty()
mode = termios.tcgetattr(slave)
mode[1] &= ~termios.OPOST  # what is written comes out as it is, line ends too
mode[3] &= ~termios.ECHO
termios.tcsetattr(slave, termios.TCSANOW, mode)
if "TYPED" in os.environ:
    os.write(master, os.environ["TYPED"].encode() + b"\n\x04")
child = os.fork()
if child == 0:
    for fd in sys.argv[1].split(","):
        os.dup2(slave, int(fd))
    os.close(master)
    os.close(slave)
    os.execvp(sys.argv[2], sys.argv[2:])
os.close(slave)
while True:
    try:
        data = os.read(master, 65536)
    except OSError:  # EIO: nobody has the terminal open any more
        break
    if not data:
        break
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
