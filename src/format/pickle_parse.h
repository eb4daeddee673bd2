/*
 * From the bytes of a pickle to the values that it stands for. Internal to this floor.
 *
 * Values refer to the bytes and, by index, to each other; lists, dicts and objects may do so in
 * circles.
 */
#ifndef CTM_FORMAT_PICKLE_PARSE_H
#define CTM_FORMAT_PICKLE_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "format/fail.h"

enum ctm_pickle_kind {
    CTM_PICKLE_NONE,
    CTM_PICKLE_BOOL,
    CTM_PICKLE_INT,      /* of at most 64 bits */
    CTM_PICKLE_LONG_INT, /* bytes: two's complement, lowest byte first */
    CTM_PICKLE_FLOAT,
    CTM_PICKLE_TEXT, /* generalized UTF-8 */
    CTM_PICKLE_BYTES,
    CTM_PICKLE_LIST,
    CTM_PICKLE_TUPLE,
    CTM_PICKLE_DICT, /* items: key, value, key, value, ...; a later one of equal keys counts */
    CTM_PICKLE_CLASS,
    CTM_PICKLE_OBJECT, /* one item: its state */
};

/* Classes by their place in the list of those that are admitted. */
enum ctm_pickle_class {
    CTM_PICKLE_SNAPSHOT,
    CTM_PICKLE_TRACES,
    CTM_PICKLE_OTHER_CLASS,
};

struct ctm_pickle_value {
    uint8_t kind;
    uint8_t class;   /* of CLASS and OBJECT */
    uint32_t length; /* of LONG_INT, TEXT, BYTES */
    union {
        int64_t number; /* INT, BOOL */
        double real;
        const uint8_t *bytes; /* borrowed from the pickle */
        uint32_t node;        /* LIST, TUPLE, DICT, OBJECT */
    };
};

/* Items that stand side by side. What grows (a list, a dict) is a chain of nodes. */
struct ctm_pickle_node {
    uint32_t start; /* index of the first item */
    uint32_t length;
    uint32_t next; /* CTM_PICKLE_NO_NODE: the last one */
    uint32_t last; /* of the chain; meaningful in its first node */
};

#define CTM_PICKLE_NO_NODE UINT32_MAX

struct ctm_pickle {
    struct ctm_pickle_value root;
    struct ctm_pickle_value *items;
    size_t item_count;
    struct ctm_pickle_node *nodes;
    size_t node_count;
};

/*
 * Parse a pickle of protocol 2 to 5. CTM_OK; CTM_ENOMEM; or CTM_EFORMAT: something that no dump
 * has, which the error names. `out` is freed with ctm_pickle_free, also after a failure.
 */
CTM_MUST_CHECK int ctm_pickle_parse(const uint8_t *bytes, size_t length, struct ctm_pickle *out,
                                    struct ctm_file_error *error);
void ctm_pickle_free(struct ctm_pickle *pickle);

/* A walk over the items of a container. */
struct ctm_pickle_walk {
    const struct ctm_pickle *pickle;
    uint32_t node;
    uint32_t at;
};

struct ctm_pickle_walk ctm_pickle_walk(const struct ctm_pickle *pickle, uint32_t node);
/* The next item, or NULL at the end. */
const struct ctm_pickle_value *ctm_pickle_next(struct ctm_pickle_walk *walk);
/* Number of items. Linear in the links of the chain. */
uint64_t ctm_pickle_count(const struct ctm_pickle *pickle, uint32_t node);

bool ctm_pickle_is_text(const struct ctm_pickle_value *value, const char *text);

/* What a value is called in messages. */
const char *ctm_pickle_kind_name(const struct ctm_pickle_value *value);

#endif
