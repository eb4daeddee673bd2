# cython: language_level=3
"""Pictures whose pixels come from malloc: their memory is in a domain of this module's own."""

from libc.stdlib cimport calloc, free
from libc.stdint cimport uintptr_t

cdef extern from "ctracemalloc.h":
    ctypedef struct tracer_type "const struct ctracemalloc_api":
        pass
    tracer_type *find_tracer "ctracemalloc_api"()
    int ctracemalloc_track(tracer_type *, unsigned int, const void *, size_t) nogil
    int ctracemalloc_untrack(tracer_type *, unsigned int, const void *) nogil

cdef unsigned int FILM = 0x66696C6D
# Once, with the GIL. NULL where ctracemalloc is not installed: then the calls do nothing.
cdef tracer_type *tracer = find_tracer()

DOMAIN = FILM


cdef class Picture:
    cdef unsigned char *pixels
    cdef readonly size_t size

    def __cinit__(self, size_t width, size_t height):
        self.size = 3 * width * height
        with nogil:
            self.pixels = <unsigned char *>calloc(self.size, 1)
            if self.pixels != NULL:
                ctracemalloc_track(tracer, FILM, self.pixels, self.size)
        if self.pixels == NULL:
            raise MemoryError

    def __dealloc__(self):
        if self.pixels != NULL:
            # Before it is freed: then another thread may get the address.
            ctracemalloc_untrack(tracer, FILM, self.pixels)
            free(self.pixels)

    @property
    def address(self):
        return <uintptr_t>self.pixels
