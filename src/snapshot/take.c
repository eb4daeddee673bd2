#include "snapshot/take.h"

#include "snapshot/piles.h"
#include "snapshot/translate.h"

static int add_pile(void *context, struct ctm_pile pile)
{
    return ctm_translation_row(context, pile.site, pile.size, pile.count);
}

int ctm_take_snapshot(const struct ctm_tracer *tracer, const struct ctm_take_options *options,
                      struct ctm_snapshot **out)
{
    struct ctm_translation t;
    int error = ctm_translation_start(&t, tracer, options);
    if (error == CTM_OK) {
        error = ctm_translation_remember(&t);
    }
    if (error == CTM_OK) {
        error = ctm_piles_each(tracer, add_pile, &t);
    }
    if (error == CTM_OK) {
        error = ctm_builder_merge_rows(t.builder);
    }
    if (error == CTM_OK) {
        error = ctm_translation_finish(&t, CTM_KIND_LIVE, out);
    }
    ctm_translation_end(&t);
    return error;
}

int ctm_take_block(const struct ctm_tracer *tracer, const struct ctm_take_options *options,
                   uint32_t domain, uintptr_t address, struct ctm_snapshot **out)
{
    struct ctm_translation t;
    struct ctm_block block;
    bool found = domain == 0 ? ctm_blocks_get(&tracer->blocks, address, &block)
                             : ctm_blocks_get_domain(&tracer->blocks, domain, address, &block);
    int error = ctm_translation_start(&t, tracer, options);
    if (error == CTM_OK && found) {
        error = ctm_translation_row(&t, block.site, block.size, 1);
    }
    if (error == CTM_OK) {
        error = ctm_translation_finish(&t, CTM_KIND_LIVE, out);
    }
    ctm_translation_end(&t);
    return error;
}
