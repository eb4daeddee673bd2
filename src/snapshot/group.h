/*
 * Group the traces of a snapshot by a key, as stdlib's Snapshot.statistics: same groups, same
 * order.
 *
 * Cost: linear in rows and tables, plus a sort of the names of files and functions. Functions that
 * make a table return CTM_OK, CTM_ENOMEM, CTM_EINVAL, or CTM_ELIMIT if a sum does not fit 64 bits
 * (no real memory does that; a hostile file may), and write `out` only on CTM_OK. All may run on
 * many threads at once over the same snapshot.
 */
#ifndef CTM_SNAPSHOT_GROUP_H
#define CTM_SNAPSHOT_GROUP_H

#include "snapshot/snapshot.h"

enum ctm_key {
    CTM_KEY_FILENAME,
    CTM_KEY_LINENO,
    CTM_KEY_TRACEBACK, /* by the (file, line) pairs of the stack: names and total_nframe merge */
    CTM_KEY_FUNCTION,  /* by file and name of function; all unknown functions of a file are one */
    CTM_KEY_MODULE,    /* by what ctm_module_name says of the file */
    CTM_KEY_FRAME,     /* by file, line and name of function */
    CTM_KEY_COUNT,     /* no key: how many there are */
};

/* Where a block counts. By TRACEBACK there is nothing but the newest: CTM_EINVAL. */
enum ctm_counting {
    CTM_AT_NEWEST, /* at the newest frame of its stack */
    CTM_AT_FRAMES, /* at each frame, where it recurs once more each time: stdlib's cumulative mode
                    */
    CTM_AT_PLACES, /* at each place that its frames are in, once: never more than there is */
};

/*
 * One group. The key is a representative: for TRACEBACK a stack id (the first in row order that has
 * these pairs), for MODULE a file of the module, for other keys what they see of a frame.
 *
 * Traces without any frame are one group, as the empty traceback is in stdlib; they are in no group
 * by FILENAME at their newest frame (stdlib raises IndexError), and none by CTM_AT_FRAMES.
 */
struct ctm_group {
    bool no_frame;          /* the traceback is empty: the frame means nothing */
    struct ctm_frame frame; /* what the key does not see of it is 0 */
    uint32_t stack;
    uint64_t size;  /* bytes of all blocks */
    uint64_t count; /* blocks */
};

struct ctm_groups {
    size_t length;
    struct ctm_group *items; /* owned; free with ctm_groups_free */
};

/*
 * Sorted as stdlib sorts: descending by (size, count, traceback), where tracebacks compare from
 * the oldest frame to the newest by (file name as code points, line, function name where the key
 * sees it), modules by name; equal keys cannot occur.
 */
CTM_MUST_CHECK int ctm_group(const struct ctm_snapshot *s, enum ctm_key key,
                             enum ctm_counting counting, struct ctm_groups *out);
void ctm_groups_free(struct ctm_groups *groups);

/*
 * Order of two stacks' tracebacks as Python compares the tuples of (filename, lineno), oldest
 * frame first: negative, 0, positive. The stacks may be of different snapshots. Linear in depth.
 */
int ctm_traceback_compare(const struct ctm_tables *a, uint32_t stack_a, const struct ctm_tables *b,
                          uint32_t stack_b);

/* Order of two strings as Python compares str: by code points. */
int ctm_string_compare(struct ctm_string a, struct ctm_string b);

#endif
