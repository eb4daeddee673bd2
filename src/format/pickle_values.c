#include "format/pickle_parse.h"

#include <stdlib.h>
#include <string.h>

void ctm_pickle_free(struct ctm_pickle *pickle)
{
    free(pickle->items);
    free(pickle->nodes);
    *pickle = (struct ctm_pickle){.items = NULL};
}

struct ctm_pickle_walk ctm_pickle_walk(const struct ctm_pickle *pickle, uint32_t node)
{
    return (struct ctm_pickle_walk){.pickle = pickle, .node = node};
}

const struct ctm_pickle_value *ctm_pickle_next(struct ctm_pickle_walk *walk)
{
    while (walk->node != CTM_PICKLE_NO_NODE) {
        const struct ctm_pickle_node *node = &walk->pickle->nodes[walk->node];
        if (walk->at < node->length) {
            return &walk->pickle->items[node->start + walk->at++];
        }
        walk->node = node->next;
        walk->at = 0;
    }
    return NULL;
}

uint64_t ctm_pickle_count(const struct ctm_pickle *pickle, uint32_t node)
{
    uint64_t count = 0;
    for (; node != CTM_PICKLE_NO_NODE; node = pickle->nodes[node].next) {
        count += pickle->nodes[node].length;
    }
    return count;
}

bool ctm_pickle_is_text(const struct ctm_pickle_value *value, const char *text)
{
    return value->kind == CTM_PICKLE_TEXT && value->length == strlen(text) &&
           memcmp(value->bytes, text, value->length) == 0;
}

const char *ctm_pickle_kind_name(const struct ctm_pickle_value *value)
{
    switch ((enum ctm_pickle_kind)value->kind) {
    case CTM_PICKLE_NONE:
        return "None";
    case CTM_PICKLE_BOOL:
        return "a bool";
    case CTM_PICKLE_INT:
        return "an int";
    case CTM_PICKLE_LONG_INT:
        return "a large int";
    case CTM_PICKLE_FLOAT:
        return "a float";
    case CTM_PICKLE_TEXT:
        return "a str";
    case CTM_PICKLE_BYTES:
        return "bytes";
    case CTM_PICKLE_LIST:
        return "a list";
    case CTM_PICKLE_TUPLE:
        return "a tuple";
    case CTM_PICKLE_DICT:
        return "a dict";
    case CTM_PICKLE_CLASS:
        return "a class";
    case CTM_PICKLE_OBJECT:
        break;
    }
    return "an object";
}
