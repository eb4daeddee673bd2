#include <stdlib.h>
#include <string.h>

#include "snapshot/array.h"
#include "snapshot/paths.h"

#define NONE CTM_NO_PATH

/* Links between the paths that were there, by ascending number. */
struct links {
    uint32_t next_child; /* the first that no node was found to have yet */
    uint32_t sibling;
};

/* Returns the first of those without a parent. */
static uint32_t link_by_number(const struct ctm_path *paths, size_t count, struct links *links)
{
    uint32_t first = NONE;
    for (size_t i = 0; i < count; i++) {
        links[i].next_child = NONE;
    }
    for (size_t i = count; i-- > 0;) {
        uint32_t parent = paths[i].parent;
        uint32_t *siblings = parent == NONE ? &first : &links[parent].next_child;
        links[i].sibling = *siblings;
        *siblings = (uint32_t)i;
    }
    return first;
}

/* The path with a place among a few siblings from `at` on; NONE: it is none of them. */
static uint32_t look_for(const struct ctm_path *paths, const struct links *links, uint32_t at,
                         uint32_t place)
{
    enum { FEW = 16 };
    for (int steps = 0; steps < FEW && at != NONE; steps++) {
        if (paths[at].place == place) {
            return at;
        }
        at = links[at].sibling;
    }
    return NONE;
}

int ctm_paths_match_nodes(const struct ctm_tables *t, const uint32_t *place_of,
                          struct ctm_path *paths, size_t *count, uint32_t *path_of)
{
    size_t known = *count;
    struct links *links = ctm_array_zeroed(known, sizeof *links);
    if (links == NULL) {
        return CTM_ENOMEM;
    }
    uint32_t next_root = link_by_number(paths, known, links);
    for (size_t i = 0; i < t->node_count; i++) {
        struct ctm_path path = ctm_path_of_node(t, place_of, i);
        uint32_t found = NONE;
        if (path.parent != NONE) {
            path.parent = path_of[path.parent];
        }
        if (path.parent == NONE || path.parent < known) {
            uint32_t *next = path.parent == NONE ? &next_root : &links[path.parent].next_child;
            found = look_for(paths, links, *next, path.place);
            *next = found == NONE ? *next : links[found].sibling;
        }
        if (found == NONE) {
            found = (uint32_t)*count;
            paths[(*count)++] = path;
        }
        path_of[i] = found;
    }
    free(links);
    return CTM_OK;
}
