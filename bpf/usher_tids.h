/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The table of workloads' threads: how many it holds, and from how many on the rest is kept for the
 * children of those who are then killed for forking (remember_child). Included by both sides.
 */
#ifndef USHER_TIDS_H
#define USHER_TIDS_H

enum { TIDS_ROOM = 65536, TIDS_MARK = 61440 };

#endif
