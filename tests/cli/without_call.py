# SPDX-License-Identifier: Apache-2.0
"""without_call.py NUMBER COMMAND...: runs the command so that the system call fails with ENOSYS, as
on a kernel that does not have it."""
import ctypes
import os
import struct
import sys

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
ENOSYS = 38
number = int(sys.argv[1])
code = b"".join(struct.pack("=HBBI", *instruction) for instruction in (
    (0x20, 0, 0, 0),                    # load the number of the call
    (0x15, 0, 1, number),               # is it this one?
    (0x06, 0, 0, 0x00050000 | ENOSYS),  # fail
    (0x06, 0, 0, 0x7FFF0000)))          # allow
filter_code = ctypes.create_string_buffer(code)


class Program(ctypes.Structure):
    _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.c_void_p)]


program = Program(len(code) // 8, ctypes.addressof(filter_code))
libc = ctypes.CDLL(None, use_errno=True)
if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 or \
        libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program)) != 0:
    sys.exit("without_call.py: no filter: " + os.strerror(ctypes.get_errno()))
os.execvp(sys.argv[2], sys.argv[2:])
