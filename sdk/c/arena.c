/* Memory of one call: arguments, answer and what the plugin asks for in between, given back together. */
#include <stdlib.h>

#include "weir_internal.h"

/* What is asked for first; later blocks grow. */
#define FIRST_BLOCK (64 * 1024)
#define ALIGNED(size) (((size) + 15) & ~(size_t)15)

typedef struct block {
    struct block *before;
    size_t room, used;
    _Alignas(16) char at[];
} block;

static block *newest;
static bool busy;

void *weir_malloc_(size_t size) {
    void *at = malloc(size ? size : 1);
    if (!at) weir_abort("no memory for %zu bytes", size);
    return at;
}

static void add_block(size_t room) {
    block *b = weir_malloc_(sizeof(block) + room);
    *b = (block){.before = newest, .room = room};
    newest = b;
}

/* One block stays, as large as all were together, so that in steady state a call asks for no memory. */
static void reset(void) {
    size_t room = 0;
    if (newest && newest->before) {
        while (newest) {
            block *before = newest->before;
            room += newest->room;
            free(newest);
            newest = before;
        }
        add_block(room);
    }
    if (newest) newest->used = 0;
}

void weir_begin_(void) {
    if (!busy) reset();
    busy = true;
}

void weir_finish_(void) { busy = false; }

void *weir_alloc(size_t size) {
    if (size > SIZE_MAX / 4) weir_abort("no memory for %zu bytes", size);
    size = ALIGNED(size);
    if (!newest || newest->room - newest->used < size) {
        size_t twice = newest ? 2 * newest->room : FIRST_BLOCK;
        /* doubled at most up to a MiB: what is larger is asked for as it is needed */
        if (twice > 1024 * 1024) twice = 1024 * 1024;
        add_block(size > twice ? size : twice);
    }
    char *at = newest->at + newest->used;
    newest->used += size;
    return at;
}

void *weir_grow_(void *old, size_t old_size, size_t size) {
    char *at = old;
    /* the last piece of a block grows where it is */
    if (at && newest && at + ALIGNED(old_size) == newest->at + newest->used &&
        ALIGNED(size) - ALIGNED(old_size) <= newest->room - newest->used) {
        newest->used += ALIGNED(size) - ALIGNED(old_size);
        return at;
    }
    at = weir_alloc(size);
    if (old_size) memcpy(at, old, old_size);
    return at;
}

/* How weir asks for the memory of what it passes. */
#ifdef __wasm__
__attribute__((export_name("cabi_realloc")))
#endif
void *cabi_realloc(void *old, size_t old_size, size_t align, size_t size);
void *cabi_realloc(void *old, size_t old_size, size_t align, size_t size) {
    (void)align; /* every piece is aligned to 16 */
    weir_begin_();
    return old_size ? weir_grow_(old, old_size, size) : weir_alloc(size);
}
