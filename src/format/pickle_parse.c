#include "format/pickle_parse.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "format/pickle_machine.h"

/* The instructions that dumps are made of; pickletools describes each. */
enum opcode {
    OP_MARK = '(',
    OP_STOP = '.',
    OP_POP = '0',
    OP_POP_MARK = '1',
    OP_BINBYTES = 'B',
    OP_SHORT_BINBYTES = 'C',
    OP_BINFLOAT = 'G',
    OP_BININT = 'J',
    OP_BININT1 = 'K',
    OP_BININT2 = 'M',
    OP_NONE = 'N',
    OP_BINUNICODE = 'X',
    OP_EMPTY_LIST = ']',
    OP_APPEND = 'a',
    OP_BUILD = 'b',
    OP_GLOBAL = 'c',
    OP_APPENDS = 'e',
    OP_BINGET = 'h',
    OP_LONG_BINGET = 'j',
    OP_BINPUT = 'q',
    OP_LONG_BINPUT = 'r',
    OP_SETITEM = 's',
    OP_TUPLE = 't',
    OP_SETITEMS = 'u',
    OP_EMPTY_DICT = '}',
    OP_EMPTY_TUPLE = ')',
    OP_PROTO = 0x80,
    OP_NEWOBJ = 0x81,
    OP_TUPLE1 = 0x85,
    OP_TUPLE2 = 0x86,
    OP_TUPLE3 = 0x87,
    OP_NEWTRUE = 0x88,
    OP_NEWFALSE = 0x89,
    OP_LONG1 = 0x8a,
    OP_LONG4 = 0x8b,
    OP_SHORT_BINUNICODE = 0x8c,
    OP_BINUNICODE8 = 0x8d,
    OP_BINBYTES8 = 0x8e,
    OP_NEWOBJ_EX = 0x92,
    OP_STACK_GLOBAL = 0x93,
    OP_MEMOIZE = 0x94,
    OP_FRAME = 0x95,
};

/* The classes are refused or admitted by name; nothing of them is ever looked up. */
static const char *const modules[] = {"tracemalloc", "ctracemalloc"};
static const char *const classes[] = {
    [CTM_PICKLE_SNAPSHOT] = "Snapshot",
    [CTM_PICKLE_TRACES] = "_Traces",
    [CTM_PICKLE_OTHER_CLASS] = "Frame",
    "Traceback",
    "Trace",
    "Statistic",
    "StatisticDiff",
    "BaseFilter",
    "Filter",
    "DomainFilter",
};

/* ---- failures ---- */

static int fail_name(struct ctm_pickle_machine *m, const struct ctm_pickle_value *module,
                     const struct ctm_pickle_value *name)
{
    char module_text[70];
    char name_text[70];
    uint64_t offset = (uint64_t)(m->at - m->start);
    ctm_pickle_copy_name(module_text, sizeof module_text, module->bytes, module->length);
    ctm_pickle_copy_name(name_text, sizeof name_text, name->bytes, name->length);
    return ctm_file_fail(m->error, CTM_EFORMAT, offset,
                         "byte %" PRIu64
                         " of the pickle: it asks for %s.%s, which is not a class of "
                         "tracemalloc's snapshots",
                         offset, module_text, name_text);
}

/* ---- arguments of instructions ---- */

static int take(struct ctm_pickle_machine *m, uint64_t length, const uint8_t **bytes)
{
    *bytes = ctm_cursor_take(&m->input, length);
    return *bytes == NULL ? ctm_pickle_fail(m, "the file ends here") : CTM_OK;
}

/* A little-endian integer of 1, 2, 4 or 8 bytes. */
static int take_number(struct ctm_pickle_machine *m, unsigned width, uint64_t *number)
{
    const uint8_t *bytes;
    int status = take(m, width, &bytes);
    *number = 0;
    for (unsigned i = width; status == CTM_OK && i-- > 0;) {
        *number = *number << 8 | bytes[i];
    }
    return status;
}

/* Bytes with their length, an integer of `width` bytes, in front. */
static int take_sized(struct ctm_pickle_machine *m, unsigned width, struct ctm_pickle_value *value)
{
    uint64_t length;
    int status = take_number(m, width, &length);
    if (status == CTM_OK) {
        status = take(m, length, &value->bytes);
    }
    if (status == CTM_OK && length > UINT32_MAX) {
        status = ctm_pickle_fail(m, "a text or number of 4 GiB and more");
    }
    value->length = (uint32_t)length;
    return status;
}

