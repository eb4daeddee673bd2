/*
 * The name of the module that a file defines, read off the file's name alone: no interpreter and no
 * disk is asked, so the same file has the same module on every machine and in every snapshot.
 */
#ifndef CTM_SNAPSHOT_MODULE_NAME_H
#define CTM_SNAPSHOT_MODULE_NAME_H

#include "snapshot/snapshot.h"

/*
 * From the end of the path, the components that can be parts of a module's name (identifiers; any
 * character that is not ASCII may be part of one), up to a directory that cannot: `site-packages`,
 * `python3.11`, `lib-dynload`, `a.zip` and the like. A directory `src` ends the name too. The
 * extension (.py, .pyc, .pyw, .pyx) goes, and so does a final `__init__`. The last component is
 * always taken. `<frozen x>` is x; any other name in angle brackets is its own.
 *
 *     /usr/lib/python3.11/json/decoder.py          json.decoder
 *     /x/site-packages/numpy/__init__.py           numpy
 *     /home/me/my-project/app/views.py             app.views
 *     /opt/tools/run.py                            opt.tools.run
 *
 * The result lies in `room`, of at least file.length bytes, or in the file's own bytes.
 */
struct ctm_string ctm_module_name(struct ctm_string file, char *room);

#endif
