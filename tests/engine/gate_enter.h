/*
 * For tests: into the gate as the hooks come in. They try the bias where they are small, and leave
 * by ctm_gate_leave_biased there; all else is a function of its own.
 */
#ifndef CTM_TESTS_ENGINE_GATE_ENTER_H
#define CTM_TESTS_ENGINE_GATE_ENTER_H

#include "base/gate.h"

static inline enum ctm_pass test_gate_enter(struct ctm_gate *gate, bool owner,
                                            struct ctm_seat *seat)
{
    return owner && ctm_gate_enter_biased(gate) ? CTM_PASS_BIASED
                                                : ctm_gate_enter_slow(gate, owner, seat);
}

#endif