/* ---- atoms ---- */

static int push_int(struct ctm_pickle_machine *m, int64_t number)
{
    return ctm_pickle_push(m, (struct ctm_pickle_value){.kind = CTM_PICKLE_INT, .number = number});
}

static int push_bool(struct ctm_pickle_machine *m, bool truth)
{
    return ctm_pickle_push(m, (struct ctm_pickle_value){.kind = CTM_PICKLE_BOOL, .number = truth});
}

static int push_unsigned(struct ctm_pickle_machine *m, unsigned width)
{
    uint64_t number;
    int status = take_number(m, width, &number);
    return status == CTM_OK ? push_int(m, (int64_t)number) : status;
}

static int push_signed(struct ctm_pickle_machine *m)
{
    uint64_t number;
    int status = take_number(m, 4, &number);
    return status == CTM_OK ? push_int(m, (int32_t)(uint32_t)number) : status;
}

/* Two's complement of any length; what fits 64 bits becomes an ordinary INT. */
static int push_long(struct ctm_pickle_machine *m, unsigned width)
{
    struct ctm_pickle_value value = {.kind = CTM_PICKLE_LONG_INT};
    int status = take_sized(m, width, &value);
    if (status != CTM_OK || value.length > sizeof(int64_t)) {
        return status != CTM_OK ? status : ctm_pickle_push(m, value);
    }
    bool negative = value.length > 0 && value.bytes[value.length - 1] >= 0x80;
    uint64_t number = negative ? UINT64_MAX : 0;
    for (unsigned i = value.length; i-- > 0;) {
        number = number << 8 | value.bytes[i];
    }
    return push_int(m, (int64_t)number);
}

static int push_float(struct ctm_pickle_machine *m)
{
    const uint8_t *bytes;
    int status = take(m, 8, &bytes);
    if (status != CTM_OK) {
        return status;
    }
    struct ctm_pickle_value value = {.kind = CTM_PICKLE_FLOAT};
    uint64_t bits = 0;
    for (unsigned i = 0; i < 8; i++) {
        bits = bits << 8 | bytes[i];
    }
    memcpy(&value.real, &bits, sizeof bits);
    return ctm_pickle_push(m, value);
}

static int push_text(struct ctm_pickle_machine *m, unsigned width)
{
    struct ctm_pickle_value value = {.kind = CTM_PICKLE_TEXT};
    int status = take_sized(m, width, &value);
    if (status != CTM_OK) {
        return status;
    }
    if (!ctm_text_is_valid((const char *)value.bytes, value.length)) {
        return ctm_pickle_fail(m, "a text is not UTF-8");
    }
    return ctm_pickle_push(m, value);
}

static int push_bytes(struct ctm_pickle_machine *m, unsigned width)
{
    struct ctm_pickle_value value = {.kind = CTM_PICKLE_BYTES};
    int status = take_sized(m, width, &value);
    return status == CTM_OK ? ctm_pickle_push(m, value) : status;
}

/* ---- containers ---- */

/* Replace the topmost values by a container of them. */
static int push_container(struct ctm_pickle_machine *m, enum ctm_pickle_kind kind, size_t count)
{
    struct ctm_pickle_value value = {.kind = (uint8_t)kind};
    if (!ctm_pickle_has_values(m, count)) {
        return ctm_pickle_fail_empty(m);
    }
    int status = ctm_pickle_make_node(m, count, &value.node);
    return status == CTM_OK ? ctm_pickle_push(m, value) : status;
}

static int push_tuple_from_mark(struct ctm_pickle_machine *m)
{
    size_t count;
    int status = ctm_pickle_pop_mark(m, &count);
    return status == CTM_OK ? push_container(m, CTM_PICKLE_TUPLE, count) : status;
}

