/* Whether this is a build with ThreadSanitizer, where the gate never biases. */
#ifndef CTM_TESTS_ENGINE_SANITIZER_H
#define CTM_TESTS_ENGINE_SANITIZER_H

#if defined(__has_feature)
#define TEST_THREAD_SANITIZER __has_feature(thread_sanitizer)
#elif defined(__SANITIZE_THREAD__)
#define TEST_THREAD_SANITIZER 1
#else
#define TEST_THREAD_SANITIZER 0
#endif

#endif
