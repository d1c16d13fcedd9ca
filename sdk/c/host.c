/* What weir hears of a plugin besides its answers: failures, the log, metrics. */
#include <stdarg.h>

#include "weir_internal.h"

static weir_text reason;

bool weir_error(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    reason = weir_vformat_(format, arguments);
    va_end(arguments);
    return false;
}

weir_text weir_reason_(void) {
    static const char none[] = "failed, and the plugin did not say why (weir_error does)";
    return reason.at ? reason : (weir_text){none, sizeof none - 1};
}

void weir_no_reason_(void) { reason = (weir_text){0}; }

void weir_log(weir_level level, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    weir_text text = weir_vformat_(format, arguments);
    va_end(arguments);
    weir_host_log((int)level, text.at, text.len);
}

_Noreturn void weir_abort_(const char *file, int line, const char *format, ...) {
    static bool aborting;
    if (!aborting) { /* what says it may itself be out of memory */
        aborting = true;
        va_list arguments;
        va_start(arguments, format);
        weir_text text = weir_vformat_(format, arguments);
        va_end(arguments);
        const char *slash = strrchr(file, '/');
        text = weir_format("%s:%d: %.*s", slash ? slash + 1 : file, line, WEIR_PRINT(text));
        weir_host_log(WEIR_ERROR, text.at, text.len);
    }
    __builtin_trap();
}

void weir_counter_(weir_text name, double add, const weir_named *labels, size_t count) {
    weir_host_counter_add(name.at, name.len, labels, count, add);
}

void weir_gauge_(weir_text name, double value, const weir_named *labels, size_t count) {
    weir_host_gauge_set(name.at, name.len, labels, count, value);
}