/* Move the topmost values to the end of the container that stands below them. */
static int extend(struct ctm_pickle_machine *m, enum ctm_pickle_kind kind, size_t count)
{
    if (!ctm_pickle_has_values(m, count + 1)) {
        return ctm_pickle_fail_empty(m);
    }
    struct ctm_pickle_value *container = ctm_pickle_top(m) - count;
    if (container->kind != kind) {
        return ctm_pickle_fail(m, kind == CTM_PICKLE_LIST
                                      ? "values are added to what is not a list"
                                      : "values are added to what is not a dict");
    }
    if (kind == CTM_PICKLE_DICT && count % 2 != 0) {
        return ctm_pickle_fail(m, "a key without a value");
    }
    if (count == 0) {
        /* No link for nothing: a walk's length is that of its items. */
        return CTM_OK;
    }
    uint32_t first = container->node;
    uint32_t node;
    int status = ctm_pickle_make_node(m, count, &node);
    if (status == CTM_OK) {
        m->nodes[m->nodes[first].last].next = node;
        m->nodes[first].last = node;
    }
    return status;
}

static int extend_from_mark(struct ctm_pickle_machine *m, enum ctm_pickle_kind kind)
{
    size_t count;
    int status = ctm_pickle_pop_mark(m, &count);
    return status == CTM_OK ? extend(m, kind, count) : status;
}

/* ---- classes and objects ---- */

static bool is_admitted_module(const struct ctm_pickle_value *module)
{
    return ctm_pickle_is_text(module, modules[0]) || ctm_pickle_is_text(module, modules[1]);
}

static int push_class(struct ctm_pickle_machine *m, const struct ctm_pickle_value *module,
                      const struct ctm_pickle_value *name)
{
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
        if (is_admitted_module(module) && ctm_pickle_is_text(name, classes[i])) {
            size_t class = i < CTM_PICKLE_OTHER_CLASS ? i : CTM_PICKLE_OTHER_CLASS;
            return ctm_pickle_push(
                m, (struct ctm_pickle_value){.kind = CTM_PICKLE_CLASS, .class = (uint8_t) class});
        }
    }
    return fail_name(m, module, name);
}

static int take_line(struct ctm_pickle_machine *m, struct ctm_pickle_value *line)
{
    const uint8_t *end = memchr(m->input.at, '\n', ctm_cursor_left(&m->input));
    if (end == NULL) {
        return ctm_pickle_fail(m, "the file ends here");
    }
    *line = (struct ctm_pickle_value){.kind = CTM_PICKLE_TEXT, .bytes = m->input.at};
    line->length = (uint32_t)(end - m->input.at);
    m->input.at = end + 1;
    return CTM_OK;
}

static int push_global(struct ctm_pickle_machine *m)
{
    struct ctm_pickle_value module = {.kind = CTM_PICKLE_NONE};
    struct ctm_pickle_value name = {.kind = CTM_PICKLE_NONE};
    int status = take_line(m, &module);
    if (status == CTM_OK) {
        status = take_line(m, &name);
    }
    return status == CTM_OK ? push_class(m, &module, &name) : status;
}

static int push_stack_global(struct ctm_pickle_machine *m)
{
    if (!ctm_pickle_has_values(m, 2)) {
        return ctm_pickle_fail_empty(m);
    }
    struct ctm_pickle_value name = *ctm_pickle_top(m);
    struct ctm_pickle_value module = *(ctm_pickle_top(m) - 1);
    if (name.kind != CTM_PICKLE_TEXT || module.kind != CTM_PICKLE_TEXT) {
        return ctm_pickle_fail(m, "the name of a class is not text");
    }
    m->stack.length -= 2;
    return push_class(m, &module, &name);
}

/* Class and arguments become an instance that knows neither. */
static int push_object(struct ctm_pickle_machine *m)
{
    if (!ctm_pickle_has_values(m, 2)) {
        return ctm_pickle_fail_empty(m);
    }
    struct ctm_pickle_value arguments = *ctm_pickle_top(m);
    struct ctm_pickle_value class = *(ctm_pickle_top(m) - 1);
    if (class.kind != CTM_PICKLE_CLASS) {
        return ctm_pickle_fail(m, "an object of what is not a class");
    }
    if (arguments.kind != CTM_PICKLE_TUPLE || m->nodes[arguments.node].length != 0) {
        return ctm_pickle_fail(m, "an object with arguments");
    }
    m->stack.length -= 2;
    /* Its state, until there is one. */
    int status = ctm_pickle_push(m, (struct ctm_pickle_value){.kind = CTM_PICKLE_NONE});
    if (status == CTM_OK) {
        status = push_container(m, CTM_PICKLE_OBJECT, 1);
    }
    if (status == CTM_OK) {
        ctm_pickle_top(m)->class = class.class;
    }
    return status;
}

