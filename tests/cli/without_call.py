# SPDX-License-Identifier: Apache-2.0
"""without_call.py CALLS COMMAND...: runs the command so that system calls fail as on a kernel that
does not have them, or in a container that does not allow them. CALLS is a list with commas of NAME or
NAME:ERROR, such as openat2,clone3:EPERM; the error is ENOSYS if none is given. no-seccomp stands for
both ways of loading a filter."""
import ctypes
import errno
import os
import platform
import struct
import sys

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
# Numbers since 424 are the same on every processor.
NUMBERS = {"clone3": 435, "openat2": 437, "landlock_create_ruleset": 444, "landlock_add_rule": 445,
           "landlock_restrict_self": 446}
NUMBERS.update({
    "x86_64": {"madvise": 28, "prctl": 157, "renameat2": 316, "seccomp": 317},
    "aarch64": {"madvise": 233, "prctl": 167, "renameat2": 276, "seccomp": 277},
    "s390x": {"madvise": 150, "prctl": 172, "renameat2": 347, "seccomp": 348}}[platform.machine()])

LOAD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, FAIL = 0x7FFF0000, 0x00050000
FIRST_ARGUMENT = 16 if sys.byteorder == "little" else 20

instructions = [(LOAD, 0, 0, 0)]


def fail(name, error):
    instructions.extend(((JUMP_IF_EQUAL, 0, 1, NUMBERS[name]), (RETURN, 0, 0, FAIL | error)))


for call in sys.argv[1].split(","):
    name, _, error = call.partition(":")
    error = getattr(errno, error or "ENOSYS")
    if name == "no-seccomp":
        fail("seccomp", error)
        instructions.extend(((JUMP_IF_EQUAL, 0, 4, NUMBERS["prctl"]), (LOAD, 0, 0, FIRST_ARGUMENT),
                             (JUMP_IF_EQUAL, 0, 1, PR_SET_SECCOMP), (RETURN, 0, 0, FAIL | errno.EINVAL),
                             (LOAD, 0, 0, 0)))
    else:
        fail(name, error)
instructions.append((RETURN, 0, 0, ALLOW))
code = b"".join(struct.pack("=HBBI", *instruction) for instruction in instructions)
filter_code = ctypes.create_string_buffer(code)


class Program(ctypes.Structure):
    _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.c_void_p)]


program = Program(len(instructions), ctypes.addressof(filter_code))
libc = ctypes.CDLL(None, use_errno=True)
if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 or \
        libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program)) != 0:
    sys.exit("without_call.py: no filter: " + os.strerror(ctypes.get_errno()))
os.execvp(sys.argv[2], sys.argv[2:])
