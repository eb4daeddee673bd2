/* Error codes of every floor: functions that can fail return 0 or one of these. */
#ifndef CTM_BASE_ERROR_H
#define CTM_BASE_ERROR_H

enum ctm_error {
    CTM_OK = 0,
    CTM_ENOMEM = -1,  /* the OS or malloc gave no memory */
    CTM_ELIMIT = -2,  /* a table has reached the most ids it can number */
    CTM_EINVAL = -3,  /* an argument outside its documented range */
    CTM_EFORMAT = -4, /* bytes that are not what the format says */
    CTM_EIO = -5,     /* the OS failed a read or a write: errno says why */
};

#define CTM_MUST_CHECK __attribute__((warn_unused_result))
#define CTM_LIKELY(x) __builtin_expect(!!(x), 1)
#define CTM_UNLIKELY(x) __builtin_expect(!!(x), 0)
/* Tell the compiler that x, which has no effects, is true. */
#define CTM_ASSUME(x)                                                                              \
    do {                                                                                           \
        if (!(x)) {                                                                                \
            __builtin_unreachable();                                                               \
        }                                                                                          \
    } while (0)
#define CTM_NOINLINE __attribute__((noinline))
#define CTM_ALWAYS_INLINE inline __attribute__((always_inline))
/* Neither inlined nor looked into: callers are compiled as if they knew nothing of the function's
 * body, not even that it always returns the same. */
#ifdef __clang__
#define CTM_OPAQUE CTM_NOINLINE
#else
#define CTM_OPAQUE __attribute__((noipa))
#endif
/* Seldom called: kept apart from hot code, so that it takes none of its cache lines. */
#define CTM_COLD __attribute__((cold, noinline))

#endif
