/* A folder of its own for each test that works with files. */
#ifndef TESTS_FORMAT_FOLDER_H
#define TESTS_FORMAT_FOLDER_H

#include <stdbool.h>
#include <stddef.h>

/* Set-up and tear-down for cmocka: *state becomes the folder's path. */
int folder_make(void **state);
int folder_remove(void **state);

/* The path of a name in the folder; in static memory, four at a time. */
const char *folder_path(void **state, const char *name);

void folder_write(const char *path, const void *bytes, size_t length);
void folder_assert_holds(const char *path, const void *bytes, size_t length);

/* How many names there are in a folder. */
size_t folder_count(const char *path);

#endif
