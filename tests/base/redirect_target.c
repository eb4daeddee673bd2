/* The object whose function is led elsewhere. Built in several ways by meson.build. */
#define SHOWN __attribute__((visibility("default")))

SHOWN int target_answer(void);
SHOWN int target_ask_inside(void);

SHOWN __attribute__((noinline)) int target_answer(void)
{
    return 1;
}

/* A name that no other object can take over: the linker binds the call. */
extern __typeof(target_answer) answer_inside
    __attribute__((alias("target_answer"), visibility("hidden")));

SHOWN int target_ask_inside(void)
{
    return answer_inside();
}