/* As NEWOBJ, and arguments by keyword on top. Python 3.4 wrote it where there are none. */
static int push_object_ex(struct ctm_pickle_machine *m)
{
    if (!ctm_pickle_has_values(m, 3)) {
        return ctm_pickle_fail_empty(m);
    }
    const struct ctm_pickle_value *keywords = ctm_pickle_top(m);
    /* What a dict is given later is linked behind its first node. */
    if (keywords->kind != CTM_PICKLE_DICT || m->nodes[keywords->node].last != keywords->node) {
        return ctm_pickle_fail(m, "an object with arguments");
    }
    m->stack.length--;
    return push_object(m);
}

static int set_state(struct ctm_pickle_machine *m)
{
    if (!ctm_pickle_has_values(m, 2)) {
        return ctm_pickle_fail_empty(m);
    }
    struct ctm_pickle_value state = *ctm_pickle_top(m);
    struct ctm_pickle_value object = *(ctm_pickle_top(m) - 1);
    if (object.kind != CTM_PICKLE_OBJECT) {
        return ctm_pickle_fail(m, "a state for what is not an object");
    }
    m->stack.length--;
    m->items.items[m->nodes[object.node].start] = state;
    return CTM_OK;
}

/* ---- memo ---- */

static int memoize(struct ctm_pickle_machine *m)
{
    if (!ctm_pickle_has_values(m, 1)) {
        return ctm_pickle_fail_empty(m);
    }
    return ctm_pickle_add(m, &m->memo, *ctm_pickle_top(m));
}

/* Picklers number what they remember without gaps. */
static int put_in_memo(struct ctm_pickle_machine *m, unsigned width)
{
    uint64_t index;
    int status = take_number(m, width, &index);
    if (status != CTM_OK) {
        return status;
    }
    if (index == m->memo.length) {
        return memoize(m);
    }
    if (index > m->memo.length) {
        return ctm_pickle_fail(m, "a value is remembered under a number that is not the next one");
    }
    if (!ctm_pickle_has_values(m, 1)) {
        return ctm_pickle_fail_empty(m);
    }
    m->memo.items[index] = *ctm_pickle_top(m);
    return CTM_OK;
}

static int push_from_memo(struct ctm_pickle_machine *m, unsigned width)
{
    uint64_t index;
    int status = take_number(m, width, &index);
    if (status != CTM_OK) {
        return status;
    }
    if (index >= m->memo.length) {
        return ctm_pickle_fail(m, "a value that was not remembered");
    }
    return ctm_pickle_push(m, m->memo.items[index]);
}

/* ---- the machine ---- */

static int check_protocol(struct ctm_pickle_machine *m)
{
    uint64_t protocol;
    int status = take_number(m, 1, &protocol);
    if (status == CTM_OK && (protocol < 2 || protocol > 5)) {
        return ctm_pickle_fail(m, "the pickle's protocol is none from 2 to 5");
    }
    return status;
}

static int stop(struct ctm_pickle_machine *m)
{
    if (m->stack.length != 1 || m->mark_count != 0) {
        return ctm_pickle_fail(m, "the end, but the stack does not have one value");
    }
    m->stopped = true;
    return CTM_OK;
}

static int refuse_opcode(struct ctm_pickle_machine *m)
{
    uint64_t offset = (uint64_t)(m->at - m->start);
    return ctm_file_fail(m->error, CTM_EFORMAT, offset,
                         "byte %" PRIu64
                         " of the pickle: the instruction 0x%02x is in no snapshot's dump",
                         offset, *m->at);
}

