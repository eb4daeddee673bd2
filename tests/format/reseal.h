/* Make a changed file look whole, so that a reader goes on to what is behind the checksums. */
#ifndef TESTS_FORMAT_RESEAL_H
#define TESTS_FORMAT_RESEAL_H

#include <stddef.h>
#include <stdint.h>

/*
 * Make all checksums right that can be found by walking the sections, and what the END section
 * says. Any bytes may be given.
 */
void reseal(uint8_t *bytes, size_t length);

#endif
