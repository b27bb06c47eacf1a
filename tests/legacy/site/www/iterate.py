# SPDX-License-Identifier: Apache-2.0
import time, thread
rows = iter([1, 2])
first = rows.next()
began = time.clock()
thread.start_new_thread(print, ())
