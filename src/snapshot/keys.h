/*
 * The keys that traces are grouped by, as dense integers whose order is the order of tracebacks in
 * Python: what compares and finds equal text, lines and paths is done once per table entry, and
 * grouping, matching two snapshots and sorting are arithmetic. Internal to this floor.
 */
#ifndef CTM_SNAPSHOT_KEYS_H
#define CTM_SNAPSHOT_KEYS_H

#include "snapshot/group.h"

/* The key of a traceback without frames; less than every other. */
#define CTM_KEY_EMPTY 0

struct ctm_keys {
    size_t count; /* keys are less than this */
    /*
     * Of the first and the second tables: the key of each string (where ctm_key_by_file; meaningful
     * for names of files), node (TRACEBACK) or frame (all other keys). Owned; the same array where
     * the tables are the same.
     */
    uint32_t *of[2];
};

/* False: no such key, or one that has no cumulative mode. */
static inline bool ctm_key_valid(enum ctm_key key, bool cumulative)
{
    return (unsigned)key < CTM_KEY_COUNT && (key != CTM_KEY_TRACEBACK || !cumulative);
}

/* Keys that are the same for all frames of a file. */
static inline bool ctm_key_by_file(enum ctm_key key)
{
    return key == CTM_KEY_FILENAME || key == CTM_KEY_MODULE;
}

/* What a key (not TRACEBACK) sees of a frame; the rest is 0. */
static inline struct ctm_frame ctm_key_frame(enum ctm_key key, struct ctm_frame frame)
{
    bool line = key == CTM_KEY_LINENO || key == CTM_KEY_FRAME;
    bool name = key == CTM_KEY_FUNCTION || key == CTM_KEY_FRAME;
    return (struct ctm_frame){
        .file = frame.file, .name = name ? frame.name : 0, .line = line ? frame.line : 0};
}

/*
 * Keys over the tables of one snapshot (`b` is NULL) or of two: equal by text has one key, also
 * across tables. CTM_OK, CTM_ENOMEM or CTM_ELIMIT. Linear in the tables, plus a sort of the names
 * of files and, where the key sees them, of functions.
 */
CTM_MUST_CHECK int ctm_keys_init(struct ctm_keys *keys, enum ctm_key key,
                                 const struct ctm_tables *a, const struct ctm_tables *b);
void ctm_keys_deinit(struct ctm_keys *keys);

#endif
