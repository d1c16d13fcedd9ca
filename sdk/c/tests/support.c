#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

char last_log[512], last_counter[512];
static int log_pipe = -1;

void weir_host_log(int level, const char *at, size_t len) {
    snprintf(last_log, sizeof last_log, "%d %.*s", level, (int)len, at);
    if (log_pipe >= 0 && write(log_pipe, last_log, strlen(last_log)) < 0) exit(1);
}

void weir_host_counter_add(const char *at, size_t len, const weir_named *labels, size_t count, double value) {
    int used = snprintf(last_counter, sizeof last_counter, "%.*s", (int)len, at);
    for (size_t i = 0; i < count; i++)
        used += snprintf(last_counter + used, sizeof last_counter - (size_t)used, " %.*s=%.*s", WEIR_PRINT(labels[i].name),
                         WEIR_PRINT(labels[i].value));
    snprintf(last_counter + used, sizeof last_counter - (size_t)used, " %g", value);
}

void weir_host_gauge_set(const char *at, size_t len, const weir_named *labels, size_t count, double value) {
    weir_host_counter_add(at, len, labels, count, value);
}

static void run_case(const test_case *c) {
    int ends[2], status;
    CHECK(pipe(ends) == 0);
    pid_t child = fork();
    if (child == 0) {
        log_pipe = ends[1];
        c->run();
        exit(0);
    }
    close(ends[1]);
    char log[4096] = "";
    size_t used = 0;
    for (ssize_t n; used < sizeof log - 1 && (n = read(ends[0], log + used, sizeof log - 1 - used)) > 0;) used += (size_t)n;
    log[used] = 0;
    close(ends[0]);
    CHECK(waitpid(child, &status, 0) == child);
    bool ended_well = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    bool as_expected = c->expect_log ? !ended_well && strstr(log, c->expect_log) : ended_well;
    printf("%-4s %s\n", as_expected ? "ok" : "FAIL", c->name);
    if (!as_expected) {
        printf("     status %d, log: %s\n", status, log);
        exit(1);
    }
}

void run_cases(const test_case *cases, size_t count) {
    setvbuf(stdout, NULL, _IONBF, 0);
    for (size_t i = 0; i < count; i++) run_case(&cases[i]);
}

weir_list_ bytes_of(const void *at, size_t len) {
    char *copy = malloc(len ? len : 1);
    if (len) memcpy(copy, at, len);
    return (weir_list_){len ? copy : NULL, len};
}

weir_list_ numbers(size_t count, const uint32_t *numbers) { return bytes_of(numbers, 4 * count); }

weir_wire_symbols table(size_t count, const char *const *texts) {
    char text[4096];
    uint32_t ends[256], len = 0;
    for (size_t i = 0; i < count; i++) {
        memcpy(text + len, texts[i], strlen(texts[i]));
        ends[i] = len += (uint32_t)strlen(texts[i]);
    }
    return (weir_wire_symbols){bytes_of(text, len), numbers(count, ends)};
}

bool column_is(weir_list_ column, size_t count, const uint32_t *numbers) {
    return column.len == 4 * count && (!count || memcmp(column.at, numbers, column.len) == 0);
}

bool text_is(weir_list_ text, const char *wanted) {
    return text.len == strlen(wanted) && (!text.len || memcmp(text.at, wanted, text.len) == 0);
}

/* ---- emit and state ---- */

weir_wire_new_samples sent_samples;
weir_wire_lines sent_lines;
weir_wire_emitted emission_answer;
void weir_host_emit_samples(const weir_wire_new_samples *batch, weir_wire_emitted *answer) {
    sent_samples = *batch;
    *answer = emission_answer;
}
void weir_host_emit_lines(const weir_wire_lines *batch, weir_wire_emitted *answer) {
    sent_lines = *batch;
    *answer = emission_answer;
}

static struct {
    char key[64], value[64];
} store[4];
static int place(const char *at, size_t len) {
    for (int i = 0; i < 4; i++)
        if (strlen(store[i].key) == len && memcmp(store[i].key, at, len) == 0) return i;
    return -1;
}
void weir_host_state_get(const char *at, size_t len, weir_wire_value *answer) {
    int i = place(at, len);
    *answer = (weir_wire_value){i >= 0, {i >= 0 ? store[i].value : NULL, i >= 0 ? strlen(store[i].value) : 0}};
}
void weir_host_state_set(const char *at, size_t len, const char *value, size_t value_len, weir_wire_kept *answer) {
    int i = place(at, len);
    *answer = (weir_wire_kept){1, value_len < sizeof store[0].value};
    if (i < 0) i = place("", 0);
    if (i < 0 || value_len >= sizeof store[0].value) return;
    snprintf(store[i].key, sizeof store[i].key, "%.*s", (int)len, at);
    snprintf(store[i].value, sizeof store[i].value, "%.*s", (int)value_len, value);
    answer->refused = 0;
}
void weir_host_state_remove(const char *at, size_t len) {
    int i = place(at, len);
    if (i >= 0) store[i].key[0] = 0;
}
void weir_host_state_keys(const char *at, size_t len, weir_list_ *answer) {
    weir_text *keys = weir_alloc(sizeof *keys * 4);
    answer->at = keys;
    for (int i = 0; i < 4; i++)
        if (store[i].key[0] && strncmp(store[i].key, at, len) == 0) keys[answer->len++] = weir_text(store[i].key);
}

/* ---- http and verdicts ---- */

char last_request[512];
weir_wire_response request_answer;
void weir_host_http_send(const char *method, size_t method_len, const char *url, size_t url_len, const weir_named *headers, size_t header_count,
                         const char *body, size_t body_len, int timed, uint32_t timeout, weir_wire_response *answer) {
    (void)body;
    int used = snprintf(last_request, sizeof last_request, "%.*s %.*s", (int)method_len, method, (int)url_len, url);
    for (size_t i = 0; i < header_count; i++)
        used += snprintf(last_request + used, sizeof last_request - (size_t)used, " %.*s=%.*s", WEIR_PRINT(headers[i].name),
                         WEIR_PRINT(headers[i].value));
    char until[16] = "none";
    if (timed) snprintf(until, sizeof until, "%u", timeout);
    snprintf(last_request + used, sizeof last_request - (size_t)used, " %s body %zu", until, body_len);
    *answer = request_answer;
}

int forgotten;
void weir_host_verdicts_forget(void) { forgotten++; }
