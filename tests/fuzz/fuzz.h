/* What the fuzz targets share. */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include "format/wire.h"

/* libFuzzer's entry, one in each target; replay.c calls it with the files of a corpus. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

/*
 * Read bytes as a snapshot file. If they are none, the error must be well-formed. If they are one,
 * all that it holds is looked at, and it must survive being written and read again.
 */
void fuzz_check_file(const uint8_t *bytes, size_t length);

#endif
