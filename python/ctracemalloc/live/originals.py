"""The interpreter's own functions, whatever the program puts in their place later.

Frameworks that make blocking calls cooperative replace functions of `_thread` and `time`, and tools
that stop the clock replace those of `time`, in all modules where they find them under a name.
"""

from __future__ import annotations

import _thread
import time


class Original:
    """Functions of the system's threads and clock; attributes of a class are not looked through.

    All are written in C, so that being attributes makes no methods of them.
    """

    local = _thread._local
    get_ident = _thread.get_ident
    get_native_id = _thread.get_native_id
    allocate_lock = _thread.allocate_lock
    start_new_thread = _thread.start_new_thread
    RLock = _thread.RLock
    monotonic = time.monotonic
    sleep = time.sleep
