#include "snapshot/module_name.h"

#include <string.h>

static bool starts_with(struct ctm_string text, const char *start)
{
    size_t length = strlen(start);
    return text.length >= length && memcmp(text.bytes, start, length) == 0;
}

static bool ends_with(struct ctm_string text, const char *end)
{
    size_t length = strlen(end);
    return text.length >= length && memcmp(text.bytes + text.length - length, end, length) == 0;
}

static bool equals(struct ctm_string text, const char *other)
{
    return text.length == strlen(other) && starts_with(text, other);
}

static bool is_identifier(struct ctm_string text)
{
    for (size_t i = 0; i < text.length; i++) {
        unsigned char c = (unsigned char)text.bytes[i];
        bool digit = c >= '0' && c <= '9';
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c >= 0x80;
        if (!letter && !(digit && i > 0)) {
            return false;
        }
    }
    return text.length != 0;
}

/* The component that ends at `end`, which is the end of the path or the place of a slash. */
static struct ctm_string component(struct ctm_string path, size_t end)
{
    size_t start = end;
    while (start > 0 && path.bytes[start - 1] != '/') {
        start--;
    }
    return (struct ctm_string){.bytes = path.bytes + start, .length = end - start};
}

/* The component before the one that starts at `start`; empty if there is none. */
static struct ctm_string component_before(struct ctm_string path, size_t start)
{
    return component(path, start == 0 ? 0 : start - 1);
}

static struct ctm_string without_extension(struct ctm_string path)
{
    static const char *const extensions[] = {".py", ".pyc", ".pyw", ".pyx"};
    for (size_t i = 0; i < sizeof extensions / sizeof *extensions; i++) {
        if (ends_with(path, extensions[i])) {
            path.length -= strlen(extensions[i]);
            break;
        }
    }
    return path;
}

struct ctm_string ctm_module_name(struct ctm_string file, char *room)
{
    static const char frozen[] = "<frozen ";
    if (starts_with(file, frozen) && ends_with(file, ">")) {
        size_t skipped = strlen(frozen);
        return (struct ctm_string){.bytes = file.bytes + skipped,
                                   .length = file.length - skipped - 1};
    }
    struct ctm_string path = without_extension(file);
    struct ctm_string last = component(path, path.length);
    if (starts_with(file, "<") || last.length == 0) {
        return file;
    }
    size_t start = path.length - last.length;
    struct ctm_string above = component_before(path, start);
    if (equals(last, "__init__") && is_identifier(above)) {
        path.length = start - 1;
        start = path.length - above.length;
        above = component_before(path, start);
    }
    while (is_identifier(above) && !equals(above, "src")) {
        start -= above.length + 1;
        above = component_before(path, start);
    }
    struct ctm_string name = {.bytes = room, .length = path.length - start};
    for (size_t i = 0; i < name.length; i++) {
        char c = path.bytes[start + i];
        room[i] = c == '/' ? '.' : c;
    }
    return name;
}
