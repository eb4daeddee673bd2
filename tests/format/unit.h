/* cmocka with what it needs in front of it. */
#ifndef TESTS_FORMAT_UNIT_H
#define TESTS_FORMAT_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