static int execute_container(struct ctm_pickle_machine *m, enum opcode opcode)
{
    switch (opcode) {
    case OP_EMPTY_LIST:
        return push_container(m, CTM_PICKLE_LIST, 0);
    case OP_APPEND:
        return extend(m, CTM_PICKLE_LIST, 1);
    case OP_APPENDS:
        return extend_from_mark(m, CTM_PICKLE_LIST);
    case OP_EMPTY_TUPLE:
        return push_container(m, CTM_PICKLE_TUPLE, 0);
    case OP_TUPLE1:
        return push_container(m, CTM_PICKLE_TUPLE, 1);
    case OP_TUPLE2:
        return push_container(m, CTM_PICKLE_TUPLE, 2);
    case OP_TUPLE3:
        return push_container(m, CTM_PICKLE_TUPLE, 3);
    case OP_TUPLE:
        return push_tuple_from_mark(m);
    case OP_EMPTY_DICT:
        return push_container(m, CTM_PICKLE_DICT, 0);
    case OP_SETITEM:
        return extend(m, CTM_PICKLE_DICT, 2);
    case OP_SETITEMS:
        return extend_from_mark(m, CTM_PICKLE_DICT);
    case OP_GLOBAL:
        return push_global(m);
    case OP_STACK_GLOBAL:
        return push_stack_global(m);
    case OP_NEWOBJ:
        return push_object(m);
    case OP_NEWOBJ_EX:
        return push_object_ex(m);
    case OP_BUILD:
        return set_state(m);
    default:
        return refuse_opcode(m);
    }
}

static int execute_atom(struct ctm_pickle_machine *m, enum opcode opcode)
{
    switch (opcode) {
    case OP_NONE:
        return ctm_pickle_push(m, (struct ctm_pickle_value){.kind = CTM_PICKLE_NONE});
    case OP_NEWTRUE:
        return push_bool(m, true);
    case OP_NEWFALSE:
        return push_bool(m, false);
    case OP_BININT:
        return push_signed(m);
    case OP_BININT1:
        return push_unsigned(m, 1);
    case OP_BININT2:
        return push_unsigned(m, 2);
    case OP_LONG1:
        return push_long(m, 1);
    case OP_LONG4:
        return push_long(m, 4);
    case OP_BINFLOAT:
        return push_float(m);
    case OP_SHORT_BINUNICODE:
        return push_text(m, 1);
    case OP_BINUNICODE:
        return push_text(m, 4);
    case OP_BINUNICODE8:
        return push_text(m, 8);
    case OP_SHORT_BINBYTES:
        return push_bytes(m, 1);
    case OP_BINBYTES:
        return push_bytes(m, 4);
    case OP_BINBYTES8:
        return push_bytes(m, 8);
    default:
        return execute_container(m, opcode);
    }
}

static int execute(struct ctm_pickle_machine *m, enum opcode opcode)
{
    uint64_t ignored;
    switch (opcode) {
    case OP_PROTO:
        return check_protocol(m);
    case OP_FRAME:
        /* How far a reader may read ahead: all is in memory already. */
        return take_number(m, 8, &ignored);
    case OP_STOP:
        return stop(m);
    case OP_MARK:
        return ctm_pickle_push_mark(m);
    case OP_POP:
        return ctm_pickle_pop(m);
    case OP_POP_MARK:
        return ctm_pickle_pop_to_mark(m);
    case OP_MEMOIZE:
        return memoize(m);
    case OP_BINPUT:
        return put_in_memo(m, 1);
    case OP_LONG_BINPUT:
        return put_in_memo(m, 4);
    case OP_BINGET:
        return push_from_memo(m, 1);
    case OP_LONG_BINGET:
        return push_from_memo(m, 4);
    default:
        return execute_atom(m, opcode);
    }
}

static int run(struct ctm_pickle_machine *m)
{
    int status = CTM_OK;
    while (status == CTM_OK && !m->stopped) {
        m->at = m->input.at;
        if (ctm_cursor_left(&m->input) == 0) {
            return ctm_pickle_fail(m, "the file ends here");
        }
        m->input.at++;
        status = execute(m, *m->at);
    }
    return status;
}

int ctm_pickle_parse(const uint8_t *bytes, size_t length, struct ctm_pickle *out,
                     struct ctm_file_error *error)
{
    struct ctm_pickle_machine m = {
        .input = ctm_cursor_over(bytes, length),
        .start = bytes,
        .at = bytes,
        .error = error,
    };
    int status = run(&m);
    *out = (struct ctm_pickle){
        .items = m.items.items,
        .item_count = m.items.length,
        .nodes = m.nodes,
        .node_count = m.node_count,
    };
    if (status == CTM_OK) {
        out->root = m.stack.items[0];
    }
    free(m.stack.items);
    free(m.memo.items);
    free(m.marks);
    return status;
}
