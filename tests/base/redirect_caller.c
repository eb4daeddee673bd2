/* An object that calls the target's function. Built in several ways by meson.build. */
#define SHOWN __attribute__((visibility("default")))

int target_answer(void);

/* Its value is written by the loader, into a page that is sealed then (RELRO). */
SHOWN extern int (*const caller_pointer)(void);
int (*const caller_pointer)(void) = target_answer;

SHOWN int caller_call(void);

SHOWN int caller_call(void)
{
    return target_answer();
}
