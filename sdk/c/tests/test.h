/* What the tests of the SDK share: batches out of readable values, weir's functions, and checks. */
#ifndef WEIR_TEST_H
#define WEIR_TEST_H

#include <stdio.h>
#include <stdlib.h>

#include "../weir_internal.h"

#define CHECK(condition)                                                              \
    do {                                                                              \
        if (!(condition)) {                                                           \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);   \
            exit(1);                                                                  \
        }                                                                             \
    } while (0)

/* A case each, run in its own process: some end in a trap. `expect_log` is what weir's log must hold then; NULL: no trap. */
typedef struct {
    const char *name;
    void (*run)(void);
    const char *expect_log;
} test_case;
void run_cases(const test_case *cases, size_t count);

/* What weir was told last. */
extern char last_log[512], last_counter[512];

/* What was emitted last, and how the next emission is answered. */
extern weir_wire_new_samples sent_samples;
extern weir_wire_lines sent_lines;
extern weir_wire_emitted emission_answer;

/* The request that was made last, how the next is answered, and how often verdicts were forgotten. */
extern char last_request[512];
extern weir_wire_response request_answer;
extern int forgotten;

/* A column in memory of its own size, so that the sanitizer sees a step past its end. */
weir_list_ bytes_of(const void *at, size_t len);
weir_list_ numbers(size_t count, const uint32_t *numbers);
weir_wire_symbols table(size_t count, const char *const *texts);

/* An answer, read as weir reads it, is a weir_wire_result. */
bool column_is(weir_list_ column, size_t count, const uint32_t *numbers);
#define COLUMN_IS(column, ...) \
    column_is(column, sizeof((uint32_t[]){__VA_ARGS__}) / 4, (uint32_t[]){__VA_ARGS__})
bool text_is(weir_list_ text, const char *wanted);

#endif
